package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
)

// Count says how often a pair of neighbours occurs in a node's text.
type Count struct {
	Pair
	N int64 `json:"n"`
}

// Bounds of what one node may report, so that no sum overflows.
const (
	maxCounts = 1 << 20
	maxCount  = 1 << 40
	countable = 64 // bytes; longer words (keys, hashes, addresses) are nobody's vocabulary
)

// Words is a node's text as far as a vocabulary needs it: its distinct words
// and how often each occurs. It stays on the node; only Counts leaves. One
// step of the learning is
//
//	node: Counts(floor) ─▶ Learner.Add … Learner.Next ─▶ pairs ─▶ node: Apply
//
// and equal text split over nodes in any way gives equal sums.
type Words struct {
	v      *vocabulary
	index  map[string]int
	words  []word
	counts map[Pair]int64
	where  map[Pair]map[int]struct{} // words in which a pair occurs
}

type word struct {
	ids []int32
	n   int64
}

// NewWords returns the words of no text.
func NewWords() *Words {
	return &Words{v: newVocabulary(), index: map[string]int{}, counts: map[Pair]int64{}, where: map[Pair]map[int]struct{}{}}
}

// Add counts the words of a text. All text is added before the first Apply.
func (w *Words) Add(text string) error {
	if len(w.v.merges) > 0 {
		return fmt.Errorf("count words: pairs were joined already")
	}
	pieces(text, false, func(s string) {
		if len(s) < 2 || len(s) > countable {
			return
		}
		i, ok := w.index[s]
		if !ok {
			i = len(w.words)
			ids := Encode(s)
			w.index[string(append([]byte(nil), s...))] = i
			w.words = append(w.words, word{ids: ids})
		}
		w.words[i].n++
		for p := range neighbours(w.words[i].ids) {
			w.note(p, i, 1)
		}
	})
	return nil
}

// neighbours yields the pairs of a word in order, repeated ones too.
func neighbours(ids []int32) func(func(Pair) bool) {
	return func(yield func(Pair) bool) {
		for i := 1; i < len(ids); i++ {
			if !yield(Pair{ids[i-1], ids[i]}) {
				return
			}
		}
	}
}

// note adds n occurrences of a pair in word i.
func (w *Words) note(p Pair, i int, n int64) {
	w.counts[p] += n
	if w.counts[p] == 0 {
		delete(w.counts, p)
		delete(w.where, p)
		return
	}
	if n > 0 {
		if w.where[p] == nil {
			w.where[p] = map[int]struct{}{}
		}
		w.where[p][i] = struct{}{}
	}
}

// Counts returns how often each pair occurs at least floor times, in ascending
// order of pairs. A pair below the floor is not told: what is written once or
// twice can be a name or a password.
func (w *Words) Counts(floor int64) []Count {
	var list []Count
	for p, n := range w.counts {
		if n >= max(floor, 1) {
			list = append(list, Count{p, min(n, maxCount)})
		}
	}
	slices.SortFunc(list, func(a, b Count) int { return comparePairs(a.Pair, b.Pair) })
	return list[:min(len(list), maxCounts)]
}

func comparePairs(a, b Pair) int {
	return cmp.Or(cmp.Compare(a.Left, b.Left), cmp.Compare(a.Right, b.Right))
}

// Apply joins the pairs that were chosen, in their order.
func (w *Words) Apply(pairs []Pair) error {
	for _, p := range pairs {
		id, err := w.v.join(p)
		if err != nil {
			return err
		}
		for i := range w.where[p] { // the order changes nothing: sums of integers
			w.replace(i, p, id)
		}
	}
	return nil
}

func (w *Words) replace(i int, p Pair, id int32) {
	old := &w.words[i]
	for q := range neighbours(old.ids) {
		w.note(q, i, -old.n)
	}
	joined := old.ids[:0]
	for at := 0; at < len(old.ids); at++ {
		if at+1 < len(old.ids) && old.ids[at] == p.Left && old.ids[at+1] == p.Right {
			joined = append(joined, id)
			at++
			continue
		}
		joined = append(joined, old.ids[at])
	}
	old.ids = joined
	for q := range neighbours(old.ids) {
		w.note(q, i, old.n)
	}
}

// Learner sums the counts of nodes and chooses the pairs to join. Sums of
// integers have no order, so anyone who has the counts finds the same pairs.
type Learner struct {
	v     *vocabulary
	sums  map[Pair]int64
	nodes map[Pair]int
	done  map[Pair]bool
}

// NewLearner returns a learner that has joined nothing yet.
func NewLearner() *Learner {
	return &Learner{v: newVocabulary(), sums: map[Pair]int64{}, nodes: map[Pair]int{}, done: map[Pair]bool{}}
}

// Add takes the counts of one node, all or nothing: pairs in ascending order,
// none twice or joined before, of tokens that exist, each at least floor.
func (l *Learner) Add(counts []Count, floor int64) error {
	if len(counts) > maxCounts {
		return fmt.Errorf("add counts of pairs: %d, want at most %d", len(counts), maxCounts)
	}
	for i, c := range counts {
		top := int32(len(l.v.tokens))
		switch {
		case c.Left < 0 || c.Right < 0 || c.Left >= top || c.Right >= top:
			return fmt.Errorf("add counts of pairs: pair %d and %d of %d tokens", c.Left, c.Right, top)
		case i > 0 && comparePairs(counts[i-1].Pair, c.Pair) >= 0:
			return fmt.Errorf("add counts of pairs: pair %d and %d is out of order or comes twice", c.Left, c.Right)
		case l.done[c.Pair]:
			return fmt.Errorf("add counts of pairs: %d and %d were joined before", c.Left, c.Right)
		case c.N < max(floor, 1) || c.N > maxCount:
			return fmt.Errorf("add counts of pairs: %d occurrences, want %d to %d", c.N, max(floor, 1), int64(maxCount))
		}
	}
	for _, c := range counts {
		l.sums[c.Pair] += c.N
		l.nodes[c.Pair]++
	}
	return nil
}

// Next chooses at most k pairs, joins them, and forgets the sums: the most
// frequent first, of equal ones the smaller pair, as Hugging Face's trainer
// does, and only pairs that at least nodes nodes reported, so that one
// node's secret is no token. The pairs of one step share no token, so joining
// one leaves the counts of the others as they are; with k = 1 the vocabulary is
// that of the joined texts (Sennrich et al. 2016, Algorithm 1). None is left
// when the list is empty.
func (l *Learner) Next(k, nodes int) []Pair {
	var list []Count
	for p, n := range l.sums {
		if l.nodes[p] >= nodes && len(l.v.tokens[p.Left])+len(l.v.tokens[p.Right]) <= maxToken {
			list = append(list, Count{p, n})
		}
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.N, a.N), comparePairs(a.Pair, b.Pair))
	})
	var chosen []Pair
	used := map[int32]bool{}
	for _, c := range list {
		if len(chosen) == k || len(l.v.tokens) == MaxVocabulary {
			break
		}
		if used[c.Left] || used[c.Right] {
			continue
		}
		if _, err := l.v.join(c.Pair); err != nil {
			break // cannot be: tokens, length and room were checked
		}
		used[c.Left], used[c.Right], l.done[c.Pair] = true, true, true
		chosen = append(chosen, c.Pair)
	}
	clear(l.sums)
	clear(l.nodes)
	return chosen
}

// Len returns the size of the vocabulary so far.
func (l *Learner) Len() int { return len(l.v.tokens) }

// BPE returns the encoding learnt so far.
func (l *Learner) BPE() (*BPE, error) { return FromMerges(l.v.merges) }
