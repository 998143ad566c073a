package translog

import (
	"encoding/base64"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion shows that one entry stands in the log: the entry's bytes, its
// index, the hashes beside its path, and the signed checkpoint they lead to.
// It travels with every mandate, and a page shows it for every entry.
type Inclusion struct {
	Entry      []byte   `json:"entry"`
	Index      int64    `json:"index"`
	Hashes     []string `json:"hashes"`     // base64, from the leaf upwards
	Checkpoint string   `json:"checkpoint"` // the signed note
}

// NewInclusion puts a proof into the form in which it travels.
func NewInclusion(entry []byte, index int64, proof tlog.RecordProof, checkpoint []byte) Inclusion {
	p := Inclusion{Entry: entry, Index: index, Hashes: make([]string, len(proof)), Checkpoint: string(checkpoint)}
	for i, h := range proof {
		p.Hashes[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return p
}

// Check verifies the whole: signature, path and entry. It returns the entry
// and the checkpoint, which the caller may remember and compare later.
func (p Inclusion) Check(verifier note.Verifier) (Entry, Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), verifier)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	proof := make(tlog.RecordProof, len(p.Hashes))
	for i, s := range p.Hashes {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(b) != tlog.HashSize {
			return Entry{}, Checkpoint{}, fmt.Errorf("inclusion of entry %d: hash %d is malformed", p.Index, i)
		}
		copy(proof[i][:], b)
	}
	if p.Index < 0 || p.Index >= c.Size {
		return Entry{}, Checkpoint{}, fmt.Errorf("inclusion of entry %d: the checkpoint has %d entries", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Root, p.Index, tlog.RecordHash(p.Entry)); err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("inclusion of entry %d: %w", p.Index, err)
	}
	e, err := Decode(p.Entry)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	return e, c, nil
}

// Consistency shows that the tree of one size is the beginning of a larger one.
type Consistency struct {
	Old    int64    `json:"old"`
	New    int64    `json:"new"`
	Hashes []string `json:"hashes"`
}

// NewConsistency puts a tree proof into the form in which it travels.
func NewConsistency(older, newer int64, proof tlog.TreeProof) Consistency {
	p := Consistency{Old: older, New: newer, Hashes: make([]string, len(proof))}
	for i, h := range proof {
		p.Hashes[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return p
}

// Check verifies that older is the beginning of newer.
func (p Consistency) Check(older, newer Checkpoint) error {
	if p.Old != older.Size || p.New != newer.Size {
		return fmt.Errorf("consistency proof is for %d in %d, want %d in %d", p.Old, p.New, older.Size, newer.Size)
	}
	proof := make(tlog.TreeProof, len(p.Hashes))
	for i, s := range p.Hashes {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(b) != tlog.HashSize {
			return fmt.Errorf("consistency of %d and %d: hash %d is malformed", older.Size, newer.Size, i)
		}
		copy(proof[i][:], b)
	}
	if older.Size == 0 {
		return nil
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("the log of %d entries does not continue the log of %d: %w", newer.Size, older.Size, err)
	}
	return nil
}
