package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/elections"
	"github.com/riverqueue/river"
)

// Jobs that no act inserts: they come by the clock, on the one server that
// leads the queue, and once when it begins to lead, so that nothing is missed
// while no server ran. Each finds its work in the database and may come twice.
type (
	// SweepArgs asks to delete sessions and sign-ins that have ended.
	SweepArgs struct{}
	// ReleaseArgs asks to let the hashes of sealed ballots of past days into the log.
	ReleaseArgs struct{}
)

// Kind of each job, for ever.
func (SweepArgs) Kind() string   { return "sweep-sessions" }
func (ReleaseArgs) Kind() string { return "release-ballots" }

// Periodic are the jobs that come by the clock, for a client that works the
// families Housekeeping and Elections.
func Periodic() []*river.PeriodicJob {
	onStart := &river.PeriodicJobOpts{RunOnStart: true}
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(time.Hour), func() (river.JobArgs, *river.InsertOpts) { return SweepArgs{}, nil }, onStart),
		river.NewPeriodicJob(daily(10*time.Minute), func() (river.JobArgs, *river.InsertOpts) { return ReleaseArgs{}, nil }, onStart),
	}
}

// daily is a schedule of once a day, so long after midnight UTC. Midnight
// itself belongs to acts that began a moment before it.
type daily time.Duration

// Next is the first such moment after a time.
func (d daily) Next(after time.Time) time.Time {
	next := after.UTC().Truncate(24 * time.Hour).Add(time.Duration(d))
	if !next.After(after) {
		next = next.Add(24 * time.Hour)
	}
	return next
}

// Housekeeping is the job that deletes sessions and sign-ins that have ended.
func Housekeeping(store *accounts.Store, sessions *accounts.Sessions) Add {
	return func(all *river.Workers) {
		river.AddWorker(all, &sweeper{store: store, sessions: sessions})
	}
}

type sweeper struct {
	river.WorkerDefaults[SweepArgs]
	store    *accounts.Store
	sessions *accounts.Sessions
}

// Work deletes what has ended. Nothing depends on it but the size of the
// tables: whoever reads a session or a code looks at its time.
func (w *sweeper) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	return errors.Join(w.store.Sweep(ctx), w.sessions.Sweep(ctx))
}

type ballotRelease struct {
	river.WorkerDefaults[ReleaseArgs]
	store *elections.Elections
}

// Work releases the sealed ballots of every open election that has enough of
// them. Its acts do not complete the job: there may be several or none.
func (w *ballotRelease) Work(ctx context.Context, job *river.Job[ReleaseArgs]) error {
	open, err := w.store.Open(ctx)
	if err != nil {
		return err
	}
	for _, id := range open {
		_, releaseErr := w.store.Release(ctx, governance.Job(job.Kind), id)
		if releaseErr = settled(releaseErr); releaseErr != nil {
			err = errors.Join(err, fmt.Errorf("election %d: %w", id, releaseErr))
		}
	}
	return err
}
