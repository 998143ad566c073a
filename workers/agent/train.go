package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// train computes the update of a round: the base trained on the node's text
// with the decided numbers, less the base, clipped to the decided norm, in the
// decided form. The same assignment over the same records gives the same bytes,
// but for recipes that let nodes keep something between rounds or stop early.
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
	data, kept, steps, l, err := r.compute(ctx, a, m, use.Train, h)
	if err != nil {
		return protocol.Report{}, err
	}
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
	report := protocol.Report{
		Update: name, Examples: examples, Tokens: int64(steps) * int64(h.BatchTokens), Steps: int64(steps),
		Manifest: use.Manifest.Root(), Suppressed: suppressedIn(use),
	}
	if a.Recipe.Selection.Rule == protocol.Oort {
		report.Trained = l.losses
	}
	if a.Recipe.Stateful() {
		if report.State, err = r.state.remember(a, kept); err != nil {
			return protocol.Report{}, err
		}
	}
	return report, nil
}

// compute trains the model on records and writes the update, which is what the
// model has become less what it was. kept is what the node keeps.
func (r *runner) compute(ctx context.Context, a protocol.Assignment, m *loaded, records []localdata.Record, h training.Hyperparams) (data []byte, kept []float32, steps int, l *local, err error) {
	before := m.Params.Clone()
	if l, err = r.local(ctx, a, m, before, h); err != nil {
		return nil, nil, 0, nil, err
	}
	if steps, err = r.steps(ctx, a, m.Model, localdata.NewStream(records), h, l); err != nil {
		return nil, nil, 0, nil, err
	}
	m.Params.AddScaled(-1, before)
	if data, kept, err = l.encode(m, steps); err != nil {
		return nil, nil, 0, nil, refuse("the update cannot be written: %v", err)
	}
	return data, kept, steps, l, nil
}

// steps trains the model in place. It stops with the context, and outside the
// owner's hours: with what was done so far where the recipe takes partial
// work, else for nothing.
func (r *runner) steps(ctx context.Context, a protocol.Assignment, m *llama.Model, stream *localdata.Stream, h training.Hyperparams, l *local) (int, error) {
	if steps, did, err := r.stepsElsewhere(ctx, a, m, stream, h, l.rates(), l.saw); did || err != nil {
		return steps, err
	}
	trainer, err := llama.NewTrainer(m, h.Context, r.limits.threads())
	if err != nil {
		return 0, refuse("%v", err)
	}
	if parts := a.Recipe.Local.Accumulate; parts > 1 {
		trainer.Part = h.BatchTokens / h.Context / parts
	}
	begin, said := r.Now(), r.Now()
	stop := lastMoment(a, r.theirs(begin))
	for step := range l.most {
		if err := ctx.Err(); err != nil {
			return step, err
		}
		partial := a.Recipe.Local.Partial && step > 0
		if ok, _ := r.limits.allowed(r.Now()); !ok {
			if partial {
				r.say("round %d: the hours %s that you allow are over; sending %d of %d steps", a.Number, r.limits.Hours, step, h.Steps)
				return step, nil
			}
			return step, fmt.Errorf("%w: the hours %s that you allow are over", errCancelled, r.limits.Hours)
		}
		if partial && r.theirs(r.Now()).After(stop) {
			r.say("round %d: the round is about to end; sending %d of %d steps", a.Number, step, h.Steps)
			return step, nil
		}
		inputs, targets, err := stream.Batch(a.Seed, step, h.BatchTokens/h.Context, h.Context)
		if err != nil {
			return step, refuse("%v", err)
		}
		loss, err := trainer.Step(inputs, targets, l.optimiser)
		r.step.Store(int64(step + 1))
		if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
			err = errors.New("the loss is not a number")
		}
		if err != nil {
			return step, refuse("training failed in step %d: %v", step+1, err)
		}
		l.saw(loss)
		if last := step+1 == l.most; last || r.Now().Sub(said) > 10*time.Second {
			said = r.Now()
			speed := float64((step+1)*h.BatchTokens) / max(said.Sub(begin).Seconds(), 1e-9)
			r.say("round %d: step %d of %d, loss %.4f, %.0f tokens/s", a.Number, step+1, h.Steps, loss, speed)
		}
	}
	return l.most, nil
}

// lastMoment is when, by the platform's clock, partial work has to be sent: a
// twentieth of the time before the round's deadline, and three seconds at
// least. Without a deadline it is never.
func lastMoment(a protocol.Assignment, begin time.Time) time.Time {
	if a.Deadline == 0 {
		return begin.AddDate(100, 0, 0)
	}
	end := time.Unix(a.Deadline, 0)
	return end.Add(-max(3*time.Second, end.Sub(begin)/20))
}
