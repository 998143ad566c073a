package localdata

import (
	"fmt"
	"math/bits"

	"codeberg.org/althing/althing/training/tokenizer"
)

// Stream is the training text of a round as ids, from which batches are drawn.
// Two bytes per id: vocabularies have at most 65,536.
type Stream struct{ ids []uint16 }

// NewStream joins the records in the order given, which Begin and Replay make
// the ascending order of ids, with tokenizer.EndOfText after each.
func NewStream(records []Record) *Stream {
	total := 0
	for _, r := range records {
		total += len(r.Text) + 1
	}
	s := &Stream{ids: make([]uint16, 0, total)}
	var buf []int32
	for _, r := range records {
		buf = append(tokenizer.Append(buf[:0], r.Text), tokenizer.EndOfText)
		for _, id := range buf {
			s.ids = append(s.ids, uint16(id))
		}
	}
	return s
}

// Len returns N, the ids of the stream with the end marks.
func (s *Stream) Len() int { return len(s.ids) }

// Batch draws sequences windows of context ids for a step (see the package
// comment). Inputs and targets are B×T, sequence after sequence; targets are
// the inputs moved on by one. Equal arguments over equal records give equal
// ids on every machine.
func (s *Stream) Batch(seed uint64, step, sequences, context int) (inputs, targets []int32, err error) {
	if step < 0 || sequences < 1 || context < 1 {
		return nil, nil, fmt.Errorf("draw batch: step %d of %d sequences of %d, want 0 or more, 1 or more, 1 or more", step, sequences, context)
	}
	if len(s.ids) <= context {
		return nil, nil, fmt.Errorf("draw batch: too little text: %d ids, want at least %d", len(s.ids), context+1)
	}
	starts := uint64(len(s.ids) - context)
	draw := splitMix64{mix(seed) + mix(uint64(step)^0x5851f42d4c957f2d)}
	inputs = make([]int32, 0, sequences*context)
	targets = make([]int32, 0, sequences*context)
	for range sequences {
		start, _ := bits.Mul64(draw.next(), starts)
		window := s.ids[start : start+uint64(context)+1]
		for t := range context {
			inputs = append(inputs, int32(window[t]))
			targets = append(targets, int32(window[t+1]))
		}
	}
	return inputs, targets, nil
}

// splitMix64 is the generator of Steele, Lea and Flood (2014, "Fast splittable
// pseudorandom number generators", Figure 14): a counter and a mixing function.
type splitMix64 struct{ state uint64 }

func (g *splitMix64) next() uint64 {
	g.state += 0x9e3779b97f4a7c15
	return mix(g.state)
}

// mix is its output function, a bijection (Stafford's variant 13).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
