package rounds_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

// waiters is a community whose nodes wait for work on a pool of 8 connections,
// as the node API lets them.
type waiters struct {
	*roundstest.Bench
	store *rounds.Store
	nodes []governance.NodeID
	held  func() int32
	act   time.Duration // that the act of opening took
}

func newWaiters(t testing.TB, n int) *waiters {
	t.Helper()
	w := &waiters{Bench: roundstest.New(t, founding, nil)}
	config := w.Pool.Config()
	pool, err := pg.Open(t.Context(), config.ConnString(), pg.Options{MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	w.held = func() int32 { return pool.Stat().AcquiredConns() }
	w.store = rounds.New(w.Trail, pool, rounds.Options{Log: w.Log, Server: w.Server, Now: w.Now})
	for i := range n {
		w.nodes = append(w.nodes, w.Node(governance.MemberID(i%7+1), 5000))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.store.Hub().Listen(ctx, pool, ready)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		pool.Close()
	})
	<-ready
	return w
}

// dispatch opens a round for all nodes, who are waiting, and returns when each
// got its assignment, counted from the beginning of the act.
func (w *waiters) dispatch(t testing.TB) []time.Duration {
	t.Helper()
	decision := w.Decide(protocol.MotionTrain, w.Recipe(1, len(w.nodes)))
	campaign, err := w.Rounds.OpenCampaign(t.Context(), job, decision, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.Rounds.Rounds(t.Context(), campaign)
	if err != nil {
		t.Fatal(err)
	}
	var begin time.Time
	took := make([]time.Duration, len(w.nodes))
	var waiting, done sync.WaitGroup
	for i, n := range w.nodes {
		waiting.Add(1)
		done.Go(func() {
			first := true
			for {
				wake := w.store.Wake()
				_, err := w.store.Next(t.Context(), n, 0)
				if err == nil {
					took[i] = time.Since(begin)
					return
				}
				if !governance.Is(err, governance.NotFound) {
					t.Errorf("work of node %d: %v", n, err)
					return
				}
				if first {
					first = false
					waiting.Done()
				}
				<-wake
			}
		})
	}
	waiting.Wait()
	if held := w.held(); held != 0 {
		t.Errorf("%d nodes wait and hold %d connections, want none", len(w.nodes), held)
	}
	begin = time.Now()
	if err := w.Rounds.Open(t.Context(), job, all[0].ID); err != nil {
		t.Fatal(err)
	}
	w.act = time.Since(begin)
	done.Wait()
	slices.Sort(took)
	return took
}

func TestWaitingNodesAreWokenAndHoldNoConnection(t *testing.T) {
	t.Parallel()
	took := newWaiters(t, 40).dispatch(t)
	if last := took[len(took)-1]; last > 30*time.Second {
		t.Errorf("the last of %d nodes got its work after %v", len(took), last)
	}
}

// From the act that opens a round to the assignment at the node: 500 nodes
// that wait, 8 connections. What stands beside it is the act itself.
func BenchmarkDispatch500(b *testing.B) {
	for range b.N {
		b.StopTimer()
		w := newWaiters(b, 500)
		b.StartTimer()
		took := w.dispatch(b)
		b.ReportMetric(float64(w.act.Milliseconds()), "ms-act")
		b.ReportMetric(float64(took[0].Milliseconds()), "ms-first")
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-median")
		b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-last")
	}
}

func TestDrawIsFairAndStable(t *testing.T) {
	t.Parallel()
	var nodes []governance.NodeID
	for i := range 20 {
		nodes = append(nodes, governance.NodeID(i+1))
	}
	counts := map[governance.NodeID]int{}
	for round := range 2000 {
		seed := rounds.CohortSeed([32]byte{1}, 7, round, 1)
		drawn := rounds.Draw(seed, nodes, 5)
		if !slices.IsSorted(drawn) || len(drawn) != 5 {
			t.Fatalf("draw of round %d: got %v, want five in ascending order", round, drawn)
		}
		for _, n := range drawn {
			counts[n]++
		}
		// One who stays away leaves all others drawn where they are.
		without := slices.DeleteFunc(slices.Clone(nodes), func(n governance.NodeID) bool { return n == drawn[0] })
		again := rounds.Draw(seed, without, 5)
		for _, n := range drawn[1:] {
			if !slices.Contains(again, n) {
				t.Fatalf("round %d: without node %d, node %d is not drawn any more", round, drawn[0], n)
			}
		}
	}
	for n, c := range counts { // 500 expected, standard deviation 19
		if c < 400 || c > 600 {
			t.Errorf("node %d was drawn %d times of 2000, want about 500", n, c)
		}
	}
}

func TestGateComparesExactly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		before, after string
		ppm           int64
		want          bool
	}{
		{"3.000000", "3.000000", 0, true}, {"3.000000", "3.000001", 0, false}, {"3.000000", "3.030000", 10_000, true},
		{"3.000000", "3.030001", 10_000, false}, {"3.000000", "2.000000", 0, true}, {"", "2.000000", 10_000, false},
		{"3.000000", "", 10_000, false}, {"0", "0", 10_000, false}, {"x", "1", 10_000, false},
	} {
		if got := rounds.Gate(tt.before, tt.after, tt.ppm); got != tt.want {
			t.Errorf("Gate(%q, %q, %d) = %v, want %v", tt.before, tt.after, tt.ppm, got, tt.want)
		}
	}
	for _, tt := range []struct {
		before, after, share string
		want                 bool
	}{
		{"2.000000", "1.990000", "0.01", true}, {"2.000000", "1.980000", "0.01", false}, {"2.000000", "1.970000", "0.01", false},
		{"2.000000", "2.100000", "0.01", true}, {"2.000000", "2.100000", "0", false}, {"", "1", "0.5", false},
	} {
		if got := rounds.Converged(tt.before, tt.after, tt.share); got != tt.want {
			t.Errorf("Converged(%s, %s, %s) = %v, want %v", tt.before, tt.after, tt.share, got, tt.want)
		}
	}
}
