package workers

import (
	"context"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"filippo.io/age"
	"github.com/riverqueue/river"
)

// Elections are the jobs that move elections on, open the envelopes of a
// closed one in memory, certify its count, destroy the envelopes later, and let
// hashes of sealed ballots into the log day by day.
// key is the identity whose recipient the store was opened with.
func Elections(store *elections.Elections, key *age.X25519Identity) Add {
	return func(all *river.Workers) {
		river.AddWorker(all, &electionStage{store: store})
		river.AddWorker(all, &electionCount{store: store, key: key})
		river.AddWorker(all, &envelopeEnd{store: store})
		river.AddWorker(all, &ballotRelease{store: store})
	}
}

// ripe turns the outcome of an act that waits for its time into the job's: if
// the clock of this server is ahead of the database's, the job comes back.
func ripe(err error) error {
	if governance.Is(err, governance.Unavailable) {
		return river.JobSnooze(time.Second)
	}
	return settled(err)
}

type electionStage struct {
	river.WorkerDefaults[elections.AdvanceArgs]
	store *elections.Elections
}

// Work ends a stage whose time has come.
func (w *electionStage) Work(ctx context.Context, job *river.Job[elections.AdvanceArgs]) error {
	_, err := w.store.Advance(ctx, actor(job), job.Args.Election, job.Args.From)
	return ripe(err)
}

type electionCount struct {
	river.WorkerDefaults[elections.CountArgs]
	store *elections.Elections
	key   *age.X25519Identity
}

// Work opens the envelopes and certifies. The opened ballots are in this
// call's memory until the act publishes all of them at once; a crash before
// it leaves the envelopes closed, and the job comes again.
func (w *electionCount) Work(ctx context.Context, job *river.Job[elections.CountArgs]) error {
	sealed, err := w.store.Sealed(ctx, job.Args.Election)
	if err != nil {
		return settled(err)
	}
	opening, err := sealed.Open(w.key)
	if err != nil {
		return err
	}
	_, err = w.store.Certify(ctx, actor(job), job.Args.Election, opening)
	return settled(err)
}

type envelopeEnd struct {
	river.WorkerDefaults[elections.DestroyArgs]
	store *elections.Elections
}

// Work destroys envelopes whose day has come.
func (w *envelopeEnd) Work(ctx context.Context, job *river.Job[elections.DestroyArgs]) error {
	_, err := w.store.Destroy(ctx, actor(job), job.Args.Election)
	return ripe(err)
}
