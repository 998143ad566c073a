package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/protocol"
)

// train computes the update of a round: the base trained on the node's text
// with the decided numbers, less the base, clipped to the decided norm. The
// same assignment over the same records gives the same bytes.
func (r *runner) train(ctx context.Context, a protocol.Assignment, m *loaded) (protocol.Report, error) {
	use, err := r.use(ctx, a)
	if err != nil {
		return protocol.Report{}, err
	}
	if len(use.Train) == 0 {
		return protocol.Report{}, refuse("there is nothing to train on: every record is held back")
	}
	h, err := a.Recipe.Hyperparams()
	if err != nil {
		return protocol.Report{}, refuse("%v", err)
	}
	before := m.Params.Clone()
	steps, err := r.steps(ctx, a, m.Model, localdata.NewStream(use.Train), h)
	if err != nil {
		return protocol.Report{}, err
	}
	m.Params.AddScaled(-1, before)
	data := encodeUpdate(m, h.UpdateNorm)
	name := training.DigestOf(data)
	if err := r.state.blobs.Put(ctx, name, int64(len(data)), bytes.NewReader(data)); err != nil {
		return protocol.Report{}, err
	}
	examples := int64(0)
	for _, rec := range use.Train {
		examples += int64(rec.Tokens)
	}
	if a.Weight > 0 {
		examples = min(examples, a.Weight)
	}
	return protocol.Report{
		Update: name, Examples: examples, Tokens: int64(steps) * int64(h.BatchTokens),
		Manifest: use.Manifest.Root(), Suppressed: suppressedIn(use),
	}, nil
}

// steps trains the model in place. It stops with the context, and outside the
// owner's hours.
func (r *runner) steps(ctx context.Context, a protocol.Assignment, m *llama.Model, stream *localdata.Stream, h training.Hyperparams) (int, error) {
	if steps, did, err := r.stepsElsewhere(ctx, a, m, stream, h, nil); did || err != nil {
		return steps, err
	}
	threads := r.limits.threads()
	trainer, err := llama.NewTrainer(m, h.Context, threads)
	if err != nil {
		return 0, refuse("%v", err)
	}
	adam := optim.New(h, threads)
	begin, said := r.Now(), r.Now()
	for step := range h.Steps {
		if err := ctx.Err(); err != nil {
			return step, err
		}
		if ok, _ := r.limits.allowed(r.Now()); !ok {
			return step, fmt.Errorf("%w: the hours %s that you allow are over", errCancelled, r.limits.Hours)
		}
		inputs, targets, err := stream.Batch(a.Seed, step, h.BatchTokens/h.Context, h.Context)
		if err != nil {
			return step, refuse("%v", err)
		}
		loss, err := trainer.Step(inputs, targets, adam)
		r.step.Store(int64(step + 1))
		if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
			err = errors.New("the loss is not a number")
		}
		if err != nil {
			return step, refuse("training failed in step %d: %v", step+1, err)
		}
		if last := step+1 == h.Steps; last || r.Now().Sub(said) > 10*time.Second {
			said = r.Now()
			speed := float64((step+1)*h.BatchTokens) / max(said.Sub(begin).Seconds(), 1e-9)
			r.say("round %d: step %d of %d, loss %.4f, %.0f tokens/s", a.Number, step+1, h.Steps, loss, speed)
		}
	}
	return h.Steps, nil
}

// encodeUpdate writes the params as a safetensors file with the base's header:
// the one legal form. The norm is taken in the order of the file, as the
// platform will take it.
func encodeUpdate(m *loaded, limit float64) []byte {
	flat := make([]float32, 0, m.Params.Len())
	for _, name := range m.order {
		view, _ := m.Params.View(name)
		flat = append(flat, view...)
	}
	fedavg.Clip(flat, limit)
	out := make([]byte, len(m.header), len(m.header)+4*len(flat))
	copy(out, m.header)
	for _, v := range flat {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
