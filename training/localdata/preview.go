package localdata

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Count is a line of a preview.
type Count struct {
	Name    string
	Records int
	Tokens  int
}

// Preview is what would be trained on, for the owner's eyes.
type Preview struct {
	Records    int
	Tokens     int
	Duplicates int
	By         map[string][]Count // "source", "domain", "language", "licence"; most records first
	Sample     []Piece
}

// Look counts pieces as Store.Corpus would make records of them, and picks a
// sample of n by their hashes: the same text gives the same sample.
func Look(pieces []Piece, n int) Preview {
	p := Preview{By: map[string][]Count{}}
	counts := map[string]map[string]*Count{"source": {}, "domain": {}, "language": {}, "licence": {}}
	hashed := map[training.Digest]Piece{}
	for _, piece := range pieces {
		hash := training.Digest(sha256.Sum256([]byte(piece.Text)))
		if _, ok := hashed[hash]; ok {
			p.Duplicates++
			continue
		}
		hashed[hash] = piece
		tokens := len(tokenizer.Encode(piece.Text))
		p.Records++
		p.Tokens += tokens
		for kind, name := range map[string]string{
			"source": piece.Source, "domain": piece.Domain, "language": piece.Language, "licence": cmp.Or(piece.Licence, "not stated"),
		} {
			c := counts[kind][name]
			if c == nil {
				c = &Count{Name: name}
				counts[kind][name] = c
			}
			c.Records++
			c.Tokens += tokens
		}
	}
	for kind, named := range counts {
		for _, c := range named {
			p.By[kind] = append(p.By[kind], *c)
		}
		slices.SortFunc(p.By[kind], mostFirst)
	}
	for _, hash := range slices.SortedFunc(maps.Keys(hashed), compareIDs)[:min(max(0, n), len(hashed))] {
		p.Sample = append(p.Sample, hashed[hash])
	}
	return p
}

// Dropped counts what a report leaves out, by reason, most first.
func (r Report) Dropped() []Count {
	counts := map[string]int{}
	for _, s := range r.Skipped {
		counts[s.Reason]++
	}
	return Counted(counts)
}

// Counted lists counts, most first.
func Counted(counts map[string]int) []Count {
	var list []Count
	for name, n := range counts {
		list = append(list, Count{Name: name, Records: n})
	}
	slices.SortFunc(list, mostFirst)
	return list
}

func mostFirst(a, b Count) int {
	return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Name, b.Name))
}
