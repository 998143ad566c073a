package workers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// due makes the waiting jobs of a kind due now, whatever their time, and waits
// until the client has brought one to an outcome. A job that came back too
// early and is worked again meanwhile says so once more; that is passed over.
func due(t *testing.T, b *audittest.Bench, events <-chan *river.Event, kind string, want river.EventKind) {
	t.Helper()
	const q = `
		update river_job set state = 'available', scheduled_at = now() - interval '1 second'
		where kind = @kind and state in ('available', 'scheduled', 'retryable')`
	if _, err := b.Pool.Exec(t.Context(), q, pgx.StrictNamedArgs{"kind": kind}); err != nil {
		t.Fatal(err)
	}
	patience := time.After(30 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Job.Kind == kind && e.Kind == want {
				return
			}
			if e.Kind == river.EventKindJobFailed {
				t.Fatalf("job %s failed: %+v", e.Job.Kind, e.Job.Errors)
			}
		case <-patience:
			t.Fatalf("job %s: not %s", kind, want)
		}
	}
}

// called is an election of moderators that a first member of eleven called and
// stands in.
func called(t *testing.T, b *audittest.Bench) (*elections.Elections, *age.X25519Identity, []governance.MemberID, governance.ElectionID) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	store, err := elections.New(b.Trail, b.Pool, key.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 11)
	for i := range names {
		names[i] = fmt.Sprintf("Voter %d", 100+i)
	}
	people := memberstest.Join(t, b, names...)
	r, err := store.Call(t.Context(), governance.Actor{Member: people[0]}, members.Moderators)
	if err != nil {
		t.Fatal(err)
	}
	id := governance.ElectionID(r.Subject.ID())
	if _, err := store.Stand(t.Context(), governance.Actor{Member: people[0]}, id, "I would read every case."); err != nil {
		t.Fatal(err)
	}
	return store, key, people, id
}

// TestJobsCarryAnElectionToItsEnd lets a client work every job of an election,
// each too early and a second time as well.
func TestJobsCarryAnElectionToItsEnd(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	store, key, people, id := called(t, b)
	client, err := NewClient(b.Pool, slog.New(slog.DiscardHandler), Elections(store, key))
	if err != nil {
		t.Fatal(err)
	}
	events, unsubscribe := client.Subscribe(river.EventKindJobCompleted, river.EventKindJobSnoozed, river.EventKindJobFailed)
	defer unsubscribe()
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop client: %v", err)
		}
	})
	again := func(args river.JobArgs) {
		t.Helper()
		if _, err := client.Insert(t.Context(), args, nil); err != nil {
			t.Fatal(err)
		}
		due(t, b, events, args.Kind(), river.EventKindJobCompleted)
	}
	stage := elections.AdvanceArgs{Election: id, From: elections.Nomination}

	due(t, b, events, stage.Kind(), river.EventKindJobSnoozed)
	b.Travel(8 * 24 * time.Hour)
	due(t, b, events, stage.Kind(), river.EventKindJobCompleted)
	for _, m := range people {
		secret := sha256.Sum256([]byte(m.String()))
		if _, _, err := store.Cast(t.Context(), governance.Actor{Member: m}, id, []int{1}, secret[:]); err != nil {
			t.Fatal(err)
		}
	}
	b.Travel(8 * 24 * time.Hour)
	due(t, b, events, stage.Kind(), river.EventKindJobCompleted)
	due(t, b, events, elections.CountArgs{}.Kind(), river.EventKindJobCompleted)
	again(stage)
	again(elections.CountArgs{Election: id})
	found, err := store.Get(t.Context(), id)
	if err != nil || found.State != elections.Certified || found.Cast != 11 {
		t.Errorf("election %+v, %v; want certified with 11 ballots", found, err)
	}

	end := elections.DestroyArgs{Election: id}
	due(t, b, events, end.Kind(), river.EventKindJobSnoozed)
	b.Travel(91 * 24 * time.Hour)
	due(t, b, events, end.Kind(), river.EventKindJobCompleted)
	again(end)
	const q = `select count(*) from river_job where state <> 'completed'`
	var left int
	if err := b.Pool.QueryRow(t.Context(), q).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d jobs are not completed, %v; each act completes its job", left, err)
	}
}
