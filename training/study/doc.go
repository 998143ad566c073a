// Command study repeats two findings of the field with the engine and the
// rules that campaigns use, on text by role, and writes tables and figures:
//
//	go run ./training/study rounds  --text FILE   rounds to a fixed accuracy: FedSGD against FedAvg
//	go run ./training/study hostile --text FILE   four hostile nodes of twenty, each attack of the literature
//
// The first follows McMahan, Moore, Ramage, Hampson and Agüera y Arcas 2017,
// section 3 and table 2: the roles of Shakespeare's plays are the clients, of
// which a tenth takes part in a round; the first four fifths of a role's
// speeches train and the rest are tested on. Every algorithm gets the rate of a
// grid with which it is first at the target. The model is a small transformer
// and not their LSTM, the roles are 100 of their 1,146, so that the order of the
// algorithms and the ratios of their rounds can be compared and the rounds
// themselves cannot. With --kept FILE a study that was cut goes on.
//
// The second puts the attacks of package robust/attacks, and turned labels,
// into a cohort of twenty and combines it as the recipe "hostile weather" does:
// every update clipped to the usual norm, then the trimmed mean.
//
// FILE holds speeches as "NAME:" on a line and the words below, an empty line
// between. Chance comes from seeds alone: a study is repeated to the bit.
package main
