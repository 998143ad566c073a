package llama

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"codeberg.org/althing/althing/training/tensor"
)

// Sampling decides how the next token is chosen. The same sampling, prompt and
// weights give the same text anywhere.
type Sampling struct {
	Temperature float64 // 0 takes the most likely token; else 0.01 to 100
	TopK        int     // choose among the K most likely; 0 means all
	Seed        uint64
}

// Check reports a temperature or a K that means nothing.
func (s Sampling) Check() error {
	if s.Temperature != 0 && !(s.Temperature >= 0.01 && s.Temperature <= 100) || s.TopK < 0 {
		return fmt.Errorf("sample at temperature %g from the top %d: want 0 or 0.01 to 100, and 0 or more", s.Temperature, s.TopK)
	}
	return nil
}

// chooser picks tokens for one text.
type chooser struct {
	Sampling
	src   source
	order []int32
	p     []float32
}

// choose returns the next token. Equal logits are ordered by token, so that
// ties do not depend on a sorting algorithm.
func (c *chooser) choose(logits []float32) int32 {
	if c.Temperature == 0 {
		best := 0
		for i, v := range logits {
			if v > logits[best] {
				best = i
			}
		}
		return int32(best)
	}
	c.order = c.order[:0]
	for i := range logits {
		c.order = append(c.order, int32(i))
	}
	slices.SortFunc(c.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b))
	})
	if c.TopK > 0 && c.TopK < len(c.order) {
		c.order = c.order[:c.TopK]
	}
	c.p = c.p[:0]
	for _, t := range c.order {
		c.p = append(c.p, logits[t])
	}
	tensor.Softmax(c.p, c.p, float32(1/c.Temperature))
	u, sum := c.src.uniform(), 0.0
	for i, p := range c.p {
		if sum += float64(p); u < sum {
			return c.order[i]
		}
	}
	return c.order[0] // the probabilities sum to a little less than 1
}

// Generate continues the prompt token by token until the caller stops. Of a
// prompt longer than the context only the tail is read; when the context is
// full, the cache is rebuilt from its last half, because rotated keys cannot
// be moved. An empty prompt is an error: the model has no start token.
func (g *Generator) Generate(prompt []int32, s Sampling) (iter.Seq[int32], error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(prompt) == 0 {
		return nil, fmt.Errorf("continue a text: the prompt is empty")
	}
	for i, t := range prompt {
		if t < 0 || int(t) >= g.config.Vocab {
			return nil, fmt.Errorf("continue a text: token %d is %d, the vocabulary has %d", i, t, g.config.Vocab)
		}
	}
	return func(yield func(int32) bool) {
		d, c := g.Decoder(), chooser{Sampling: s, src: source(s.Seed)}
		text := slices.Clone(prompt[max(0, len(prompt)-g.config.Context):])
		logits := d.read(text)
		for {
			next := c.choose(logits)
			if !yield(next) {
				return
			}
			text = append(text, next)
			if d.at < g.config.Context {
				logits = d.read(text[len(text)-1:])
				continue
			}
			text = text[len(text)-(g.config.Context+1)/2:]
			d.Reset()
			logits = d.read(text)
		}
	}, nil
}

// read appends tokens known to be in the vocabulary and to fit in the cache.
func (d *Decoder) read(tokens []int32) (logits []float32) {
	for _, t := range tokens {
		var err error
		if logits, err = d.Next(t); err != nil {
			panic("llama: " + err.Error()) // a bug of ours: the caller checked both
		}
	}
	return logits
}
