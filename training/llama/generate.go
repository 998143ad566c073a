package llama

import (
	"fmt"
	"iter"
	"slices"
)

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
		logits := d.sure(text)
		for {
			next := c.choose(logits)
			if !yield(next) {
				return
			}
			text = append(text, next)
			if d.at < g.config.Context {
				logits = d.sure(text[len(text)-1:])
				continue
			}
			text = text[len(text)-(g.config.Context+1)/2:]
			d.Reset()
			logits = d.sure(text)
		}
	}, nil
}

// sure appends tokens known to be in the vocabulary and to fit in the cache.
func (d *Decoder) sure(tokens []int32) []float32 {
	logits, err := d.Read(tokens)
	if err != nil {
		panic("llama: " + err.Error()) // a bug of ours: the caller checked both
	}
	return logits
}
