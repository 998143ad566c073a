package workers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// everyone is three members with four nodes, the last of which is slow, small
// and has text that the model does badly on.
func everyone() []rounds.Candidate {
	return []rounds.Candidate{
		{Node: 1, Owner: 1, Memory: 8 << 30, Speed: 1000, RoundTrip: 10, Examples: 1000, Loss: 2000, Duration: 10, LastRound: 1, Strata: map[string][]string{"hardware": {"amd64"}}},
		{Node: 2, Owner: 1, Memory: 8 << 30, Speed: 1000, RoundTrip: 20, Examples: 1000, Loss: 2000, Duration: 10, LastRound: 1, Strata: map[string][]string{"hardware": {"amd64"}}},
		{Node: 3, Owner: 2, Memory: 8 << 30, Speed: 1000, RoundTrip: 30, Examples: 1000, Loss: 2100, Duration: 10, LastRound: 1, Strata: map[string][]string{"hardware": {"amd64"}}},
		{Node: 4, Owner: 3, Memory: 1 << 30, Speed: 50, RoundTrip: 400, Examples: 9000, Loss: 4000, Duration: 50, LastRound: 1, Strata: map[string][]string{"hardware": {"arm64"}}},
	}
}

func TestChooseByTheRecipe(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rule   protocol.Selection
		in     []governance.NodeID // that must be asked
		out    []governance.NodeID // that must not
		reason string              // given to somebody
	}{
		{"uniform", protocol.Selection{}, nil, nil, "by lot"},
		{"one node of each member", protocol.Selection{MemberCap: 1}, []governance.NodeID{3, 4}, nil, "member's cap"},
		{"memory", protocol.Selection{MinMemory: 2048}, nil, []governance.NodeID{4}, "not enough memory: 2048 MiB needed, 1024 there"},
		{"speed", protocol.Selection{MinSpeed: 100}, nil, []governance.NodeID{4}, "too slow"},
		{"in time", protocol.Selection{Rule: protocol.Resource}, nil, []governance.NodeID{4}, "too slow"},
		{"floor", protocol.Selection{Rule: protocol.Diverse, Strata: "hardware", Floor: 1}, []governance.NodeID{4}, nil, "chosen for the floor of hardware arm64"},
		{"oort", protocol.Selection{Rule: protocol.Oort}, nil, nil, "chosen because"},
		{"proximity", protocol.Selection{Rule: protocol.Proximity}, nil, nil, "chosen because"},
	} {
		in := rounds.Choosing{Seed: [32]byte{7}, Number: 60, Asked: 3, Candidates: everyone()}
		in.Recipe = protocol.Recipe{Cohort: 3, Steps: 10, BatchTokens: 1000, Deadline: 60, Selection: tt.rule}
		drawn, err := Choose(in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		asked, words := map[governance.NodeID]bool{}, ""
		for _, d := range drawn {
			asked[d.Node] = d.Chosen
			words += d.Reason + "\n"
			if d.Reason == "" {
				t.Errorf("%s: node %d has no reason", tt.name, d.Node)
			}
		}
		if len(drawn) != 4 || slices.ContainsFunc(tt.in, func(n governance.NodeID) bool { return !asked[n] }) ||
			slices.ContainsFunc(tt.out, func(n governance.NodeID) bool { return asked[n] }) || !strings.Contains(words, tt.reason) {
			t.Errorf("%s: got %+v, want %v in, %v out, and “%s”", tt.name, drawn, tt.in, tt.out, tt.reason)
		}
	}
}

// The draw of a round is kept with its reasons and strata, and many nodes that
// are not needed are told when to come back.
func TestDrawIsKeptAndPacesNodes(t *testing.T) {
	t.Parallel()
	owners := make([]governance.MemberID, 20)
	for i := range owners {
		owners[i] = governance.MemberID(i + 1)
	}
	s := newSite(t, owners...)
	const capable = `update heartbeats set capabilities = '{"cpu":"amd64","threads":2,"memory":1,"os":"","program":"","kernel":"","accelerator":""}'`
	if _, err := s.Pool.Exec(t.Context(), capable); err != nil {
		t.Fatal(err)
	}
	r := s.Recipe(1, 2)
	r.Selection.MemberCap = 1
	id, err := s.Training.Rounds.OpenCampaign(t.Context(), governance.Job("enact"), s.Decide(protocol.MotionTrain, r), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Training.Rounds.Rounds(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Training.Rounds.Open(t.Context(), governance.Job("open"), all[0].ID); err != nil {
		t.Fatal(err)
	}
	round, err := s.Training.Rounds.Round(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := s.Training.Rounds.Draws(t.Context(), round.ID)
	if err != nil || len(drawn) != 20 || round.Present != 20 {
		t.Fatalf("drawn from %d of %d present: %v", len(drawn), round.Present, err)
	}
	for _, d := range drawn {
		if d.Chosen != slices.Contains(round.Cohort, d.Node) || d.Reason == "" {
			t.Errorf("kept %+v, asked %v", d, round.Cohort)
		}
	}
	if strata, err := round.StrataAsked(); err != nil || strata["hardware"]["amd64"] != len(round.Cohort) {
		t.Errorf("strata %v, %v, want %d of hardware amd64", strata, err, len(round.Cohort))
	}
	for _, n := range s.nodes {
		back, err := s.uploads.ComeBack(t.Context(), n)
		asked := slices.Contains(round.Cohort, n)
		if err != nil || back.IsZero() != asked || !asked && back.Before(time.Now()) {
			t.Errorf("node %d, asked %v, comes back at %v, %v", n, asked, back, err)
		}
	}
}

// A campaign ends in public when its members have spent what the ceiling
// allows, with the rounds that were done.
func TestPrivacyCeilingEndsTheCampaign(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	s.recipe = func(r *protocol.Recipe) {
		r.Privacy = protocol.Privacy{Noise: "1", Clip: "0.5", Delta: "0.00001", Ceiling: "20", Rounds: 2}
		r.Selection.MemberCap = 1
	}
	s.work(Rounds(s.Training))
	c := s.train(5)
	if c.State != rounds.Finished || c.Done != 2 || !strings.Contains(c.Reason, "3 of 3 members have reached the ceiling of privacy, ε = 20") {
		t.Fatalf("campaign: %s after %d rounds, %q; want finished after 2, by the ceiling", c.State, c.Done, c.Reason)
	}
	spent, err := s.Training.Rounds.Spent(t.Context(), c.ID)
	if err != nil || len(spent) != 3 || spent[1] != 2 {
		t.Errorf("spent: %v, %v, want 2 rounds of each member", spent, err)
	}
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil || all[0].Epsilon == "" || all[1].Epsilon <= all[0].Epsilon {
		t.Errorf("ε after the rounds: %q and %q, %v; want it to grow", all[0].Epsilon, all[1].Epsilon, err)
	}
}

// Four of nine nodes of one member are one voice: a robust rule cannot be
// outvoted by machines.
func TestMachinesOfOneMemberAreOneVoice(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3, 4, 4, 4, 4)
	honest := s.update
	s.update = func(a protocol.Assignment) []float32 {
		v := honest(a)
		for i := range v {
			if s.owner[governance.NodeID(a.Node)] == 4 {
				v[i] = 50
			} else {
				v[i] = 0.01 * float32(i%7)
			}
		}
		return v
	}
	s.recipe = func(r *protocol.Recipe) {
		r.UpdateNorm = "0"
		r.Robust = protocol.Robust{Rule: protocol.Median, Byzantine: 1}
		r.MinReports = 7
	}
	s.work(Rounds(s.Training))
	c := s.train(1)
	if c.State != rounds.Finished {
		t.Fatalf("campaign: %+v", c)
	}
	before, after := s.weights(s.Base), s.weights(c.Head)
	for i := range after {
		if d := after[i] - before[i]; d < -1e-6 || d > 0.07 {
			t.Fatalf("parameter %d moved by %g, want what three of four members say, %g", i, d, 0.01*float64(i%7))
		}
	}
}
