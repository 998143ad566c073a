package workers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
)

// forget carries out the decision to forget a member in a campaign and returns
// the case in the state wanted.
func (s *site) forget(cases *unlearning.Store, campaign training.CampaignID, member governance.MemberID, state string) unlearning.Case {
	s.t.Helper()
	decision := s.Decide(protocol.MotionUnlearn, protocol.Forget{Campaign: int64(campaign), Contributor: int64(member), Method: "rollback"})
	id, err := cases.Open(s.t.Context(), governance.Job("enact"), decision, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var c unlearning.Case
	s.until("unlearning case", func() bool {
		if c, err = cases.Case(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
		if c.State == unlearning.Failed && state != unlearning.Failed {
			s.t.Fatalf("the case failed: %s; verdict %+v", c.Reason, c.Verdict)
		}
		return c.State == state
	})
	return c
}

// never computes, slowly and by itself, what a campaign gives in which a
// member's records never were: the recorded cohorts without the member, the
// recorded seeds, from the checkpoint before the first round that counts.
func (s *site) never(campaign training.CampaignID, member governance.MemberID, from int) training.Digest {
	s.t.Helper()
	all, err := s.Training.Rounds.Rounds(s.t.Context(), campaign)
	if err != nil {
		s.t.Fatal(err)
	}
	var weights []float32
	digest := s.Base
	for _, r := range all {
		if r.State != rounds.Accepted || r.Number < from {
			continue
		}
		if weights == nil {
			weights, digest = s.weights(r.Base), r.Base
		}
		updates, err := s.Training.Rounds.Updates(s.t.Context(), r.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		least := int64(1 << 60) // of two members, neither may have more than half
		for _, u := range updates {
			if u.Owner != member {
				least = min(least, u.Examples)
			}
		}
		sum, total := make([]float64, len(weights)), 0.0
		for _, u := range updates {
			if u.Owner == member {
				continue
			}
			change := s.update(protocol.Assignment{Node: int64(u.Node), Seed: rounds.TrainingSeed(r.Seed, u.Node), Base: digest})
			for i := range sum {
				sum[i] += float64(least) * float64(change[i])
			}
			total += float64(least)
		}
		for i := range weights {
			weights[i] += float32(sum[i] / total)
		}
		data, next := file(s.t, s.tensors, weights)
		if err := s.Blobs.Put(s.t.Context(), next, int64(len(data)), bytes.NewReader(data)); err != nil {
			s.t.Fatal(err)
		}
		digest = next
	}
	return digest
}

func (s *site) weights(d training.Digest) []float32 {
	s.t.Helper()
	blob, err := s.Blobs.Open(s.t.Context(), d)
	if err != nil {
		s.t.Fatal(err)
	}
	defer blob.Close()
	f, err := formOf(blob)
	if err != nil {
		s.t.Fatal(err)
	}
	data := make([]byte, blob.Size())
	if _, err := blob.ReadAt(data, 0); err != nil {
		s.t.Fatal(err)
	}
	return decodeFloats(data[len(f.header):])
}

func newCases(s *site) *unlearning.Store {
	return unlearning.New(s.Trail, s.Pool, s.Training.Rounds)
}

// The whole way: three members train, one of them from the second round on;
// their records are forgotten; the weights are those of a campaign in which
// they never were, the old version is gone, and the log tells it all.
func TestUnlearningGivesTheModelThatNeverSaw(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	cases := newCases(s)
	s.refuses = func(a protocol.Assignment) bool {
		return a.Kind == protocol.Train && a.Node == int64(s.nodes[2]) && a.Number == 1
	}
	s.work(Rounds(s.Training), Unlearning(s.Training, cases))
	campaign := s.train(3)
	s.until("version", func() bool {
		v, err := s.Training.Models.Served(t.Context())
		return err == nil && v.Weights == campaign.Head
	})
	want := s.never(campaign.ID, 3, 2)

	c := s.forget(cases, campaign.ID, 3, unlearning.Closed)
	if c.FirstRound != 2 || c.Marked != 2 || c.Result != want || c.Destroyed != 2 || !c.Verdict.Passed {
		t.Errorf("case: got %+v, want from round 2, two checkpoints tainted, two updates destroyed, result %s", c, want)
	}
	if same := s.never(campaign.ID, 99, 2); same == want {
		t.Errorf("leaving nobody out gives the same weights: the comparison says nothing")
	}
	served, err := s.Training.Models.Served(t.Context())
	if err != nil || served.Weights != want || served.ID != c.Version {
		t.Errorf("served: got %+v, %v, want the clean version %d", served, err, c.Version)
	}
	if old, err := s.Training.Models.Version(t.Context(), 2); err != nil || old.State != models.Withdrawn || !slices.Equal(c.Withdrawn, []training.VersionID{2}) {
		t.Errorf("the tainted version: got %s, %v, want withdrawn", old.State, err)
	}
	s.checkVerdict(c)
	s.checkCertificate(cases, c)
	s.checkGone(campaign.ID)
	s.checkLog(c)

	// A month later, by the policy, nothing is left of the tainted weights.
	const due = `update river_job set scheduled_at = now(), state = 'available' where kind = 'destroy-tainted'`
	if _, err := s.Pool.Exec(t.Context(), due); err != nil {
		t.Fatal(err)
	}
	s.until("destruction", func() bool {
		left, err := s.Training.Models.Tainted(t.Context(), c.ID)
		return err == nil && len(left) == 0
	})
	if _, err := s.Blobs.Stat(t.Context(), campaign.Head); !governance.Is(err, governance.NotFound) {
		t.Errorf("the tainted weights: got %v, want not found", err)
	}
	if _, err := s.Blobs.Stat(t.Context(), c.Result); err != nil {
		t.Errorf("the clean weights: %v", err)
	}
}

func (s *site) checkVerdict(c unlearning.Case) {
	s.t.Helper()
	values := map[string]unlearning.Check{}
	for _, check := range c.Verdict.Checks {
		values[check.ID] = check
		if !check.Passed {
			s.t.Errorf("%s: got %+v, want passed", check.ID, check)
		}
	}
	if v2 := values["V2"]; v2.Before != "60.000000" || v2.Value != "33.000000" || !v2.Gates {
		s.t.Errorf("coin flips: got %+v, want 60 before and 33 after", v2)
	}
	if v1 := values["V1"]; v1.Gates || v1.Before != "10.000000" || v1.High == "" {
		s.t.Errorf("canaries: got %+v, want 10 bits before, a band, and no gate", v1)
	}
	auditors := map[string]int{}
	for _, a := range c.Verdict.Audits {
		auditors[a.Auditor]++
	}
	if len(auditors) != 3 || auditors["platform"] != 2 {
		s.t.Errorf("audits: got %v, want the platform twice and two nodes", auditors)
	}
}

func (s *site) checkCertificate(cases *unlearning.Store, c unlearning.Case) {
	s.t.Helper()
	cert, err := protocol.Decode[unlearning.Certificate](c.Certificate)
	if err != nil {
		s.t.Fatalf("certificate: %v", err)
	}
	if cert.Result != c.Result || len(cert.Rounds) != 2 || len(cert.Suppressed) != 1 || cert.Suppressed[0].Records != 7 || cert.Version != c.Version {
		s.t.Errorf("certificate: got %+v", cert)
	}
	for _, r := range cert.Rounds {
		if !slices.Equal(r.Cohort, s.nodes) || !slices.Equal(r.Remained, s.nodes[:2]) || r.Before == r.After {
			s.t.Errorf("replayed round %d: got %+v, want the recorded cohort without node %d", r.Number, r, s.nodes[2])
		}
		for _, u := range r.Updates {
			if !u.Recorded {
				s.t.Errorf("round %d: node %d trained on another manifest", r.Number, u.Node)
			}
		}
	}
	again, err := cases.Draft(s.t.Context(), c.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if data, err := again.Bytes(); err != nil || !bytes.Equal(data, c.Certificate) {
		s.t.Errorf("the certificate written again differs (%v)", err)
	}
}

// checkGone looks for the forgotten updates.
func (s *site) checkGone(campaign training.CampaignID) {
	s.t.Helper()
	all, err := s.Training.Rounds.Rounds(s.t.Context(), campaign)
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := s.Training.Rounds.Inputs(s.t.Context(), all[2].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Blobs.Stat(s.t.Context(), in.Updates[2].Sealed); !governance.Is(err, governance.NotFound) {
		s.t.Errorf("the contributor's update: got %v, want not found", err)
	}
	if _, err := s.Keys.Contributor(3); err == nil {
		s.t.Errorf("the contributor's key is still there")
	}
}

// checkLog rebuilds versions and rounds from the entries.
func (s *site) checkLog(c unlearning.Case) {
	s.t.Helper()
	changes, err := s.Log.Changes(s.t.Context(), audit.Filter{Limit: 500, Kinds: []string{
		"version.imported", "version.published", "campaign.opened", "round.opened", "round.abandoned", "round.closed", "update.received",
		"task.declined", "round.measured", "round.aggregated", "round.judged", "unlearning.opened", "unlearning.replay",
		"unlearning.reported", "unlearning.verification", "unlearning.judged", "unlearning.published", "unlearning.closed",
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	state := audit.NewState()
	for _, change := range slices.Backward(changes) {
		if r, ok := change.Event.(audit.Replayer); ok {
			if err := r.Replay(state, translog.Entry{}); err != nil {
				s.t.Errorf("replay %s: %v", change.Kind, err)
			}
		}
	}
	if len(state.Versions) != 2 || state.Versions[int64(c.Version)] != c.Result.Hex() {
		s.t.Errorf("versions from the log: got %v, want the founding one and %d", state.Versions, c.Version)
	}
	checkTampering(s.t, state, c)
}

// checkTampering holds the certificate against the log, as it is and with one
// thing changed.
func checkTampering(t *testing.T, state *audit.State, c unlearning.Case) {
	t.Helper()
	for name, change := range map[string]func(*unlearning.Certificate){
		"":             func(*unlearning.Certificate) {},
		"result":       func(c *unlearning.Certificate) { c.Result = c.Tainted },
		"clean":        func(c *unlearning.Certificate) { c.Clean = c.Tainted },
		"seed":         func(c *unlearning.Certificate) { c.Rounds[1].Seed = c.Clean },
		"update":       func(c *unlearning.Certificate) { c.Rounds[0].Updates[1].Digest = c.Clean },
		"round":        func(c *unlearning.Certificate) { c.Rounds = c.Rounds[:1] },
		"other cohort": func(c *unlearning.Certificate) { c.Rounds[0].Remained[0] = 99 },
		"withdrawn":    func(c *unlearning.Certificate) { c.Withdrawn = append(c.Withdrawn, 1) },
		"verdict":      func(c *unlearning.Certificate) { c.Verdict.Checks[1].Passed = false },
		"audit":        func(c *unlearning.Certificate) { c.Verdict.Audits[0].Got = "0" },
	} {
		cert, err := protocol.Decode[unlearning.Certificate](c.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		change(&cert)
		if err := cert.Check(state); (err == nil) != (name == "") {
			t.Errorf("certificate with another %q: got %v", name, err)
		}
	}
}

// A clean version that gives the records away is not published, whatever the
// replay says: another copy of them must be somewhere.
func TestRememberingVersionFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	s.remembers = true
	cases := newCases(s)
	s.work(Rounds(s.Training), Unlearning(s.Training, cases))
	campaign := s.train(1)
	c := s.forget(cases, campaign.ID, 3, unlearning.Failed)
	if c.Verdict.Passed || c.Version != 0 || c.Reason == "" {
		t.Errorf("case: got %+v, want a verdict that refuses", c)
	}
	if _, err := s.Keys.Contributor(3); err != nil {
		t.Errorf("the key of a failed case: %v", err)
	}
}

// Of two members one is forgotten: a mean of the other's updates alone would
// show them, so the rounds are skipped and the model from before is served.
func TestForgettingOneOfTwoGoesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	s.loss = func(training.Digest) float64 { return 2.6 }
	cases := newCases(s)
	s.work(Rounds(s.Training), Unlearning(s.Training, cases))
	campaign := s.train(2)
	s.until("version", func() bool {
		v, err := s.Training.Models.Served(t.Context())
		return err == nil && v.Weights == campaign.Head
	})
	c := s.forget(cases, campaign.ID, 2, unlearning.Closed)
	if c.Result != s.Base || c.Version != 0 {
		t.Errorf("case: got result %s and version %d, want the founding weights", c.Result, c.Version)
	}
	if v, err := s.Training.Models.Served(t.Context()); err != nil || v.ID != 1 {
		t.Errorf("served: got %d, %v, want the founding version", v.ID, err)
	}
	if _, err := s.Training.Rounds.OpenCampaign(t.Context(), governance.Job("enact"), s.decideFrom(campaign.Head), nil); !governance.Is(err, governance.Invalid) {
		t.Errorf("a campaign from tainted weights: got %v, want invalid", err)
	}
}

func (s *site) decideFrom(base training.Digest) governance.EntryID {
	recipe := s.Recipe(1, 2)
	recipe.Base = base.Hex()
	return s.Decide(protocol.MotionTrain, recipe)
}

// Two members are forgotten one after the other: the second replay leaves both
// out, and goes back to the earlier of their rounds.
func TestSecondCaseLeavesBothOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3, 4)
	cases := newCases(s)
	s.refuses = func(a protocol.Assignment) bool {
		return a.Kind == protocol.Train && a.Node == int64(s.nodes[3]) && a.Number == 1
	}
	s.work(Rounds(s.Training), Unlearning(s.Training, cases))
	campaign := s.train(2)
	first := s.forget(cases, campaign.ID, 3, unlearning.Closed)
	second := s.forget(cases, campaign.ID, 4, unlearning.Closed)
	if first.FirstRound != 1 || second.FirstRound != 1 || second.Tainted != first.Result {
		t.Errorf("cases: got first rounds %d and %d, tainted %s, want 1 and 1 and %s", first.FirstRound, second.FirstRound, second.Tainted, first.Result)
	}
	replay, err := s.Training.Rounds.Rounds(t.Context(), second.Replay)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replay {
		if !slices.Equal(r.Cohort, s.nodes[:2]) {
			t.Errorf("round %d of the second replay: got nodes %v, want %v", r.Number, r.Cohort, s.nodes[:2])
		}
	}
	if again, err := cases.Open(t.Context(), governance.Job("enact"), s.Decide(protocol.MotionUnlearn, protocol.Forget{Campaign: int64(campaign.ID), Contributor: 4, Method: "rollback"}), nil); !governance.Is(err, governance.Invalid) {
		t.Errorf("the same once more: got %d, %v, want invalid", again, err)
	}
}

// Every transition of a case: a commit that fails leaves nothing, the same act
// again carries it out, and once more changes nothing.
func TestCaseSurvivesACrashOnBothSides(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	cases := newCases(s)
	s.work(Rounds(s.Training))
	campaign := s.train(1)
	s.until("version", func() bool {
		v, err := s.Training.Models.Served(t.Context())
		return err == nil && v.Weights == campaign.Head
	})
	decision := s.Decide(protocol.MotionUnlearn, protocol.Forget{Campaign: int64(campaign.ID), Contributor: 3, Method: "rollback"})
	ctx, job := t.Context(), governance.Job("test")
	var id training.UnlearningID
	step := func(name string, act func() error) {
		t.Helper()
		before := s.rows()
		s.breakCommits(true)
		if err := act(); err == nil {
			t.Fatalf("%s: a commit that fails was not noticed", name)
		}
		s.breakCommits(false)
		if after := s.rows(); after != before {
			t.Errorf("%s: the crash left %d rows", name, after-before)
		}
		if err := act(); err != nil {
			t.Fatalf("%s after the crash: %v", name, err)
		}
		before = s.rows()
		if err := act(); !governance.Is(err, governance.Conflict) && !governance.Is(err, governance.Unavailable) {
			t.Errorf("%s repeated: got %v, want a conflict", name, err)
		}
		if after := s.rows(); after != before {
			t.Errorf("%s: repeating it left %d rows", name, after-before)
		}
	}
	step("open", func() error {
		got, err := cases.Open(ctx, job, decision, nil)
		if err == nil {
			id = got
		}
		return err
	})
	if err := cases.Replay(ctx, job, id); !errors.Is(err, rounds.ErrWaiting) {
		t.Errorf("replay before the suppression: got %v, want %v", err, rounds.ErrWaiting)
	}
	s.answer()
	step("replay", func() error { return cases.Replay(ctx, job, id) })
	if err := cases.Verify(ctx, job, id); !errors.Is(err, rounds.ErrWaiting) {
		t.Errorf("verify during the replay: got %v, want %v", err, rounds.ErrWaiting)
	}
	c, err := cases.Case(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s.until("replay", func() bool {
		r, err := s.Training.Rounds.Campaign(ctx, c.Replay)
		return err == nil && r.State == rounds.Finished
	})
	step("verify", func() error { return cases.Verify(ctx, job, id) })
	for s.answer() {
	}
	if c, err = cases.Case(ctx, id); err != nil {
		t.Fatal(err)
	}
	step("judge", func() error { return cases.Judge(ctx, job, id, c.Epoch, unlearning.Verdict{Passed: true}) })
	p := models.Publication{Name: "clean", Weights: c.Result, Parent: 1, Campaign: c.Replay, Card: "card"}
	step("publish", func() error { return cases.Publish(ctx, job, id, p) })
	step("close", func() error { return cases.Close(ctx, job, id, []byte("{}")) })
	if err := cases.Judge(ctx, governance.Member(1, s.Operation()), id, 1, unlearning.Verdict{}); !governance.Is(err, governance.Forbidden) {
		t.Errorf("a verdict by a member: got %v, want forbidden", err)
	}
}

// breakCommits makes every act fail at its commit, the last moment there is.
func (s *site) breakCommits(on bool) {
	s.t.Helper()
	q := `drop trigger test_crash on audit_entries`
	if on {
		q = `
			create or replace function test_crash() returns trigger language plpgsql as 'begin raise exception ''crash''; end';
			create constraint trigger test_crash after insert on audit_entries deferrable initially deferred
			for each row execute function test_crash()`
	}
	if _, err := s.Pool.Exec(s.t.Context(), q); err != nil {
		s.t.Fatal(err)
	}
}

// rows adds up everything that an act of a case may write; the replay's rounds
// go on meanwhile.
func (s *site) rows() (n int) {
	s.t.Helper()
	const q = `
		select (select count(*) from audit_entries where kind like 'unlearning.%') + (select coalesce(sum(epoch), 0) from unlearning_cases)
			+ (select count(*) from campaigns) + (select count(*) from versions) + (select count(*) from assignments where unlearning is not null)
			+ (select count(*) from checkpoints where tainted_by is not null) + (select count(*) from versions where state = 'withdrawn')
			+ (select count(*) from updates where destroyed_at is not null)`
	if err := s.Pool.QueryRow(s.t.Context(), q).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func decodeFloats(data []byte) []float32 {
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}
