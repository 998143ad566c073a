package tokenizer

import "fmt"

// Pair is two neighbouring tokens by their ids; a list of pairs in the order
// in which they are joined is all that a trained vocabulary is.
type Pair struct {
	Left  int32 `json:"left"`
	Right int32 `json:"right"`
}

// vocabulary grows from the 256 bytes by merges. Equal lists of pairs give
// equal ids anywhere: a join gets the next id, unless another pair already
// made the same text.
type vocabulary struct {
	tokens []string // id → bytes
	ids    map[string]int32
	merges []Pair
	joined []int32 // the id that each merge makes
}

func newVocabulary() *vocabulary {
	v := &vocabulary{ids: make(map[string]int32, 2*Vocabulary)}
	for b := range Vocabulary {
		v.tokens = append(v.tokens, string([]byte{byte(b)}))
		v.ids[v.tokens[b]] = int32(b)
	}
	return v
}

// join appends a merge and returns the id of its text.
func (v *vocabulary) join(p Pair) (int32, error) {
	if p.Left < 0 || p.Right < 0 || int(p.Left) >= len(v.tokens) || int(p.Right) >= len(v.tokens) {
		return 0, fmt.Errorf("join tokens %d and %d: the vocabulary has %d", p.Left, p.Right, len(v.tokens))
	}
	text := v.tokens[p.Left] + v.tokens[p.Right]
	if len(text) > maxToken {
		return 0, fmt.Errorf("join tokens %d and %d: %d bytes, want at most %d", p.Left, p.Right, len(text), maxToken)
	}
	id, ok := v.ids[text]
	if !ok {
		if len(v.tokens) == MaxVocabulary {
			return 0, fmt.Errorf("join tokens %d and %d: the vocabulary is full", p.Left, p.Right)
		}
		id = int32(len(v.tokens))
		v.tokens = append(v.tokens, text)
		v.ids[text] = id
	}
	v.merges, v.joined = append(v.merges, p), append(v.joined, id)
	return id, nil
}
