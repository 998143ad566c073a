package workers

import (
	"maps"
	"slices"

	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/selection"
)

// Choose selects a cohort by the recipe's rule (package selection).
func Choose(in rounds.Choosing) ([]rounds.Drawn, error) {
	s := in.Recipe.Selection
	rule := selection.Rule{
		Method: selection.Uniform, Wanted: in.Recipe.Cohort, Over: max(1000, in.Asked*1000/in.Recipe.Cohort), PerMember: s.MemberCap,
		Need: selection.Need{Memory: int64(s.MinMemory) << 20, Speed: int64(s.MinSpeed)},
	}
	switch s.Rule {
	case protocol.Oort:
		rule.Method, rule.Explore, rule.Patience = selection.Oort, selection.Exploration(in.Number), int64(in.Recipe.Deadline)
	case protocol.Proximity:
		rule.Method, rule.Explore = selection.Nearest, selection.Exploration(in.Number)
	case protocol.Resource:
		rule.Need.Tokens, rule.Need.Deadline = int64(in.Recipe.Steps)*int64(in.Recipe.BatchTokens), int64(in.Recipe.Deadline)
	}
	candidates := make([]selection.Candidate, len(in.Candidates))
	for i, c := range in.Candidates {
		candidates[i] = candidateOf(c, rule.Need)
	}
	if s.Floor > 0 {
		rule.Floors = selection.FloorsOf(s.Strata, s.Floor, candidates)
	}
	result, err := selection.Choose(in.Seed, rule, in.Number, candidates)
	if err != nil {
		return nil, err
	}
	drawn := make([]rounds.Drawn, len(result.Verdicts))
	for i, v := range result.Verdicts {
		drawn[i] = rounds.Drawn{Node: v.Node, Chosen: v.Chosen(), Reason: v.Words()}
	}
	return drawn, nil
}

// candidateOf is a node as selection sees it. A node that has never trained
// here has no measured speed: it is believed to be fast enough once, because a
// node that is never drawn is never measured.
func candidateOf(c rounds.Candidate, need selection.Need) selection.Candidate {
	out := selection.Candidate{
		Node: c.Node, Owner: c.Owner, Memory: c.Memory, Speed: c.Speed, RoundTrip: c.RoundTrip, Examples: c.Examples,
		Loss: c.Loss, Duration: c.Duration, LastRound: c.LastRound, Mains: true,
	}
	if out.Speed == 0 {
		out.Speed = need.Speed
		if need.Tokens > 0 {
			out.Speed = max(out.Speed, (need.Tokens+need.Deadline-1)/need.Deadline)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(c.Strata)) {
		for _, value := range c.Strata[kind] {
			out.Strata = append(out.Strata, selection.Stratum{Kind: kind, Value: value})
		}
	}
	return out
}
