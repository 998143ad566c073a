package workers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
	"codeberg.org/althing/althing/training/safetensors"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"pgregory.net/rapid"
)

var tensors = []safetensors.Tensor{{Name: "a", Shape: []int{10, 90}, DType: safetensors.F32}, {Name: "b", Shape: []int{100}, DType: safetensors.F32}}

// file writes weights as a safetensors file.
func file(t testing.TB, tensors []safetensors.Tensor, values []float32) ([]byte, training.Digest) {
	t.Helper()
	var b bytes.Buffer
	d, err := safetensors.Write(&b, tensors, values)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), d
}

func random(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64()) / 100
	}
	return v
}

// site is a community with blobs, keys and running workers.
type site struct {
	*roundstest.Bench
	Training
	t       *testing.T
	tensors []safetensors.Tensor
	nodes   []governance.NodeID
	owner   map[governance.NodeID]governance.MemberID
	// update makes what a node sends; by default it depends on the base, the
	// seed and the node's text.
	update func(a protocol.Assignment) []float32
	// trainOn is what really trains, on a site whose model is one.
	trainOn   func(a protocol.Assignment, records []localdata.Record) []float32
	loss      func(training.Digest) float64
	uploads   Uploads
	remembers bool // the clean weights give everything away too
	// refuses says which assignments a node declines; none by default.
	refuses func(protocol.Assignment) bool
	// recipe changes what train decides.
	recipe func(*protocol.Recipe)
	// steps are those that a node does; all by default.
	steps func(protocol.Assignment) int64
	kept  map[governance.NodeID][]float32 // residuals of error feedback
	spots *spotting                       // what nodes do in spot checks; nil where none is expected
}

func newSite(t *testing.T, owners ...governance.MemberID) *site {
	t.Helper()
	return newSiteFrom(t, tensors, random(1, 1000), owners...)
}

// newSiteFrom founds a community on a model of its own.
func newSiteFrom(t *testing.T, tensors []safetensors.Tensor, weights []float32, owners ...governance.MemberID) *site {
	t.Helper()
	base, digest := file(t, tensors, weights)
	s := &site{t: t, tensors: tensors, owner: map[governance.NodeID]governance.MemberID{}}
	s.Bench = roundstest.NewWith(t, roundstest.Founding{Weights: digest, Size: int64(len(base))}, rounds.Options{Choose: Choose})
	folder, err := blobs.OpenFolder(t.TempDir(), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	if err := folder.Put(t.Context(), digest, int64(len(base)), bytes.NewReader(base)); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(t.TempDir(), "althing.test/log")
	if err != nil {
		t.Fatal(err)
	}
	s.Training = Training{Rounds: s.Bench.Rounds, Models: s.Bench.Models, Blobs: folder, Keys: ring}
	s.uploads = Uploads{Store: s.Bench.Rounds, Blobs: folder, Keys: ring, Dir: t.TempDir()}
	for i, o := range owners {
		n := s.Node(o, int64(5000+1000*i))
		s.nodes = append(s.nodes, n)
		s.owner[n] = o
	}
	s.update = func(a protocol.Assignment) []float32 {
		return random(a.Seed^uint64(a.Node)<<32^uint64(a.Base[0]), 1000)
	}
	s.loss = func(d training.Digest) float64 {
		if d == s.Base {
			return 3
		}
		return 2.5 + float64(d[0])/100_000
	}
	return s
}

// work starts the job queue; it is stopped when the test ends.
func (s *site) work(families ...Add) {
	s.t.Helper()
	w := river.NewWorkers()
	for _, add := range families {
		add(w)
	}
	client, err := river.NewClient(riverpgxv5.New(s.Pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}, Workers: w,
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := client.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		client.StopAndCancel(ctx)
	})
}

// answer lets every node do what it is asked to, once, and reports whether
// anything was asked.
func (s *site) answer() bool {
	s.t.Helper()
	if err := s.Sequence(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	any := false
	for _, n := range s.nodes {
		a, err := s.Training.Rounds.Next(s.t.Context(), n, 0)
		if governance.Is(err, governance.NotFound) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		any = true
		rep := s.do(a)
		err = s.Training.Rounds.Report(s.t.Context(), governance.Node(n, s.Operation()), rep)
		if err != nil && !governance.Is(err, governance.Conflict) {
			s.t.Fatalf("report of node %d on %s: %v", n, a.Kind, err)
		}
	}
	return any
}

// upload sends an update as the node API does.
func (s *site) upload(node governance.NodeID, id training.AssignmentID, name training.Digest, data []byte) error {
	slot, err := s.uploads.Slot(s.t.Context(), node, id, name)
	if err != nil {
		return err
	}
	in := rounds.Incoming{Assignment: id, Name: name, Size: int64(len(data))}
	return s.uploads.Upload(s.t.Context(), slot, in, bytes.NewReader(data))
}

func (s *site) do(a protocol.Assignment) protocol.Report {
	s.t.Helper()
	rep := protocol.Report{Assignment: a.ID, Epoch: a.Epoch}
	if s.refuses != nil && s.refuses(a) {
		rep.Refused = "not today"
		return rep
	}
	node := governance.NodeID(a.Node)
	switch a.Kind {
	case protocol.Train:
		data, digest := s.encode(a, s.update(a))
		if s.steps != nil {
			rep.Steps = s.steps(a)
		}
		err := s.upload(node, a.ID, digest, data)
		if err != nil && !governance.Is(err, governance.Conflict) {
			s.t.Fatalf("upload of node %d: %v", node, err)
		}
		rep.Update, rep.Examples, rep.Tokens, rep.Manifest = digest, 1<<40, 32, roundstest.Manifest(node)
		if s.spots != nil {
			rep.Manifest = shardOf(a.Node, a.Round).manifest.Root()
		}
	case protocol.Share, protocol.Replay, protocol.Settle:
		s.spotted(a, &rep)
	case protocol.Evaluate:
		l := s.loss(a.Base) + float64(node)/10
		rep.Loss = protocol.Sums{Records: 50, Tokens: 500, Sum: 50 * l, Squares: 50*l*l + 1}
		rep.Unigram = protocol.Sums{Records: 50, Tokens: 500, Sum: 150, Squares: 450}
	case protocol.Suppress:
		rep.Suppressed = 7
	case protocol.Probe:
		rep.Probes = s.probes(a)
	}
	return rep
}

// until lets nodes answer until done.
func (s *site) until(what string, done func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not after a minute", what)
		}
		wake := s.Training.Rounds.Hub().Campaigns()
		if !s.answer() {
			select {
			case <-wake:
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func (s *site) train(count int) rounds.Campaign {
	s.t.Helper()
	recipe := s.Recipe(count, len(s.nodes))
	if s.recipe != nil {
		s.recipe(&recipe)
	}
	id, err := s.Training.Rounds.OpenCampaign(s.t.Context(), governance.Job("enact"), s.Decide(protocol.MotionTrain, recipe), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var c rounds.Campaign
	s.until("campaign", func() bool {
		if c, err = s.Training.Rounds.Campaign(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
		return c.State != rounds.Running
	})
	return c
}

// A campaign of three rounds through River, from the decision to the version
// that is served, and an auditor who computes every checkpoint again.
func TestCampaignToVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	s.work(Rounds(s.Training))
	c := s.train(3)
	if c.State != rounds.Finished || c.Done != 3 {
		t.Fatalf("campaign: got %+v, want three rounds", c)
	}
	s.until("version", func() bool { v, err := s.Training.Models.Served(t.Context()); return err == nil && v.Weights == c.Head })
	v, err := s.Training.Models.Served(t.Context())
	if err != nil || v.Campaign != c.ID || v.Parent != 1 || v.Name != "Skald 0 (campaign 1)" {
		t.Errorf("served: got %+v, %v", v, err)
	}
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		in, err := s.Training.Rounds.Inputs(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		mean, err := ComputeMean(t.Context(), s.Blobs, s.Keys, in)
		if err != nil || mean.Digest != r.Checkpoint {
			t.Errorf("round %d computed again: got %v, %v, want %s", r.Number, mean, err, r.Checkpoint)
		}
		for _, u := range in.Updates {
			if u.Weight != mean.Counted[u.Node] || u.Norm != mean.Norms[u.Node] || u.Norm == 0 {
				t.Errorf("round %d: update of node %d: got weight %d and norm %g, want %d and %g", r.Number, u.Node, u.Weight, u.Norm, mean.Counted[u.Node], mean.Norms[u.Node])
			}
		}
	}
	if got := roundsOf(all); !slices.Equal(got, []string{"1.1 accepted", "2.1 accepted", "3.1 accepted"}) {
		t.Errorf("rounds: got %v", got)
	}
}

func roundsOf(all []rounds.Round) []string {
	var out []string
	for _, r := range all {
		out = append(out, fmt.Sprintf("%d.%d %s", r.Number, r.Attempt, r.State))
	}
	return out
}

func TestUselessCampaignIsWithheld(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	// Each round is a little worse, within what a round is allowed, and
	// together they are more than the gate allows.
	seen := map[training.Digest]float64{}
	s.loss = func(d training.Digest) float64 {
		if _, ok := seen[d]; !ok {
			all, _ := s.Training.Rounds.Rounds(t.Context(), 1)
			seen[s.Base] = 3
			for i, r := range all {
				seen[r.Checkpoint] = 3 + 0.025*float64(i+1)
			}
		}
		return seen[d]
	}
	s.work(Rounds(s.Training))
	c := s.train(3)
	s.until("gate", func() bool {
		got, err := s.Training.Rounds.Campaign(t.Context(), c.ID)
		c = got
		return err == nil && got.Withheld
	})
	if v, err := s.Training.Models.Served(t.Context()); err != nil || v.ID != 1 {
		t.Errorf("served: got %d, %v, want the founding version (%s)", v.ID, err, c.Reason)
	}
}

// A stored update that is not the one in the log, or whose key is gone, stops
// the mean.
func TestMeanRefusesChangedUpdates(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	s.work(Rounds(s.Training))
	c := s.train(1)
	all, _ := s.Training.Rounds.Rounds(t.Context(), c.ID)
	in, err := s.Training.Rounds.Inputs(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	swapped := in
	swapped.Updates = slices.Clone(in.Updates)
	swapped.Updates[0].Digest = in.Updates[1].Digest
	if _, err := ComputeMean(t.Context(), s.Blobs, s.Keys, swapped); err == nil {
		t.Errorf("a mean of an update with another digest was computed")
	}
	if err := s.Keys.Destroy(int64(in.Updates[0].Owner)); err != nil {
		t.Fatal(err)
	}
	if _, err := ComputeMean(t.Context(), s.Blobs, s.Keys, in); err == nil {
		t.Errorf("a mean of an update whose key was destroyed was computed")
	}
}

func TestUploadIsEncryptedAndOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	id, err := s.Training.Rounds.OpenCampaign(t.Context(), governance.Job("enact"), s.Decide(protocol.MotionTrain, s.Recipe(1, 2)), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := s.Training.Rounds.Rounds(t.Context(), id)
	if err := s.Training.Rounds.Open(t.Context(), governance.Job("open"), all[0].ID); err != nil {
		t.Fatal(err)
	}
	a, err := s.Training.Rounds.Next(t.Context(), s.nodes[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	data, digest := file(t, tensors, random(5, 1000))
	for range 2 {
		if err := s.upload(s.nodes[0], a.ID, digest, data); err != nil {
			t.Fatal(err)
		}
	}
	slot, err := s.Training.Rounds.Slot(t.Context(), s.nodes[0], a.ID, digest)
	if err != nil || slot.Sealed == nil {
		t.Fatalf("slot after the upload: got %+v, %v; want the encrypted blob", slot, err)
	}
	blob, err := s.Blobs.Open(t.Context(), *slot.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	stored, _ := io.ReadAll(blobs.Reader(blob))
	if bytes.Contains(stored, data[len(data)-64:]) || !bytes.HasPrefix(stored, []byte("age-encryption.org/v1\n")) {
		t.Errorf("the stored update is not encrypted")
	}
	if left, err := os.ReadDir(s.uploads.Dir); err != nil || len(left) != 0 {
		t.Errorf("left in the folder of uploads: %v, %v", left, err)
	}
	if err := s.upload(s.nodes[1], a.ID, digest, data); !governance.Is(err, governance.NotFound) {
		t.Errorf("upload for another node's assignment: got %v, want not found", err)
	}
	if err := s.upload(s.nodes[0], a.ID, training.DigestOf(nil), data); !governance.Is(err, governance.Invalid) {
		t.Errorf("upload with another digest: got %v, want invalid", err)
	}
}

// Splitting one's text over more nodes does not make a member heavier, the cap
// holds, and no update counts for more than its examples.
func TestWeighCapsMembers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.IntRange(2, 6).Draw(t, "members")
		maxShare := rapid.Int64Range(1, 1000).Draw(t, "maxShare")
		var updates []rounds.Update
		node := governance.NodeID(0)
		for m := range members {
			for range rapid.IntRange(1, 4).Draw(t, "nodes") {
				node++
				updates = append(updates, rounds.Update{Node: node, Owner: governance.MemberID(m + 1), Examples: rapid.Int64Range(1, 1<<40).Draw(t, "examples")})
			}
		}
		weights, err := Weigh(updates, maxShare)
		if err != nil {
			t.Fatal(err)
		}
		sum := map[governance.MemberID]int64{}
		total := int64(0)
		for _, u := range updates {
			w := weights[u.Node]
			if w < 0 || w > u.Examples {
				t.Fatalf("node %d: weight %d of %d examples", u.Node, w, u.Examples)
			}
			sum[u.Owner] += w
			total += w
		}
		num, den := maxShare, int64(1000)
		if int64(members)*num < den {
			num, den = 1, int64(members)
		}
		merged := make([]rounds.Update, members)
		for _, u := range updates {
			merged[u.Owner-1].Owner, merged[u.Owner-1].Node = u.Owner, governance.NodeID(u.Owner)
			merged[u.Owner-1].Examples += u.Examples
		}
		alone, err := Weigh(merged, maxShare)
		if err != nil {
			t.Fatal(err)
		}
		for m, w := range sum {
			if w*den > total*num {
				t.Fatalf("member %d has %d of %d, more than %d/%d", m, w, total, num, den)
			}
			if w != alone[governance.NodeID(m)] {
				t.Fatalf("member %d: weight %d over several nodes, %d with one", m, w, alone[governance.NodeID(m)])
			}
		}
	})
}

// Memory of a mean does not grow with the number of nodes.
func BenchmarkComputeMean(b *testing.B) {
	for _, size := range []struct{ nodes, params int }{{2, 1 << 20}, {10, 1 << 20}} {
		b.Run(fmt.Sprintf("%dx%d", size.nodes, size.params), func(b *testing.B) {
			tensors := []safetensors.Tensor{{Name: "w", Shape: []int{size.params}, DType: safetensors.F32}}
			folder, err := blobs.OpenFolder(b.TempDir(), blobs.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer folder.Close()
			ring, err := keys.Open(b.TempDir(), "althing.test/log")
			if err != nil {
				b.Fatal(err)
			}
			base, digest := file(b, tensors, random(1, size.params))
			if err := folder.Put(b.Context(), digest, int64(len(base)), bytes.NewReader(base)); err != nil {
				b.Fatal(err)
			}
			in := rounds.Inputs{Base: digest, MaxShare: 500, Recipe: protocol.Recipe{LearnRate: "0.1", Beta1: "0", Beta2: "0", Epsilon: "0.1", WeightDecay: "0", ClipNorm: "0", UpdateNorm: "0"}}
			up := Uploads{Blobs: folder, Keys: ring, Dir: b.TempDir()}
			for n := range size.nodes {
				data, digest := file(b, tensors, random(uint64(n+2), size.params))
				sealed, err := up.seal(b.Context(), governance.MemberID(n+1), rounds.Incoming{Name: digest, Size: int64(len(data))}, bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				in.Updates = append(in.Updates, rounds.Update{Node: governance.NodeID(n + 1), Owner: governance.MemberID(n + 1), Digest: digest, Sealed: sealed, Examples: 1000})
			}
			b.SetBytes(int64(size.nodes * size.params * 4))
			runtime.GC()
			for b.Loop() {
				if _, err := ComputeMean(b.Context(), folder, ring, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
