package workers

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"github.com/riverqueue/river"
)

// Enactor carries out an adopted motion. finish joins its act: it is the step
// that marks the proposal as carried out, to be called in the act whose
// effect ends the motion. An Enactor of long work calls it in its last act
// and returns as soon as the first one has been done.
type Enactor func(ctx context.Context, actor governance.Actor, d proposals.Decision) error

// Proposals are the jobs that move proposals on and carry out their motions.
func Proposals(store *proposals.Proposals, values *policies.Policies, now func() time.Time, enactors map[string]Enactor) Add {
	return func(all *river.Workers) {
		river.AddWorker(all, &advanceWorker{store: store, now: now})
		river.AddWorker(all, &enactWorker{store: store, values: values, enactors: enactors})
	}
}

type advanceWorker struct {
	river.WorkerDefaults[proposals.AdvanceArgs]
	store *proposals.Proposals
	now   func() time.Time
}

// Work ends a stage whose time has come. If the clock of this server is ahead
// of the database's it comes back a moment later.
func (w *advanceWorker) Work(ctx context.Context, job *river.Job[proposals.AdvanceArgs]) error {
	_, err := w.store.Advance(ctx, actor(job), job.Args.Proposal, job.Args.From)
	if !governance.Is(err, governance.Conflict) {
		return err
	}
	p, err := w.store.Get(ctx, job.Args.Proposal)
	if err != nil {
		return err
	}
	if p.State == job.Args.From && p.Until != nil {
		if early := p.Until.Sub(w.now()); early > -time.Minute {
			return river.JobSnooze(min(max(early, 100*time.Millisecond), time.Minute))
		}
	}
	return nil
}

type enactWorker struct {
	river.WorkerDefaults[proposals.EnactArgs]
	store    *proposals.Proposals
	values   *policies.Policies
	enactors map[string]Enactor
}

// Work carries out an adopted motion, or records why that is not possible.
func (w *enactWorker) Work(ctx context.Context, job *river.Job[proposals.EnactArgs]) error {
	d, err := w.store.Decision(ctx, job.Args.Proposal)
	if err != nil {
		return err
	}
	if d.State != proposals.Adopted {
		return nil
	}
	err = w.enact(ctx, actor(job), d)
	if sentence, final := refusal(err); final && !governance.Is(err, governance.Conflict) {
		_, err = w.store.Conclude(ctx, actor(job), d.Proposal, proposals.Failed, sentence)
	}
	return settled(err)
}

func (w *enactWorker) enact(ctx context.Context, actor governance.Actor, d proposals.Decision) error {
	switch d.Motion {
	case proposals.MotionResolution:
		_, err := w.store.Conclude(ctx, actor, d.Proposal, proposals.Done, "The community has stated its will.")
		return err
	case policies.MotionPolicy:
		_, err := w.values.Adopt(ctx, actor, d.Proposal, []byte(d.Params), func(ctx context.Context, tx *audit.Tx) error {
			return proposals.Finish(ctx, tx, d.Proposal, proposals.Done, "The new values are in force.")
		})
		return err
	}
	enact, ok := w.enactors[d.Motion]
	if !ok {
		return fmt.Errorf("no enactor for motion %q of proposal %d", d.Motion, d.Proposal)
	}
	return enact(ctx, actor, d)
}
