package tally

import (
	"errors"
	"fmt"
	"strconv"
)

// MaxWeight bounds the sum of all ballot weights, a thousand million. With
// Meek's nine decimals the total is then at most 10^18, which an int64 holds;
// no count can wrap around.
const MaxWeight = 1_000_000_000

// MaxCandidates bounds the options of one poll. Schulze needs their cube.
const MaxCandidates = 500

// Profile is everything that was cast in one poll.
type Profile struct {
	Title      string   `json:"title"`
	Seats      int      `json:"seats"`
	Candidates []string `json:"candidates"`
	// Withdrawn candidates (numbers from 0) are skipped on every ballot.
	Withdrawn []int    `json:"withdrawn,omitempty"`
	Ballots   []Ballot `json:"ballots"`
}

// Ballot is one ranking and the number of people who cast exactly it.
type Ballot struct {
	Weight int64 `json:"weight"`
	// Ranks lists groups of candidates, the most preferred first; candidates
	// within a group are level. Candidates that are not named are level with
	// each other below all that are. No group at all is a blank ballot.
	Ranks [][]int `json:"ranks"`
}

// Ranking makes a ballot without level candidates.
func Ranking(weight int64, order ...int) Ballot {
	b := Ballot{Weight: weight}
	for _, c := range order {
		b.Ranks = append(b.Ranks, []int{c})
	}
	return b
}

// ErrEqualRanks is returned by the counts that need strict rankings.
var ErrEqualRanks = errors.New("this count needs strict rankings, and a ballot ranks two candidates level")

// Check refuses profiles that cannot be counted: no seats, numbers out of
// range, a candidate twice on one ballot, weights below one or too large.
func (p Profile) Check() error {
	n := len(p.Candidates)
	switch {
	case n == 0:
		return errors.New("a poll needs at least one candidate")
	case n > MaxCandidates:
		return fmt.Errorf("%d candidates; at most %d can be counted", n, MaxCandidates)
	case p.Seats < 1:
		return fmt.Errorf("%d seats; a poll fills at least one", p.Seats)
	case p.Seats > MaxWeight:
		return fmt.Errorf("%d seats; at most %d can be counted", p.Seats, MaxWeight)
	}
	gone := make([]bool, n)
	for _, c := range p.Withdrawn {
		if c < 0 || c >= n {
			return fmt.Errorf("candidate %d is withdrawn but does not stand", c+1)
		}
		if gone[c] {
			return fmt.Errorf("candidate %d is withdrawn twice", c+1)
		}
		gone[c] = true
	}
	var sum int64
	seen := make([]int, n) // ballot number + 1 that named the candidate last
	for i, b := range p.Ballots {
		if b.Weight < 1 || b.Weight > MaxWeight-sum {
			return fmt.Errorf("ballot %d has weight %d; weights are at least 1 and sum to at most %d", i+1, b.Weight, MaxWeight)
		}
		sum += b.Weight
		for _, group := range b.Ranks {
			if len(group) == 0 {
				return fmt.Errorf("ballot %d has an empty rank", i+1)
			}
			for _, c := range group {
				if c < 0 || c >= n {
					return fmt.Errorf("ballot %d names candidate %d, who does not stand", i+1, c+1)
				}
				if seen[c] == i+1 {
					return fmt.Errorf("ballot %d names candidate %d twice", i+1, c+1)
				}
				seen[c] = i + 1
			}
		}
	}
	return nil
}

// standing tells for each candidate whether it takes part in the count.
func (p Profile) standing() []bool {
	in := make([]bool, len(p.Candidates))
	for c := range in {
		in[c] = true
	}
	for _, c := range p.Withdrawn {
		in[c] = false
	}
	return in
}

// paper is a strict ranking without withdrawn candidates.
type paper struct {
	weight int64
	order  []int
}

// papers prepares an STV count: strict rankings of standing candidates, and
// how many ballots are valid and how many are not. A ballot that names nobody
// who stands is not valid and does not count for the quota.
func (p Profile) papers() (papers []paper, valid, blank int64, err error) {
	if err := p.Check(); err != nil {
		return nil, 0, 0, err
	}
	in := p.standing()
	for i, b := range p.Ballots {
		var order []int
		for _, group := range b.Ranks {
			if len(group) > 1 {
				return nil, 0, 0, fmt.Errorf("ballot %d: %w", i+1, ErrEqualRanks)
			}
			if in[group[0]] {
				order = append(order, group[0])
			}
		}
		if len(order) == 0 {
			blank += b.Weight
			continue
		}
		valid += b.Weight
		papers = append(papers, paper{b.Weight, order})
	}
	return papers, valid, blank, nil
}

// lotRank turns a lot order into a rank per candidate, 0 for the first drawn.
func lotRank(lot []int, candidates int) ([]int, error) {
	if len(lot) != candidates {
		return nil, fmt.Errorf("the lot order names %d candidates; %d stand", len(lot), candidates)
	}
	rank := make([]int, candidates)
	for c := range rank {
		rank[c] = -1
	}
	for place, c := range lot {
		if c < 0 || c >= candidates || rank[c] >= 0 {
			return nil, fmt.Errorf("the lot order must name each candidate once; place %d holds %d", place+1, c)
		}
		rank[c] = place
	}
	return rank, nil
}

// firstDrawn returns the candidate that the lot order lists first.
func firstDrawn(rank []int, tied []int) int {
	first := tied[0]
	for _, c := range tied[1:] {
		if rank[c] < rank[first] {
			first = c
		}
	}
	return first
}

// nameList writes candidates for a sentence: "Ann, Bo and Cy".
func nameList(names []string, candidates []int) string {
	words := make([]string, len(candidates))
	for i, c := range candidates {
		words[i] = nameOf(names, c)
	}
	return sentenceList(words)
}

// nameOf falls back on the number when a candidate has no name.
func nameOf(names []string, c int) string {
	if c < len(names) && names[c] != "" {
		return names[c]
	}
	return "candidate " + strconv.Itoa(c+1)
}
