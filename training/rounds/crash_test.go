package rounds_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

// A crash inside any transition leaves the round as it was; the same step
// again carries it out, once. After the commit, the same step again is a
// Conflict and changes nothing.
func TestEveryTransitionSurvivesACrashOnBothSides(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	point, hit := "", 0
	crash := func(at string) error {
		mu.Lock()
		defer mu.Unlock()
		if at == point {
			hit++
			return errCrash
		}
		return nil
	}
	arm := func(at string) { mu.Lock(); point = at; mu.Unlock() }
	o := &opened{Bench: roundstest.New(t, founding, crash), t: t}
	o.nodes = []governance.NodeID{o.Node(1, 5000), o.Node(2, 6000)}
	decision := o.Decide(protocol.MotionTrain, o.Recipe(1, 2))
	ctx := t.Context()

	// step runs one act with a crash before its commit, then again, then once
	// more as after a crash that lost the answer.
	step := func(at string, act func(context.Context) error, state string) {
		t.Helper()
		before := 0
		count(t, o, &before)
		arm(at)
		if err := act(ctx); !errors.Is(err, errCrash) {
			t.Fatalf("%s: got %v, want the crash", at, err)
		}
		arm("")
		after := 0
		count(t, o, &after)
		if before != after {
			t.Errorf("%s: the crash left %d rows or entries", at, after-before)
		}
		if err := act(ctx); err != nil {
			t.Fatalf("%s after the crash: %v", at, err)
		}
		count(t, o, &before)
		if err := act(ctx); err != nil && !governance.Is(err, governance.Conflict) {
			t.Errorf("%s repeated: got %v, want a conflict or the first answer", at, err)
		}
		count(t, o, &after)
		if before != after {
			t.Errorf("%s: repeating it left %d rows or entries", at, after-before)
		}
		if state != "" {
			o.want(o.running().ID, state)
		}
	}
	step("open campaign", func(ctx context.Context) (err error) {
		id, err := o.Rounds.OpenCampaign(ctx, job, decision, nil)
		if err == nil {
			o.campaign = id
		}
		return err
	}, rounds.Planned)
	id := o.running().ID
	step("planned→collecting", func(ctx context.Context) error { return o.Rounds.Open(ctx, job, id) }, rounds.Collecting)
	if err := o.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range o.nodes {
		rep, actor := o.update(o.next(n)), governance.Node(n, o.Operation())
		step("report train", func(ctx context.Context) error { return o.Rounds.Report(ctx, actor, rep) }, rounds.Collecting)
	}
	step("collecting→aggregating", func(ctx context.Context) error { return o.Rounds.CloseCollection(ctx, job, id) }, rounds.Aggregating)
	step("aggregating→evaluating", func(context.Context) error { return o.mean(id, "w1") }, rounds.Evaluating)
	o.measure(falling)
	step("evaluating→accepted", func(ctx context.Context) error { return o.Rounds.Judge(ctx, job, id) }, rounds.Accepted)
	if hit != 7 {
		t.Errorf("crashes: got %d, want 7", hit)
	}
	if r := o.want(id, rounds.Accepted); r.Updates != 2 || r.Weight != 11000 {
		t.Errorf("after all crashes: got %d updates of weight %d, want 2 of 11000", r.Updates, r.Weight)
	}
}

var errCrash = errors.New("crash")

// count adds up everything that an act may write.
func count(t *testing.T, o *opened, n *int) {
	t.Helper()
	const q = `
		select (select count(*) from audit_entries) + (select count(*) from campaigns) + (select count(*) from rounds)
			+ (select coalesce(sum(epoch), 0) from rounds) + (select count(*) from assignments) + (select count(*) from updates)
			+ (select count(*) from assignments where state <> 'open') + (select count(*) from river_job)
			+ (select count(*) from checkpoints) + (select count(*) from audit_operations)`
	if err := o.Pool.QueryRow(t.Context(), q).Scan(n); err != nil {
		t.Fatal(err)
	}
}
