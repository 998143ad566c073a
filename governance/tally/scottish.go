package tally

import (
	"fmt"
	"slices"
)

// Action says what a stage of a Scottish count did.
type Action string

const (
	// FirstPreferences is stage 1: every paper goes to its first choice.
	FirstPreferences Action = "first preferences"
	// Surplus passes on what an elected candidate has above the quota.
	Surplus Action = "surplus"
	// Exclusion takes the lowest candidate out and passes the papers on.
	Exclusion Action = "exclusion"
)

// ScottishStage is one column of the count sheet.
type ScottishStage struct {
	Number    int    `json:"number"` // from 1
	Action    Action `json:"action"`
	Candidate int    `json:"candidate"` // whose papers moved; -1 in stage 1
	// Votes holds each candidate's credit after the stage.
	Votes []Votes `json:"votes"`
	// NonTransferable and Loss (by fractions cut off) are cumulative; with
	// Votes they sum to the valid ballots, at every stage.
	NonTransferable Votes `json:"non_transferable"`
	Loss            Votes `json:"loss_by_fraction"`
	// Moved is what each candidate gained or gave in this stage. With the two
	// fields after it, it sums to zero (in stage 1: to the valid ballots).
	Moved                []Votes `json:"moved"`
	MovedNonTransferable Votes   `json:"moved_non_transferable"`
	MovedLoss            Votes   `json:"moved_loss"`
	// Elected reached the quota in this stage, the most votes first (level
	// ones by number; the order of the list decides nothing).
	Elected []int `json:"elected,omitempty"`
	// Filled were elected by rule 52: as many were left as seats.
	Filled []int `json:"elected_by_rule_52,omitempty"`
}

// TieKind says what a tie was about.
type TieKind string

const (
	// TieSurplus: whose surplus passes on first.
	TieSurplus TieKind = "surplus"
	// TieExclusion: who is excluded.
	TieExclusion TieKind = "exclusion"
	// TieSeat: who gets the last seat, in counts without transfers.
	TieSeat TieKind = "seat"
)

// Tie tells how one tie was broken.
type Tie struct {
	Stage int     `json:"stage"` // the state after this stage (Meek: in this round) was level
	Kind  TieKind `json:"kind"`
	Tied  []int   `json:"tied"`
	// DecidedAt lists the earlier stages that narrowed the tie, latest first.
	DecidedAt []int `json:"decided_at,omitempty"`
	// Among were still level when the lot fell; empty if no lot was needed.
	Among  []int `json:"among,omitempty"`
	Chosen int   `json:"chosen"`
}

// ByLot reports whether only the lot order decided.
func (t Tie) ByLot() bool { return len(t.Among) > 0 }

// ScottishResult is a count after SSI 2007/42 with all its stages.
type ScottishResult struct {
	Seats    int             `json:"seats"`
	Valid    int64           `json:"valid"`
	Blank    int64           `json:"blank"` // ballots that name nobody who stands
	Quota    int64           `json:"quota"` // whole votes
	Elected  []int           `json:"elected"`
	Excluded []int           `json:"excluded"`
	Vacant   int             `json:"vacant"` // seats without a candidate
	Stages   []ScottishStage `json:"stages"`
	Ties     []Tie           `json:"ties"`
}

// scottish is a count under way. A paper lies with one candidate, or with
// nobody (at = -1) when it can go no further.
type scottish struct {
	papers  []paper
	rank    []int   // lot rank of each candidate
	at      []int   // candidate who holds each paper
	next    []int   // position of the next choice to look at, per paper
	value   []Votes // worth of each paper
	hopeful []bool
	pending []bool // elected with a surplus to pass on
	quota   Votes
	votes   []Votes
	lost    Votes // non-transferable
	cut     Votes // loss by fraction
	result  ScottishResult
}

// Scottish counts by the Scottish single transferable vote (SSI 2007/42,
// schedule 1, rules 45 to 52; the inclusive weighted Gregory method):
//
//   - quota ⌊valid/(seats+1)⌋ + 1 (rule 46);
//   - a surplus moves all papers, each at surplus × value ÷ credit, cut to
//     five decimals (rule 48), the largest surplus first (rule 49);
//   - else the lowest is excluded, one per stage, papers at their value
//     (rules 50 and 51);
//   - when as many are left as seats, they are elected (rule 52).
//
// Ties look back to the latest earlier stage at which the tied differ. Where
// only part of them differ there, we go on with the extreme part and further
// back, which the rules leave open; if all stages are level, the first in the
// lot order is excluded, or has the surplus passed on, first.
func Scottish(p Profile, lot []int) (ScottishResult, error) {
	papers, valid, blank, err := p.papers()
	if err != nil {
		return ScottishResult{}, fmt.Errorf("scottish count: %w", err)
	}
	rank, err := lotRank(lot, len(p.Candidates))
	if err != nil {
		return ScottishResult{}, fmt.Errorf("scottish count: %w", err)
	}
	n := len(p.Candidates)
	s := &scottish{
		papers: papers, rank: rank,
		at: make([]int, len(papers)), next: make([]int, len(papers)), value: make([]Votes, len(papers)),
		hopeful: p.standing(), pending: make([]bool, n), votes: make([]Votes, n),
		result: ScottishResult{Seats: p.Seats, Valid: valid, Blank: blank, Quota: valid/(int64(p.Seats)+1) + 1},
	}
	s.quota = Votes(s.result.Quota) * Vote
	if err := s.count(); err != nil {
		return ScottishResult{}, fmt.Errorf("scottish count: %w", err)
	}
	return s.result, nil
}

// count runs the stages until every seat is filled or nobody is left.
func (s *scottish) count() error {
	for i := range s.papers {
		s.value[i] = Vote
		s.pass(i)
	}
	if err := s.close(FirstPreferences, -1); err != nil {
		return err
	}
	for !s.done() {
		var err error
		if c, ok := s.largestSurplus(); ok {
			s.transfer(c)
			err = s.close(Surplus, c)
		} else {
			c := s.lowest()
			s.exclude(c)
			err = s.close(Exclusion, c)
		}
		if err != nil {
			return err
		}
	}
	s.result.Vacant = s.result.Seats - len(s.result.Elected)
	return nil
}

// pass hands a paper to its next choice who still runs, at its present value.
func (s *scottish) pass(i int) {
	weight, order := Votes(s.papers[i].weight), s.papers[i].order
	for s.next[i] < len(order) {
		c := order[s.next[i]]
		s.next[i]++
		if s.hopeful[c] {
			s.at[i] = c
			s.votes[c] += weight * s.value[i]
			return
		}
	}
	s.at[i] = -1
	s.lost += weight * s.value[i]
}

// transfer passes on the surplus of c (rule 48). What truncation cuts off is
// counted as loss by fraction.
func (s *scottish) transfer(c int) {
	credit, surplus := s.votes[c], s.votes[c]-s.quota
	s.pending[c] = false
	s.votes[c] = s.quota
	moved := Votes(0)
	for i := range s.papers {
		if s.at[i] != c {
			continue
		}
		s.value[i] = Votes(mulDiv(int64(surplus), int64(s.value[i]), int64(credit)))
		moved += Votes(s.papers[i].weight) * s.value[i]
		s.pass(i)
	}
	s.cut += surplus - moved
}

// exclude takes c out and passes all papers on at the value they have (rule 50).
func (s *scottish) exclude(c int) {
	s.hopeful[c] = false
	s.votes[c] = 0
	s.result.Excluded = append(s.result.Excluded, c)
	for i := range s.papers {
		if s.at[i] == c {
			s.pass(i)
		}
	}
}

// close ends a stage: it writes the column, elects, and checks the sum.
func (s *scottish) close(action Action, c int) error {
	st := ScottishStage{
		Number: len(s.result.Stages) + 1, Action: action, Candidate: c,
		Votes: slices.Clone(s.votes), NonTransferable: s.lost, Loss: s.cut,
		Moved: slices.Clone(s.votes), MovedNonTransferable: s.lost, MovedLoss: s.cut,
	}
	if st.Number > 1 {
		before := s.result.Stages[st.Number-2]
		for k := range st.Moved {
			st.Moved[k] -= before.Votes[k]
		}
		st.MovedNonTransferable -= before.NonTransferable
		st.MovedLoss -= before.Loss
	}
	sum := s.lost + s.cut
	for _, v := range s.votes {
		sum += v
	}
	if want := Votes(s.result.Valid) * Vote; sum != want {
		return fmt.Errorf("stage %d: votes sum to %v, not to the %v that are valid", st.Number, sum, want)
	}
	st.Elected = s.running(func(k int) bool { return s.votes[k] >= s.quota })
	for _, k := range st.Elected {
		s.hopeful[k] = false
		s.pending[k] = s.votes[k] > s.quota
	}
	s.result.Elected = append(s.result.Elected, st.Elected...)
	if left := s.running(func(int) bool { return true }); len(left) <= s.result.Seats-len(s.result.Elected) {
		st.Filled = left
		for _, k := range left {
			s.hopeful[k] = false
		}
		s.result.Elected = append(s.result.Elected, left...)
	}
	s.result.Stages = append(s.result.Stages, st)
	return nil
}

// running lists the candidates who still run and satisfy keep, most votes first.
func (s *scottish) running(keep func(int) bool) []int {
	var list []int
	for c, in := range s.hopeful {
		if in && keep(c) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return compare(s.votes[b], s.votes[a]) })
	return list
}

// done is rule 52 and its mirror: the seats are filled or nobody is left.
func (s *scottish) done() bool {
	return len(s.result.Elected) >= s.result.Seats || !slices.Contains(s.hopeful, true)
}

func compare[T ~int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
