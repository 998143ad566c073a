package protocol

// Notice stands on the page where a node is registered and on the terminal
// where it joins, before anything leaves the machine.
const Notice = "Your text stays; what leaves can reveal parts of it."

// Leaves lists everything that a node sends, for the same two places. A
// message that gets a new field gets its line here.
func Leaves() []string {
	return []string{
		"Of the machine: its processor, threads, memory, operating system and program version, how long a small request takes, how fast it trained, and the times at which it asks for work.",
		"Of your text: how many records, bytes and tokens there are, how many are set aside for measuring, how many files could not be read, and one SHA-256 over all of it; in rounded counts of at least 20 records what it is made of: languages, kinds of text, classes of licences, and a region if you name one; and that all of it is public, if you ran the node with --public. No text, no file names.",
		"In a round of training: the changed weights of the model (an update), clipped to the length that the community decided. Updates are numbers made from your text, and parts of the text can be computed back from them. They are stored encrypted, read by the program that adds them up and by auditors whom a decision names, and never published. Only a campaign on public data publishes them, and a node takes part in one only where its owner ran it with --public.",
		"With an update: on how many examples, tokens and steps it was trained, how long that took, which engine computed it, and, where the recipe chooses nodes by it, the loss of each step.",
		"In a campaign on public data, and only if you ran the node with --public: after a round, when another node is to train your update again (a spot check), the texts that the round was trained on, with the salt of their ids. The platform gives them to nodes of other members for that, keeps them encrypted to your key, and removes them when the check is over. Of an update that your node trains again for another: the digest of what came out.",
		"In an evaluation: how well the model predicts records that are set aside, added up over at least 20 of them.",
		"In a test of forgetting, if you planted canaries: the rank of each among random ones, and how often planted secrets come out.",
	}
}
