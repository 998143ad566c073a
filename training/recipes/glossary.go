package recipes

// Term is an entry of the glossary.
type Term struct {
	Key    string // in addresses: "fedprox"
	Name   string
	Text   string // a paragraph
	Source string // authors and year of the paper
}

// Glossary explains every word that a recipe and a round's page use, in the
// order in which a newcomer may read it.
func Glossary() []Term {
	return append(append([]Term{}, trainingTerms...), protectionTerms...)
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
	{"round", "Round", "One exchange between the platform and a cohort of nodes: the weights go out, each node trains on its own text, updates come back and become the next weights. Text never leaves a node. Rounds are counted within a campaign, which one decision of the community allows.", "McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017"},
	{"update", "Update", "What a node sends: its weights after local training less the weights it began with, one number for each parameter. It can reveal something of the text, so it is stored encrypted for its contributor and shown to nobody else.", "McMahan et al. 2017; Zhu, Liu, Han 2019"},
	{"cohort", "Cohort", "The nodes that are asked in a round. Unless the recipe says otherwise a lot decides, drawn from the hash of the decision in the log, so that nobody chose it and everybody can draw it again.", "Bonawitz et al. 2019"},
	{"fedavg", "FedAvg", "Federated averaging: the new weights are the old ones plus the mean of the updates, each weighted by how many examples stand behind it, up to the cap on one member's share.", "McMahan et al. 2017"},
	{"fedprox", "FedProx", "Each local step is also pulled back towards the weights of the round, with the strength μ. Where members' texts differ much this keeps nodes from running off in different directions, at the price of slower local progress.", "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith 2020"},
	{"fedavgm", "FedAvgM", "FedAvg with momentum at the server: the step of a round is this round's mean plus a decaying sum of earlier ones, which evens out the luck of who was drawn.", "Hsu, Qi, Brown 2019"},
	{"fedadagrad", "FedAdagrad", "The server divides every entry of the mean by the root of the sum of its squares so far, so that rarely moved parameters take larger steps. The sum only grows, so steps only shrink.", "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan 2021"},
	{"fedadam", "FedAdam", "As FedAdagrad, with a decaying mean of squares instead of a sum, and momentum. It needs fewer rounds on language than FedAvg when its rate is well chosen.", "Reddi et al. 2021"},
	{"fedyogi", "FedYogi", "FedAdam whose mean of squares moves by a bounded amount in a round, so that one odd round does not make the next steps too large.", "Reddi et al. 2021; Zaheer, Reddi, Sachan, Kale, Kumar 2018"},
	{"fednova", "FedNova", "Updates are divided by the number of local steps behind them before they are averaged, and the mean is multiplied by the usual number. So a laptop's twenty steps and a graphics card's two thousand pull towards the same goal, and a node that had to stop early still counts rightly.", "Wang, Liu, Liang, Joshi, Poor 2020"},
	{"scaffold", "SCAFFOLD", "Nodes and server keep control variates, estimates of where each node's text pulls and where all pull together; every local step is corrected by the difference. It removes the drift of differing texts, sends twice the bytes, and needs nodes that come back often.", "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh 2020"},
	{"diloco", "DiLoCo", "Hundreds of AdamW steps at every node between exchanges, and at the server a step of Nesterov momentum along the mean update. It exchanges some five hundred times less than training in step.", "Douillard et al. 2023"},
	{"nesterov", "Nesterov momentum", "Momentum that looks ahead: the step goes along the new gradient plus the already updated momentum. Plain “heavy ball” momentum steps along the momentum alone.", "Nesterov 1983; Sutskever, Martens, Dahl, Hinton 2013"},
	{"adamw", "AdamW", "The usual optimiser of language models: steps are scaled for each weight by running means of gradients and their squares, and weights decay a little by themselves.", "Loshchilov, Hutter 2019"},
	{"sgd", "SGD", "Stochastic gradient descent: each step goes against the gradient of a batch, at one rate for all weights.", "Robbins, Monro 1951"},
	{"cosine", "Cosine schedule", "The learning rate rises in a short warm-up and then falls along half a cosine to a floor. Here it runs over the steps of the whole campaign, so that round 5 goes on where round 4 ended.", "Loshchilov, Hutter 2017"},
	{"accumulation", "Gradient accumulation", "A step's batch is computed in parts that fit into memory, and their gradients are added before the step.", "Ott, Edunov, Grangier, Auli 2018"},
	{"int8", "int8 blocks", "Each 256 numbers of an update share one scale and are sent as whole numbers from −127 to 127, rounded up or down by a fair lot, so that the mean over nodes stays right. A quarter of the bytes.", "Alistarh, Grubic, Li, Tomioka, Vojnovic 2017"},
	{"bf16", "bf16", "Numbers with the range of float32 and eight bits of precision: half of the bytes and nearly no loss.", "Kalamkar et al. 2019"},
	{"sign", "1-bit updates", "Only the sign of every entry is sent, and one length for all. What this leaves out is kept and added to the next update.", "Seide, Fu, Droppo, Li, Yu 2014; Karimireddy, Rebjock, Stich, Jaggi 2019"},
	{"topk", "Top-k", "Only the entries of largest size are sent, with their places. The rest is kept at the node and added to the next update.", "Aji, Heafield 2017; Lin, Han, Mao, Wang, Dally 2018"},
	{"mask", "Random mask", "A lot that both sides can draw says which entries are sent, scaled up so that the mean stays right. Their places cost no bytes.", "Konečný, McMahan, Yu, Richtárik, Suresh, Bacon 2016"},
	{"error-feedback", "Error feedback", "What a codec leaves out is remembered and added before the next compression, so that nothing is lost for good. It needs nodes that return within a few rounds, and keeps state at the node, so a single round cannot be trained again by an auditor.", "Karimireddy et al. 2019"},
	{"delta", "Down-link delta", "A node that holds an earlier base receives only the difference to the new one, exact to the bit.", "Konečný et al. 2016"},
}

var protectionTerms = []Term{
	{"clipping", "Norm clipping", "An update that is longer than a bound is shortened to it. The first defence against one node that shouts, and the measure of differential privacy's noise.", "Sun, Kairouz, Suresh, McMahan 2019"},
	{"byzantine", "Hostile member", "One whose updates may be anything at all, by malice or by a broken machine; the literature says Byzantine. A robust rule states how many (f) of how many (n) it withstands.", "Lamport, Shostak, Pease 1982; Blanchard, El Mhamdi, Guerraoui, Stainer 2017"},
	{"median", "Coordinate median", "For every single parameter the median of what the members say. It withstands any minority, and leans towards the majority's text where texts differ.", "Yin, Chen, Ramchandran, Bartlett 2018"},
	{"trimmed", "Trimmed mean", "For every parameter the f highest and f lowest values are dropped and the rest averaged: nearly as exact as the mean, nearly as safe as the median.", "Yin et al. 2018"},
	{"krum", "Krum", "The one update that is nearest to its n − f − 2 nearest others is taken whole. It needs n ≥ 2f + 3, and learns from one member in a round.", "Blanchard et al. 2017"},
	{"multikrum", "Multi-Krum", "The mean of the n − f − 2 updates with the best scores of Krum.", "Blanchard et al. 2017"},
	{"bulyan", "Bulyan", "Krum chooses n − 2f updates one by one, and for every parameter those values are averaged that lie nearest their median. It needs n ≥ 4f + 3 and leaves a hostile minority little room even in single parameters.", "El Mhamdi, Guerraoui, Rouault 2018"},
	{"geomedian", "Geometric median", "The point whose summed distance to all updates is least, found by a few steps of Weiszfeld's method. One far update pulls it no more than a near one.", "Pillutla, Kakade, Harchaoui 2022"},
	{"centered", "Centered clipping", "From the last round's result each update may pull by a bounded length; a few repetitions move the centre to where the honest ones agree.", "Karimireddy, He, Jaggi 2021"},
	{"bucketing", "Bucketing", "Updates are shuffled and averaged in small groups before a robust rule sees them, so that differing honest texts look less like attacks. Each group that a hostile update falls into counts as hostile.", "Karimireddy, He, Jaggi 2022"},
	{"dp", "Differential privacy", "A bound on how much the published weights can depend on any one member: whoever sees them can hardly tell whether that member took part. Here the whole contribution of a member is protected, each is clipped, and noise is added to the mean.", "Dwork, McSherry, Nissim, Smith 2006; McMahan, Ramage, Talwar, Zhang 2018"},
	{"epsilon", "ε and δ", "The size of that bound: by taking part a member changes the odds of any outcome by a factor of e^ε at most, but for outcomes of probability δ. Below 1 is strong, about 10 is weak but measurable. Each round that a member takes part in spends some of it.", "Dwork, Roth 2014; Mironov, Talwar, Zhang 2019"},
	{"accountant", "Privacy accountant", "Adds up what each round spent, by Rényi differential privacy. Because nodes here choose when to appear and the lot of a cohort is public, no discount for random sampling is claimed.", "Mironov 2017; Mironov, Talwar, Zhang 2019; Canonne, Kamath, Steinke 2020"},
	{"adaptive-clip", "Adaptive clipping", "The clip norm follows the median length of updates. That median is itself measured with noise, which costs a little of the budget.", "Andrew, Thakkar, McMahan, Ramaswamy 2021"},
	{"over-selection", "Over-selection", "More nodes are asked than are needed, because some will not answer; the round ends when enough have.", "Bonawitz et al. 2019"},
	{"pace", "Pace steering", "A node that is not needed is told when to ask again, so that many nodes neither crowd the platform nor wait for nothing.", "Bonawitz et al. 2019"},
	{"partial", "Partial work", "A node whose owner's hours end in the middle, or for which the deadline is near, sends what it has, with the number of steps it did.", "Li et al. 2020; Wang et al. 2020"},
	{"resource", "Selection by resources", "Only machines that can do the work in time are drawn: enough memory, enough measured speed.", "Nishio, Yonetani 2019"},
	{"oort", "Oort", "Prefers nodes whose text the model still does badly on and who answer quickly, explores others, and never forgets one for long. It believes reported losses, within bounds.", "Lai, Zhu, Madhyastha, Chowdhury 2021"},
	{"proximity", "Selection by proximity", "Prefers nodes with a short round trip to the platform, so that a round is quick and sends little far.", "Briggs, Fan, Andras 2020"},
	{"diverse", "Selection by strata", "Nodes are grouped by what they declare (language, domain, licence, region, hardware), and every group that is present gets its floor in every cohort.", "Balakrishnan, Li, Zhou, Himayat, Smith, Bilmes 2022"},
}
