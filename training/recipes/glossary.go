package recipes

// Term is an entry of the glossary.
type Term struct {
	Key    string // in addresses: "fedprox"
	Name   string
	Text   string // a paragraph
	Source string // authors, year and title of the paper, or of several
}

// Glossary explains every word that a recipe and a round's page use, in the
// order in which a newcomer may read it.
func Glossary() []Term {
	var all []Term
	for _, p := range Parts() {
		all = append(all, p.Terms...)
	}
	return all
}

// Part is a group of terms.
type Part struct {
	Key   string // in addresses
	Title string
	Terms []Term
}

// Parts is the glossary in its groups.
func Parts() []Part {
	return []Part{{"training", "Training together", trainingTerms}, {"protection", "Protection, privacy and who is asked", protectionTerms}}
}

// Lookup returns the term of a key, and whether there is one.
func Lookup(key string) (Term, bool) {
	for _, t := range Glossary() {
		if t.Key == key {
			return t, true
		}
	}
	return Term{}, false
}

var trainingTerms = []Term{
	{"round", "Round", "One exchange between the platform and a cohort of nodes: the weights go out, each node trains on its own text, updates come back and become the next weights. The text stays where it is; only in a campaign on public data may a node be asked to hand over, for a spot check, what it trained on. Rounds are counted within a campaign, which one decision of the community allows.", "McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017: “Communication-Efficient Learning of Deep Networks from Decentralized Data”"},
	{"update", "Update", "What a node sends: its weights after local training less the weights it began with, one number for each parameter. It can reveal something of the text, so it is stored encrypted for its contributor and shown to nobody else.", "McMahan et al. 2017: “Communication-Efficient Learning of Deep Networks from Decentralized Data”; Zhu, Liu, Han 2019: “Deep Leakage from Gradients”"},
	{"public-data", "Public-data campaign", "A campaign whose text everybody can read already, such as free software or public law. Its updates then give nothing away that was not known, so they are published, and anyone recomputes its rounds bit for bit. A node takes part only where its owner has said that all its text is public.", "Zhu, Liu, Han 2019: “Deep Leakage from Gradients”"},
	{"spot-check", "Spot check", "In a campaign on public data, a node of another member trains an update again from the same text and compares the bytes. Until ten updates of a node in a row are confirmed each is drawn for that, afterwards about one in that number. If they differ, a third member’s node decides between the two. No round waits for it; an update that is not confirmed ends the node’s trust and opens a case.", "Anderson 2020: “BOINC: A Platform for Volunteer Computing”"},
	{"cohort", "Cohort", "The nodes that are asked in a round. Unless the recipe says otherwise a lot decides, drawn from the hash of the decision in the log, so that nobody chose it and everybody can draw it again.", "Bonawitz et al. 2019: “Towards Federated Learning at Scale: System Design”"},
	{"fedavg", "FedAvg", "Federated averaging: the new weights are the old ones plus the mean of the updates, each weighted by how many examples stand behind it, up to the cap on one member's share.", "McMahan et al. 2017: “Communication-Efficient Learning of Deep Networks from Decentralized Data”"},
	{"fedprox", "FedProx", "Each local step is also pulled back towards the weights of the round, with the strength μ. Where members' texts differ much this keeps nodes from running off in different directions, at the price of slower local progress.", "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith 2020: “Federated Optimization in Heterogeneous Networks”"},
	{"fedavgm", "FedAvgM", "FedAvg with momentum at the server: the step of a round is this round's mean plus a decaying sum of earlier ones, which evens out the luck of who was drawn.", "Hsu, Qi, Brown 2019: “Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification”"},
	{"fedadagrad", "FedAdagrad", "The server divides every entry of the mean by the root of the sum of its squares so far, so that rarely moved parameters take larger steps. The sum only grows, so steps only shrink.", "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan 2021: “Adaptive Federated Optimization”"},
	{"fedadam", "FedAdam", "As FedAdagrad, with a decaying mean of squares instead of a sum, and momentum. It needs fewer rounds on language than FedAvg when its rate is well chosen.", "Reddi et al. 2021: “Adaptive Federated Optimization”"},
	{"fedyogi", "FedYogi", "FedAdam whose mean of squares moves by a bounded amount in a round, so that one odd round does not make the next steps too large.", "Reddi et al. 2021: “Adaptive Federated Optimization”; Zaheer, Reddi, Sachan, Kale, Kumar 2018: “Adaptive Methods for Nonconvex Optimization”"},
	{"fednova", "FedNova", "Updates are divided by the number of local steps behind them before they are averaged, and the mean is multiplied by the usual number. So a laptop's twenty steps and a graphics card's two thousand pull towards the same goal, and a node that had to stop early still counts rightly.", "Wang, Liu, Liang, Joshi, Poor 2020: “Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization”"},
	{"scaffold", "SCAFFOLD", "Nodes and server keep control variates, estimates of where each node's text pulls and where all pull together; every local step is corrected by the difference. It removes the drift of differing texts, sends twice the bytes, and needs nodes that come back often.", "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh 2020: “SCAFFOLD: Stochastic Controlled Averaging for Federated Learning”"},
	{"diloco", "DiLoCo", "Hundreds of AdamW steps at every node between exchanges, and at the server a step of Nesterov momentum along the mean update. It exchanges some five hundred times less than training in step.", "Douillard et al. 2023: “DiLoCo: Distributed Low-Communication Training of Language Models”"},
	{"nesterov", "Nesterov momentum", "Momentum that looks ahead: the step goes along the new gradient plus the already updated momentum. Plain “heavy ball” momentum steps along the momentum alone.", "Nesterov 1983: “A Method of Solving a Convex Programming Problem with Convergence Rate O(1/k²)”; Sutskever, Martens, Dahl, Hinton 2013: “On the Importance of Initialization and Momentum in Deep Learning”"},
	{"adamw", "AdamW", "The usual optimiser of language models: steps are scaled for each weight by running means of gradients and their squares, and weights decay a little by themselves.", "Loshchilov, Hutter 2019: “Decoupled Weight Decay Regularization”"},
	{"sgd", "SGD", "Stochastic gradient descent: each step goes against the gradient of a batch, at one rate for all weights.", "Robbins, Monro 1951: “A Stochastic Approximation Method”"},
	{"cosine", "Cosine schedule", "The learning rate rises in a short warm-up and then falls along half a cosine to a floor. Here it runs over the steps of the whole campaign, so that round 5 goes on where round 4 ended.", "Loshchilov, Hutter 2017: “SGDR: Stochastic Gradient Descent with Warm Restarts”"},
	{"accumulation", "Gradient accumulation", "A step's batch is computed in parts that fit into memory, and their gradients are added before the step.", "Ott, Edunov, Grangier, Auli 2018: “Scaling Neural Machine Translation”"},
	{"int8", "int8 blocks", "Each 256 numbers of an update share one scale and are sent as whole numbers from −127 to 127, rounded up or down by a fair lot, so that the mean over nodes stays right. A quarter of the bytes.", "Alistarh, Grubic, Li, Tomioka, Vojnovic 2017: “QSGD: Communication-Efficient SGD via Gradient Quantization and Encoding”"},
	{"bf16", "bf16", "Numbers with the range of float32 and eight bits of precision: half of the bytes and nearly no loss.", "Kalamkar et al. 2019: “A Study of BFLOAT16 for Deep Learning Training”"},
	{"sign", "1-bit updates", "Only the sign of every entry is sent, and one length for all. What this leaves out is kept and added to the next update.", "Seide, Fu, Droppo, Li, Yu 2014: “1-Bit Stochastic Gradient Descent and Its Application to Data-Parallel Distributed Training of Speech DNNs”; Karimireddy, Rebjock, Stich, Jaggi 2019: “Error Feedback Fixes SignSGD and Other Gradient Compression Schemes”"},
	{"topk", "Top-k", "Only the entries of largest size are sent, with their places. The rest is kept at the node and added to the next update.", "Aji, Heafield 2017: “Sparse Communication for Distributed Gradient Descent”; Lin, Han, Mao, Wang, Dally 2018: “Deep Gradient Compression: Reducing the Communication Bandwidth for Distributed Training”"},
	{"mask", "Random mask", "A lot that both sides can draw says which entries are sent, scaled up so that the mean stays right. Their places cost no bytes.", "Konečný, McMahan, Yu, Richtárik, Suresh, Bacon 2016: “Federated Learning: Strategies for Improving Communication Efficiency”"},
	{"error-feedback", "Error feedback", "What a codec leaves out is remembered and added before the next compression, so that nothing is lost for good. It needs nodes that return within a few rounds, and keeps state at the node, so a single round cannot be trained again by an auditor.", "Karimireddy et al. 2019: “Error Feedback Fixes SignSGD and Other Gradient Compression Schemes”"},
	{"delta", "Down-link delta", "A node that holds an earlier base receives only the difference to the new one, exact to the bit.", "Konečný et al. 2016: “Federated Learning: Strategies for Improving Communication Efficiency”"},
}

var protectionTerms = []Term{
	{"clipping", "Norm clipping", "An update that is longer than a bound is shortened to it. The first defence against one node that shouts, and the measure of differential privacy's noise.", "Sun, Kairouz, Suresh, McMahan 2019: “Can You Really Backdoor Federated Learning?”"},
	{"byzantine", "Hostile member", "One whose updates may be anything at all, by malice or by a broken machine; the literature says Byzantine. A robust rule states how many (f) of how many (n) it withstands.", "Lamport, Shostak, Pease 1982: “The Byzantine Generals Problem”; Blanchard, El Mhamdi, Guerraoui, Stainer 2017: “Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent”"},
	{"median", "Coordinate median", "For every single parameter the median of what the members say. It withstands any minority, and leans towards the majority's text where texts differ.", "Yin, Chen, Ramchandran, Bartlett 2018: “Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates”"},
	{"trimmed", "Trimmed mean", "For every parameter the f highest and f lowest values are dropped and the rest averaged: nearly as exact as the mean, nearly as safe as the median.", "Yin et al. 2018: “Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates”"},
	{"krum", "Krum", "The one update that is nearest to its n − f − 2 nearest others is taken whole. It needs n ≥ 2f + 3, and learns from one member in a round.", "Blanchard et al. 2017: “Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent”"},
	{"multikrum", "Multi-Krum", "The mean of the n − f − 2 updates with the best scores of Krum.", "Blanchard et al. 2017: “Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent”"},
	{"bulyan", "Bulyan", "Krum chooses n − 2f updates one by one, and for every parameter those values are averaged that lie nearest their median. It needs n ≥ 4f + 3 and leaves a hostile minority little room even in single parameters.", "El Mhamdi, Guerraoui, Rouault 2018: “The Hidden Vulnerability of Distributed Learning in Byzantium”"},
	{"geomedian", "Geometric median", "The point whose summed distance to all updates is least, found by a few steps of Weiszfeld's method. One far update pulls it no more than a near one.", "Pillutla, Kakade, Harchaoui 2022: “Robust Aggregation for Federated Learning”"},
	{"centered", "Centered clipping", "From the last round's result each update may pull by a bounded length; a few repetitions move the centre to where the honest ones agree.", "Karimireddy, He, Jaggi 2021: “Learning from History for Byzantine Robust Optimization”"},
	{"bucketing", "Bucketing", "Updates are shuffled and averaged in small groups before a robust rule sees them, so that differing honest texts look less like attacks. Each group that a hostile update falls into counts as hostile.", "Karimireddy, He, Jaggi 2022: “Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing”"},
	{"dp", "Differential privacy", "A bound on how much the published weights can depend on any one member: whoever sees them can hardly tell whether that member took part. Here the whole contribution of a member is protected, each is clipped, and noise is added to the mean.", "Dwork, McSherry, Nissim, Smith 2006: “Calibrating Noise to Sensitivity in Private Data Analysis”; McMahan, Ramage, Talwar, Zhang 2018: “Learning Differentially Private Recurrent Language Models”"},
	{"epsilon", "ε and δ", "The size of that bound: by taking part a member changes the odds of any outcome by a factor of e^ε at most, but for outcomes of probability δ. Below 1 is strong, about 10 is weak but measurable. Each round that a member takes part in spends some of it.", "Dwork, Roth 2014: “The Algorithmic Foundations of Differential Privacy”; Mironov, Talwar, Zhang 2019: “Rényi Differential Privacy of the Sampled Gaussian Mechanism”"},
	{"accountant", "Privacy accountant", "Adds up what each round spent, by Rényi differential privacy. Because nodes here choose when to appear and the lot of a cohort is public, no discount for random sampling is claimed.", "Mironov 2017: “Rényi Differential Privacy”; Mironov, Talwar, Zhang 2019: “Rényi Differential Privacy of the Sampled Gaussian Mechanism”; Canonne, Kamath, Steinke 2020: “The Discrete Gaussian for Differential Privacy”"},
	{"adaptive-clip", "Adaptive clipping", "The clip norm follows the median length of updates. That median is itself measured with noise, which costs a little of the budget.", "Andrew, Thakkar, McMahan, Ramaswamy 2021: “Differentially Private Learning with Adaptive Clipping”"},
	{"over-selection", "Over-selection", "More nodes are asked than are needed, because some will not answer; the round ends when enough have.", "Bonawitz et al. 2019: “Towards Federated Learning at Scale: System Design”"},
	{"pace", "Pace steering", "A node that is not needed is told when to ask again, so that many nodes neither crowd the platform nor wait for nothing.", "Bonawitz et al. 2019: “Towards Federated Learning at Scale: System Design”"},
	{"partial", "Partial work", "A node whose owner's hours end in the middle, or for which the deadline is near, sends what it has, with the number of steps it did.", "Li et al. 2020: “Federated Optimization in Heterogeneous Networks”; Wang et al. 2020: “Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization”"},
	{"resource", "Selection by resources", "Only machines that can do the work in time are drawn: enough memory, enough measured speed.", "Nishio, Yonetani 2019: “Client Selection for Federated Learning with Heterogeneous Resources in Mobile Edge”"},
	{"oort", "Oort", "Prefers nodes whose text the model still does badly on and who answer quickly, explores others, and never forgets one for long. It believes reported losses, within bounds.", "Lai, Zhu, Madhyastha, Chowdhury 2021: “Oort: Efficient Federated Learning via Guided Participant Selection”"},
	{"proximity", "Selection by proximity", "Prefers nodes with a short round trip to the platform, so that a round is quick and sends little far.", "Briggs, Fan, Andras 2020: “Federated Learning with Hierarchical Clustering of Local Updates to Improve Training on Non-IID Data”"},
	{"diverse", "Selection by strata", "Nodes are grouped by what they declare (language, domain, licence, region, hardware), and every group that is present gets its floor in every cohort.", "Balakrishnan, Li, Zhou, Himayat, Smith, Bilmes 2022: “Diverse Client Selection for Federated Learning via Submodular Maximization”"},
}
