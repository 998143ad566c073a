package workers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
)

// shared makes updates of a common direction of the round and as much that is
// the node's own: what honest nodes send.
func shared(a protocol.Assignment) []float32 {
	common, own := random(uint64(a.Base[0])<<8|uint64(a.Base[1])<<16|77, 1000), random(a.Seed^uint64(a.Node)<<32, 1000)
	for i := range common {
		common[i] = (common[i] + own[i]) / 2
	}
	return common
}

// siteWith is a site of n honest nodes of a member each, some of whom do what
// twist says instead.
func siteWith(t *testing.T, n int, twist func(s *site, a protocol.Assignment, honest []float32) []float32) *site {
	t.Helper()
	var owners []governance.MemberID
	for i := range n {
		owners = append(owners, governance.MemberID(i+1))
	}
	s := newSite(t, owners...)
	s.Cases = moderation.New(s.Trail, s.Pool)
	s.update = func(a protocol.Assignment) []float32 { return twist(s, a, shared(a)) }
	return s
}

// is reports whether an assignment is for the i-th node.
func (s *site) is(a protocol.Assignment, i int) bool { return governance.NodeID(a.Node) == s.nodes[i] }

func times(v []float32, by float32) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = by * x
	}
	return out
}

// Eight nodes in two rounds: one sends the opposite of what it trained, one
// thirty times as much, one what another has sent. Each is seen, none is
// silently dropped, and the rounds go on with the rest.
func TestChecksOfARound(t *testing.T) {
	t.Parallel()
	s := siteWith(t, 8, func(s *site, a protocol.Assignment, honest []float32) []float32 {
		switch {
		case s.is(a, 5):
			return times(honest, -1)
		case s.is(a, 6):
			return times(honest, 30)
		case s.is(a, 4), s.is(a, 7):
			return shared(protocol.Assignment{Base: a.Base, Seed: 5, Node: 5})
		}
		return honest
	})
	s.work(Rounds(s.Training))
	c := s.train(2)
	if c.State != rounds.Finished || c.Done != 2 {
		t.Fatalf("campaign: got %+v, want two rounds", c)
	}
	s.checkRecomputed(t, c)
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pass", "pass", "pass", "pass", "pass", "hold", "clip", "reject"}
	for _, r := range all {
		updates, err := s.Training.Rounds.Updates(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Training.Rounds.Checks(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(updates) != 8 || len(found) != 8*20 {
			t.Fatalf("round %d: %d updates and %d findings, want 8 and 160", r.Number, len(updates), len(found))
		}
		for i, u := range updates {
			if u.Outcome != want[i] || (u.Weight == 0) != rounds.Excluded(u.Outcome) || (u.Scale != "") != (u.Outcome == rounds.CheckClip) {
				t.Errorf("round %d, node %d: %s, weight %d, scale %q; want %s", r.Number, u.Node, u.Outcome, u.Weight, u.Scale, want[i])
			}
		}
		if f := findingOf(found, s.nodes[5], checks.Direction); f.Outcome != rounds.CheckHold || f.Threshold != "-0.200000" || !strings.HasPrefix(f.Value, "-0.") {
			t.Errorf("round %d: direction of the opposite: %+v", r.Number, f)
		}
		if f := findingOf(found, s.nodes[7], checks.Duplicate); f.Outcome != rounds.CheckReject || f.Value != "1.000000" {
			t.Errorf("round %d: the copy: %+v", r.Number, f)
		}
		if f := findingOf(found, s.nodes[0], checks.Course); (f.Outcome == rounds.CheckNotRun) != (r.Number == 1) {
			t.Errorf("round %d: course of an honest node: %+v", r.Number, f)
		}
		if f := findingOf(found, s.nodes[0], "spot"); f.Value != "0" || f.Outcome != rounds.CheckNotRun || !strings.Contains(f.Note, "not on public data") {
			t.Errorf("round %d: spot check of an honest node: %+v", r.Number, f)
		}
	}
	s.checkConsequences(c, all)
}

// checkConsequences looks at trust, cases, counts, the log and what is forgotten.
func (s *site) checkConsequences(c rounds.Campaign, all []rounds.Round) {
	t := s.t
	t.Helper()
	counts, err := s.Training.Rounds.CheckCounts(t.Context(), c.ID)
	if want := (rounds.CheckCounts{Updates: 16, Clipped: 2, Held: 2, Rejected: 2}); err != nil || counts != want {
		t.Errorf("counts: got %+v, %v, want %+v", counts, err, want)
	}
	for i, n := range s.nodes {
		var valid int
		if err := s.Pool.QueryRow(t.Context(), `select valid from nodes where id = $1`, n).Scan(&valid); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 0, false: 2}[i == 5 || i == 7]; valid != want {
			t.Errorf("node %d has %d valid updates in a row, want %d", n, valid, want)
		}
	}
	var cases []moderation.Case
	s.until("cases", func() bool {
		if cases, err = s.Cases.OfNode(t.Context(), s.nodes[5], 0, s.Training.Rounds.Now()); err != nil {
			t.Fatal(err)
		}
		return len(cases) == 2
	})
	first := cases[1]
	if first.Owner != 6 || first.About != string(governance.RefTo(rounds.RefRound, all[0].ID)) || !strings.HasPrefix(first.Held, "direction: -0.") {
		t.Errorf("the case of the held update: %+v", first)
	}
	changes, err := s.Log.Changes(t.Context(), audit.Filter{Kinds: []string{"round.aggregated"}, Limit: 10})
	if err != nil || len(changes) != 2 {
		t.Fatalf("entries of aggregates: %d, %v", len(changes), err)
	}
	ev := changes[1].Event.(rounds.RoundAggregated)
	if !slices.Equal(ev.Held, s.nodes[5:6]) || !slices.Equal(ev.Clipped, s.nodes[6:7]) || !slices.Equal(ev.Rejected, s.nodes[7:8]) || len(ev.Checks) != 64 {
		t.Errorf("entry of the first aggregate: %+v", ev.Checked)
	}
	if got := fmt.Sprint(ev.Sentence()); !strings.Contains(got, "6 } { updates") || !strings.Contains(got, "1 held by the checks") || !strings.Contains(got, "1 rejected") {
		t.Errorf("sentence: %q", got)
	}
	var left int
	if err := s.Pool.QueryRow(t.Context(), `select count(*) from update_sketches`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d sketches are left after the campaign, %v", left, err)
	}
}

func findingOf(found []rounds.Check, node governance.NodeID, name string) rounds.Check {
	for _, f := range found {
		if f.Node == node && f.Name == name {
			return f
		}
	}
	return rounds.Check{}
}

// Of two nodes the second sends what the first sent: one member's update would remain, and the
// round is abandoned with what the checks said.
func TestRoundOfWhichTooLittleIsLeft(t *testing.T) {
	t.Parallel()
	s := siteWith(t, 2, func(s *site, a protocol.Assignment, honest []float32) []float32 {
		return random(uint64(a.Base[0]), 1000)
	})
	s.work(Rounds(s.Training))
	c := s.train(1)
	if c.State != rounds.Stopped || !strings.Contains(c.Reason, "the checks left 1 of 2 updates, of fewer than two members") {
		t.Fatalf("campaign: %s, %q", c.State, c.Reason)
	}
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		found, err := s.Training.Rounds.Checks(t.Context(), r.ID)
		if err != nil || findingOf(found, s.nodes[1], checks.Duplicate).Outcome != rounds.CheckReject || !r.Checkpoint.IsZero() {
			t.Errorf("round %d, attempt %d: checkpoint %v, %+v, %v", r.Number, r.Attempt, r.Checkpoint, found, err)
		}
	}
	changes, err := s.Log.Changes(t.Context(), audit.Filter{Kinds: []string{"round.abandoned"}, Limit: 10})
	if err != nil || len(changes) != 3 {
		t.Fatalf("%d entries of abandoned rounds, %v; want 3", len(changes), err)
	}
	if ev := changes[0].Event.(rounds.RoundAbandoned); !slices.Equal(ev.Rejected, s.nodes[1:]) {
		t.Errorf("entry of the abandoned round: %+v", ev)
	}
}

// Nobody looks at single updates where the recipe promises privacy.
func TestPrivateRoundsAreNotLookedAt(t *testing.T) {
	t.Parallel()
	s := siteWith(t, 5, func(s *site, a protocol.Assignment, honest []float32) []float32 {
		if s.is(a, 4) {
			return times(honest, -1)
		}
		return honest
	})
	s.recipe = func(r *protocol.Recipe) {
		r.Privacy = protocol.Privacy{Clip: "1", Noise: "1", Delta: "0.00001", Ceiling: "100", Rounds: 10}
	}
	s.work(Rounds(s.Training))
	c := s.train(1)
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Training.Rounds.Checks(t.Context(), all[0].ID)
	if err != nil || len(found) != 5*20 {
		t.Fatalf("%d findings, %v", len(found), err)
	}
	for _, f := range found {
		told := f.Value != "" && f.Name != checks.Share && f.Name != checks.Noise && f.Name != checks.NodeFilter && f.Name != "spot"
		if told || rounds.Excluded(f.Outcome) {
			t.Errorf("a private round tells %+v", f)
		}
	}
	var kept int
	if err := s.Pool.QueryRow(t.Context(), `select coalesce(sum(valid), 0) from nodes`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("trust of %d is earned where nobody looked, %v", kept, err)
	}
}

// A file and memory give the same updates.
func TestGatheredUpdates(t *testing.T) {
	values := [][]float32{random(1, 3*span+5), random(2, 3*span+5)}
	file, err := NewSpool(2, len(values[0]))
	if err != nil {
		t.Fatal(err)
	}
	u := &updates{place: map[governance.NodeID]int{4: 0, 9: 1}, file: file}
	for i, v := range values {
		if err := file.Set(i, v); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]float32, len(values[1]))
	if err := u.copy(got, 9); err != nil || !slices.Equal(got, values[1]) {
		t.Errorf("second update from the file: %v, other values", err)
	}
	if err := u.copy(got, 5); err == nil {
		t.Error("an update that was not read is copied")
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

func TestLayersOfAHeader(t *testing.T) {
	list := []safetensors.Tensor{
		{Name: "z.norm", Shape: []int{4}, DType: safetensors.F32}, {Name: "model.embed_tokens.weight", Shape: []int{6, 4}, DType: safetensors.F32},
		{Name: "a.weight", Shape: []int{4, 2}, DType: safetensors.F32},
	}
	got, err := layersOf(safetensors.Header(list))
	want := []checks.Layer{{Name: "z.norm", Len: 4}, {Name: "model.embed_tokens.weight", Len: 24, Cols: 4}, {Name: "a.weight", Len: 8}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("layers: got %+v, %v, want %+v", got, err, want)
	}
}

func TestFewerLeftThanTheRuleNeeds(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		rule                    string
		f, updates, members, in int
		found                   int
		ok                      bool
	}{
		{"one member", "", 0, 3, 1, 8, 1, false},
		{"fewer than the recipe goes on with", "", 0, 3, 3, 8, 2, false},
		{"enough", "", 0, 4, 4, 8, 2, true},
		{"the hostile ones are out", protocol.Krum, 2, 5, 5, 7, 2, true},
		{"more are out than the recipe feared", protocol.Krum, 2, 4, 4, 7, 3, true},
		{"too few to bear the one that is left", protocol.Krum, 2, 4, 4, 5, 1, false},
	} {
		c := &combiner{in: rounds.Inputs{Updates: make([]rounds.Update, tt.in)}}
		c.in.Recipe.MinReports, c.in.Recipe.Robust = 4, protocol.Robust{Rule: tt.rule, Byzantine: tt.f}
		if got := c.tooFew(tt.updates, tt.members, tt.found); (got == "") != tt.ok {
			t.Errorf("%s: %q, want that it is enough: %v", tt.name, got, tt.ok)
		}
	}
}

func TestSketchesAreForTheContributorsKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	in := rounds.Inputs{
		Updates: []rounds.Update{{Node: s.nodes[0], Owner: 1}, {Node: s.nodes[1], Owner: 2}},
		Facts:   map[governance.NodeID]rounds.Fact{},
	}
	var sketch checks.Sketch
	sketch[3] = 1 << 20
	bare := sketch.Bytes()
	verdicts := map[governance.NodeID]rounds.Verdict{s.nodes[0]: {Sketch: bare}, s.nodes[1]: {}}
	if err := sealSketches(s.Keys, in, verdicts); err != nil {
		t.Fatal(err)
	}
	sealed := verdicts[s.nodes[0]].Sketch
	if bytes.Contains(sealed, bare[:64]) || verdicts[s.nodes[1]].Sketch != nil {
		t.Error("a sketch is kept bare, or one where there was none")
	}
	in.Facts[s.nodes[0]] = rounds.Fact{Node: s.nodes[0], Past: sealed}
	in.Facts[s.nodes[1]] = rounds.Fact{Node: s.nodes[1], Past: sealed} // of another member: no key of this one opens it
	opened, err := openSketches(s.Keys, in)
	if err != nil || !bytes.Equal(opened.Facts[s.nodes[0]].Past, bare) || opened.Facts[s.nodes[1]].Past != nil {
		t.Errorf("opened: %v, %v", opened.Facts, err)
	}
}

// Honest members of three languages train in earnest for five rounds, and the
// checks hold none of them back.
func TestHonestMembersWhoTrainAreNotHeld(t *testing.T) {
	t.Parallel()
	m, err := llama.Init(tiny, 7)
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t}
	for _, s := range m.Params.Specs() {
		f.tensors = append(f.tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	layers, err := layersOf(safetensors.Header(f.tensors))
	if err != nil {
		t.Fatal(err)
	}
	limits := checks.Limits{Least: 4, Duplicate: 999_000, Norm: 6, Rows: 8, Sparse: 6, Against: 200, Cluster: 980}
	weights := slices.Clone(m.Params.Data)
	past, changed := make([]*checks.Sketch, fleetSize), (*checks.Sketch)(nil)
	for round := range 5 {
		in := checks.Round{Layers: layers, Limits: limits, MaxShare: 500, Seed: [32]byte{9}, Last: changed}
		var sent [][]float32
		for i := range fleetSize {
			sent = append(sent, f.honest(weights, round, i))
			_, name := file(t, f.tensors, sent[i])
			in.Updates = append(in.Updates, checks.Update{Digest: name, Owner: int64(i), Past: past[i], Examples: 1000, Weight: 1000})
		}
		list, err := checks.Run(robust.Memory(sent), in)
		if err != nil {
			t.Fatal(err)
		}
		mean := make([]float32, len(weights))
		for i, v := range list {
			past[i] = &v.Sketch
			for _, found := range v.Findings {
				if found.Outcome == checks.Hold || found.Outcome == checks.Reject {
					t.Errorf("round %d, honest member %d: %+v", round, i, found)
				}
			}
			for k, x := range sent[i] {
				mean[k] += x / fleetSize
			}
		}
		moved := checks.NewSketcher(in.Seed)
		moved.Add(0, mean, 1)
		s := moved.Sketch()
		changed = &s
		for k, x := range mean {
			weights[k] += x
		}
	}
}
