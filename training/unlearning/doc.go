// Package unlearning keeps the cases in which a community decided to forget a
// contributor's records: exact unlearning by rollback and replay.
//
//	suppressing ─▶ replaying ─▶ verifying ─▶ passed ─▶ published ─▶ closed
//	                   └────────────┴─▶ failed
//
// Suppression comes first: every node of the contributor acknowledges that the
// records are never trained on again, or gets no other work. Then the campaign
// is trained again from the checkpoint before the first round in which
// anything of the contributor counted, with the recorded cohorts, seeds and
// manifests, without the contributor's nodes. What comes out is, bit for bit,
// what a campaign without them would have given: that is the proof, and anyone
// who may read the updates can repeat it (Thudi et al. 2022: unlearning is
// defined by the algorithm, not by the weights). The measurements on the
// contributor's own nodes stand beside it; they can find a copy of the records
// that the decision did not name.
//
// When a case opens, everything that was trained from the touched checkpoints
// is tainted and campaigns that run on it are stopped. When the clean version
// is published, tainted versions are withdrawn and the key to the
// contributor's stored updates is destroyed.
package unlearning
