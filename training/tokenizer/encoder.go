package tokenizer

import "strings"

// Bounds of the words that an Encoder remembers: about 8 MB.
const (
	rememberedWords = 1 << 16
	rememberedBytes = 48 // of one word
	shortWord       = 32 // tokens; longer words are joined through a heap
)

// Encoder encodes many texts: it remembers the words that it met, most of any
// text. It belongs to one goroutine.
type Encoder struct {
	bpe   *BPE
	known map[string][]int32
	ids   []int32
}

// Encoder returns an encoder that has met no word yet.
func (b *BPE) Encoder() *Encoder { return &Encoder{bpe: b, known: map[string][]int32{}} }

// Append appends the ids of text to dst. A text is encoded as a whole: the ids
// of two halves are not always those of the whole.
func (e *Encoder) Append(dst []int32, text string) []int32 {
	if len(e.bpe.merges) == 0 {
		for i := range len(text) {
			dst = append(dst, e.bpe.bytes[text[i]])
		}
		return dst
	}
	pieces(text, e.bpe.digits, func(word string) {
		ids, ok := e.known[word]
		if !ok {
			e.ids = e.ids[:0]
			for i := range len(word) {
				e.ids = append(e.ids, e.bpe.bytes[word[i]])
			}
			if len(word) <= shortWord {
				ids = e.bpe.joinShort(e.ids)
			} else {
				ids = e.bpe.joinLong(e.ids)
			}
			if len(word) <= rememberedBytes && len(e.known) < rememberedWords {
				e.known[strings.Clone(word)] = append([]int32(nil), ids...)
			}
		}
		dst = append(dst, ids...)
	})
	return dst
}

// joinShort joins in place, looking at all pairs for each join: n² lookups,
// fewer instructions than a heap for the words that people write.
func (b *BPE) joinShort(ids []int32) []int32 {
	var found [shortWord]join // of the pair that begins at i; rank -1 if none
	look := func(i int) {
		found[i].rank = -1
		if i+1 < len(ids) {
			if j, ok := b.pairs[Pair{ids[i], ids[i+1]}]; ok {
				found[i] = j
			}
		}
	}
	for i := range ids {
		look(i)
	}
	for {
		best := -1
		for i := range ids {
			if r := found[i].rank; r >= 0 && (best < 0 || r < found[best].rank) {
				best = i
			}
		}
		if best < 0 {
			return ids
		}
		ids[best] = found[best].id
		copy(found[best+1:], found[best+2:len(ids)])
		ids = append(ids[:best+1], ids[best+2:]...)
		look(best)
		if best > 0 {
			look(best - 1)
		}
	}
}

// candidates is a binary heap of pairs that could be joined, the lowest rank
// first and of equal ones the leftmost: rank·2³² + place of the left token.
type candidates []uint64

func (c *candidates) push(v uint64) {
	h := append(*c, v)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] > v {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = v
	*c = h
}

func (c *candidates) pop() uint64 {
	h := *c
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	for i := 0; len(h) > 0; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if child >= len(h) || h[child] >= last {
			h[i] = last
			break
		}
		h[i] = h[child]
		i = child
	}
	*c = h
	return top
}

// joinLong joins in place in n·log n steps, so that a megabyte without a blank
// costs no more than a megabyte of prose.
func (b *BPE) joinLong(ids []int32) []int32 {
	n := int32(len(ids))
	next, prev := make([]int32, n), make([]int32, n) // a joined token's second place is -1 in ids
	var queue candidates
	look := func(i int32) {
		if i >= 0 && next[i] < n {
			if j, ok := b.pairs[Pair{ids[i], ids[next[i]]}]; ok {
				queue.push(uint64(j.rank)<<32 | uint64(i))
			}
		}
	}
	for i := range n {
		next[i], prev[i] = i+1, i-1
	}
	for i := range n {
		look(i)
	}
	for len(queue) > 0 {
		c := queue.pop()
		i := int32(c & (1<<32 - 1))
		if ids[i] < 0 || next[i] >= n {
			continue
		}
		second := next[i]
		j, ok := b.pairs[Pair{ids[i], ids[second]}]
		if !ok || uint64(j.rank) != c>>32 {
			continue // one of the two was joined with another meanwhile
		}
		ids[i], ids[second] = j.id, -1
		if next[i] = next[second]; next[i] < n {
			prev[next[i]] = i
		}
		look(i)
		look(prev[i])
	}
	out := ids[:0]
	for _, id := range ids {
		if id >= 0 {
			out = append(out, id)
		}
	}
	return out
}
