// Package eval holds the measures by which a version is judged before it is
// published and after something was to be forgotten. It is pure: it takes
// losses, counts and scoring functions, and never sees a model.
//
// The tests of forgetting have exact null distributions wherever one exists: a
// model that never saw the secret behaves as the null says, whatever its size,
// so a refusal has a known chance of being wrong. They are two-sided in
// meaning: a model that is worse on the forgotten text than one that never saw
// it still tells what was forgotten.
package eval

import (
	"fmt"
	"math"
)

// Scorer returns the loss of text under a model: the sum of -ln p over its
// bytes, in nats.
type Scorer func(text []byte) (nll float64)

// finite returns an error for the first value that no loss can have.
func finite(what string, values ...float64) error {
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s: value %d is %v", what, i, v)
		}
	}
	return nil
}

// Losses returns the mean loss per byte of each record, in nats. An empty
// record has loss 0.
func Losses(score Scorer, records [][]byte) []float64 {
	out := make([]float64, len(records))
	for i, r := range records {
		if len(r) > 0 {
			out[i] = score(r) / float64(len(r))
		}
	}
	return out
}

// BitsPerByte converts a loss in nats over some bytes to bits per byte, which
// compares models of different vocabularies.
func BitsPerByte(nll float64, bytes int) float64 {
	return nll / math.Ln2 / float64(bytes)
}

// ByteEntropy returns the Shannon entropy of the bytes of text in nats per
// byte: the loss of the best model that knows only how often each byte
// occurs. A model that is above it has learnt nothing from context. Divide by
// math.Ln2 for bits.
func ByteEntropy(text []byte) float64 {
	var counts [256]int
	for _, b := range text {
		counts[b]++
	}
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(len(text))
			h -= p * math.Log(p)
		}
	}
	return h
}
