// Package corpus keeps what is known of the text on members' machines: the
// Merkle root of each node's manifest and counts. Text, names of files and
// digests of single records stay on the node.
//
// A root that stands in the log before a round commits the node to its
// records, so that an auditor whom the owner admits can later check what was
// trained on. First uses tell where an exact rollback for a contributor has to
// begin.
package corpus
