package eval

import (
	"fmt"
	"math"
	"strings"
)

// Check is one line of a verdict: what was measured, the band in which it was
// to lie, and what follows.
type Check struct {
	ID        string  // of the protocol: "V1" canaries, "V2" coin flips, …
	Name      string  // for a person to read
	Unit      string  // of Value, Low and High
	Value     float64 // NaN when it was not measured
	Low, High float64 // the band; an infinity where it is open
	P         float64 // chance of such a value if the model is clean; NaN for a check that is no test
	Alpha     float64 // P below this fails; 0 for a check that is no test
	Gates     bool    // a failure refuses the version
	Passed    bool
	Note      string // why it failed, or what to think of the value; may be empty
}

// Verdict is the outcome for one unlearning case.
type Verdict struct {
	Checks []Check
	Passed bool // every check that gates passed
}

// Group is how much worse a group of the community fares, paired on its own
// documents, against the version before.
type Group struct {
	Name   string
	Change Interval // relative loss, 0.02 is two per cent worse
}

// Replay is one auditor's re-computation of a segment of the replayed rounds.
type Replay struct {
	Auditor string // who signed it, counted once
	Same    bool   // whether the digest was the published one
}

// Evidence is everything that the verdict on an exact job needs. A part that
// is nil or empty was not measured, and that is never a pass.
type Evidence struct {
	Canaries   []Exposure
	Flips      *CoinFlips
	Membership *Membership
	Extraction *Extraction
	Strength   float64 // mean extraction strength over the forgotten records
	Groups     []Group
	Replays    []Replay
}

// Limits are the numbers that a community votes on.
type Limits struct {
	GateAlpha     float64 // below this V2 fails
	InformAlpha   float64 // below this V1 and V3, which only inform, fail
	BandAlpha     float64 // of the bands that are shown for V1 and V2
	MinCanaries   int
	MinPairs      int
	MinTwins      int // and as many members
	MinExtraction int // records tried
	MaxStrength   float64
	MaxChange     float64 // of the worst group
	MaxUpper      float64 // of the upper end of any group's interval
	MinAuditors   int
}

// DefaultLimits are those of the protocol, until a community decides others.
// MaxStrength is the reference band μ+b of V5 and has no default below 1: it
// comes from models that never saw the records.
func DefaultLimits() Limits {
	return Limits{
		GateAlpha: 0.01, InformAlpha: 0.001, BandAlpha: 0.05,
		MinCanaries: 16, MinPairs: 64, MinTwins: 20, MinExtraction: 1,
		MaxStrength: 1, MaxChange: 0.02, MaxUpper: 0.03, MinAuditors: 3,
	}
}

// JudgeExact judges a job that rolled back and replayed without the forgotten
// records. The proof is the replay (V12): the statistics can only find that
// the scope missed a copy. So V2, V5, V10 and V12 gate. V1 and V3 are shown
// with their bands, but of six checks at 5 % each a third of honest jobs would
// fail one; they fail at InformAlpha only, and do not gate.
func JudgeExact(e Evidence, l Limits) Verdict {
	v := Verdict{
		Checks: []Check{
			canaries(e.Canaries, l), coinFlips(e.Flips, l), membership(e.Membership, l),
			extraction(e.Extraction, e.Strength, l), utility(e.Groups, l), replays(e.Replays, l),
		},
		Passed: true,
	}
	for _, c := range v.Checks {
		if c.Gates && !c.Passed {
			v.Passed = false
		}
	}
	return v
}

// unmeasured marks a check without a value; it does not pass.
func (c Check) unmeasured(note string, args ...any) Check {
	c.Value, c.P, c.Passed, c.Note = math.NaN(), math.NaN(), false, fmt.Sprintf(note, args...)
	return c
}

// tested decides a check by its two tails: remembered too much or too little.
func (c Check) tested(remembered, forgotten float64) Check {
	c.P = min(1, 2*min(remembered, forgotten))
	c.Passed = c.P >= c.Alpha
	switch outside := c.Value < c.Low || c.Value > c.High; {
	case !c.Passed && remembered < forgotten:
		c.Note = "The model still remembers."
	case !c.Passed:
		c.Note = "The model is worse than one that never saw it: over-unlearned."
	case outside:
		c.Note = "Outside the band, which happens by chance; measure again with more."
	}
	return c
}

// on says what a figure was measured on, before what to think of it: without
// that nobody can judge or repeat it.
func (c Check) on(format string, args ...any) Check {
	c.Note = strings.TrimSpace(fmt.Sprintf(format, args...) + " " + c.Note)
	return c
}

func canaries(got []Exposure, l Limits) Check {
	c := Check{ID: "V1", Name: "Canaries", Unit: "bits of mean exposure", Alpha: l.InformAlpha, High: math.Inf(1)}
	if len(got) < max(1, l.MinCanaries) {
		return c.unmeasured("%d canaries, want at least %d.", len(got), max(1, l.MinCanaries))
	}
	c.Low, c.High = ExposureBand(len(got), l.BandAlpha)
	others := math.MaxInt
	for _, e := range got {
		c.Value += e.Bits / float64(len(got))
		others = min(others, e.References)
	}
	return c.tested(Fisher(got)).on("%d canaries, each ranked among %d others.", len(got), others)
}

func coinFlips(got *CoinFlips, l Limits) Check {
	c := Check{ID: "V2", Name: "Coin flips", Unit: "pairs won", Alpha: l.GateAlpha, Gates: true, High: math.Inf(1)}
	if got == nil || got.Pairs < max(1, l.MinPairs) {
		n := 0
		if got != nil {
			n = got.Pairs
		}
		return c.unmeasured("%d pairs, want at least %d.", n, max(1, l.MinPairs))
	}
	low, high := CoinFlipBand(got.Pairs, l.BandAlpha)
	c.Value, c.Low, c.High = float64(got.Won), float64(low), float64(high)
	remembered, forgotten, _ := got.P()
	return c.tested(remembered, forgotten).on("%d pairs.", got.Pairs)
}

func membership(got *Membership, l Limits) Check {
	c := Check{ID: "V3", Name: "Membership", Unit: "AUC", Alpha: l.InformAlpha, High: 1}
	if got == nil || min(got.Members, got.Twins) < max(1, l.MinTwins) {
		return c.unmeasured("Want losses of at least %d members and twins.", max(1, l.MinTwins))
	}
	c.Value, c.Low, c.High = got.AUC, max(0, 0.5-1.96*got.SE), min(1, 0.5+1.96*got.SE)
	remembered, forgotten := got.P/2, 1-got.P/2
	if got.AUC < 0.5 {
		remembered, forgotten = forgotten, remembered
	}
	return c.tested(remembered, forgotten).on("%d records and %d twins that were never trained on.", got.Members, got.Twins)
}

func extraction(got *Extraction, strength float64, l Limits) Check {
	c := Check{ID: "V5", Name: "Extraction", Unit: "records given away", P: math.NaN(), Gates: true}
	if got == nil || got.Tried < max(1, l.MinExtraction) {
		return c.unmeasured("Want at least %d records tried.", max(1, l.MinExtraction))
	}
	c.Value = float64(len(got.Extracted))
	c.Passed = len(got.Extracted) == 0 && strength <= l.MaxStrength
	switch {
	case len(got.Extracted) > 0:
		c.Note = fmt.Sprintf("%d of %d records were continued word for word.", len(got.Extracted), got.Tried)
	case !c.Passed:
		c.Note = fmt.Sprintf("Extraction strength %.3f, at most %.3f in models that never saw the records.", strength, l.MaxStrength)
	}
	return c
}

func utility(groups []Group, l Limits) Check {
	c := Check{ID: "V10", Name: "Utility of the worst group", Unit: "relative loss", P: math.NaN(), Gates: true, Low: math.Inf(-1), High: l.MaxChange}
	if len(groups) == 0 {
		return c.unmeasured("No group was measured.")
	}
	worst, upper := groups[0], groups[0]
	for _, g := range groups {
		if math.IsNaN(g.Change.Value) || math.IsNaN(g.Change.High) {
			return c.unmeasured("Group %s has no value.", g.Name)
		}
		if g.Change.Value > worst.Change.Value {
			worst = g
		}
		if g.Change.High > upper.Change.High {
			upper = g
		}
	}
	c.Value = worst.Change.Value
	c.Passed = worst.Change.Value <= l.MaxChange && upper.Change.High <= l.MaxUpper
	switch {
	case worst.Change.Value > l.MaxChange:
		c.Note = fmt.Sprintf("%s is %.1f %% worse.", worst.Name, 100*worst.Change.Value)
	case !c.Passed:
		c.Note = fmt.Sprintf("%s may be %.1f %% worse; more documents would tell.", upper.Name, 100*upper.Change.High)
	}
	return c
}

func replays(got []Replay, l Limits) Check {
	c := Check{ID: "V12", Name: "Replay", Unit: "auditors with the same digest", P: math.NaN(), Gates: true, Low: float64(max(1, l.MinAuditors)), High: math.Inf(1)}
	if len(got) == 0 {
		return c.unmeasured("Nobody replayed a segment.")
	}
	auditors, differ := map[string]bool{}, false
	for _, r := range got {
		if r.Same {
			auditors[r.Auditor] = true
		} else {
			differ = true
		}
	}
	c.Value = float64(len(auditors))
	c.Passed = !differ && c.Value >= c.Low
	switch {
	case differ:
		c.Note = "A replay gave another digest: the job is void."
	case !c.Passed:
		c.Note = fmt.Sprintf("%d auditors, want at least %.0f.", len(auditors), c.Low)
	}
	return c
}
