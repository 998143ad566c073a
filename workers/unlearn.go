package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
	"github.com/riverqueue/river"
)

// Unlearning are the jobs of unlearning cases.
func Unlearning(t Training, cases *unlearning.Store) Add {
	return func(all *river.Workers) {
		river.AddWorker(all, &tendUnlearning{t: t, cases: cases})
		river.AddWorker(all, &destroyTainted{t: t, cases: cases})
	}
}

type tendUnlearning struct {
	river.WorkerDefaults[rounds.UnlearningArgs]
	t     Training
	cases *unlearning.Store
}

// Timeout is that of work with weights.
func (w *tendUnlearning) Timeout(*river.Job[rounds.UnlearningArgs]) time.Duration { return long }

// Work does what the state of the case asks for, if it is time: every report
// and every deadline inserts the job again, so one that comes too early just
// ends.
func (w *tendUnlearning) Work(ctx context.Context, job *river.Job[rounds.UnlearningArgs]) error {
	c, err := w.cases.Case(ctx, job.Args.Case)
	if err != nil {
		return err
	}
	switch c.State {
	case unlearning.Suppressing:
		err = w.cases.Replay(ctx, actor(job), c.ID)
	case unlearning.Replaying:
		err = w.cases.Verify(ctx, actor(job), c.ID)
	case unlearning.Verifying:
		err = w.judge(ctx, job, c)
	case unlearning.Passed:
		err = w.publish(ctx, job, c)
	case unlearning.Published:
		err = w.destroy(ctx, job, c)
	}
	if errors.Is(err, rounds.ErrWaiting) {
		return nil
	}
	return settled(err)
}

// judge computes the verdict when every node has answered, or when the time
// for that is over.
func (w *tendUnlearning) judge(ctx context.Context, job *river.Job[rounds.UnlearningArgs], c unlearning.Case) error {
	tasks, err := w.t.Rounds.CaseTasks(ctx, c.ID)
	if err != nil {
		return err
	}
	open := 0
	for _, t := range tasks {
		if t.State == "open" && t.Kind != "suppress" {
			open++
		}
	}
	if open > 0 && w.t.Rounds.Now().Before(c.Due) {
		return rounds.ErrWaiting
	}
	audits, err := w.audits(ctx, c, tasks)
	if err != nil {
		return err
	}
	verdict, err := verdictOn(c, tasks, audits)
	if err != nil {
		return err
	}
	return w.cases.Judge(ctx, actor(job), c.ID, c.Epoch, verdict)
}

// audits computes every replayed checkpoint again from the stored updates, and
// compares what auditing nodes trained again.
func (w *tendUnlearning) audits(ctx context.Context, c unlearning.Case, tasks []rounds.Participation) ([]unlearning.Audit, error) {
	list, err := Recompute(ctx, w.t, c.Replay)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if t.Kind != "train" || t.State != "done" {
			continue
		}
		rep, err := reportOf(t)
		if err != nil {
			return nil, err
		}
		updates, err := w.t.Rounds.Updates(ctx, t.Audits)
		if err != nil {
			return nil, err
		}
		for _, u := range updates {
			if u.Node == t.Node {
				list = append(list, unlearning.Audit{
					Auditor: string(governance.RefTo(governance.RefNode, t.Node)), Round: t.Audits, Want: u.Digest.Hex(), Got: rep.Update.Hex(),
				})
			}
		}
	}
	return list, nil
}

// Recompute computes the checkpoint of every accepted round of a campaign from
// the stored updates and sets it beside the one in the log. Whoever holds the
// updates' keys can do so.
func Recompute(ctx context.Context, t Training, campaign training.CampaignID) ([]unlearning.Audit, error) {
	all, err := t.Rounds.Rounds(ctx, campaign)
	if err != nil {
		return nil, err
	}
	var list []unlearning.Audit
	for _, r := range all {
		if r.State != rounds.Accepted {
			continue
		}
		in, err := t.Rounds.Inputs(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		mean, err := ComputeMean(ctx, t.Blobs, t.Keys, in)
		if err != nil {
			return nil, fmt.Errorf("compute round %d again: %w", r.ID, err)
		}
		list = append(list, unlearning.Audit{Auditor: "platform", Round: r.ID, Want: r.Checkpoint.Hex(), Got: mean.Digest.Hex()})
	}
	return list, nil
}

// publish serves the clean version.
func (w *tendUnlearning) publish(ctx context.Context, job *river.Job[rounds.UnlearningArgs], c unlearning.Case) error {
	replay, err := w.t.Rounds.Campaign(ctx, c.Replay)
	if err != nil {
		return err
	}
	all, err := w.t.Rounds.Rounds(ctx, c.Replay)
	if err != nil {
		return err
	}
	p, err := Publication(ctx, w.t, replay, all)
	if err != nil {
		return err
	}
	return w.cases.Publish(ctx, actor(job), c.ID, p)
}

// destroy destroys the key to the contributor's updates and removes them, then
// closes the case with its certificate. Destroying twice is destroying once,
// so a crash between the two is made up by running again.
func (w *tendUnlearning) destroy(ctx context.Context, job *river.Job[rounds.UnlearningArgs], c unlearning.Case) error {
	if err := w.t.Keys.Destroy(int64(c.Contributor)); err != nil {
		return err
	}
	sealed, err := w.t.Rounds.Sealed(ctx, c.Contributor)
	if err != nil {
		return err
	}
	for _, name := range sealed {
		if err := w.t.Blobs.Remove(ctx, name); err != nil {
			return err
		}
	}
	certificate, err := w.cases.Draft(ctx, c.ID)
	if err != nil {
		return err
	}
	data, err := certificate.Bytes()
	if err != nil {
		return err
	}
	return w.cases.Close(ctx, actor(job), c.ID, data)
}

type destroyTainted struct {
	river.WorkerDefaults[rounds.DestroyArgs]
	t     Training
	cases *unlearning.Store
}

// Work removes the files first and says so afterwards: an entry in the log
// never promises what has not happened. A crash between is made up by running
// again.
func (w *destroyTainted) Work(ctx context.Context, job *river.Job[rounds.DestroyArgs]) error {
	weights, err := w.t.Models.Tainted(ctx, job.Args.Case)
	if err != nil {
		return err
	}
	updates, err := w.t.Rounds.SealedFrom(ctx, job.Args.Case)
	if err != nil {
		return err
	}
	for _, name := range append(weights, updates...) {
		if err := w.t.Blobs.Remove(ctx, name); err != nil {
			return err
		}
	}
	return settled(w.cases.Destroyed(ctx, actor(job), job.Args.Case))
}
