package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/riverqueue/river"
)

// Training is what the workers of rounds work with.
type Training struct {
	Rounds *rounds.Store
	Models *models.Store
	Blobs  blobs.Store
	Keys   *keys.Ring
	Cases  *moderation.Moderation // where held updates are looked at
}

// Rounds are the jobs of campaigns and rounds.
func Rounds(t Training) Add {
	return func(all *river.Workers) {
		river.AddWorker(all, &openRound{t: t})
		river.AddWorker(all, &roundDeadline{t: t})
		river.AddWorker(all, &aggregateRound{t: t})
		river.AddWorker(all, &judgeRound{t: t})
		river.AddWorker(all, &publishVersion{t: t})
		river.AddWorker(all, &openHeldCase{t: t})
		river.AddWorker(all, &tendSpot{t: t})
	}
}

// retry is when a job looks again that came too early.
const retry = 5 * time.Second

// passed turns what an act answers into what River should do: a Conflict means
// that somebody did it already or that it is out of date, which is well;
// ErrWaiting means later. No node is waited for here: a round waits with its
// deadline's job.
func passed(err error) error {
	if errors.Is(err, rounds.ErrWaiting) {
		return river.JobSnooze(retry)
	}
	return settled(err)
}

type openRound struct {
	river.WorkerDefaults[rounds.OpenArgs]
	t Training
}

// Work draws the cohort; the job ends when the assignments exist.
func (w *openRound) Work(ctx context.Context, job *river.Job[rounds.OpenArgs]) error {
	return passed(w.t.Rounds.Open(ctx, actor(job), job.Args.Round))
}

type roundDeadline struct {
	river.WorkerDefaults[rounds.DeadlineArgs]
	t Training
}

// Work ends whatever the round waits for. A round that moved on has another
// epoch and is left alone.
func (w *roundDeadline) Work(ctx context.Context, job *river.Job[rounds.DeadlineArgs]) error {
	r, err := w.t.Rounds.Round(ctx, job.Args.Round)
	if err != nil || r.Epoch != job.Args.Epoch {
		return err
	}
	if r.State == rounds.Evaluating {
		return passed(w.t.Rounds.Judge(ctx, actor(job), r.ID))
	}
	return passed(w.t.Rounds.CloseCollection(ctx, actor(job), r.ID))
}

type judgeRound struct {
	river.WorkerDefaults[rounds.JudgeArgs]
	t Training
}

// Work accepts or rejects.
func (w *judgeRound) Work(ctx context.Context, job *river.Job[rounds.JudgeArgs]) error {
	return passed(w.t.Rounds.Judge(ctx, actor(job), job.Args.Round))
}

type aggregateRound struct {
	river.WorkerDefaults[rounds.AggregateArgs]
	t Training
}

// Timeout is that of work with weights.
func (w *aggregateRound) Timeout(*river.Job[rounds.AggregateArgs]) time.Duration { return long }

// Work closes the collection, computes and records. A crash anywhere leaves
// the round closed or not; the job runs again and computes the same bytes.
func (w *aggregateRound) Work(ctx context.Context, job *river.Job[rounds.AggregateArgs]) error {
	id := job.Args.Round
	state, err := w.t.Rounds.State(ctx, id)
	if err != nil {
		return err
	}
	if state == rounds.Collecting {
		err := w.t.Rounds.CloseCollection(ctx, governance.Job(job.Kind), id)
		if err != nil && !governance.Is(err, governance.Conflict) { // somebody else has closed it and counts on this job
			return passed(err)
		}
	} else if state != rounds.Aggregating {
		return nil
	}
	in, err := w.t.Rounds.Inputs(ctx, id)
	if err != nil || in.State != rounds.Aggregating {
		return err
	}
	err = w.aggregate(ctx, job, in)
	if err != nil && ctx.Err() == nil && job.Attempt >= job.MaxAttempts {
		return passed(w.t.Rounds.Abandon(ctx, actor(job), id, "the mean could not be computed"))
	}
	return err
}

func (w *aggregateRound) aggregate(ctx context.Context, job *river.Job[rounds.AggregateArgs], in rounds.Inputs) error {
	in, err := openSketches(w.t.Keys, in)
	if err != nil {
		return err
	}
	mean, err := ComputeMean(ctx, w.t.Blobs, w.t.Keys, in)
	if err != nil {
		return err
	}
	if err := sealSketches(w.t.Keys, in, mean.Verdicts); err != nil {
		return err
	}
	if mean.TooFew == "" {
		if err := mean.Store(ctx, w.t.Blobs); err != nil {
			return fmt.Errorf("store checkpoint of round %d: %w", in.Round, err)
		}
	}
	return passed(w.t.Rounds.Aggregate(ctx, actor(job), in.Round, mean.result(in.Epoch)))
}
