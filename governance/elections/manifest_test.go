package elections

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
)

func someLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d", i))
		lines[i] = Line(sum[:], []int{1, 2, 3})
	}
	return lines
}

// TestLargeElectionFitsIntoAnEntry: an entry takes 65,535 bytes, so a long
// list is left out whole and its digest stays.
func TestLargeElectionFitsIntoAnEntry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ballots int
		whole   bool
	}{{0, true}, {500, true}, {20_000, false}} {
		var ev Certification
		ev.list(someLines(tt.ballots), nil)
		raw, err := json.Marshal(ev)
		if err != nil || ev.Whole != tt.whole || len(raw) > 60_000 {
			t.Errorf("%d ballots: whole %v in %d bytes, %v; want %v", tt.ballots, ev.Whole, len(raw), err, tt.whole)
		}
	}
}

func TestLineIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	tracker := sha256.Sum256([]byte("x"))
	for _, ranking := range [][]int{{1}, {12, 3, 4}, {}} {
		line := Line(tracker[:], ranking)
		gotTracker, got, err := parseLine(line)
		if err != nil || gotTracker != tracker || !slices.Equal(got, ranking) {
			t.Errorf("parseLine(%q) = %x, %v, %v; want %x, %v", line, gotTracker, got, err, tracker, ranking)
		}
	}
	for _, bad := range []string{"", "abc 1", "x", Line(tracker[:], nil) + " one", Line(tracker[:], nil) + "  1"} {
		if _, _, err := parseLine(bad); err == nil {
			t.Errorf("parseLine(%q): want an error", bad)
		}
	}
}

// TestResultChangesWithEveryInput: a digest that did not cover the list or the
// beacon would prove nothing.
func TestResultChangesWithEveryInput(t *testing.T) {
	t.Parallel()
	m := Manifest{Rule: Rule, Version: RuleVersion, Seats: 1, Candidates: []governance.MemberID{4, 7, 9}}
	base, err := m.result([32]byte{1}, []byte("beacon"), someLines(5), 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := m.result([32]byte{1}, []byte("beacon"), someLines(6), 0)
	if err != nil {
		t.Fatal(err)
	}
	if other.List == base.List || other.Count == base.Count || other.Ballots != 6 {
		t.Errorf("with one more ballot: %+v, before %+v", other, base)
	}
	if !slices.Equal(base.Elected, []governance.MemberID{4}) {
		t.Errorf("all rank candidate 1 first: elected %v, want member 4", base.Elected)
	}
	if _, err := m.result([32]byte{1}, nil, []string{Line(make([]byte, 32), []int{8})}, 0); err == nil {
		t.Error("a ballot for candidate 8 of 3: want an error")
	}
}

func TestBallotOrderIsTheVotersOwnAndWhole(t *testing.T) {
	t.Parallel()
	candidates := []Candidate{{1, 1, ""}, {2, 2, ""}, {3, 3, ""}, {4, 4, ""}, {5, 5, ""}}
	firsts := map[int]int{}
	for member := range governance.MemberID(200) {
		seed, order := BallotOrder([]byte("manifest"), member, candidates)
		again, same := BallotOrder([]byte("manifest"), member, candidates)
		if seed != again || !slices.Equal(order, same) {
			t.Fatalf("member %d sees another order at the second look", member)
		}
		firsts[order[0].Number]++
		slices.SortFunc(order, func(a, b Candidate) int { return a.Number - b.Number })
		if !slices.Equal(order, candidates) {
			t.Fatalf("order of member %d is no permutation: %v", member, order)
		}
	}
	for n := range 5 {
		if firsts[n+1] < 15 { // 40 expected
			t.Errorf("candidate %d is first for %d of 200 voters", n+1, firsts[n+1])
		}
	}
}
