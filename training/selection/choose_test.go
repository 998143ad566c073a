package selection

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"pgregory.net/rapid"
)

var languages = []string{"de", "en", "is", "sw"}

func drawCandidates(t *rapid.T, most int) []Candidate {
	n := rapid.IntRange(0, most).Draw(t, "candidates")
	list := make([]Candidate, n)
	for i := range list {
		c := Candidate{
			Node: governance.NodeID(i*3 + 1), Owner: governance.MemberID(rapid.IntRange(1, max(2, n/2)).Draw(t, "owner")),
			Memory: rapid.Int64Range(0, 4).Draw(t, "memory"), Speed: rapid.Int64Range(0, 4).Draw(t, "speed"), RoundTrip: rapid.Int64Range(0, 200).Draw(t, "ms"),
			Mains: rapid.Bool().Draw(t, "mains"), Metered: rapid.Bool().Draw(t, "metered"), Examples: rapid.Int64Range(0, 1000).Draw(t, "examples"),
			Loss: rapid.Int64Range(0, 9000).Draw(t, "loss"), Duration: rapid.Int64Range(0, 900).Draw(t, "duration"), LastRound: rapid.IntRange(0, 9).Draw(t, "last"),
		}
		for _, l := range languages {
			if rapid.Bool().Draw(t, l) {
				c.Strata = append(c.Strata, Stratum{"language", l})
			}
		}
		list[i] = c
	}
	return list
}

func drawRule(t *rapid.T) Rule {
	r := Rule{
		Method: rapid.SampledFrom([]Method{Uniform, Oort, Nearest, Losses}).Draw(t, "method"),
		Wanted: rapid.IntRange(2, 6).Draw(t, "wanted"), Over: rapid.SampledFrom([]int{1000, 1300, 2000}).Draw(t, "over"),
		PerMember: rapid.IntRange(0, 3).Draw(t, "cap"), Explore: rapid.IntRange(1, 1000).Draw(t, "explore"), Patience: rapid.Int64Range(0, 600).Draw(t, "patience"), Pool: 2,
	}
	if rapid.Bool().Draw(t, "needy") {
		r.Need = Need{Memory: 1, Tokens: 1000, Deadline: 1000, Mains: true}
	}
	for _, l := range languages {
		if n := rapid.IntRange(0, 3).Draw(t, "floor of "+l); n > 0 {
			r.Floors = append(r.Floors, Floor{Stratum{"language", l}, n})
		}
	}
	return r
}

func choose(t interface{ Fatal(...any) }, seed [32]byte, r Rule, round int, c []Candidate) Result {
	result, err := Choose(seed, r, round, c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestAnyoneRecomputesTheDraw does it with nothing but a hash and a sort, and
// from the candidates in another order.
func TestAnyoneRecomputesTheDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawCandidates(t, 20)
		seed := sha256.Sum256([]byte(rapid.String().Draw(t, "seed")))
		r := Rule{Method: Uniform, Wanted: 5, Over: 1300, PerMember: 1000}
		type lot struct {
			hash [32]byte
			node governance.NodeID
		}
		lots := make([]lot, len(list))
		for i, c := range list {
			lots[i] = lot{sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("althing lot v1\n"), seed[:]...), uint64(c.Node))), c.Node}
		}
		slices.SortFunc(lots, func(a, b lot) int { return bytes.Compare(a.hash[:], b.hash[:]) })
		owner := map[governance.NodeID]governance.MemberID{}
		for _, c := range list {
			owner[c.Node] = c.Owner
		}
		var want []governance.NodeID
		used := map[governance.MemberID]int{}
		for _, l := range lots {
			if len(want) < 7 && used[owner[l.node]] < 6 { // ⌈5·1.3⌉, and one less of one member
				want = append(want, l.node)
				used[owner[l.node]]++
			}
		}
		if got := choose(t, seed, r, 1, list).Chosen; !slices.Equal(got, want) {
			t.Fatalf("chosen %v, want %v", got, want)
		}
	})
}

func TestChoosingKeepsItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, r, seed, round := drawCandidates(t, 16), drawRule(t), [32]byte{rapid.Byte().Draw(t, "seed")}, rapid.IntRange(1, 200).Draw(t, "round")
		got := choose(t, seed, r, round, list)
		shuffled := rapid.Permutation(list).Draw(t, "order")
		if again := choose(t, seed, r, round, shuffled); fmt.Sprint(again) != fmt.Sprint(got) {
			t.Fatalf("in another order: %v, want %v", again, got)
		}
		limit := r.Asked() - 1
		if r.PerMember > 0 {
			limit = min(limit, r.PerMember)
		}
		able, used := map[governance.MemberID]int{}, map[governance.MemberID]int{}
		places := map[int]bool{}
		for i, c := range slices.SortedFunc(slices.Values(list), func(a, b Candidate) int { return int(a.Node - b.Node) }) {
			v := got.Verdicts[i]
			out := r.Need != (Need{}) && (c.Memory < 1 || c.Speed < 1 || !c.Mains)
			if v.Node != c.Node || v.Owner != c.Owner || v.Reason == "" || v.Words() == "" || out && v.Chosen() {
				t.Fatalf("candidate %+v: verdict %+v", c, v)
			}
			if !out {
				able[c.Owner]++
			}
			if v.Chosen() {
				used[c.Owner]++
				places[v.Place] = true
				if got.Chosen[v.Place-1] != c.Node {
					t.Fatalf("place %d is of node %d, chosen are %v", v.Place, c.Node, got.Chosen)
				}
			}
			if v.Reason == ForFloor && !slices.Contains(c.Strata, v.Stratum) {
				t.Fatalf("%+v was chosen for a floor of %v", c, v.Stratum)
			}
		}
		room := 0
		for owner, n := range able {
			room += min(n, limit)
			if used[owner] > limit {
				t.Fatalf("member %d has %d nodes, at most %d", owner, used[owner], limit)
			}
		}
		if want := min(room, r.Asked()); len(got.Chosen) != want || len(places) != want {
			t.Fatalf("%d were chosen at %d places, want %d", len(got.Chosen), len(places), want)
		}
		if len(able) > 1 && got.Members() < 2 {
			t.Fatalf("%d members could take part and %d do", len(able), got.Members())
		}
	})
}

// TestFloorsAreHeldWheneverTheyCanBe tries every subset: what is held must be
// the best that any of them does, earlier floors counting first.
func TestFloorsAreHeldWheneverTheyCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, r := drawCandidates(t, 11), drawRule(t)
		got := choose(t, [32]byte{rapid.Byte().Draw(t, "seed")}, r, 5, list)
		limit := r.Asked() - 1
		if r.PerMember > 0 {
			limit = min(limit, r.PerMember)
		}
		best := make([]int, len(r.Floors))
		for set := range 1 << len(list) {
			used, size, legal := map[governance.MemberID]int{}, 0, true
			held := make([]int, len(r.Floors))
			for i, c := range list {
				if set>>i&1 == 0 {
					continue
				}
				used[c.Owner]++
				size++
				legal = legal && used[c.Owner] <= limit && (r.Need == (Need{}) || c.Memory >= 1 && c.Speed >= 1 && c.Mains)
				for f, floor := range r.Floors {
					if slices.Contains(c.Strata, floor.Stratum) {
						held[f] = min(held[f]+1, floor.Least)
					}
				}
			}
			if legal && size <= r.Asked() && slices.Compare(held, best) > 0 {
				best = held
			}
		}
		var want []Shortfall
		for f, floor := range r.Floors {
			if best[f] < floor.Least {
				want = append(want, Shortfall{floor, best[f]})
			}
		}
		if !slices.Equal(got.Short, want) || got.GaveUp {
			t.Fatalf("floors %v: short of %v, want %v\n%+v", r.Floors, got.Short, want, got.Verdicts)
		}
	})
}

// TestNobodyStarves lets half of the nodes claim wild losses and nearness for
// ever; each of the others must still come within ⌈N/e⌉ rounds of its last.
func TestNobodyStarves(t *testing.T) {
	const n, wanted = 60, 10
	for _, m := range []Method{Oort, Nearest, Losses} {
		list := make([]Candidate, n)
		for i := range list {
			list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i + 1), RoundTrip: 900, Examples: 10, Loss: 1000, Duration: 900}
			if i < n/2 {
				list[i].RoundTrip, list[i].Examples, list[i].Loss, list[i].Duration = 1, 1<<40, 1<<40, 1
			}
		}
		rule := Rule{Method: m, Wanted: wanted, Over: 1000, Explore: 200, Patience: 60, Pool: 3}
		for round := 1; round <= 400; round++ {
			got := choose(t, sha256.Sum256([]byte{byte(round), byte(round >> 8)}), rule, round, list)
			for _, v := range got.Verdicts {
				c := &list[v.Node-1]
				if v.Chosen() {
					c.LastRound = round
				} else if wait := round - c.LastRound; wait > n/2 { // e = 2
					t.Fatalf("%s: node %d waits since round %d, in round %d", m, v.Node, c.LastRound, round)
				}
			}
		}
	}
}

// TestWildClaimsGainNoMoreThanTwiceTheMedian compares a claim beyond belief
// with one of just twice the median: the cohorts are the same.
func TestWildClaimsGainNoMoreThanTwiceTheMedian(t *testing.T) {
	for _, m := range []Method{Oort, Losses} {
		for s := range byte(50) {
			r := rand.New(rand.NewPCG(uint64(s), 1))
			list := make([]Candidate, 40)
			for i := range list {
				list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i + 1), Examples: 100, Loss: 2000 + r.Int64N(3000), LastRound: 1 + r.IntN(9)}
			}
			for i := range 8 { // a fifth of the nodes lie, so the percentile alone would not hold
				list[i].Loss = 1 << 40
			}
			rule := Rule{Method: m, Wanted: 12, Over: 1000, Explore: 200, Pool: 2}
			wild := choose(t, [32]byte{s}, rule, 10, list)
			losses := make([]int64, len(list))
			for i, c := range list {
				losses[i] = c.Loss
			}
			slices.Sort(losses)
			for i := range 8 {
				list[i].Loss = 2 * losses[(len(losses)-1)/2]
			}
			if mild := choose(t, [32]byte{s}, rule, 10, list); !slices.Equal(mild.Chosen, wild.Chosen) {
				t.Errorf("%s, seed %d: wild claims choose %v, mild ones %v", m, s, wild.Chosen, mild.Chosen)
			}
		}
	}
}

// TestUsefulNodesAreChosenMore is what the methods are for.
func TestUsefulNodesAreChosenMore(t *testing.T) {
	for _, m := range []Method{Oort, Nearest, Losses} {
		counts := [2]int{}
		for s := range byte(200) {
			list := make([]Candidate, 40)
			for i := range list {
				list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i + 1), Examples: 100, Loss: 2000, RoundTrip: 500, Duration: 50, LastRound: 1 + i%5}
				if i%2 == 1 {
					list[i].Loss, list[i].RoundTrip = 3500, 20
				}
			}
			for _, id := range choose(t, [32]byte{s}, Rule{Method: m, Wanted: 10, Over: 1000, Explore: 200, Pool: 3}, 100, list).Chosen {
				counts[(id-1)%2]++
			}
		}
		if counts[1] < 2*counts[0] {
			t.Errorf("%s: %d useful and %d other nodes were chosen, want twice as many", m, counts[1], counts[0])
		}
	}
	slow := []Candidate{}
	for i := range 20 {
		slow = append(slow, Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i + 1), Examples: 100, Loss: 2000, Duration: int64(100 + 900*(i%2)), LastRound: 1})
	}
	for _, v := range choose(t, [32]byte{1}, Rule{Method: Oort, Wanted: 10, Over: 1000, Explore: 1, Patience: 200}, 1000, slow).Verdicts {
		if v.Reason == MostUtility && v.Node%2 == 0 {
			t.Errorf("node %d needs five times the patience and was chosen for its use", v.Node)
		}
	}
}

func TestFloorsOfAKind(t *testing.T) {
	list := []Candidate{
		{Node: 1, Strata: []Stratum{{"language", "de"}, {"language", "en"}, {"region", "north"}}}, {Node: 2, Strata: []Stratum{{"language", "en"}, {"language", "is"}}}, {Node: 3},
	}
	want := []Floor{{Stratum{"language", "de"}, 2}, {Stratum{"language", "is"}, 2}, {Stratum{"language", "en"}, 2}}
	if got := FloorsOf("language", 2, list); !slices.Equal(got, want) {
		t.Errorf("FloorsOf = %v, want %v", got, want)
	}
	for i := range 100 {
		list[2].Strata = append(list[2].Strata, Stratum{"domain", fmt.Sprint(i)})
	}
	if got := FloorsOf("domain", 1, list); len(got) != maxFloors || FloorsOf("licence", 1, list) != nil {
		t.Errorf("FloorsOf 100 strata = %d floors, want %d, and none of a kind that is absent", len(got), maxFloors)
	}
}

// TestSearchGivesUpAtOnePlace asks for sixty floors in fifteen seats of nodes
// that serve four each, a covering problem that no search settles: the answer
// comes, says that it may be too modest, and is the same when computed again.
func TestSearchGivesUpAtOnePlace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	list := make([]Candidate, 600)
	for i := range list {
		list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i/2 + 1)}
		for _, domain := range r.Perm(60)[:4] {
			list[i].Strata = append(list[i].Strata, Stratum{"domain", fmt.Sprint(domain)})
		}
	}
	rule := Rule{Method: Uniform, Wanted: 15, Over: 1000, PerMember: 1}
	for f := range 60 {
		rule.Floors = append(rule.Floors, Floor{Stratum{"domain", fmt.Sprint(f)}, 1})
	}
	got := choose(t, [32]byte{1}, rule, 1, list)
	if held := 60 - len(got.Short); !got.GaveUp || held < 30 || len(got.Chosen) != 15 {
		t.Errorf("%d floors held by %d nodes, gave up: %v", held, len(got.Chosen), got.GaveUp)
	}
	slices.Reverse(list)
	if again := choose(t, [32]byte{1}, rule, 1, list); !slices.Equal(again.Chosen, got.Chosen) {
		t.Errorf("computed again: %v, want %v", again.Chosen, got.Chosen)
	}
}

func TestWordsOfVerdicts(t *testing.T) {
	list := []Candidate{
		{Node: 1, Owner: 1, Memory: 100 << 20, Speed: 50, RoundTrip: 10, Mains: true},
		{Node: 2, Owner: 1, Memory: 900 << 20, RoundTrip: 10, Mains: true},
		{Node: 3, Owner: 1, Memory: 900 << 20, Speed: 9, RoundTrip: 10, Mains: true},
		{Node: 4, Owner: 1, Memory: 900 << 20, Speed: 50, RoundTrip: 700, Mains: true},
		{Node: 5, Owner: 1, Memory: 900 << 20, Speed: 50, RoundTrip: 10},
		{Node: 6, Owner: 1, Memory: 900 << 20, Speed: 50, RoundTrip: 10, Mains: true, Metered: true},
		{Node: 7, Owner: 2, Memory: 900 << 20, Speed: 50, RoundTrip: 10, Mains: true, Strata: []Stratum{{"language", "is"}}},
		{Node: 8, Owner: 3, Memory: 900 << 20, Speed: 50, RoundTrip: 10, Mains: true},
		{Node: 9, Owner: 2, Memory: 900 << 20, Speed: 50, RoundTrip: 10, Mains: true},
	}
	rule := Rule{
		Method: Uniform, Wanted: 3, Over: 1000, PerMember: 1, Floors: []Floor{{Stratum{"language", "is"}, 1}, {Stratum{"region", "south"}, 2}},
		Need: Need{Memory: 512 << 20, Speed: 15, Tokens: 39, Deadline: 2, RoundTrip: 300, Mains: true, Unmetered: true},
	}
	got := choose(t, [32]byte{}, rule, 1, list)
	var words []string
	for _, v := range got.Verdicts {
		words = append(words, v.Words())
	}
	want := `not enough memory: 512 MiB needed, 100 there
its memory, speed or round trip is not known yet
too slow: 20 tokens a second needed, 9 measured
too far: a round trip of 300 ms at most, 700 measured
runs on battery
its line is metered
chosen for the floor of language is
chosen by lot
member's cap: 1 of the member's nodes were chosen`
	if text := strings.Join(words, "\n"); text != want {
		t.Errorf("words:\n%s\nwant:\n%s", text, want)
	}
	if want := []Shortfall{{rule.Floors[1], 0}}; !slices.Equal(got.Short, want) {
		t.Errorf("short of %v, want %v", got.Short, want)
	}
}

// TestCohortsAreTheSameEverywhere pins what verifiers recompute.
func TestCohortsAreTheSameEverywhere(t *testing.T) {
	list := make([]Candidate, 30)
	for i := range list {
		list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(i/2 + 1), RoundTrip: int64(i * 13 % 200), Examples: int64(50 + i*7%40), Loss: int64(1500 + i*911%2000), Duration: int64(i * 37 % 100), LastRound: i * 5 % 7}
	}
	want := map[Method]string{
		Uniform: "[21 14 8 6 3 24 20 30]", Oort: "[27 18 5 4 8 29 15 22]", Nearest: "[17 2 3 19 21 6 8 29]", Losses: "[14 3 27 18 20 9 8 29]",
	}
	for m, w := range want {
		if got := fmt.Sprint(choose(t, [32]byte{7}, Rule{Method: m, Wanted: 6, Over: 1300, PerMember: 1, Explore: 200, Patience: 60, Pool: 2}, 40, list).Chosen); got != w {
			t.Errorf("%s chooses %s, want %s", m, got, w)
		}
	}
}

func TestRulesRefused(t *testing.T) {
	good := Rule{Method: Oort, Wanted: 10, Over: 1300, Explore: 200}
	if err := good.Check(); err != nil || good.Asked() != 13 {
		t.Errorf("Check = %v, %d asked, want 13", err, good.Asked())
	}
	for name, change := range map[string]func(*Rule){
		"method": func(r *Rule) { r.Method = "best" }, "one": func(r *Rule) { r.Wanted = 1 }, "under": func(r *Rule) { r.Over = 999 }, "cap": func(r *Rule) { r.PerMember = -1 },
		"no exploration": func(r *Rule) { r.Explore = 0 }, "pool": func(r *Rule) { r.Method = Losses }, "no deadline": func(r *Rule) { r.Need.Tokens = 1 },
		"floor of none":     func(r *Rule) { r.Floors = []Floor{{Stratum{"language", "de"}, 0}} },
		"one floor twice":   func(r *Rule) { r.Floors = []Floor{{Stratum{"language", "de"}, 1}, {Stratum{"language", "de"}, 2}} },
		"too many floors":   func(r *Rule) { r.Floors = make([]Floor, 65) },
		"negative memory":   func(r *Rule) { r.Need.Memory = -1 },
		"negative patience": func(r *Rule) { r.Patience = -1 },
	} {
		r := good
		change(&r)
		if _, err := Choose([32]byte{}, r, 1, nil); err == nil {
			t.Errorf("%s: %+v was taken", name, r)
		}
	}
	for _, list := range [][]Candidate{{{Node: 1}, {Node: 1}}, {{Node: 1, Loss: -1}}, {{Node: 1, Examples: 1<<40 + 1}}} {
		if got, err := Choose([32]byte{}, good, 1, list); err == nil {
			t.Errorf("Choose of %+v = %v", list, got)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]Candidate, 4000)
	for i := range list {
		list[i] = Candidate{Node: governance.NodeID(i + 1), Owner: governance.MemberID(r.IntN(2500)), RoundTrip: 1 + r.Int64N(500), Examples: 1 + r.Int64N(1000), Loss: 1 + r.Int64N(5000), Duration: r.Int64N(900), LastRound: r.IntN(30)}
		for _, l := range languages {
			if r.IntN(5) == 0 {
				list[i].Strata = append(list[i].Strata, Stratum{"language", l})
			}
		}
	}
	floors := []Floor{{Stratum{"language", "is"}, 100}, {Stratum{"language", "sw"}, 100}, {Stratum{"language", "de"}, 100}}
	for name, f := range map[string][]Floor{"free": nil, "floors": floors, "short": append(slices.Clone(floors), Floor{Stratum{"language", "fo"}, 1})} {
		for _, m := range []Method{Uniform, Oort} {
			b.Run(fmt.Sprintf("%s/%s/4000", m, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := Choose([32]byte{1}, Rule{Method: m, Wanted: 500, Over: 1300, PerMember: 2, Explore: 200, Floors: f}, 50, list); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
