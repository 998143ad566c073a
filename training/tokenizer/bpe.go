package tokenizer

import (
	"fmt"
	"strings"
)

// Bounds of a vocabulary, ours or a stranger's.
const (
	MaxVocabulary = 1 << 18 // ids
	maxToken      = 1 << 10 // bytes of one token
)

// BPE is a byte-level byte-pair encoding (Sennrich et al. 2016; over bytes,
// Radford et al. 2019): text is cut into words, a word into bytes, and pairs
// of neighbours are joined, the pair that was learnt first before all others.
// It may be used by many goroutines.
type BPE struct {
	tokens  []string         // id → bytes; empty where no token has this id
	special map[string]int32 // by content; never made from text
	isMark  map[int32]bool   // the ids of special
	bytes   [Vocabulary]int32
	merges  []Pair
	pairs   map[Pair]join
	digits  bool
}

// join is what a pair becomes.
type join struct{ rank, id int32 }

// Bytes returns the encoding without merges: the id of a token is its byte.
func Bytes() *BPE {
	b, err := FromMerges(nil)
	if err != nil {
		panic(err) // no merges, nothing to refuse
	}
	return b
}

// FromMerges returns the encoding with ids 0 to 255 for the bytes and the next
// id for every merge in the order given; EndOfText stays 0.
func FromMerges(merges []Pair) (*BPE, error) {
	v := newVocabulary()
	for _, p := range merges {
		if _, err := v.join(p); err != nil {
			return nil, err
		}
	}
	return v.bpe()
}

func (v *vocabulary) bpe() (*BPE, error) {
	b := &BPE{tokens: v.tokens, merges: v.merges, pairs: make(map[Pair]join, len(v.merges))}
	for i := range b.bytes {
		b.bytes[i] = int32(i)
	}
	for rank, p := range v.merges {
		if _, twice := b.pairs[p]; twice {
			return nil, fmt.Errorf("build encoding: merge %d joins %d and %d again", rank, p.Left, p.Right)
		}
		b.pairs[p] = join{int32(rank), v.joined[rank]}
	}
	return b, nil
}

// Len returns V, one more than the largest id.
func (b *BPE) Len() int { return len(b.tokens) }

// Merges returns the pairs in the order in which they were learnt. Callers
// must not change it.
func (b *BPE) Merges() []Pair { return b.merges }

// IsBytes reports whether the ids are the bytes, as Encode and Decode of this
// package write them.
func (b *BPE) IsBytes() bool {
	for i, id := range b.bytes {
		if id != int32(i) {
			return false
		}
	}
	return len(b.tokens) == Vocabulary && len(b.merges) == 0
}

// Special returns the id of a mark such as <|endoftext|>, which Encode never
// makes from text: nobody can forge the end of a record by typing it.
func (b *BPE) Special(content string) (int32, bool) {
	id, ok := b.special[content]
	return id, ok
}

// Encode returns the ids of text. For many texts an Encoder is faster.
func (b *BPE) Encode(text string) []int32 { return b.Encoder().Append(nil, text) }

// AppendBytes appends the bytes of the ids; a mark, and an id that is no token,
// has none. AppendBytes of Encode is the text, whatever its bytes.
func (b *BPE) AppendBytes(dst []byte, ids []int32) []byte {
	for _, id := range ids {
		dst = append(dst, b.text(id)...)
	}
	return dst
}

func (b *BPE) text(id int32) string {
	if id < 0 || int(id) >= len(b.tokens) || b.isMark[id] {
		return ""
	}
	return b.tokens[id]
}

// Decode returns the text of ids as valid UTF-8, as the function Decode does.
func (b *BPE) Decode(ids []int32) string {
	d := Decoder{BPE: b}
	var text strings.Builder
	for _, id := range ids {
		text.WriteString(d.Next(id))
	}
	text.WriteString(d.Rest())
	return text.String()
}
