package tally_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance/tally"
	"pgregory.net/rapid"
)

// drawProfile draws a small election; small numbers make ties and cycles common.
func drawProfile(t *rapid.T, level bool) (tally.Profile, []int) {
	n := rapid.IntRange(1, 6).Draw(t, "candidates")
	p := tally.Profile{Seats: rapid.IntRange(1, 4).Draw(t, "seats")}
	everybody := make([]int, n)
	for c := range n {
		p.Candidates = append(p.Candidates, fmt.Sprintf("C%d", c+1))
		everybody[c] = c
		if rapid.IntRange(0, 7).Draw(t, "withdraws") == 0 {
			p.Withdrawn = append(p.Withdrawn, c)
		}
	}
	for range rapid.IntRange(0, 9).Draw(t, "lines") {
		order := rapid.Permutation(everybody).Draw(t, "order")
		b := tally.Ranking(rapid.Int64Range(1, 12).Draw(t, "weight"), order[:rapid.IntRange(0, n).Draw(t, "length")]...)
		if level && len(b.Ranks) > 1 && rapid.Bool().Draw(t, "level") {
			b.Ranks[0] = append(b.Ranks[0], b.Ranks[1]...)
			b.Ranks = slices.Delete(b.Ranks, 1, 2)
		}
		p.Ballots = append(p.Ballots, b)
	}
	return p, rapid.Permutation(everybody).Draw(t, "lot")
}

func sensitive(t *rapid.T, p tally.Profile, lot []int) tally.Sensitivity {
	s, err := tally.Sensitive(p, lot)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func schulzeOf(t *rapid.T, p tally.Profile) tally.SchulzeResult {
	r, err := tally.Schulze(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Seats are filled as far as anybody stands, nobody twice, nobody withdrawn,
// and every stage sums to the valid ballots.
func TestEverySeatAndEverySum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, lot := drawProfile(t, false)
		s := sensitive(t, p, lot)
		want := min(p.Seats, len(p.Candidates)-len(p.Withdrawn))
		for name, elected := range map[string][]int{"scottish": s.Scottish.Elected, "meek": s.Meek.Elected} {
			sorted := slices.Sorted(slices.Values(elected))
			if len(slices.Compact(sorted)) != want || len(elected) != want {
				t.Fatalf("%s elects %v, want %d of them", name, elected, want)
			}
			for _, c := range elected {
				if slices.Contains(p.Withdrawn, c) {
					t.Fatalf("%s elects %d, who withdrew", name, c)
				}
			}
		}
		for i, st := range s.Scottish.Stages {
			sum, moved := st.NonTransferable+st.Loss, st.MovedNonTransferable+st.MovedLoss
			for c, v := range st.Votes {
				if v < 0 {
					t.Fatalf("stage %d: %d has %v", i+1, c, v)
				}
				sum, moved = sum+v, moved+st.Moved[c]
			}
			valid := tally.Votes(s.Scottish.Valid) * tally.Vote
			if wantMoved := map[bool]tally.Votes{true: valid}[i == 0]; sum != valid || moved != wantMoved {
				t.Fatalf("stage %d sums to %v, moved %v, want %v and %v", i+1, sum, moved, valid, wantMoved)
			}
		}
		for i, r := range s.Meek.Rounds {
			sum := r.Exhausted
			for c, v := range r.Votes {
				sum += v
				if r.Keep[c] < 0 || r.Keep[c] > tally.One {
					t.Fatalf("round %d: keep factor of %d is %v", i+1, c, r.Keep[c])
				}
			}
			if sum != tally.Nano(s.Meek.Valid)*tally.One || r.Exhausted < 0 {
				t.Fatalf("round %d sums to %v, exhausted %v, want %d", i+1, sum, r.Exhausted, s.Meek.Valid)
			}
		}
	})
}

// Nobody's ballot counts for more because of where it lies in the pile, and
// ten people are ten ballots.
func TestAnonymityAndWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, lot := drawProfile(t, false)
		if len(p.Ballots) == 0 {
			return
		}
		other := p
		other.Ballots = nil
		for _, b := range rapid.Permutation(p.Ballots).Draw(t, "pile") {
			part := rapid.Int64Range(0, b.Weight-1).Draw(t, "part")
			if part > 0 {
				other.Ballots = append(other.Ballots, tally.Ballot{Weight: part, Ranks: b.Ranks})
			}
			other.Ballots = append(other.Ballots, tally.Ballot{Weight: b.Weight - part, Ranks: b.Ranks})
		}
		if got, want := sensitive(t, other, lot), sensitive(t, p, lot); !reflect.DeepEqual(got, want) {
			t.Fatalf("counted in another order: %+v, want %+v", got, want)
		}
		if got, want := schulzeOf(t, other), schulzeOf(t, p); !reflect.DeepEqual(got, want) {
			t.Fatalf("counted in another order: %+v, want %+v", got, want)
		}
		got, err := tally.Approval(other, lot)
		want, err2 := tally.Approval(p, lot)
		if err != nil || err2 != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("counted in another order: %+v, %v, want %+v, %v", got, err, want, err2)
		}
	})
}

// The numbers of the candidates decide nothing: renumber them, and the lot
// with them, and the same people are elected.
func TestNeutrality(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, lot := drawProfile(t, false)
		everybody := make([]int, len(p.Candidates))
		for c := range everybody {
			everybody[c] = c
		}
		to := rapid.Permutation(everybody).Draw(t, "renumber")
		move := func(list []int) []int {
			out := make([]int, len(list))
			for i, c := range list {
				out[i] = to[c]
			}
			return out
		}
		other := tally.Profile{Seats: p.Seats, Candidates: p.Candidates, Withdrawn: move(p.Withdrawn)}
		for _, b := range p.Ballots {
			moved := tally.Ballot{Weight: b.Weight}
			for _, group := range b.Ranks {
				moved.Ranks = append(moved.Ranks, move(group))
			}
			other.Ballots = append(other.Ballots, moved)
		}
		sorted := func(list []int) []int { return slices.Sorted(slices.Values(list)) }
		a, b := sensitive(t, p, lot), sensitive(t, other, move(lot))
		if got, want := sorted(b.Scottish.Elected), sorted(move(a.Scottish.Elected)); !slices.Equal(got, want) {
			t.Fatalf("scottish elects %v, want %v", got, want)
		}
		if got, want := sorted(b.Meek.Elected), sorted(move(a.Meek.Elected)); !slices.Equal(got, want) {
			t.Fatalf("meek elects %v, want %v", got, want)
		}
		x, y := schulzeOf(t, p), schulzeOf(t, other)
		for i := range x.Ranking {
			if got, want := sorted(y.Ranking[i]), sorted(move(x.Ranking[i])); !slices.Equal(got, want) {
				t.Fatalf("schulze group %d is %v, want %v", i+1, got, want)
			}
		}
	})
}

// A group of voters that fills a quota of ballots with one candidate alone
// gets this candidate, by every STV rule.
func TestQuotaOfFirstPreferencesElects(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, lot := drawProfile(t, false)
		favourite := rapid.IntRange(0, len(p.Candidates)-1).Draw(t, "favourite")
		p.Withdrawn = slices.DeleteFunc(p.Withdrawn, func(c int) bool { return c == favourite })
		var others int64
		for _, b := range p.Ballots {
			others += b.Weight
		}
		// With v of others + v ballots, v > (others+v)/(seats+1) once v·seats > others.
		p.Ballots = append(p.Ballots, tally.Ranking(others/int64(p.Seats)+1, favourite))
		s := sensitive(t, p, lot)
		if !slices.Contains(s.Scottish.Elected, favourite) || !slices.Contains(s.Meek.Elected, favourite) {
			t.Fatalf("scottish %v, meek %v, want %d in both", s.Scottish.Elected, s.Meek.Elected, favourite)
		}
	})
}

// Schulze elects whom Debian's sequential dropping elects, a second
// algorithm with the same outcome.
func TestSchulzeEqualsSequentialDropping(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, _ := drawProfile(t, true)
		if len(p.Withdrawn) == len(p.Candidates) {
			p.Withdrawn = nil
		}
		r := schulzeOf(t, p)
		var options []int
		for c := range p.Candidates {
			if !slices.Contains(p.Withdrawn, c) {
				options = append(options, c)
			}
		}
		if want := sequentialDropping(r.Pairwise, options); !slices.Equal(r.Winners(), want) {
			t.Fatalf("Schulze(%v) = %v, sequential dropping elects %v", r.Pairwise, r.Winners(), want)
		}
		for _, w := range r.Winners() {
			if !slices.Contains(r.Schwartz, w) || !slices.Contains(r.Smith, w) {
				t.Fatalf("winner %d, Schwartz set %v, Smith set %v", w, r.Schwartz, r.Smith)
			}
		}
		if r.Condorcet >= 0 && !slices.Equal(r.Winners(), []int{r.Condorcet}) {
			t.Fatalf("winners %v, want the Condorcet winner %d", r.Winners(), r.Condorcet)
		}
	})
}

// sequentialDropping is the text of the Debian constitution, A.5: find the
// Schwartz set of the defeats that are left; if defeats remain inside it, drop
// the weakest of them, all that are equally weak, and look again.
func sequentialDropping(m tally.Matrix, options []int) []int {
	type defeat struct{ a, b int }
	defeats := map[defeat]bool{}
	for _, a := range options {
		for _, b := range options {
			if m[a][b] > m[b][a] {
				defeats[defeat{a, b}] = true
			}
		}
	}
	for {
		reach := map[defeat]bool{}
		for d := range defeats {
			reach[d] = true
		}
		for _, k := range options {
			for _, a := range options {
				for _, b := range options {
					if reach[defeat{a, k}] && reach[defeat{k, b}] {
						reach[defeat{a, b}] = true
					}
				}
			}
		}
		var schwartz []int
		for _, a := range options {
			in := true
			for _, b := range options {
				in = in && (reach[defeat{a, b}] || !reach[defeat{b, a}])
			}
			if in {
				schwartz = append(schwartz, a)
			}
		}
		var weakest []defeat
		for d := range defeats {
			if !slices.Contains(schwartz, d.a) || !slices.Contains(schwartz, d.b) {
				continue
			}
			if len(weakest) == 0 {
				weakest = []defeat{d}
				continue
			}
			w := weakest[0]
			switch { // (A,X) is weaker than (B,Y) if V(A,X) < V(B,Y), or equal and V(X,A) > V(Y,B)
			case m[d.a][d.b] < m[w.a][w.b] || m[d.a][d.b] == m[w.a][w.b] && m[d.b][d.a] > m[w.b][w.a]:
				weakest = []defeat{d}
			case m[d.a][d.b] == m[w.a][w.b] && m[d.b][d.a] == m[w.b][w.a]:
				weakest = append(weakest, d)
			}
		}
		if len(weakest) == 0 {
			return schwartz
		}
		for _, d := range weakest {
			delete(defeats, d)
		}
	}
}

// Ballots that only add approval of a candidate never take its seat away.
func TestApprovalIsMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, lot := drawProfile(t, true)
		before, err := tally.Approval(p, lot)
		if err != nil {
			t.Fatal(err)
		}
		if len(before.Elected) == 0 {
			return
		}
		w := before.Elected[rapid.IntRange(0, len(before.Elected)-1).Draw(t, "winner")]
		p.Ballots = append(p.Ballots, tally.Ranking(rapid.Int64Range(1, 5).Draw(t, "more"), w))
		after, err := tally.Approval(p, lot)
		if err != nil || !slices.Contains(after.Elected, w) {
			t.Fatalf("with more approval of %d: %v, %v, want it elected", w, after.Elected, err)
		}
	})
}
