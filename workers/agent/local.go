package agent

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localopt"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tensor"
)

// local is how one node trains in one round: the optimiser that the recipe
// asks for, and what the node keeps for its next round.
type local struct {
	a         protocol.Assignment
	h         training.Hyperparams
	optimiser llama.Optimiser
	schedule  optim.Schedule // of the steps of this round, from 0
	losses    protocol.Sums  // of each step
	most      int            // steps to do: all of the recipe, or as many as a node did that stopped early

	control []float32 // SCAFFOLD: c, in the order of the file
	memory  []float32 // what was kept from an earlier round, in the order of the file; nil for zeros
}

// local reads what the node kept and sets up the optimiser.
func (r *runner) local(ctx context.Context, a protocol.Assignment, m *loaded, before *tensor.Params, h training.Hyperparams) (*local, error) {
	l := &local{a: a, h: h, schedule: scheduleOf(a, h), most: h.Steps}
	if r.most > 0 {
		l.most = min(l.most, r.most)
	}
	var err error
	if a.Recipe.Stateful() {
		if l.memory, err = r.state.recall(a, m.Params.Len()); err != nil {
			return nil, err
		}
	}
	if !a.Control.IsZero() {
		if l.control, err = r.readControl(ctx, a, m.Params.Len()); err != nil {
			return nil, err
		}
	}
	threads := r.limits.threads()
	switch a.Recipe.Optimizer {
	case "sgd":
		l.optimiser = &optim.SGD{Rate: l.schedule, Decay: h.WeightDecay, ClipNorm: h.ClipNorm}
	default:
		adam := optim.New(h, threads)
		adam.Rate = l.schedule
		l.optimiser = adam
	}
	switch a.Recipe.Local.Objective {
	case protocol.FedProx:
		mu := protocol.Number(a.Recipe.Local.Mu, 0)
		l.optimiser = corrected{l.optimiser, func(weights, gradient *tensor.Params) error {
			return localopt.Prox(gradient.Data, weights.Data, before.Data, mu)
		}}
	case protocol.Scaffold:
		if l.control == nil {
			l.control = make([]float32, m.Params.Len())
		}
		if l.memory == nil {
			l.memory = make([]float32, m.Params.Len())
		}
		own, server := inModel(m, l.memory), inModel(m, l.control)
		l.optimiser = corrected{l.optimiser, func(_, gradient *tensor.Params) error {
			return localopt.Correct(gradient.Data, own, server)
		}}
	}
	return l, nil
}

// corrected changes the gradient before the optimiser sees it (package localopt).
type corrected struct {
	llama.Optimiser
	correct func(weights, gradient *tensor.Params) error
}

// Update corrects and hands on.
func (c corrected) Update(weights, gradient *tensor.Params) error {
	if err := c.correct(weights, gradient); err != nil {
		return err
	}
	return c.Optimiser.Update(weights, gradient)
}

// scheduleOf is the learning rate of the steps of this round. A cosine runs
// over the steps of the whole campaign.
func scheduleOf(a protocol.Assignment, h training.Hyperparams) optim.Schedule {
	s := a.Recipe.Local
	if s.Schedule == "" {
		return optim.Constant(h.LearnRate)
	}
	floor := h.LearnRate * float64(s.Floor) / 1000
	all := optim.Cosine(h.LearnRate, floor, s.Warmup, a.Recipe.Rounds*h.Steps)
	done := (a.Number - 1) * h.Steps
	return func(step int) float64 { return all(done + step) }
}

// rates lists the learning rate of each step, nil where it is always the one
// of the recipe.
func (l *local) rates() []float64 {
	if l.a.Recipe.Local.Schedule == "" {
		return nil
	}
	list := make([]float64, l.h.Steps)
	for i := range list {
		list[i] = l.schedule(i)
	}
	return list
}

func (l *local) saw(loss float64) {
	l.losses.Records++
	l.losses.Tokens += int64(l.h.BatchTokens)
	l.losses.Sum += loss
	l.losses.Squares += float64(loss * loss)
}

// inFile lays a model's parameters out in the order of its file.
func inFile(m *loaded) []float32 {
	flat := make([]float32, 0, m.Params.Len())
	for _, name := range m.order {
		view, _ := m.Params.View(name)
		flat = append(flat, view...)
	}
	return flat
}

// inModel lays out in the order of the model what is in that of its file.
func inModel(m *loaded, flat []float32) []float32 {
	out := m.Params.Zeros()
	at := 0
	for _, name := range m.order {
		view, _ := out.View(name)
		at += copy(view, flat[at:])
	}
	return out.Data
}

// travel is K·η, the sum of the rates of the steps that were done.
func (l *local) travel(steps int) float64 {
	sum := 0.0
	for i := range steps {
		sum += l.schedule(i)
	}
	return sum
}

// encode writes the update, which is in the model's parameters by now, in the
// one legal form of the recipe, and returns what the node keeps. The norm is
// taken in the order of the file, as the platform will take it.
func (l *local) encode(m *loaded, steps int) (data []byte, kept []float32, err error) {
	flat := inFile(m)
	if l.a.Recipe.Local.Objective == protocol.Scaffold {
		change := make([]float32, len(flat))
		// flat is y − x, so that the start is 0
		err := localopt.NextControl(change, l.memory, l.control, make([]float32, len(flat)), flat, l.travel(steps))
		if err != nil {
			return nil, nil, err
		}
		fedavg.Clip(flat, l.h.UpdateNorm)
		return append(encodeFile(m.header, flat), encodeFile(m.header, change)...), l.memory, nil
	}
	fedavg.Clip(flat, l.h.UpdateNorm)
	if l.a.Recipe.Up.Codec == "" {
		return encodeFile(m.header, flat), nil, nil
	}
	settings := compress.Settings{Share: l.a.Recipe.Up.Share}
	if settings.Codec, err = compress.Parse(l.a.Recipe.Up.Codec); err != nil {
		return nil, nil, err
	}
	if settings.Codec == compress.Int8 || settings.Codec == compress.Mask {
		settings.Seed = protocol.CodecSeed(l.a.Seed)
	}
	if settings.Codec.Feedback() {
		if kept = l.memory; kept == nil {
			kept = make([]float32, len(flat))
		}
	}
	data, err = compress.Encode(flat, kept, settings)
	return data, kept, err
}

// encodeFile writes values as a safetensors file with the base's header.
func encodeFile(header []byte, flat []float32) []byte {
	out := make([]byte, len(header), len(header)+4*len(flat))
	copy(out, header)
	return appendValues(out, flat)
}

func appendValues(out []byte, values []float32) []byte {
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func readValues(data []byte, want int) ([]float32, error) {
	if len(data) != 4*want {
		return nil, fmt.Errorf("%d bytes for %d numbers", len(data), want)
	}
	values := make([]float32, want)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		if v := float64(values[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("number %d is %v", i, v)
		}
	}
	return values, nil
}
