package rounds_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

var founding = roundstest.Founding{Weights: training.DigestOf([]byte("w0")), Size: 100}

// job acts for the platform.
var job = governance.Job("test")

// opened is a community of two members with three nodes whose campaign has its
// first round collecting.
type opened struct {
	*roundstest.Bench
	campaign training.CampaignID
	nodes    []governance.NodeID
	t        *testing.T
}

func open(t *testing.T, count int, crash func(string) error) *opened {
	t.Helper()
	o := &opened{Bench: roundstest.New(t, founding, crash), t: t}
	o.nodes = []governance.NodeID{o.Node(1, 5000), o.Node(2, 6000), o.Node(2, 7000)}
	var err error
	if o.campaign, err = o.Rounds.OpenCampaign(t.Context(), job, o.Decide(protocol.MotionTrain, o.Recipe(count, 3)), nil); err != nil {
		t.Fatalf("open campaign: %v", err)
	}
	return o
}

// running returns the campaign's newest round.
func (o *opened) running() rounds.Round {
	o.t.Helper()
	all, err := o.Rounds.Rounds(o.t.Context(), o.campaign)
	if err != nil || len(all) == 0 {
		o.t.Fatalf("rounds: %v, %v", all, err)
	}
	return all[len(all)-1]
}

func (o *opened) begin() training.RoundID {
	o.t.Helper()
	r := o.running()
	if err := o.Rounds.Open(o.t.Context(), job, r.ID); err != nil {
		o.t.Fatalf("open round %d: %v", r.ID, err)
	}
	if err := o.Sequence(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	return r.ID
}

// next takes a node's work.
func (o *opened) next(node governance.NodeID) protocol.Assignment {
	o.t.Helper()
	a, err := o.Rounds.Next(o.t.Context(), node, 0)
	if err != nil {
		o.t.Fatalf("work of node %d: %v", node, err)
	}
	return a
}

// update is what a node would report after training.
func (o *opened) update(a protocol.Assignment) protocol.Report {
	o.t.Helper()
	digest := training.DigestOf(fmt.Append(nil, "update ", a.Node, a.Seed))
	if err := o.Rounds.Offer(o.t.Context(), a.ID, digest, training.DigestOf(digest[:]), 100); err != nil {
		o.t.Fatalf("offer: %v", err)
	}
	return protocol.Report{
		Assignment: a.ID, Epoch: a.Epoch, Update: digest, Examples: 1 << 40, Tokens: 32, Manifest: roundstest.Manifest(governance.NodeID(a.Node)),
	}
}

func (o *opened) report(rep protocol.Report, node governance.NodeID) error {
	return o.Rounds.Report(o.t.Context(), governance.Node(node, o.Operation()), rep)
}

func (o *opened) train(node governance.NodeID) {
	o.t.Helper()
	if err := o.report(o.update(o.next(node)), node); err != nil {
		o.t.Fatalf("report of node %d: %v", node, err)
	}
}

// mean aggregates with every update's own examples.
func (o *opened) mean(id training.RoundID, name string) error {
	o.t.Helper()
	in, err := o.Rounds.Inputs(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	res := rounds.Result{Epoch: in.Epoch, Checkpoint: training.DigestOf([]byte(name)), Size: 100, Weights: map[governance.NodeID]int64{}}
	for _, u := range in.Updates {
		res.Weights[u.Node] = u.Examples
	}
	return o.Rounds.Aggregate(o.t.Context(), job, id, res)
}

// measure lets every node measure what it is asked to, with a loss per weights.
func (o *opened) measure(loss func(training.Digest) float64) {
	o.t.Helper()
	for _, n := range o.nodes {
		for {
			a, err := o.Rounds.Next(o.t.Context(), n, 0)
			if governance.Is(err, governance.NotFound) {
				break
			}
			if err != nil || a.Kind != protocol.Evaluate {
				o.t.Fatalf("measure: %+v, %v", a, err)
			}
			l := loss(a.Base)
			rep := protocol.Report{
				Assignment: a.ID, Epoch: a.Epoch, Loss: protocol.Sums{Records: 50, Tokens: 500, Sum: 50 * l, Squares: 50 * l * l},
				Unigram: protocol.Sums{Records: 50, Tokens: 500, Sum: 150, Squares: 450},
			}
			if err := o.report(rep, n); err != nil {
				o.t.Fatalf("measure: %v", err)
			}
		}
	}
}

func (o *opened) want(id training.RoundID, state string) rounds.Round {
	o.t.Helper()
	r, err := o.Rounds.Round(o.t.Context(), id)
	if err != nil || r.State != state {
		o.t.Fatalf("round %d: got %s (%s), %v, want %s", id, r.State, r.Reason, err, state)
	}
	return r
}

func falling(d training.Digest) float64 {
	switch d {
	case founding.Weights:
		return 3
	case training.DigestOf([]byte("w1")):
		return 2.5
	}
	return 2.4
}

func TestCampaignRunsToItsLastRound(t *testing.T) {
	t.Parallel()
	o := open(t, 2, nil)
	for number := 1; number <= 2; number++ {
		id := o.begin()
		r := o.want(id, rounds.Collecting)
		if r.Number != number || len(r.Cohort) != 3 {
			t.Fatalf("round: got %+v, want number %d with three nodes", r, number)
		}
		for _, n := range o.nodes {
			o.train(n)
		}
		if err := o.Rounds.CloseCollection(t.Context(), job, id); err != nil {
			t.Fatal(err)
		}
		if err := o.mean(id, fmt.Sprintf("w%d", number)); err != nil {
			t.Fatal(err)
		}
		o.measure(falling)
		if err := o.Rounds.Judge(t.Context(), job, id); err != nil {
			t.Fatal(err)
		}
		o.want(id, rounds.Accepted)
	}
	all, _ := o.Rounds.Rounds(t.Context(), o.campaign)
	if got := all[1]; got.LossBase != "3.000000" || got.LossBefore != "2.500000" || got.LossAfter != "2.400000" || got.Records != 150 || got.Unigram != "3.000000" {
		t.Errorf("figures of round 2: got %+v", got)
	}
	c, err := o.Rounds.Campaign(t.Context(), o.campaign)
	if err != nil || c.State != rounds.Finished || c.Head != training.DigestOf([]byte("w2")) || c.Done != 2 {
		t.Errorf("campaign: got %+v, %v, want finished with w2", c, err)
	}
	if n := o.Jobs("publish-version"); n != 1 {
		t.Errorf("publishing jobs: got %d, want 1", n)
	}
	o.replays(map[training.RoundID]string{all[0].ID: rounds.Accepted, all[1].ID: rounds.Accepted})
}

// replays rebuilds the rounds from the log alone and compares.
func (o *opened) replays(want map[training.RoundID]string) {
	o.t.Helper()
	changes, err := o.Log.Changes(o.t.Context(), audit.Filter{Limit: 500, Kinds: []string{
		"version.imported", "campaign.opened", "round.waits", "round.opened", "round.abandoned", "round.closed", "update.received",
		"task.declined", "round.measured", "round.aggregated", "round.judged",
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	s := audit.NewState()
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		if len(c.Sentence) == 0 {
			o.t.Errorf("%s has no sentence", c.Kind)
		}
		if r, ok := c.Event.(audit.Replayer); ok {
			if err := r.Replay(s, translog.Entry{}); err != nil {
				o.t.Errorf("replay %s: %v", c.Kind, err)
			}
		}
	}
	for id, state := range want {
		stored, err := o.Rounds.Round(o.t.Context(), id)
		if err != nil {
			o.t.Fatal(err)
		}
		got, err := s.Round(int64(id))
		if err != nil || got.State != state || got.State == rounds.Accepted && (got.Checkpoint != stored.Checkpoint.Hex() || len(got.Updates) != stored.Updates || got.Figures["loss_after"] != stored.LossAfter) {
			o.t.Errorf("round %d from the log: got %+v, %v, want %s as stored %+v", id, got, err, state, stored)
		}
	}
}

func TestAssignmentsCarryACoveringMandate(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	a := o.next(o.nodes[0])
	again := o.next(o.nodes[0])
	if again.ID != a.ID {
		t.Errorf("asking again: got assignment %d, want %d", again.ID, a.ID)
	}
	if err := a.Verify(o.Server.Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("signature: %v", err)
	}
	granted, err := a.Mandate.Check(o.Verifier, translog.Checkpoint{})
	if err != nil {
		t.Fatalf("mandate: %v", err)
	}
	if err := protocol.Covers(granted, a); err != nil {
		t.Errorf("the mandate does not cover its assignment: %v", err)
	}
	r := o.want(id, rounds.Collecting)
	if a.Round != id || a.Base != founding.Weights || a.Seed != rounds.TrainingSeed(r.Seed, o.nodes[0]) || a.Weight != 5000 {
		t.Errorf("assignment: got %+v", a)
	}
	if _, err := o.Rounds.Next(t.Context(), 999, 0); !governance.Is(err, governance.NotFound) {
		t.Errorf("work of a node that was not drawn: got %v, want not found", err)
	}
}

func TestReportsThatHaveNoEffect(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	a := o.next(o.nodes[0])
	good := o.update(a)
	for _, tt := range []struct {
		name string
		node governance.NodeID
		rep  func() protocol.Report
		kind governance.Kind
	}{
		{"of an old epoch", o.nodes[0], func() protocol.Report { r := good; r.Epoch--; return r }, governance.Conflict},
		{"of another node", o.nodes[1], func() protocol.Report { return good }, governance.NotFound},
		{"of an update that never came", o.nodes[0], func() protocol.Report { r := good; r.Update = training.DigestOf(nil); return r }, governance.Invalid},
		{"without examples", o.nodes[0], func() protocol.Report { r := good; r.Examples = 0; return r }, governance.Invalid},
		{"below zero", o.nodes[0], func() protocol.Report { r := good; r.Tokens = -1; return r }, governance.Invalid},
		{"without a manifest", o.nodes[0], func() protocol.Report { r := good; r.Manifest = training.Digest{}; return r }, governance.Invalid},
	} {
		if err := o.report(tt.rep(), tt.node); !governance.Is(err, tt.kind) {
			t.Errorf("a report %s: got %v, want kind %d", tt.name, err, tt.kind)
		}
	}
	if r := o.want(id, rounds.Collecting); r.Updates != 0 {
		t.Errorf("updates after refused reports: got %d, want 0", r.Updates)
	}
	if err := o.report(good, o.nodes[0]); err != nil {
		t.Errorf("the good report after the refused ones: %v", err)
	}
	if err := o.report(good, o.nodes[0]); !governance.Is(err, governance.Conflict) {
		t.Errorf("the same report under another operation: got %v, want a conflict", err)
	}
}

// Twenty equal requests at once, as a node's retries over a bad line: one
// update, the same answer to all.
func TestParallelReportsCountOnce(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	rep := o.update(o.next(o.nodes[0]))
	actor := governance.Node(o.nodes[0], o.Operation())
	errs := make([]error, 20)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = o.Rounds.Report(t.Context(), actor, rep) })
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if r := o.want(id, rounds.Collecting); r.Updates != 1 {
		t.Errorf("updates: got %d, want 1", r.Updates)
	}
	if n, err := o.Rounds.Updates(t.Context(), id); err != nil || n[0].Examples != 5000 {
		t.Errorf("examples: got %+v, %v, want no more than the manifest's 5000", n, err)
	}
}

func TestLateReportsAreRefused(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	late := o.next(o.nodes[0])
	rep := o.update(late)
	for _, n := range o.nodes[1:] {
		o.train(n)
	}
	if err := o.Rounds.CloseCollection(t.Context(), job, id); !errors.Is(err, rounds.ErrWaiting) {
		t.Errorf("close before the deadline: got %v, want %v", err, rounds.ErrWaiting)
	}
	o.Travel(61 * time.Second)
	if err := o.report(rep, o.nodes[0]); !governance.Is(err, governance.Conflict) {
		t.Errorf("report after the deadline: got %v, want a conflict", err)
	}
	// Members 1 and 2 have to be there: only member 2 reported.
	if err := o.Rounds.CloseCollection(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if r := o.want(id, rounds.Abandoned); r.Reason != "the updates are of one member, and their mean would show them" {
		t.Errorf("reason: got %q", r.Reason)
	}
	again := o.running()
	if again.Number != 1 || again.Attempt != 2 || again.State != rounds.Planned || again.Seed == o.want(id, rounds.Abandoned).Seed {
		t.Errorf("the next attempt: got %+v, want round 1 planned again with another seed", again)
	}
	lease, err := o.Rounds.Renew(t.Context(), o.nodes[0], protocol.Renewal{Assignment: late.ID, Epoch: late.Epoch})
	if err != nil || !lease.Cancelled {
		t.Errorf("lease after the round: got %+v, %v, want cancelled", lease, err)
	}
}

func TestCampaignStopsAfterThreeFailedAttempts(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	for range 3 {
		id := o.begin()
		o.train(o.nodes[0])
		o.Travel(61 * time.Second)
		if err := o.Rounds.CloseCollection(t.Context(), job, id); err != nil {
			t.Fatal(err)
		}
		o.want(id, rounds.Abandoned)
	}
	c, err := o.Rounds.Campaign(t.Context(), o.campaign)
	if err != nil || c.State != rounds.Stopped || c.Reason != "round 1 failed 3 times: 1 of 3 updates came by the deadline, 2 are needed" {
		t.Errorf("campaign: got %s, %q, %v, want stopped", c.State, c.Reason, err)
	}
}

func TestRoundWaitsForNodes(t *testing.T) {
	t.Parallel()
	o := &opened{Bench: roundstest.New(t, founding, nil), t: t}
	o.nodes = []governance.NodeID{o.Node(1, 5000), o.Node(1, 5000), o.Node(2, 10)}
	var err error
	if o.campaign, err = o.Rounds.OpenCampaign(t.Context(), job, o.Decide(protocol.MotionTrain, o.Recipe(1, 2)), nil); err != nil {
		t.Fatal(err)
	}
	id := o.running().ID
	before := o.Jobs("open-round")
	if err := o.Rounds.Open(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if after := o.Jobs("open-round"); after != before+1 { // the job that opened it is completed by the act
		t.Errorf("jobs that will look again: got %d, want %d", after, before+1)
	}
	o.want(id, rounds.Selecting) // two nodes of one member; the other's text is too short
	if err := o.Rounds.Open(t.Context(), job, id); !errors.Is(err, rounds.ErrWaiting) {
		t.Errorf("open again: got %v, want %v", err, rounds.ErrWaiting)
	}
	o.nodes = append(o.nodes, o.Node(3, 5000))
	if err := o.Rounds.Open(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if r := o.want(id, rounds.Collecting); len(r.Cohort) < 2 {
		t.Errorf("cohort: got %v, want two or more", r.Cohort)
	}
}

// TestRoundWaitsForNobodyElse wants more nodes than there are: it waits while
// one is away, and for nobody when all are here.
func TestRoundWaitsForNobodyElse(t *testing.T) {
	t.Parallel()
	o := &opened{Bench: roundstest.New(t, founding, nil), t: t}
	o.nodes = []governance.NodeID{o.Node(1, 5000), o.Node(2, 5000), o.Node(3, 5000), o.Node(3, 10)} // of the last the text is too short
	var err error
	if o.campaign, err = o.Rounds.OpenCampaign(t.Context(), job, o.Decide(protocol.MotionTrain, o.Recipe(1, 4)), nil); err != nil {
		t.Fatal(err)
	}
	id := o.running().ID
	seen := func(node governance.NodeID, at string) {
		t.Helper()
		if _, err := o.Pool.Exec(t.Context(), `update heartbeats set seen_at = $2::timestamptz where node = $1`, node, at); err != nil {
			t.Fatal(err)
		}
	}
	seen(o.nodes[1], "2020-01-01")
	if err := o.Rounds.Open(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	o.want(id, rounds.Selecting)
	seen(o.nodes[1], "2100-01-01")
	if err := o.Rounds.Open(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if r := o.want(id, rounds.Collecting); len(r.Cohort) != 3 {
		t.Errorf("cohort: got %v, want the three that are here", r.Cohort)
	}
}

func TestWorseRoundIsRejectedAndTriedAgain(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	for _, n := range o.nodes {
		o.train(n)
	}
	if err := o.Rounds.CloseCollection(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if err := o.mean(id, "worse"); err != nil {
		t.Fatal(err)
	}
	if err := o.Rounds.Judge(t.Context(), job, id); !errors.Is(err, rounds.ErrWaiting) {
		t.Errorf("judge before anybody measured: got %v, want %v", err, rounds.ErrWaiting)
	}
	o.measure(func(d training.Digest) float64 {
		if d == founding.Weights {
			return 3
		}
		return 3.04 // more than the one per cent that the policy allows
	})
	if err := o.Rounds.Judge(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	o.want(id, rounds.Rejected)
	if again := o.running(); again.Attempt != 2 || again.Base != founding.Weights {
		t.Errorf("the next attempt: got %+v, want attempt 2 from the same base", again)
	}
	o.replays(map[training.RoundID]string{id: rounds.Rejected})
}

func TestOnlyTheDecisionOpensACampaign(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	wrong := o.Recipe(1, 3)
	wrong.Base = training.DigestOf([]byte("nothing")).Hex()
	for _, tt := range []struct {
		name     string
		actor    governance.Actor
		decision governance.EntryID
		kind     governance.Kind
	}{
		{"by a member", governance.Member(1, o.Operation()), o.Decide(protocol.MotionTrain, o.Recipe(1, 3)), governance.Forbidden},
		{"without a decision", job, 1, governance.NotFound},
		{"to unlearn", job, o.Decide(protocol.MotionUnlearn, protocol.Forget{Campaign: 1, Contributor: 1, Method: "rollback"}), governance.Invalid},
		{"from unknown weights", job, o.Decide(protocol.MotionTrain, wrong), governance.NotFound},
	} {
		if _, err := o.Rounds.OpenCampaign(t.Context(), tt.actor, tt.decision, nil); !governance.Is(err, tt.kind) {
			t.Errorf("open a campaign %s: got %v, want kind %d", tt.name, err, tt.kind)
		}
	}
}
