package workers

import (
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/serveropt"
)

// TestFullDiskIsWaitedOut lets the server's disk be full while an update comes
// and again while the round is added up. Nothing is stored by halves, the job
// is tried again, and the round ends as if nothing had been.
func TestFullDiskIsWaitedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2)
	const always = math.MaxInt32
	var room atomic.Int32 // how many artefacts there is room for
	room.Store(always)
	folder, err := blobs.OpenFolder(t.TempDir(), blobs.Options{Free: func(string) (uint64, uint64, error) {
		if room.Load() <= 0 {
			return 0, 1 << 40, nil
		}
		room.Add(-1)
		return 1 << 40, 1 << 40, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	base, err := s.Training.Blobs.Open(t.Context(), s.Base)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Put(t.Context(), s.Base, base.Size(), blobs.Reader(base)); err != nil {
		t.Fatal(err)
	}
	base.Close()
	s.Training.Blobs, s.uploads.Blobs = folder, folder
	s.work(Rounds(s.Training))

	sends := s.update
	sent := 0
	s.update = func(a protocol.Assignment) []float32 {
		values := sends(a)
		data, name := s.encode(a, values)
		room.Store(0)
		err := s.upload(governance.NodeID(a.Node), a.ID, name, data)
		if !governance.Is(err, governance.Full) {
			t.Errorf("an upload to a full disk: %v, want that it is refused as full", err)
		}
		room.Store(1) // the same upload again, and nothing more after the last
		if sent++; sent < 2 {
			room.Store(always)
		}
		return values
	}
	id, err := s.Training.Rounds.OpenCampaign(t.Context(), governance.Job("enact"), s.Decide(protocol.MotionTrain, s.Recipe(1, 2)), nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := func() (n int) {
		const q = `select count(*) from river_job where errors::text like '%not enough room on the disk%'`
		if err := s.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s.until("the job that has no room", func() bool { return failed() == 1 })
	room.Store(always)
	s.until("round", func() bool {
		c, err := s.Training.Rounds.Campaign(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c.State == rounds.Finished
	})
}

// TestDenormalUpdates: numbers below 2⁻¹²⁶ are legal. A round that is made of
// them ends, no figure of it is lost, and whoever computes it again gets the
// same bytes.
func TestDenormalUpdates(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, 2, 3)
	honest := s.update
	s.update = func(a protocol.Assignment) []float32 {
		values := honest(a)
		if governance.NodeID(a.Node) == s.nodes[2] {
			for i := range values {
				values[i] = math.Float32frombits(uint32(i+1) | uint32(i%2)<<31)
			}
		}
		return values
	}
	s.work(Rounds(s.Training))
	c := s.train(1)
	if c.State != rounds.Finished || c.Done != 1 {
		t.Fatalf("campaign: %+v", c)
	}
	all, err := s.Training.Rounds.Rounds(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Training.Rounds.Inputs(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	mean, err := ComputeMean(t.Context(), s.Blobs, s.Keys, in)
	if err != nil || mean.Digest != all[0].Checkpoint {
		t.Errorf("computed again: %v, %v, want %s", mean.Digest, err, all[0].Checkpoint)
	}
	found, err := s.Training.Rounds.Checks(t.Context(), all[0].ID)
	if err != nil || len(found) == 0 {
		t.Fatalf("checks: %v, %v", found, err)
	}
	for _, f := range found {
		if strings.Contains(f.Value, "NaN") || strings.Contains(f.Value, "Inf") {
			t.Errorf("a check says %+v", f)
		}
	}
}

// TestALiedNumberOfStepsWinsNothing: of three members one reports a single step
// of a hundred. FedNova divides by that; the update must not pull much harder
// than it would by its length. What did half of the steps, and is half as long,
// is left as it is.
func TestALiedNumberOfStepsWinsNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		steps   int64 // that the third member tells of a hundred
		scale   float32
		clipped bool
	}{{"a lie", 1, 1, true}, {"half the work", 50, 0.5, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, 2, 3)
			third := s.nodes[2]
			s.recipe = func(r *protocol.Recipe) { r.Steps, r.Local.Partial, r.Server.Rule = 100, true, protocol.FedNova }
			sends, sent := s.update, map[governance.NodeID][]float32{}
			s.update = func(a protocol.Assignment) []float32 {
				values := sends(a)
				for i := range values {
					if governance.NodeID(a.Node) == third {
						values[i] *= tt.scale
					}
				}
				sent[governance.NodeID(a.Node)] = values
				return values
			}
			steps := func(node governance.NodeID) int64 {
				if node == third {
					return tt.steps
				}
				return 100
			}
			s.steps = func(a protocol.Assignment) int64 { return steps(governance.NodeID(a.Node)) }
			s.work(Rounds(s.Training))
			if c := s.train(1); c.State != rounds.Finished {
				t.Fatalf("campaign: %+v", c)
			}
			all, err := s.Training.Rounds.Rounds(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			in, err := s.Training.Rounds.Inputs(t.Context(), all[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			mean, err := ComputeMean(t.Context(), s.Blobs, s.Keys, in)
			if err != nil || mean.Digest != all[0].Checkpoint {
				t.Fatalf("computed again: %v, %v, want %s", mean, err, all[0].Checkpoint)
			}
			nova, believed, moved := serveropt.NewNova(1000), make([]float32, 1000), random(1, 1000)
			for _, node := range s.nodes {
				if err := nova.Add(sent[node], mean.Counted[node], float64(steps(node))); err != nil {
					t.Fatal(err)
				}
			}
			if err := nova.Into(believed); err != nil {
				t.Fatal(err)
			}
			for i, w := range mean.weights {
				moved[i] = w - moved[i]
			}
			by, unbounded, own := fedavg.Norm(moved), fedavg.Norm(believed), fedavg.Norm(sent[third])
			if tt.clipped && (unbounded < 10*own || by > 2*own) {
				t.Errorf("the round moved by %g, and by %g if every word were believed; the update is %g long", by, unbounded, own)
			}
			if !tt.clipped && math.Abs(by-unbounded) > 1e-4*unbounded {
				t.Errorf("the round moved by %g, want %g: honest work was clipped", by, unbounded)
			}
		})
	}
}
