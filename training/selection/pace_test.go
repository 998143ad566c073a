package selection

import (
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
)

func TestExplorationFallsToAFifth(t *testing.T) {
	for round, want := range map[int]int{0: 900, 1: 900, 2: 882, 3: 864, 50: 334, 75: 201, 76: 200, 10_000: 200} {
		if got := Exploration(round); got != want {
			t.Errorf("Exploration(%d) = %d, want %d", round, got, want)
		}
	}
}

func TestPacer(t *testing.T) {
	p := Pacer{Window: 2, Step: 10}
	for _, tt := range []struct {
		utilities []int64
		want      int64
	}{
		{nil, 60}, {[]int64{5, 5, 5}, 60}, {[]int64{50, 50, 50, 50}, 70}, {[]int64{50, 50, 55, 55}, 70}, {[]int64{50, 50, 56, 55}, 60},
		{[]int64{50, 50, 20, 20}, 60}, {[]int64{10, 10, 60, 60}, 50}, {[]int64{1, 50, 50, 50, 50}, 60}, {[]int64{1, 1, 50, 50, 50, 50}, 70}, {[]int64{0, 0, 0, 0}, 70},
	} {
		if got := p.Next(60, tt.utilities); got != tt.want {
			t.Errorf("Next(60, %v) = %d, want %d", tt.utilities, got, tt.want)
		}
	}
	if got := p.Next(10, []int64{1, 1, 90, 90}); got != 10 {
		t.Errorf("patience fell to %d, want a step at least", got)
	}
	if got := (Pacer{}).Next(60, []int64{1, 1}); got != 60 {
		t.Errorf("a pacer without a window moved to %d", got)
	}
}

func TestComeBack(t *testing.T) {
	now := time.Date(2026, 5, 3, 14, 0, 0, 0, time.UTC)
	next := now.Add(10 * time.Minute)
	p := Pace{Every: time.Hour, Window: 2 * time.Minute, Useful: 100}
	for _, tt := range []struct{ population, rounds int }{{0, 1}, {50, 1}, {199, 1}, {1000, 10}, {1_000_000, maxRoundsOff}} {
		const nodes = 2000
		per := make([]int, tt.rounds)
		seconds := map[int]int{}
		for id := range governance.NodeID(nodes) {
			at := p.ComeBack(now, next, tt.population, [32]byte{1}, id)
			off := at.Sub(next)
			round := int(off / time.Hour)
			if off < 0 || round >= tt.rounds || off%time.Hour >= p.Window {
				t.Fatalf("population %d: node %d comes back %v after the next round", tt.population, id, off)
			}
			per[round]++
			seconds[int(off%time.Hour/time.Second)]++
			if at != p.ComeBack(now, next, tt.population, [32]byte{1}, id) {
				t.Fatal("two answers to one question")
			}
		}
		for round, n := range per {
			if mean := nodes / tt.rounds; n < mean/3 || n > 2*mean+20 {
				t.Errorf("population %d: %d of %d nodes come back for round %d, want about %d", tt.population, n, nodes, round, mean)
			}
		}
		for s, n := range seconds {
			if n > 45 { // 2000 over 120 seconds are 17 each
				t.Errorf("population %d: %d nodes come back in second %d", tt.population, n, s)
			}
		}
	}
	if at := p.ComeBack(now, now.Add(-time.Hour), 5, [32]byte{1}, 1); at.Before(now) {
		t.Errorf("with a round that is overdue a node comes back at %v, before %v", at, now)
	}
	if p.ComeBack(now, next, 5, [32]byte{1}, 1) == p.ComeBack(now, next, 5, [32]byte{2}, 1) {
		t.Error("another seed gave the same moment")
	}
}
