package tally

import (
	"errors"
	"fmt"
	"slices"
)

// Matrix counts pairs: m[a][b] is the number of ballots that rank a above b.
type Matrix [][]int64

// Pairwise compares every pair of standing candidates on every ballot.
// Candidates that a ballot does not name are level below all that it names:
// this reading decides elections (Debian 2006), so the ballot page says it.
func Pairwise(p Profile) (Matrix, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("pairwise count: %w", err)
	}
	n := len(p.Candidates)
	m := newMatrix(n)
	in := p.standing()
	place := make([]int, n)
	for _, b := range p.Ballots {
		for c := range place {
			place[c] = n // below every rank
		}
		for k, group := range b.Ranks {
			for _, c := range group {
				place[c] = k
			}
		}
		for a := range n {
			for c := range n {
				if in[a] && in[c] && place[a] < place[c] {
					m[a][c] += b.Weight
				}
			}
		}
	}
	return m, nil
}

func newMatrix(n int) Matrix {
	m := make(Matrix, n)
	for i := range m {
		m[i] = make([]int64, n)
	}
	return m
}

// Strength of a link or a path: the ballots on its winning side, then the
// ballots against. More winning votes are stronger; with as many, fewer
// losing votes are (Debian constitution, A.5). Zero means no link.
type Strength struct {
	Win  int64 `json:"win"`
	Lose int64 `json:"lose"`
}

// Over reports whether s is stronger than t.
func (s Strength) Over(t Strength) bool {
	return s.Win > t.Win || s.Win == t.Win && s.Win > 0 && s.Lose < t.Lose
}

// SchulzeResult is a count by the Schulze method.
type SchulzeResult struct {
	Pairwise Matrix `json:"pairwise"`
	// Paths[a][b] is the strength of the strongest path from a to b, the
	// weakest link of the best chain of wins.
	Paths [][]Strength `json:"paths"`
	// Ranking lists groups of tied candidates, the winners first.
	Ranking [][]int `json:"ranking"`
	// Condorcet wins against everybody in pairs; -1 if nobody does.
	Condorcet int   `json:"condorcet"`
	Smith     []int `json:"smith"`    // smallest set that wins against all outside
	Schwartz  []int `json:"schwartz"` // union of the minimal sets that nobody outside wins against
	via       [][]int
}

// Winners returns the first group of the ranking: potential winners, of whom
// there are several in a tie.
func (r SchulzeResult) Winners() []int {
	if len(r.Ranking) == 0 {
		return nil
	}
	return r.Ranking[0]
}

// Schulze counts by the Schulze method (arXiv 1804.02973) with winning votes
// and Debian's second key. Withdrawn candidates are left out of the ranking.
func Schulze(p Profile) (SchulzeResult, error) {
	m, err := Pairwise(p)
	if err != nil {
		return SchulzeResult{}, fmt.Errorf("schulze count: %w", err)
	}
	return schulze(m, list(p.standing())), nil
}

// SchulzeMatrix counts from a published matrix instead of ballots.
func SchulzeMatrix(m Matrix) (SchulzeResult, error) {
	if len(m) == 0 || len(m) > MaxCandidates {
		return SchulzeResult{}, fmt.Errorf("schulze count: a matrix has 1 to %d rows, not %d", MaxCandidates, len(m))
	}
	options := make([]int, len(m))
	for a, row := range m {
		options[a] = a
		if len(row) != len(m) {
			return SchulzeResult{}, errors.New("schulze count: the matrix is not square")
		}
		for b, v := range row {
			if v < 0 || v > MaxWeight || a == b && v != 0 {
				return SchulzeResult{}, fmt.Errorf("schulze count: cell %d,%d holds %d", a+1, b+1, v)
			}
		}
	}
	return schulze(m, options), nil
}

// schulze finds the strongest paths (Floyd and Warshall's triple loop) and the
// ranking among the options.
func schulze(m Matrix, options []int) SchulzeResult {
	n := len(m)
	r := SchulzeResult{Pairwise: m, Paths: make([][]Strength, n), Condorcet: -1, via: make([][]int, n)}
	for a := range n {
		r.Paths[a], r.via[a] = make([]Strength, n), make([]int, n)
		for b := range n {
			r.via[a][b] = -1
		}
	}
	for _, a := range options {
		for _, b := range options {
			if m[a][b] > m[b][a] {
				r.Paths[a][b] = Strength{m[a][b], m[b][a]}
			}
		}
	}
	for _, mid := range options {
		for _, a := range options {
			for _, b := range options {
				if a == b || a == mid || b == mid {
					continue
				}
				path := r.Paths[a][mid]
				if path.Over(r.Paths[mid][b]) {
					path = r.Paths[mid][b]
				}
				if path.Over(r.Paths[a][b]) {
					r.Paths[a][b], r.via[a][b] = path, mid
				}
			}
		}
	}
	r.rank(options)
	r.sets(options)
	return r
}

// rank peels the options: again and again those whom none of the rest beats.
func (r *SchulzeResult) rank(options []int) {
	left := slices.Clone(options)
	for len(left) > 0 {
		var top, rest []int
		for _, a := range left {
			beaten := slices.ContainsFunc(left, func(b int) bool { return r.Paths[b][a].Over(r.Paths[a][b]) })
			if beaten {
				rest = append(rest, a)
			} else {
				top = append(top, a)
			}
		}
		r.Ranking = append(r.Ranking, top)
		left = rest
	}
}

// sets finds the Condorcet winner and the Smith and Schwartz sets.
func (r *SchulzeResult) sets(options []int) {
	beats := func(a, b int) bool { return r.Pairwise[a][b] > r.Pairwise[b][a] }
	holds := func(a, b int) bool { return r.Pairwise[a][b] >= r.Pairwise[b][a] }
	win, tie := closure(len(r.Pairwise), options, beats), closure(len(r.Pairwise), options, holds)
	for _, a := range options {
		all, smith, schwartz := true, true, true
		for _, b := range options {
			if a != b {
				all = all && beats(a, b)
				smith = smith && tie[a][b]
				schwartz = schwartz && (!win[b][a] || win[a][b])
			}
		}
		if all {
			r.Condorcet = a
		}
		if smith {
			r.Smith = append(r.Smith, a)
		}
		if schwartz {
			r.Schwartz = append(r.Schwartz, a)
		}
	}
}

// closure returns who reaches whom along a relation.
func closure(n int, options []int, related func(a, b int) bool) [][]bool {
	reach := make([][]bool, n)
	for a := range reach {
		reach[a] = make([]bool, n)
	}
	for _, a := range options {
		for _, b := range options {
			reach[a][b] = a != b && related(a, b)
		}
	}
	for _, mid := range options {
		for _, a := range options {
			for _, b := range options {
				reach[a][b] = reach[a][b] || reach[a][mid] && reach[mid][b]
			}
		}
	}
	return reach
}

// Elect returns the one winner. Among tied winners the last in the lot order
// wins, for the first in it goes out first; byLot says that this happened and
// the page must say so.
func (r SchulzeResult) Elect(lot []int) (winner int, byLot bool, err error) {
	rank, err := lotRank(lot, len(r.Pairwise))
	if err != nil {
		return -1, false, fmt.Errorf("elect by schulze: %w", err)
	}
	winners := r.Winners()
	if len(winners) == 0 {
		return -1, false, errors.New("elect by schulze: nobody stands")
	}
	winner = winners[0]
	for _, c := range winners[1:] {
		if rank[c] > rank[winner] {
			winner = c
		}
	}
	return winner, len(winners) > 1, nil
}
