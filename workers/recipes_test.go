package workers

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
)

// encode writes what a node sends, in the form that the recipe decides.
func (s *site) encode(a protocol.Assignment, values []float32) ([]byte, training.Digest) {
	s.t.Helper()
	plain, digest := file(s.t, s.tensors, values)
	if a.Recipe.Server.Rule == protocol.Scaffold {
		plain = append(plain, plain...)
		return plain, training.DigestOf(plain)
	}
	if a.Recipe.Up.Codec == "" {
		return plain, digest
	}
	settings, err := codecOf(a.Recipe, a.Seed)
	if err != nil {
		s.t.Fatal(err)
	}
	var kept []float32
	if settings.Codec.Feedback() {
		if s.kept == nil {
			s.kept = map[governance.NodeID][]float32{}
		}
		if kept = s.kept[governance.NodeID(a.Node)]; kept == nil {
			kept = make([]float32, len(values))
			s.kept[governance.NodeID(a.Node)] = kept
		}
	}
	data, err := compress.Encode(values, kept, settings)
	if err != nil {
		s.t.Fatal(err)
	}
	return data, training.DigestOf(data)
}

// member is what a slow reference knows of one update.
type memberUpdate struct {
	change   []float32
	examples int64
}

// reference computes a campaign again by a step of its own, with the updates
// of a member left out from a round on: what a campaign gives in which they
// never were.
func (s *site) reference(campaign training.CampaignID, without governance.MemberID, from int, step func(weights []float32, updates []memberUpdate)) training.Digest {
	s.t.Helper()
	all, err := s.Training.Rounds.Rounds(s.t.Context(), campaign)
	if err != nil {
		s.t.Fatal(err)
	}
	weights, digest := s.weights(s.Base), s.Base
	for _, r := range all {
		if r.State != rounds.Accepted {
			continue
		}
		updates, err := s.Training.Rounds.Updates(s.t.Context(), r.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		if r.Number >= from {
			updates = slices.DeleteFunc(updates, func(u rounds.Update) bool { return u.Owner == without })
		}
		counted, err := Weigh(updates, 500)
		if err != nil {
			s.t.Fatal(err)
		}
		var list []memberUpdate
		for _, u := range updates {
			change := s.update(protocol.Assignment{Node: int64(u.Node), Seed: rounds.TrainingSeed(r.Seed, u.Node), Base: digest})
			list = append(list, memberUpdate{change, counted[u.Node]})
		}
		step(weights, list)
		data, next := file(s.t, s.tensors, weights)
		if err := s.Blobs.Put(s.t.Context(), next, int64(len(data)), bytes.NewReader(data)); err != nil {
			s.t.Fatal(err)
		}
		digest = next
	}
	return digest
}

// slowMean is FedAvg, read aloud.
func slowMean(updates []memberUpdate) []float32 {
	out := make([]float32, len(updates[0].change))
	for i := range out {
		sum, total := 0.0, 0.0
		for _, u := range updates {
			sum += float64(float64(u.examples) * float64(u.change[i]))
			total += float64(u.examples)
		}
		out[i] = float32(sum / total)
	}
	return out
}

// slowAdam is Algorithm 2 of Reddi et al. (2021), read aloud.
func slowAdam(rate, b1, b2, tau float64) func([]float32, []memberUpdate) {
	var m, v []float32
	return func(weights []float32, updates []memberUpdate) {
		if m == nil {
			m, v = make([]float32, len(weights)), make([]float32, len(weights))
			for i := range v {
				v[i] = float32(tau * tau)
			}
		}
		for i, d32 := range slowMean(updates) {
			d := float64(d32)
			m[i] = float32(float64(b1*float64(m[i])) + float64((1-b1)*d))
			v[i] = float32(float64(b2*float64(v[i])) + float64((1-b2)*float64(d*d)))
			weights[i] = float32(float64(weights[i]) + float64(rate*float64(m[i]))/(math.Sqrt(float64(v[i]))+tau))
		}
	}
}

// slowMedian clips each member to the median norm and takes the median of
// every coordinate.
func slowMedian(weights []float32, updates []memberUpdate) {
	var norms []float64
	for _, u := range updates {
		sum := 0.0
		for _, v := range u.change {
			sum += float64(v) * float64(v)
		}
		norms = append(norms, math.Sqrt(sum))
	}
	limit := slices.Sorted(slices.Values(norms))[(len(norms)-1)/2]
	for i := range weights {
		var column []float64
		for k, u := range updates {
			f := min(1, limit/norms[k])
			column = append(column, float64(float32(f*float64(u.change[i]))))
		}
		slices.Sort(column)
		n := len(column)
		weights[i] += float32((column[(n-1)/2] + column[n/2]) / 2)
	}
}

// Forgetting is exact whatever the server's rule keeps from round to round:
// its state goes back with the weights, and a robust rule sees the members who
// remain.
func TestUnlearningRollsBackTheServerToo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		recipe func(*protocol.Recipe)
		step   func() func([]float32, []memberUpdate)
		state  bool
		owners []governance.MemberID // the last one is forgotten
		from   int                   // round in which that one begins
	}{
		{"fedadam", func(r *protocol.Recipe) {
			r.Server = protocol.Server{Rule: protocol.FedAdam, Rate: "0.01", Momentum: "0.9", Beta2: "0.99", Tau: "0.001"}
		}, func() func([]float32, []memberUpdate) { return slowAdam(0.01, 0.9, 0.99, 0.001) }, true, []governance.MemberID{1, 2, 3, 4}, 2},
		{"median", func(r *protocol.Recipe) {
			r.Robust = protocol.Robust{Rule: protocol.Median, Byzantine: 1}
			r.MinReports, r.Selection.MemberCap = 3, 1
		}, func() func([]float32, []memberUpdate) { return slowMedian }, false, []governance.MemberID{1, 2, 3, 4}, 2},
		// two who remain withstand nobody, and the median is their mean
		{"median of few", func(r *protocol.Recipe) {
			r.Robust = protocol.Robust{Rule: protocol.Median, Byzantine: 1}
			r.MinReports, r.Selection.MemberCap = 3, 1
		}, func() func([]float32, []memberUpdate) { return slowMedian }, false, []governance.MemberID{1, 2, 3}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.owners...)
			last := len(tt.owners) - 1
			s.recipe = tt.recipe
			cases := newCases(s)
			s.refuses = func(a protocol.Assignment) bool {
				return a.Kind == protocol.Train && a.Node == int64(s.nodes[last]) && a.Number < tt.from
			}
			s.work(Rounds(s.Training), Unlearning(s.Training, cases))
			c := s.train(3)
			if c.State != rounds.Finished || c.Done != 3 {
				t.Fatalf("campaign: %+v", c)
			}
			if got := s.reference(c.ID, 99, 1, tt.step()); got != c.Head {
				t.Fatalf("the campaign ended with %s, the reference with %s", c.Head, got)
			}
			s.until("version", func() bool { v, err := s.Training.Models.Served(t.Context()); return err == nil && v.Weights == c.Head })
			want := s.reference(c.ID, tt.owners[last], tt.from, tt.step())
			closed := s.forget(cases, c.ID, tt.owners[last], unlearning.Closed)
			if closed.Result != want || want == c.Head {
				t.Errorf("forgotten: got %s, want %s, which is not %s", closed.Result, want, c.Head)
			}
			replay, err := s.Training.Rounds.Rounds(t.Context(), closed.Replay)
			if err != nil {
				t.Fatal(err)
			}
			all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if (replay[0].ServerBase != nil) != tt.state || tt.state && *replay[0].ServerBase != *all[0].Server {
				t.Errorf("the replay begins with the server's state %v, want that after round 1, %v", replay[0].ServerBase, all[0].Server)
			}
			if tt.state {
				s.checkTaintedState(all)
			}
		})
	}
}

// checkTaintedState lets the month of the policy pass: what the server kept
// beside tainted weights is removed with them.
func (s *site) checkTaintedState(all []rounds.Round) {
	s.t.Helper()
	const due = `update river_job set scheduled_at = now(), state = 'available' where kind = 'destroy-tainted'`
	if _, err := s.Pool.Exec(s.t.Context(), due); err != nil {
		s.t.Fatal(err)
	}
	gone := func(d *training.Digest) bool {
		_, err := s.Blobs.Stat(s.t.Context(), *d)
		return governance.Is(err, governance.NotFound)
	}
	s.until("destruction", func() bool { return gone(all[1].Server) && gone(all[2].Server) })
	if gone(all[0].Server) {
		s.t.Errorf("the state after round 1, which nothing tainted, is gone too")
	}
}

// Every rule of the server with every robust rule, codec, partial work and
// privacy that go together: each pair runs through the real store, and is
// computed again to the same bytes.
func TestEveryPairOfParts(t *testing.T) {
	t.Parallel()
	type change = func(*protocol.Recipe)
	robust := func(rule string, f int) change {
		return func(r *protocol.Recipe) {
			r.Robust.Rule, r.Robust.Byzantine, r.Selection.MemberCap, r.MinReports = rule, f, 1, 7
			if rule == protocol.Centered {
				r.Robust.Radius = "1"
			}
		}
	}
	up := func(codec string, share int) change {
		return func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: codec, Share: share} }
	}
	server := func(rule string) change { return func(r *protocol.Recipe) { r.Server.Rule = rule } }
	private := func(r *protocol.Recipe) {
		r.Privacy = protocol.Privacy{Noise: "1", Clip: "0.5", Adaptive: true, Delta: "0.00001", Ceiling: "100", Rounds: 5}
		r.Selection.MemberCap = 1
	}
	partial := func(r *protocol.Recipe) { r.Local.Partial = true }
	scaffold := func(r *protocol.Recipe) {
		r.Optimizer, r.Local.Objective, r.Server.Rule = "sgd", protocol.Scaffold, protocol.Scaffold
	}
	var tests [][]change
	for i, rule := range []string{"", protocol.FedAvgM, protocol.FedAdagrad, protocol.FedAdam, protocol.FedYogi, protocol.DiLoCo} {
		tests = append(tests,
			[]change{server(rule), robust([]string{protocol.Median, protocol.Trimmed, protocol.Krum, protocol.MultiKrum, protocol.GeoMedian, protocol.Centered}[i], 1)},
			[]change{server(rule), up([]string{protocol.BF16, protocol.Int8, protocol.Mask, protocol.TopK, protocol.Int8, protocol.Sign}[i], []int{0, 0, 100, 100, 0, 0}[i]), partial},
			[]change{server(rule), private},
		)
	}
	tests = append(tests,
		[]change{robust(protocol.Bulyan, 1), server(protocol.FedAdam), up(protocol.Int8, 0)},
		[]change{robust(protocol.Median, 1), func(r *protocol.Recipe) { r.Robust.Bucket = 2 }, partial, server(protocol.FedNova)},
		[]change{scaffold}, []change{private, up(protocol.BF16, 0)},
		[]change{func(r *protocol.Recipe) { r.Down.Delta = true }, server(protocol.DiLoCo), up(protocol.Sign, 0)},
	)
	s := newSite(t, 1, 2, 3, 4, 5, 6, 7)
	s.steps = func(a protocol.Assignment) int64 {
		if a.Recipe.Local.Partial && a.Node%2 == 0 {
			return 1
		}
		return int64(a.Recipe.Steps)
	}
	s.work(Rounds(s.Training))
	for _, changes := range tests {
		r := s.Recipe(2, 7)
		for _, c := range changes {
			c(&r)
		}
		t.Run(fmt.Sprintf("%s %s %s", r.Server.Name(), r.Robust.Name(), r.Up.Name()), func(t *testing.T) {
			s.kept, s.recipe = nil, func(decided *protocol.Recipe) { base := decided.Base; *decided = r; decided.Base = base }
			c := s.train(2)
			if c.State != rounds.Finished || c.Done != 2 {
				t.Fatalf("campaign of %+v: %s, %d rounds, %s", r, c.State, c.Done, c.Reason)
			}
			s.checkRecomputed(t, c)
		})
	}
}

// checkRecomputed computes every round again and looks at what it recorded.
func (s *site) checkRecomputed(t *testing.T, c rounds.Campaign) {
	t.Helper()
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Recipe
	for i, round := range all {
		in, err := s.Training.Rounds.Inputs(t.Context(), round.ID)
		if err != nil {
			t.Fatal(err)
		}
		mean, err := ComputeMean(t.Context(), s.Blobs, s.Keys, in)
		if err != nil || mean.Digest != round.Checkpoint {
			t.Fatalf("round %d computed again: %v, want %s", round.Number, err, round.Checkpoint)
		}
		if (round.Server != nil) != r.ServerState() || round.Server != nil && *mean.Server != *round.Server {
			t.Errorf("round %d: server state %v, again %v, kept at all: %v", round.Number, round.Server, mean.Server, r.ServerState())
		}
		if i > 0 && r.ServerState() && *round.ServerBase != *all[i-1].Server {
			t.Errorf("round %d begins with %v, the one before left %v", round.Number, round.ServerBase, all[i-1].Server)
		}
		if (round.Epsilon != "") != r.Privacy.On() || round.Raw == 0 || round.Sent == 0 || r.Up.Codec != "" && round.Sent >= round.Raw {
			t.Errorf("round %d: ε %q, %d bytes sent of %d", round.Number, round.Epsilon, round.Sent, round.Raw)
		}
		if (round.Clip != "") != r.PerMember() || (round.Delta != nil) != r.Down.Delta {
			t.Errorf("round %d: clip %q, delta %v", round.Number, round.Clip, round.Delta)
		}
		chooses := slices.Contains([]string{protocol.Krum, protocol.MultiKrum, protocol.Bulyan}, r.Robust.Rule)
		if (len(round.Chosen) > 0) != chooses {
			t.Errorf("round %d: %s chose %v", round.Number, r.Robust.Name(), round.Chosen)
		}
	}
}
