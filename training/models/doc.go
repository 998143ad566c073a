// Package models keeps what a community has trained: checkpoints and their
// lineage, and versions, the checkpoints that passed the gate and have a card.
//
// Postgres holds digests, sizes and texts only; weights are blobs named by
// their digest, so that a backup of the database stays small and a checkpoint
// that is written twice is written once.
//
// Lineage is kept because forgetting follows it: when the records of a
// contributor are to be forgotten, every checkpoint that was trained from one
// they touched is tainted, whatever it is called by now, and no version made
// of it is served again.
package models
