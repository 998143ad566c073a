package rounds_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
	"github.com/jackc/pgx/v5"
)

// drawn is a community on public data whose first round was aggregated, with
// the update of its first node drawn for a spot check.
type drawn struct {
	*opened
	round  training.RoundID
	update training.Digest // that is checked
}

// draw makes a node of each owner; crash may be nil.
func draw(t *testing.T, crash func(string) error, owners ...governance.MemberID) *drawn {
	t.Helper()
	d := &drawn{opened: &opened{Bench: roundstest.New(t, founding, crash), t: t}}
	for _, o := range owners {
		d.nodes = append(d.nodes, d.PublicNode(o, 5000))
	}
	recipe := d.Recipe(1, len(owners))
	recipe.Public = true
	var err error
	if d.campaign, err = d.Rounds.OpenCampaign(t.Context(), job, d.Decide(protocol.MotionTrain, recipe), nil); err != nil {
		t.Fatal(err)
	}
	d.round = d.begin()
	for _, n := range d.nodes {
		d.train(n)
	}
	if err := d.Rounds.CloseCollection(t.Context(), job, d.round); err != nil {
		t.Fatal(err)
	}
	in, err := d.Rounds.Inputs(t.Context(), d.round)
	if err != nil {
		t.Fatal(err)
	}
	res := rounds.Result{
		Epoch: in.Epoch, Checkpoint: training.DigestOf([]byte("w1")), Size: 100, Weights: map[governance.NodeID]int64{},
		Verdicts: map[governance.NodeID]rounds.Verdict{},
	}
	for i, u := range in.Updates {
		v := rounds.Verdict{Outcome: rounds.CheckPass, Divisor: 1, Looked: true, Spot: rounds.SpotSpared}
		if i == 0 {
			v.Spot, d.update = rounds.SpotDrawn, u.Digest
		}
		res.Weights[u.Node], res.Verdicts[u.Node] = u.Examples, v
	}
	if err := d.Rounds.Aggregate(t.Context(), job, d.round, res); err != nil {
		t.Fatal(err)
	}
	if err := d.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// work takes a node's work, after what it has to measure.
func (d *drawn) work(node governance.NodeID) (protocol.Assignment, error) {
	d.t.Helper()
	for {
		a, err := d.Rounds.Next(d.t.Context(), node, 0)
		if err != nil || a.Kind != protocol.Evaluate {
			return a, err
		}
		if err := d.report(protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Refused: "not today"}, node); err != nil {
			d.t.Fatal(err)
		}
	}
}

// share is what the checked node answers.
func (d *drawn) share() protocol.Report {
	d.t.Helper()
	a, err := d.work(d.nodes[0])
	if err != nil || a.Kind != protocol.Share || a.Round != d.round || a.Manifest != roundstest.Manifest(d.nodes[0]) {
		d.t.Fatalf("work of the checked node: %+v, %v; want to share", a, err)
	}
	shard := training.DigestOf([]byte("shard"))
	if err := d.Rounds.Offer(d.t.Context(), a.ID, shard, training.DigestOf([]byte("sealed")), 77); err != nil {
		d.t.Fatal(err)
	}
	return protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Update: shard}
}

// asked returns the open assignment to train the update again.
func (d *drawn) asked(kind string) protocol.Assignment {
	d.t.Helper()
	for _, n := range d.nodes {
		a, err := d.work(n)
		if err == nil && a.Kind == kind {
			return a
		}
	}
	d.t.Fatalf("nobody is asked to %s: %+v", kind, d.spot())
	return protocol.Assignment{}
}

// answer reports what a replay gave.
func (d *drawn) answer(a protocol.Assignment, gave training.Digest) {
	d.t.Helper()
	if err := d.report(protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Update: gave}, governance.NodeID(a.Node)); err != nil {
		d.t.Fatalf("report of node %d: %v", a.Node, err)
	}
}

func (d *drawn) tend() error {
	return d.Rounds.TendSpot(d.t.Context(), job, d.round, d.nodes[0])
}

func (d *drawn) step(want string) rounds.Spot {
	d.t.Helper()
	if err := d.tend(); err != nil {
		d.t.Fatalf("tend: %v", err)
	}
	if err := d.Sequence(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	k := d.spot()
	if k.State != want {
		d.t.Fatalf("spot check: %s (%s), want %s", k.State, k.Reason, want)
	}
	return k
}

func (d *drawn) spot() rounds.Spot {
	d.t.Helper()
	list, err := d.Rounds.Spots(d.t.Context(), d.round, 0)
	if err != nil || len(list) != 1 || list[0].Digest != d.update || list[0].Node != d.nodes[0] {
		d.t.Fatalf("spot checks: %+v, %v; want one, of node %d", list, err, d.nodes[0])
	}
	return list[0]
}

// trust is how many updates of a node count, checked and confirmed.
func (d *drawn) trust(node governance.NodeID) [2]int {
	d.t.Helper()
	var n [2]int
	if err := d.Pool.QueryRow(d.t.Context(), `select valid, confirmed from nodes where id = @id`, pgx.StrictNamedArgs{"id": node}).Scan(&n[0], &n[1]); err != nil {
		d.t.Fatal(err)
	}
	return n
}

var other = training.DigestOf([]byte("another update"))

// trusts makes a node look trusted, so that its end can be seen.
func (d *drawn) trusts(node governance.NodeID) {
	d.t.Helper()
	if _, err := d.Pool.Exec(d.t.Context(), `update nodes set valid = 7, confirmed = 5 where id = @id`, pgx.StrictNamedArgs{"id": node}); err != nil {
		d.t.Fatal(err)
	}
}

// What a spot check comes to: which replays give the update, and what follows
// for trust and for the case.
func TestSpotCheckEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		owners  []governance.MemberID
		replays []bool // gives the update
		state   string
		reason  string
		trust   [2]int // of the checked node, from 7 and 5
		first   [2]int // of the first replayer, from 7 and 5
		cases   int
	}{
		{"an honest node", []governance.MemberID{1, 2, 3}, []bool{true}, rounds.SpotPassed, "same bytes", [2]int{7, 6}, [2]int{7, 5}, 0},
		{"a node that lies", []governance.MemberID{1, 2, 3}, []bool{false, false}, rounds.SpotHeld, "both replays gave the same update", [2]int{0, 0}, [2]int{7, 5}, 1},
		{"a replayer that lies", []governance.MemberID{1, 2, 3}, []bool{false, true}, rounds.SpotPassed, "two of three agree", [2]int{7, 6}, [2]int{0, 0}, 0},
		{"nobody to settle", []governance.MemberID{1, 2, 2}, []bool{false}, rounds.SpotHeld, "no node of a third member", [2]int{0, 0}, [2]int{7, 5}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := draw(t, nil, tt.owners...)
			for _, n := range d.nodes {
				d.trusts(n)
			}
			if err := d.report(d.share(), d.nodes[0]); err != nil {
				t.Fatal(err)
			}
			k := d.step(rounds.SpotReplaying)
			var first governance.NodeID
			for i, same := range tt.replays {
				kind, want := protocol.Replay, rounds.SpotSettling
				if i > 0 {
					kind = protocol.Settle
				}
				if i == len(tt.replays)-1 {
					want = tt.state
				}
				a := d.asked(kind)
				if i == 0 {
					first = governance.NodeID(a.Node)
				}
				if a.Spot == nil || a.Spot.Node != int64(d.nodes[0]) || a.Spot.Size != 77 || a.Spot.Steps != 2 || a.Seed != rounds.TrainingSeed(seedOf(d), d.nodes[0]) || a.Base != founding.Weights {
					t.Fatalf("assignment: %+v, %+v", a, a.Spot)
				}
				if shard, err := d.Rounds.Shard(t.Context(), governance.NodeID(a.Node), a.ID); err != nil || shard.Sealed != training.DigestOf([]byte("sealed")) || shard.Owner != 1 {
					t.Fatalf("what it reads: %+v, %v", shard, err)
				}
				if _, err := d.Rounds.Shard(t.Context(), d.nodes[0], a.ID); !governance.Is(err, governance.NotFound) {
					t.Errorf("what another node reads of it: %v, want not found", err)
				}
				gave := other
				if same {
					gave = d.update
				}
				d.answer(a, gave)
				k = d.step(want)
			}
			if !strings.Contains(k.Reason, tt.reason) || !k.Over() || len(k.Asked) != 1+len(tt.replays) {
				t.Errorf("spot check: %+v, want %q", k, tt.reason)
			}
			if got := d.trust(d.nodes[0]); got != tt.trust {
				t.Errorf("trust of the checked node: %v, want %v", got, tt.trust)
			}
			if got := d.trust(first); got != tt.first {
				t.Errorf("trust of the first replayer: %v, want %v", got, tt.first)
			}
			if n := d.Jobs("open-held-case"); n != tt.cases {
				t.Errorf("cases: %d, want %d", n, tt.cases)
			}
			if err := d.tend(); !governance.Is(err, governance.Conflict) {
				t.Errorf("tending what is over: %v, want a conflict", err)
			}
			if sealed, err := d.Rounds.Sealed(t.Context(), 1); err != nil || !slices.Contains(sealed, training.DigestOf([]byte("sealed"))) {
				t.Errorf("blobs of the contributor: %v, %v; want the shard among them", sealed, err)
			}
		})
	}
}

func seedOf(d *drawn) [32]byte {
	r, err := d.Rounds.Round(d.t.Context(), d.round)
	if err != nil {
		d.t.Fatal(err)
	}
	return [32]byte(r.Seed)
}

// Where nobody shares, or nobody may train it again, the check is not run and
// says why.
func TestSpotCheckThatIsNotRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		owners []governance.MemberID
		do     func(d *drawn)
		reason string
		trust  [2]int
	}{
		{"declined", []governance.MemberID{1, 2}, func(d *drawn) {
			rep := d.share()
			rep.Update, rep.Refused = training.Digest{}, "my limits say no"
			if err := d.report(rep, d.nodes[0]); err != nil {
				d.t.Fatal(err)
			}
		}, "declined to hand over", [2]int{7, 0}},
		{"silent", []governance.MemberID{1, 2}, func(d *drawn) {
			if err := d.tend(); !errors.Is(err, rounds.ErrWaiting) {
				d.t.Errorf("before the deadline: %v, want waiting", err)
			}
			d.Travel(61 * time.Minute)
		}, "did not hand over in time", [2]int{7, 0}},
		{"no public node of another member", []governance.MemberID{1, 2}, func(d *drawn) {
			if _, err := d.Pool.Exec(d.t.Context(), `update manifests set public = false where owner = 2`); err != nil {
				d.t.Fatal(err)
			}
			if err := d.report(d.share(), d.nodes[0]); err != nil {
				d.t.Fatal(err)
			}
		}, "no node of another member", [2]int{7, 5}},
		{"three replayers that do not", []governance.MemberID{1, 2, 3, 4, 5}, func(d *drawn) {
			if err := d.report(d.share(), d.nodes[0]); err != nil {
				d.t.Fatal(err)
			}
			d.step(rounds.SpotReplaying)
			a := d.asked(protocol.Replay)
			if err := d.report(protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Refused: "too big"}, governance.NodeID(a.Node)); err != nil {
				d.t.Fatal(err)
			}
			d.step(rounds.SpotReplaying)
			d.Travel(61 * time.Minute) // one that is silent
			d.step(rounds.SpotReplaying)
			d.Travel(61 * time.Minute)
		}, "asked to train it again: 3", [2]int{7, 5}},
		{"forgotten meanwhile", []governance.MemberID{1, 2}, func(d *drawn) {
			if _, err := d.Pool.Exec(d.t.Context(), `update updates set destroyed_at = clock_timestamp() where owner = 1`); err != nil {
				d.t.Fatal(err)
			}
		}, "forgotten by decision", [2]int{7, 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := draw(t, nil, tt.owners...)
			d.trusts(d.nodes[0])
			tt.do(d)
			if k := d.step(rounds.SpotNotRun); !strings.Contains(k.Reason, tt.reason) {
				t.Errorf("reason: %q, want %q", k.Reason, tt.reason)
			}
			if got := d.trust(d.nodes[0]); got != tt.trust {
				t.Errorf("trust: %v, want %v", got, tt.trust)
			}
			if n := d.Jobs("open-held-case"); n != 0 {
				t.Errorf("%d cases about a check that was not run", n)
			}
			for _, n := range d.nodes {
				if a, err := d.work(n); err == nil {
					t.Errorf("node %d is still asked to %s", n, a.Kind)
				}
			}
		})
	}
}

// A crash inside any step leaves the check as it was, and the same step again
// carries it out once. A report that comes twice is one, one of an earlier step
// is refused, and of two servers one takes the step.
func TestSpotCheckSurvivesCrashesAndRaces(t *testing.T) {
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
	d := draw(t, crash, 1, 2, 3)
	ctx := t.Context()
	step := func(at string, act func(context.Context) error) {
		t.Helper()
		var before, after int
		count(t, d.opened, &before)
		was := d.spot()
		arm(at)
		if err := act(ctx); !errors.Is(err, errCrash) {
			t.Fatalf("%s: got %v, want the crash", at, err)
		}
		arm("")
		count(t, d.opened, &after)
		if is := d.spot(); before != after || is.State != was.State {
			t.Errorf("%s: the crash left %d rows or entries, and %s after %s", at, after-before, is.State, was.State)
		}
		errs := make([]error, 4) // as several servers would
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { errs[i] = act(ctx) })
		}
		wait.Wait()
		took := 0
		for _, err := range errs {
			switch {
			case err == nil:
				took++
			case !governance.Is(err, governance.Conflict) && !errors.Is(err, rounds.ErrWaiting):
				t.Errorf("%s: %v", at, err)
			}
		}
		if took == 0 {
			t.Errorf("%s: nobody took the step: %v", at, errs)
		}
		if err := d.Sequence(ctx); err != nil {
			t.Fatal(err)
		}
	}
	entries := func(kind string, want int) {
		t.Helper()
		var n int
		if err := d.Pool.QueryRow(ctx, `select count(*) from audit_entries where kind = @kind`, pgx.StrictNamedArgs{"kind": kind}).Scan(&n); err != nil || n != want {
			t.Errorf("%d entries of %s, %v; want %d", n, kind, err, want)
		}
	}
	rep, actor := d.share(), governance.Node(d.nodes[0], d.Operation())
	step("report share", func(ctx context.Context) error { return d.Rounds.Report(ctx, actor, rep) })
	if err := d.report(rep, d.nodes[0]); !governance.Is(err, governance.Conflict) {
		t.Errorf("the same share under another operation: %v, want a conflict", err)
	}
	entries("spot.shared", 1)
	step("spot sharing→replaying", func(context.Context) error { return d.tend() })
	entries("spot.asked", 1)
	silent := d.asked(protocol.Replay)
	d.Travel(61 * time.Minute)
	step("spot replaying→replaying", func(context.Context) error { return d.tend() })
	late := governance.NodeID(silent.Node)
	if err := d.report(protocol.Report{Assignment: silent.ID, Epoch: silent.Epoch, Update: other}, late); !governance.Is(err, governance.Conflict) {
		t.Errorf("a replay that comes after another node was asked: %v, want a conflict", err)
	}
	a := d.asked(protocol.Replay)
	if governance.NodeID(a.Node) == late || a.Epoch != silent.Epoch+1 {
		t.Errorf("asked next: %+v, want another node than %d in the next epoch", a, late)
	}
	by := governance.NodeID(a.Node)
	for _, wrong := range []struct {
		name string
		node governance.NodeID
		rep  protocol.Report
		kind governance.Kind
	}{
		{"of an old epoch", by, protocol.Report{Assignment: a.ID, Epoch: a.Epoch - 1, Update: d.update}, governance.Conflict},
		{"of another node", d.nodes[0], protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Update: d.update}, governance.NotFound},
		{"of nothing", by, protocol.Report{Assignment: a.ID, Epoch: a.Epoch}, governance.Invalid},
		{"by an external trainer", by, protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Update: d.update, Trainer: "torch 2 cpu"}, governance.Invalid},
	} {
		if err := d.report(wrong.rep, wrong.node); !governance.Is(err, wrong.kind) {
			t.Errorf("a replay %s: %v, want kind %d", wrong.name, err, wrong.kind)
		}
	}
	gave, operation := protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Update: other}, governance.Node(by, d.Operation())
	step("report replay", func(ctx context.Context) error { return d.Rounds.Report(ctx, operation, gave) })
	entries("spot.replayed", 1)
	step("spot replaying→held", func(context.Context) error { return d.tend() }) // the third member was asked before
	entries("spot.ended", 1)
	if k := d.spot(); k.State != rounds.SpotHeld || hit != 5 {
		t.Errorf("after all crashes: %+v, %d crashes; want it held and 5", k, hit)
	}
	if err := d.Rounds.TendSpot(ctx, governance.Member(1, d.Operation()), d.round, d.nodes[0]); !governance.Is(err, governance.Forbidden) {
		t.Errorf("a member tends a spot check: %v, want forbidden", err)
	}
}

// A campaign on public data draws among nodes that declare it, and others stay
// as they were.
func TestPublicCampaignsAskPublicNodes(t *testing.T) {
	t.Parallel()
	for _, public := range []bool{false, true} {
		o := &opened{Bench: roundstest.New(t, founding, nil), t: t}
		o.nodes = []governance.NodeID{o.PublicNode(1, 5000), o.Node(2, 6000), o.PublicNode(3, 6000), o.Node(4, 6000)}
		recipe := o.Recipe(1, 2)
		recipe.Public, recipe.Cohort = public, 4
		var err error
		if o.campaign, err = o.Rounds.OpenCampaign(t.Context(), job, o.Decide(protocol.MotionTrain, recipe), nil); err != nil {
			t.Fatal(err)
		}
		want := o.nodes
		if public {
			want = []governance.NodeID{o.nodes[0], o.nodes[2]}
		}
		if r := o.want(o.begin(), rounds.Collecting); !slices.Equal(r.Cohort, want) || r.Present != len(want) {
			t.Errorf("public %v: asked %v of %d, want %v", public, r.Cohort, r.Present, want)
		}
	}
}
