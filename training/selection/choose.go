package selection

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance"
)

// Method says how seats are filled that no floor claims.
type Method string

// The methods. What recipes call "resource" is Uniform with a Need, and
// "diverse" is Uniform with FloorsOf a kind.
const (
	Uniform Method = "uniform"   // by lot; with a Need, by lot among those who can ("resource-aware")
	Oort    Method = "oort"      // who taught the model most lately, and in time
	Nearest Method = "proximity" // short round trips first
	Losses  Method = "losses"    // of a lot of Pool times as many, those with the highest loss
)

// Rule is what a recipe says about choosing.
type Rule struct {
	Method    Method
	Need      Need
	Wanted    int     // updates that the round waits for; at least 2
	Over      int     // asked for each that is wanted, in thousandths: 1300; at least 1000
	PerMember int     // most nodes of one member, 0 for no other cap than one less than all
	Floors    []Floor // in the order in which they matter when not all can be held
	Explore   int     // least share of seats for who waited longest, in thousandths; not for Uniform
	Patience  int64   // Oort: seconds, T; a node that took longer counts less. 0 for no such limit
	Pool      int     // Losses: how many are drawn for one seat; at least 2
}

// maxFloors is how many floors fit into the set of a word.
const maxFloors = 64

// Check reports what does not fit together.
func (r Rule) Check() error {
	switch {
	case !slices.Contains([]Method{Uniform, Oort, Nearest, Losses}, r.Method):
		return fmt.Errorf("choose nodes: method %q is not known", r.Method)
	case r.Wanted < 2 || r.Wanted > 100_000:
		return fmt.Errorf("choose nodes: %d wanted, want 2 to 100,000: the update of one would show him", r.Wanted)
	case r.Over < 1000 || r.Over > 10_000:
		return fmt.Errorf("choose nodes: %d thousandths asked, want 1000 to 10000", r.Over)
	case r.PerMember < 0 || r.Explore < 0 || r.Explore > 1000 || r.Patience < 0:
		return fmt.Errorf("choose nodes: a cap of %d, %d thousandths explored, a patience of %d s", r.PerMember, r.Explore, r.Patience)
	case r.Method != Uniform && r.Explore == 0:
		return fmt.Errorf("choose nodes: %q without exploration would never hear of some nodes", r.Method)
	case r.Method == Losses && (r.Pool < 2 || r.Pool > 1000):
		return fmt.Errorf("choose nodes: a pool of %d for a seat, want 2 to 1000", r.Pool)
	case min(r.Need.Memory, r.Need.Speed, r.Need.Tokens, r.Need.Deadline, r.Need.RoundTrip) < 0 || r.Need.Tokens > 1<<60 || r.Need.Tokens > 0 && r.Need.Deadline == 0:
		return fmt.Errorf("choose nodes: need %+v", r.Need)
	case len(r.Floors) > maxFloors:
		return fmt.Errorf("choose nodes: %d floors, at most %d", len(r.Floors), maxFloors)
	}
	for i, f := range r.Floors {
		if f.Least < 1 || f.Stratum.Kind == "" || slices.ContainsFunc(r.Floors[:i], func(o Floor) bool { return o.Stratum == f.Stratum }) {
			return fmt.Errorf("choose nodes: a floor of %d for %q, or a second one", f.Least, f.Stratum)
		}
	}
	return nil
}

// Asked returns how many nodes are asked so that Wanted report.
func (r Rule) Asked() int { return (r.Wanted*r.Over + 999) / 1000 }

// cap returns the most nodes of one member.
func (r Rule) cap() int {
	if r.PerMember == 0 {
		return r.Asked() - 1
	}
	return min(r.PerMember, r.Asked()-1)
}

// Shortfall is a floor that could not be held.
type Shortfall struct {
	Floor
	Found int // what was chosen of it
}

// Result is a cohort and its explanation.
type Result struct {
	Chosen   []governance.NodeID // in the order in which they were chosen
	Verdicts []Verdict           // of every candidate, by node
	Short    []Shortfall         // floors that no choice could hold, earlier floors having been held first
	GaveUp   bool                // the search for the floors ended at its limit, so that Short may be too long
}

// Members returns how many members have a node in the cohort.
func (r Result) Members() int {
	owners := map[governance.MemberID]bool{}
	for _, v := range r.Verdicts {
		if v.Chosen() {
			owners[v.Owner] = true
		}
	}
	return len(owners)
}

// Choose chooses a cohort for the round of that number, from 1. Equal input
// gives an equal result in whatever order the candidates come. Fewer than
// asked may be chosen, and even none: whether that is enough is for the round
// to say.
func Choose(seed [32]byte, rule Rule, round int, candidates []Candidate) (Result, error) {
	if err := rule.Check(); err != nil {
		return Result{}, err
	}
	all, err := distinct(candidates)
	if err != nil {
		return Result{}, err
	}
	d := &draft{rule: rule, all: all, verdicts: make([]Verdict, len(all)), used: map[governance.MemberID]int{}}
	var able []int
	for i, c := range all {
		if d.verdicts[i] = rule.Need.refuse(c); d.verdicts[i].Reason == "" {
			able = append(able, i)
		}
	}
	phases := d.phases(seed, max(1, round), able)
	result := Result{Verdicts: d.verdicts}
	fair := phases[len(phases)-1].order
	picked, gaveUp := holdFloors(rule, all, fair)
	for _, i := range picked {
		d.choose(i, ForFloor)
	}
	for _, p := range phases {
		d.fill(p)
	}
	for _, i := range able {
		if v := &d.verdicts[i]; v.Reason == "" {
			v.Reason = OthersFirst
			if n := d.used[v.Owner]; n >= rule.cap() {
				v.Reason, v.Wants = MemberFull, int64(n)
			}
		}
	}
	for _, i := range d.chosen {
		result.Chosen = append(result.Chosen, all[i].Node)
	}
	result.Short = d.short()
	result.GaveUp = gaveUp && len(result.Short) > 0
	return result, nil
}

// phase fills seats in an order until so many are taken in all.
type phase struct {
	order  []int
	until  int
	reason Reason
}

// draft is a cohort in the making.
type draft struct {
	rule     Rule
	all      []Candidate
	verdicts []Verdict
	chosen   []int
	used     map[governance.MemberID]int
}

func (d *draft) choose(i int, why Reason) {
	v := &d.verdicts[i]
	if why == ForFloor {
		v.Stratum = d.serves(i)
	}
	d.chosen = append(d.chosen, i)
	d.used[v.Owner]++
	v.Place, v.Reason = len(d.chosen), why
}

func (d *draft) fill(p phase) {
	for _, i := range p.order {
		v := d.verdicts[i]
		if len(d.chosen) < p.until && v.Reason == "" && d.used[v.Owner] < d.rule.cap() {
			d.choose(i, p.reason)
		}
	}
}

// serves returns the first floor that still lacks a node and that i counts
// towards; a node taken by the search counts towards one at that moment or
// towards one that others filled as well.
func (d *draft) serves(i int) Stratum {
	var first Stratum
	for _, f := range d.rule.Floors {
		if !slices.Contains(d.all[i].Strata, f.Stratum) {
			continue
		}
		if first == (Stratum{}) {
			first = f.Stratum
		}
		if d.count(f.Stratum) < f.Least {
			return f.Stratum
		}
	}
	return first
}

func (d *draft) count(s Stratum) (n int) {
	for _, i := range d.chosen {
		if slices.Contains(d.all[i].Strata, s) {
			n++
		}
	}
	return n
}

func (d *draft) short() (list []Shortfall) {
	for _, f := range d.rule.Floors {
		if n := d.count(f.Stratum); n < f.Least {
			list = append(list, Shortfall{f, n})
		}
	}
	return list
}
