package tally

import (
	"errors"
	"fmt"
)

// Support is what one candidate received in a vote of support and oppose.
// Neutral voices are ignored.
type Support struct {
	Support int64 `json:"support"`
	Oppose  int64 `json:"oppose"`
}

// PercentResult is an election by percent of support.
type PercentResult struct {
	Outcomes []Outcome `json:"outcomes"` // per candidate, of the pass mark
	Elected  []int     `json:"elected"`  // highest percent first
	Long     []bool    `json:"long"`     // per candidate: elected with the mark of the long term
	Ties     []Tie     `json:"ties"`
}

// SupportPercent seats the candidates with the highest support ÷ (support +
// oppose) among those who pass the rule (arbcom-percent: at least half; from
// 60 % on for two years, else one). Shares are compared as fractions, so 60.42
// beats 60.00 and nothing is rounded. The electorate is needed only where the
// rule has a quorum or a floor.
func SupportPercent(rule Rule, votes []Support, seats int, lot []int, electorate int64) (PercentResult, error) {
	if seats < 1 {
		return PercentResult{}, errors.New("count support: no seat to fill")
	}
	if rule.ShareDen == 0 {
		return PercentResult{}, fmt.Errorf("count support: the rule %s has no pass mark", rule.Name)
	}
	rank, err := lotRank(lot, len(votes))
	if err != nil {
		return PercentResult{}, fmt.Errorf("count support: %w", err)
	}
	r := PercentResult{Long: make([]bool, len(votes))}
	var passed []int
	for c, v := range votes {
		outcome := rule.Evaluate(Counts{Electorate: electorate, Yes: v.Support, No: v.Oppose})
		r.Outcomes = append(r.Outcomes, outcome)
		if outcome.Passed {
			passed = append(passed, c)
		}
	}
	r.Elected, r.Ties = seat(passed, seats, rank, func(a, b int) int {
		x, y := votes[a], votes[b]
		return compare(y.Support*(x.Support+x.Oppose), x.Support*(y.Support+y.Oppose))
	})
	for _, c := range r.Elected {
		v := votes[c]
		r.Long[c] = rule.LongDen > 0 && rule.LongDen*v.Support >= rule.LongNum*(v.Support+v.Oppose)
	}
	return r, nil
}
