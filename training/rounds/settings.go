package rounds

import (
	"math/big"
	"strconv"

	"codeberg.org/althing/althing/governance/policies"
)

// Settings are the policies' numbers by which a campaign runs. They are read
// when it opens and stay: a later vote does not change a running campaign.
type Settings struct {
	OverSelection int64 `json:"over_selection"` // nodes asked beyond those wanted, in thousandths
	SeenWithin    int64 `json:"seen_within"`    // seconds since a node was last heard
	MinTokens     int64 `json:"min_tokens"`     // training tokens below which a node is not asked
	MaxShare      int64 `json:"max_share"`      // of one member in a round's weight, in thousandths
	MinRecords    int64 `json:"min_records"`    // validation records behind one measurement
	Worsening     int64 `json:"worsening"`      // of the loss, above which nothing is accepted, in millionths
	Attempts      int   `json:"attempts"`       // at one round before the campaign stops
	// Checks are the thresholds of the checks of updates; zero in campaigns
	// older than those, which decide nothing.
	Checks CheckLimits `json:"checks,omitzero"`
}

// attempts is how often a round is tried. Each attempt draws another cohort; a
// campaign that fails three times needs people to look at it, not a fourth.
const attempts = 3

// SettingsFrom takes what rounds need from the policies in force.
func SettingsFrom(v policies.Values) Settings {
	return Settings{
		OverSelection: v.Int(policies.OverSelection), SeenWithin: v.Int(policies.SeenWithin),
		MinTokens: v.Int(policies.MinTokens), MaxShare: v.Int(policies.MaxShare),
		MinRecords: v.Int(policies.EvaluationMinimum), Worsening: v.Int(policies.GateWorsening), Attempts: attempts,
		Checks: checkLimits(v),
	}
}

// Asked is how many nodes are asked so that wanted answers come.
func (s Settings) Asked(wanted int) int {
	return int((int64(wanted)*(1000+s.OverSelection) + 999) / 1000)
}

// Gate reports whether a loss is good enough beside the loss before: not
// higher by more than ppm millionths of it. Losses are decimal strings, as in
// the log, and are compared exactly, so that everyone who reads the log comes
// to the same answer. A loss that was not measured passes no gate.
func Gate(before, after string, ppm int64) bool {
	b, okBefore := new(big.Rat).SetString(before)
	a, okAfter := new(big.Rat).SetString(after)
	if !okBefore || !okAfter || b.Sign() <= 0 {
		return false
	}
	limit := new(big.Rat).Mul(b, big.NewRat(1_000_000+ppm, 1_000_000))
	return a.Cmp(limit) <= 0
}

// Converged reports whether the loss fell by less than a share of what it was,
// the stopping rule of a recipe. "0" never stops.
func Converged(before, after, share string) bool {
	b, okBefore := new(big.Rat).SetString(before)
	a, okAfter := new(big.Rat).SetString(after)
	c, okShare := new(big.Rat).SetString(share)
	if !okBefore || !okAfter || !okShare || c.Sign() <= 0 {
		return false
	}
	fall := new(big.Rat).Sub(b, a)
	return fall.Cmp(new(big.Rat).Mul(b, c)) < 0
}

// decimal writes a figure as the log holds it: six digits behind the point.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
