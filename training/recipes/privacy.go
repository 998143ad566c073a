package recipes

import (
	"codeberg.org/althing/althing/training/dp"
	"codeberg.org/althing/althing/training/protocol"
)

// mostRounds bounds the search for a ceiling: no recipe has more.
const mostRounds = 10_000

// Epsilon is the ε of a member who took part in so many rounds, at the δ of
// the privacy part, as a decimal string rounded up to three places. No discount
// for sampling is claimed: cohorts are drawn in public and nodes choose when to
// appear (dp.WhenTheyLike).
func Epsilon(p protocol.Privacy, rounds int) string {
	account, err := dp.AccountOf(round(p, rounds))
	if err != nil {
		return dp.Unlimited.String()
	}
	epsilon, _ := account.Improved(protocol.Number(p.Delta, 0))
	return dp.UpOf(epsilon).String()
}

// RoundsUnder is in how many rounds one member may take part before ε would be
// above the ceiling; 0 if not even in one, or if the ceiling cannot be read.
func RoundsUnder(p protocol.Privacy) int {
	most, err := dp.ParseEpsilon(p.Ceiling)
	if err != nil {
		return 0
	}
	ceiling := dp.Ceiling{Epsilon: most, Delta: protocol.Number(p.Delta, 0)}
	return ceiling.RoundsLeft(dp.Account{}, round(p, 1), mostRounds)
}

func round(p protocol.Privacy, count int) dp.Rounds {
	return dp.Rounds{Rate: dp.WhenTheyLike, Noise: protocol.Number(p.Noise, 0), Count: count}
}
