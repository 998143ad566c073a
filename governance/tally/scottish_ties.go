package tally

// largestSurplus returns whose surplus passes on next (rule 49).
func (s *scottish) largestSurplus() (int, bool) {
	tied := extreme(s.pending, s.votes, +1)
	if len(tied) == 0 {
		return 0, false
	}
	return s.settle(TieSurplus, tied, +1), true
}

// lowest returns who is excluded next (rules 50 and 51). Somebody runs.
func (s *scottish) lowest() int {
	return s.settle(TieExclusion, extreme(s.hopeful, s.votes, -1), -1)
}

// extreme lists who among in has the most (sign +1) or the fewest (-1) votes.
func extreme(in []bool, votes []Votes, sign Votes) []int {
	var best []int
	for c, ok := range in {
		switch {
		case !ok:
		case len(best) == 0 || sign*votes[c] > sign*votes[best[0]]:
			best = append(best[:0], c)
		case votes[c] == votes[best[0]]:
			best = append(best, c)
		}
	}
	return best
}

// settle breaks a tie: back through the earlier stages, keeping the extreme
// part whenever they differ, and at last by lot. It records what it did.
func (s *scottish) settle(kind TieKind, tied []int, sign Votes) int {
	if len(tied) == 1 {
		return tied[0]
	}
	now := len(s.result.Stages)
	tie := Tie{Stage: now, Kind: kind, Tied: tied}
	in := make([]bool, len(s.votes))
	for _, c := range tied {
		in[c] = true
	}
	left := tied
	for k := now - 2; k >= 0 && len(left) > 1; k-- {
		narrower := extreme(in, s.result.Stages[k].Votes, sign)
		if len(narrower) == len(left) {
			continue
		}
		tie.DecidedAt = append(tie.DecidedAt, k+1)
		clear(in)
		for _, c := range narrower {
			in[c] = true
		}
		left = narrower
	}
	tie.Chosen = left[0]
	if len(left) > 1 {
		tie.Among, tie.Chosen = left, firstDrawn(s.rank, left)
	}
	s.result.Ties = append(s.result.Ties, tie)
	return tie.Chosen
}
