package tally

import (
	"fmt"
	"math"
	"slices"
)

// meekOmega is the surplus below which a round has converged: 10^-6.
const meekOmega Nano = 1_000

// MeekRound is the state when an iteration elected somebody or converged.
type MeekRound struct {
	Number     int    `json:"number"`
	Iterations int    `json:"iterations"`
	Quota      Nano   `json:"quota"`
	Votes      []Nano `json:"votes"`
	Keep       []Nano `json:"keep"` // keep factors that gave Votes; 0 for the defeated and withdrawn
	// Surplus of all the elected above the quota.
	Surplus Nano `json:"surplus"`
	// Exhausted is what no candidate holds; with Votes it sums to the valid
	// ballots.
	Exhausted Nano   `json:"exhausted"`
	Elected   []int  `json:"elected,omitempty"`
	Defeated  int    `json:"defeated"` // -1 when the round elected
	Status    Status `json:"status"`
}

// Status says why a Meek round ended.
type Status string

const (
	// Reached: somebody reached the quota.
	Reached Status = "elected"
	// Converged: the surplus fell below 10^-6.
	Converged Status = "omega"
	// Stable: the surplus no longer fell, so nine decimals give no more.
	Stable Status = "stable"
)

// MeekResult is a count by Meek's method with all its rounds.
type MeekResult struct {
	Seats    int   `json:"seats"`
	Valid    int64 `json:"valid"`
	Blank    int64 `json:"blank"`
	Elected  []int `json:"elected"`
	Defeated []int `json:"defeated"`
	// Remaining were elected because no more were left than seats; they are in
	// Elected too.
	Remaining []int       `json:"elected_remaining"`
	Vacant    int         `json:"vacant"`
	Rounds    []MeekRound `json:"rounds"`
	Ties      []Tie       `json:"ties"`
}

type meek struct {
	papers  []paper
	rank    []int
	seats   int
	hopeful []bool
	elected []bool
	keep    []Nano
	votes   []Nano
	quota   Nano
	surplus Nano
	result  MeekResult
}

// Meek counts by the reference rule of the Proportional Representation
// Foundation: Meek's method (Hill, Wichmann and Woodall, Algorithm 123, The
// Computer Journal 30, 1987) in fixed point with nine decimals. Every elected
// candidate keeps just so much of each paper that the quota is met, and the
// quota falls as papers run out. Weight × keep factor, and the new keep factor,
// are rounded up; the quota is cut and 10^-9 is added. Whoever is within the
// total surplus of the lowest counts as tied with it, and the first in the lot
// order among them is defeated. Names of the steps (A to C) are the rule's.
func Meek(p Profile, lot []int) (MeekResult, error) {
	papers, valid, blank, err := p.papers()
	if err != nil {
		return MeekResult{}, fmt.Errorf("meek count: %w", err)
	}
	rank, err := lotRank(lot, len(p.Candidates))
	if err != nil {
		return MeekResult{}, fmt.Errorf("meek count: %w", err)
	}
	n := len(p.Candidates)
	m := &meek{
		papers: papers, rank: rank, seats: p.Seats,
		hopeful: p.standing(), elected: make([]bool, n), keep: make([]Nano, n), votes: make([]Nano, n),
		result: MeekResult{Seats: p.Seats, Valid: valid, Blank: blank},
	}
	for c, in := range m.hopeful { // A
		if in {
			m.keep[c] = One
		}
	}
	for { // B1
		left := list(m.hopeful)
		if len(m.result.Elected) >= m.seats {
			break
		}
		if len(m.result.Elected)+len(left) <= m.seats { // C
			m.result.Remaining = left
			m.result.Elected = append(m.result.Elected, left...)
			break
		}
		m.round()
	}
	m.result.Vacant = m.seats - len(m.result.Elected)
	return m.result, nil
}

// round is step B: iterate until somebody is elected, else defeat one (B3).
func (m *meek) round() {
	r := MeekRound{Number: len(m.result.Rounds) + 1, Defeated: -1}
	last := Nano(math.MaxInt64)
	for {
		r.Iterations++
		m.distribute()
		for _, c := range list(m.hopeful) { // B2c
			if m.votes[c] >= m.quota {
				m.hopeful[c], m.elected[c] = false, true
				r.Elected = append(r.Elected, c)
			}
		}
		m.surplus = 0 // B2d
		for c, in := range m.elected {
			if in {
				m.surplus += max(0, m.votes[c]-m.quota)
			}
		}
		switch { // B2e
		case len(r.Elected) > 0:
			r.Status = Reached
		case m.surplus < meekOmega:
			r.Status = Converged
		case m.surplus >= last:
			r.Status = Stable
		}
		if r.Status != "" {
			break
		}
		last = m.surplus
		for c, in := range m.elected { // B2f
			if in && m.votes[c] > 0 {
				share := mulDivUp(int64(m.keep[c]), int64(m.quota), int64(One))
				// Rounding can leave an elected candidate a hair below the
				// quota; nobody ever keeps more than the whole paper.
				m.keep[c] = min(One, Nano(mulDivUp(share, int64(One), int64(m.votes[c]))))
			}
		}
	}
	r.Quota, r.Surplus = m.quota, m.surplus
	r.Votes, r.Keep = slices.Clone(m.votes), slices.Clone(m.keep)
	r.Exhausted = Nano(m.result.Valid) * One
	for _, v := range m.votes {
		r.Exhausted -= v
	}
	m.result.Elected = append(m.result.Elected, r.Elected...)
	if r.Status != Reached {
		r.Defeated = m.defeat(r.Number)
	}
	m.result.Rounds = append(m.result.Rounds, r)
}

// distribute is B2a and B2b: each paper gives each candidate in its order the
// keep factor's share of what is left of it; then the quota.
func (m *meek) distribute() {
	clear(m.votes)
	for _, p := range m.papers {
		left := One
		for _, c := range p.order {
			if m.keep[c] == 0 {
				continue
			}
			part := Nano(mulDivUp(int64(left), int64(m.keep[c]), int64(One)))
			m.votes[c] += Nano(p.weight) * part
			if left -= part; left == 0 {
				break
			}
		}
	}
	total := Nano(0)
	for _, v := range m.votes {
		total += v
	}
	m.quota = total/Nano(m.seats+1) + 1
}

// defeat is B3. It returns who was defeated.
func (m *meek) defeat(round int) int {
	left := list(m.hopeful)
	low := m.votes[left[0]]
	for _, c := range left {
		low = min(low, m.votes[c])
	}
	var tied []int
	for _, c := range left {
		if m.votes[c] <= low+m.surplus {
			tied = append(tied, c)
		}
	}
	out := tied[0]
	if len(tied) > 1 {
		out = firstDrawn(m.rank, tied)
		m.result.Ties = append(m.result.Ties, Tie{Stage: round, Kind: TieExclusion, Tied: tied, Among: tied, Chosen: out})
	}
	m.hopeful[out], m.keep[out] = false, 0
	m.result.Defeated = append(m.result.Defeated, out)
	return out
}

func list(in []bool) []int {
	var members []int
	for c, ok := range in {
		if ok {
			members = append(members, c)
		}
	}
	return members
}

// Explain returns one paragraph per round for the result page.
func (r MeekResult) Explain(names []string) []string {
	var lines []string
	for _, round := range r.Rounds {
		s := fmt.Sprintf("Round %d, %s: the quota is %v.", round.Number, count(int64(round.Iterations), "iteration", "iterations"), round.Quota)
		for _, c := range round.Elected {
			s += fmt.Sprintf(" %s has %v, at least the quota, and is elected.", nameOf(names, c), round.Votes[c])
		}
		for _, t := range r.Ties {
			if t.Stage == round.Number {
				s += " Within the surplus that is still to move, " + t.Sentence(names)
			}
		}
		if c := round.Defeated; c >= 0 {
			s += fmt.Sprintf(" Nobody else reaches it. %s has %v and is defeated.", nameOf(names, c), round.Votes[c])
		}
		lines = append(lines, s)
	}
	if n := len(r.Remaining); n > 0 {
		lines = append(lines, fmt.Sprintf("No more candidates are left than seats, so %s %s elected.", nameList(names, r.Remaining), isAre(n)))
	}
	if r.Vacant > 0 {
		lines = append(lines, fmt.Sprintf("Too few candidates stood: %s stay vacant.", count(int64(r.Vacant), "seat", "seats")))
	}
	return lines
}
