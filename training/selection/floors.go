package selection

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance"
)

// work bounds what one choice may spend on floors, in looks at a group of
// candidates. With floors that overlap the question is as hard as hitting set,
// so a bound there must be; it is a count and not a time, so that everyone
// gives up at the same place.
const work = 20_000_000

// holdFloors returns positions that hold the floors within seats and caps, as
// few as are needed, or as many floors as can be held, earlier ones first.
func holdFloors(rule Rule, all []Candidate, fair []int) (picked []int, gaveUp bool) {
	if len(rule.Floors) == 0 {
		return nil, false
	}
	s := newSearch(rule, all, fair)
	needs := make([]int, len(rule.Floors))
	for f := range needs {
		needs[f] = rule.Floors[f].Least
	}
	if picked, ok := s.solve(needs); ok {
		return picked, false
	}
	clear(needs)
	for f := range needs {
		low, high := 0, min(rule.Floors[f].Least, s.most(f)) // low can be held
		for low < high {
			needs[f] = low + (high-low+1)/2
			if try, ok := s.solve(needs); ok {
				low, picked = needs[f], try
			} else {
				high = needs[f] - 1
			}
		}
		needs[f] = low
	}
	return picked, s.left <= 0
}

// group is candidates that are alike for the floors: of one member, towards
// the same floors, in the fair order.
type group struct {
	owner int
	set   uint64 // floors that each of them counts towards
	nodes []int
	taken int
	shut  bool // no more of it in this branch
}

type search struct {
	rule   Rule
	fair   []int
	sets   []uint64 // by position
	owner  []int    // by position
	groups []group
	used   []int // by owner
	shut   []int // by owner: groups that are shut
	reach  []int // by owner and floor: a table of tightest
	alike  []int // by owner: equal for members whose groups have equal sizes and sets
	needs  []int // that are left
	seats  int   // that are left
	left   int   // work
}

func newSearch(rule Rule, all []Candidate, fair []int) *search {
	s := &search{rule: rule, fair: fair, sets: make([]uint64, len(all)), owner: make([]int, len(all)), left: work}
	owners := map[governance.MemberID]int{}
	at := map[[2]uint64]int{}
	for _, i := range fair {
		for f, floor := range rule.Floors {
			if slices.Contains(all[i].Strata, floor.Stratum) {
				s.sets[i] |= 1 << f
			}
		}
		o, ok := owners[all[i].Owner]
		if !ok {
			o = len(owners)
			owners[all[i].Owner] = o
		}
		s.owner[i] = o
		if s.sets[i] == 0 {
			continue
		}
		key := [2]uint64{uint64(o), s.sets[i]}
		g, ok := at[key]
		if !ok {
			g = len(s.groups)
			at[key] = g
			s.groups = append(s.groups, group{owner: o, set: s.sets[i]})
		}
		s.groups[g].nodes = append(s.groups[g].nodes, i)
	}
	s.used, s.shut = make([]int, len(owners)), make([]int, len(owners))
	s.reach = make([]int, len(owners)*len(rule.Floors))
	s.alike = likeness(s.groups, len(owners))
	return s
}

// likeness gives members the same number whose groups are the same but for
// the names of the nodes: if one of them does not help, the next does not.
func likeness(groups []group, owners int) []int {
	shapes := make([][]string, owners)
	for _, g := range groups {
		shapes[g.owner] = append(shapes[g.owner], fmt.Sprintf("%x:%d", g.set, len(g.nodes)))
	}
	number := map[string]int{}
	alike := make([]int, owners)
	for o, shape := range shapes {
		slices.Sort(shape)
		key := strings.Join(shape, " ")
		if _, ok := number[key]; !ok {
			number[key] = len(number)
		}
		alike[o] = number[key]
	}
	return alike
}

// most returns how many nodes of one floor the caps and seats allow.
func (s *search) most(f int) int {
	per := map[int]int{}
	for _, g := range s.groups {
		if g.set>>f&1 == 1 {
			per[g.owner] += len(g.nodes)
		}
	}
	n := 0
	for _, k := range per {
		n += min(k, s.rule.cap())
	}
	return min(n, s.rule.Asked())
}

// solve returns positions that meet needs: first by taking in the fair order
// whoever counts towards a floor that lacks one, which leaves the choice to
// chance; where that runs out of seats or members, by a full search.
func (s *search) solve(needs []int) ([]int, bool) {
	s.needs, s.seats = slices.Clone(needs), s.rule.Asked()
	clear(s.used)
	var picked []int
	for _, i := range s.fair {
		if s.seats > 0 && s.sets[i]&s.lacking() != 0 && s.used[s.owner[i]] < s.rule.cap() {
			s.move(s.owner[i], s.sets[i], 1)
			picked = append(picked, i)
		}
	}
	if s.lacking() == 0 {
		return picked, true
	}
	s.needs, s.seats = slices.Clone(needs), s.rule.Asked()
	clear(s.used)
	for g := range s.groups {
		s.groups[g].taken = 0
	}
	if !s.descend() {
		return nil, false
	}
	taken := map[int]bool{}
	for _, g := range s.groups {
		for _, i := range g.nodes[:g.taken] {
			taken[i] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.fair), func(i int) bool { return !taken[i] }), true
}

func (s *search) lacking() (set uint64) {
	for f, n := range s.needs {
		if n > 0 {
			set |= 1 << f
		}
	}
	return set
}

// move takes (by = 1) or gives back (by = -1) one node.
func (s *search) move(owner int, set uint64, by int) {
	s.used[owner] += by
	s.seats -= by
	for ; set != 0; set &= set - 1 {
		s.needs[bits.TrailingZeros64(set)] -= by
	}
}

// descend meets the needs that are left or reports that nothing does. It takes
// the floor with the least room and tries its groups, those that count towards
// most first; a group that did not help is shut for the rest of this branch,
// so that no set of nodes is looked at twice.
func (s *search) descend() bool {
	lacking := s.lacking()
	if lacking == 0 {
		return true
	}
	tightest := s.tightest(lacking)
	if tightest < 0 {
		return false
	}
	var options []int
	for g := range s.groups {
		if s.groups[g].set>>tightest&1 == 1 && s.open(g) {
			options = append(options, g)
		}
	}
	slices.SortStableFunc(options, func(a, b int) int {
		return cmp.Compare(bits.OnesCount64(s.groups[b].set&lacking), bits.OnesCount64(s.groups[a].set&lacking))
	})
	found := false
	var shut []int
	tried := map[[2]uint64]bool{} // sets of members who are alike and untouched
	for _, o := range options {
		g := &s.groups[o]
		if s.used[g.owner] == 0 && s.shut[g.owner] == 0 {
			alike := [2]uint64{uint64(s.alike[g.owner]), g.set}
			if tried[alike] {
				continue
			}
			tried[alike] = true
		}
		s.move(g.owner, g.set, 1)
		g.taken++
		if found = s.descend(); found {
			break
		}
		s.move(g.owner, g.set, -1)
		g.taken--
		g.shut = true
		s.shut[g.owner]++
		shut = append(shut, o)
		if s.left <= 0 {
			break
		}
	}
	for _, o := range shut {
		s.groups[o].shut = false
		s.shut[s.groups[o].owner]--
	}
	return found
}

// open reports whether one more of a group may be taken.
func (s *search) open(g int) bool {
	p := &s.groups[g]
	return !p.shut && p.taken < len(p.nodes) && s.used[p.owner] < s.rule.cap()
}

// tightest returns the floor with the least room, or -1 if one has none or the
// seats cannot suffice.
func (s *search) tightest(lacking uint64) int {
	s.left -= len(s.groups)
	if s.left <= 0 {
		return -1
	}
	room := make([]int, len(s.needs))
	clear(s.reach)
	widest, sum := 0, 0
	for g := range s.groups {
		p := &s.groups[g]
		set := p.set & lacking
		if set == 0 || !s.open(g) {
			continue
		}
		widest = max(widest, bits.OnesCount64(set))
		reach := s.reach[p.owner*len(s.needs):]
		allowed := s.rule.cap() - s.used[p.owner]
		for ; set != 0; set &= set - 1 {
			f := bits.TrailingZeros64(set)
			more := min(len(p.nodes)-p.taken, allowed-reach[f])
			reach[f] += more
			room[f] += more
		}
	}
	best := -1
	for f, n := range s.needs {
		if n <= 0 {
			continue
		}
		sum += n
		if room[f] < n || n > s.seats {
			return -1
		}
		if best < 0 || room[f]-n < room[best]-s.needs[best] {
			best = f
		}
	}
	if sum > widest*s.seats {
		return -1
	}
	return best
}
