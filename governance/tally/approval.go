package tally

import (
	"fmt"
	"slices"
)

// ApprovalResult is a count of approvals.
type ApprovalResult struct {
	Seats     int     `json:"seats"`
	Valid     int64   `json:"valid"` // ballots that approve of at least one who stands
	Blank     int64   `json:"blank"`
	Approvals []int64 `json:"approvals"` // per candidate
	Elected   []int   `json:"elected"`   // most approvals first
	Vacant    int     `json:"vacant"`
	Ties      []Tie   `json:"ties"` // at the last seat
}

// Approval counts every named candidate as approved, whatever its rank, and
// seats those with the most approvals. It is majoritarian: one half of the
// electorate can take every seat, so use it for shortlists. Of those level at
// the last seat, the first in the lot order goes out first.
func Approval(p Profile, lot []int) (ApprovalResult, error) {
	if err := p.Check(); err != nil {
		return ApprovalResult{}, fmt.Errorf("approval count: %w", err)
	}
	rank, err := lotRank(lot, len(p.Candidates))
	if err != nil {
		return ApprovalResult{}, fmt.Errorf("approval count: %w", err)
	}
	in := p.standing()
	r := ApprovalResult{Seats: p.Seats, Approvals: make([]int64, len(p.Candidates))}
	for _, b := range p.Ballots {
		named := false
		for _, group := range b.Ranks {
			for _, c := range group {
				if in[c] {
					r.Approvals[c] += b.Weight
					named = true
				}
			}
		}
		if named {
			r.Valid += b.Weight
		} else {
			r.Blank += b.Weight
		}
	}
	level := func(a, b int) int { return compare(r.Approvals[b], r.Approvals[a]) }
	r.Elected, r.Ties = seat(list(in), p.Seats, rank, level)
	r.Vacant = p.Seats - len(r.Elected)
	return r, nil
}

// seat fills seats with the best by order (negative: a before b). Level ones
// at the edge are sorted so that the first in the lot order goes out first.
func seat(candidates []int, seats int, rank []int, order func(a, b int) int) (elected []int, ties []Tie) {
	sorted := slices.Clone(candidates)
	slices.SortStableFunc(sorted, func(a, b int) int {
		if by := order(a, b); by != 0 {
			return by
		}
		return rank[b] - rank[a]
	})
	if seats >= len(sorted) {
		return sorted, nil
	}
	in, out := sorted[seats-1], sorted[seats]
	if order(in, out) != 0 {
		return sorted[:seats], nil
	}
	var tied []int
	for _, c := range candidates {
		if order(c, in) == 0 {
			tied = append(tied, c)
		}
	}
	first := firstDrawn(rank, tied)
	return sorted[:seats], []Tie{{Kind: TieSeat, Tied: tied, Among: tied, Chosen: first}}
}

// Explain says who has how many approvals, and how a tie fell.
func (r ApprovalResult) Explain(names []string) []string {
	order := make([]int, len(r.Approvals))
	for c := range order {
		order[c] = c
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(r.Approvals[b], r.Approvals[a]) })
	var lines []string
	for _, c := range order {
		s := fmt.Sprintf("%s: %s of %s", nameOf(names, c), count(r.Approvals[c], "approval", "approvals"), count(r.Valid, "ballot", "ballots"))
		if slices.Contains(r.Elected, c) {
			s += ", elected"
		}
		lines = append(lines, s+".")
	}
	for _, t := range r.Ties {
		lines = append(lines, nameList(names, t.Tied)+" were level at the last seat. The lot order, drawn by nobody, decided who goes out first: "+nameOf(names, t.Chosen)+".")
	}
	return lines
}
