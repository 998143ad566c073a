package tally

import (
	"fmt"
	"math/big"
)

// Counts is what a rule looks at: one moment of a poll.
type Counts struct {
	Electorate int64 `json:"electorate"` // members on the frozen roll
	Yes        int64 `json:"yes"`        // binding +1; support; above the default option
	No         int64 `json:"no"`         // binding −1; oppose; below the default option
	Abstain    int64 `json:"abstain"`
	// Vetoes gave a written reason; VoidVetoes gave none and block nothing.
	Vetoes     int64 `json:"vetoes"`
	VoidVetoes int64 `json:"void_vetoes"`
	// Objections raised, and how many of them are answered or resolved.
	Objections int64        `json:"objections"`
	Answered   int64        `json:"answered"`
	Minutes    int64        `json:"minutes"` // since the period began
	Groups     []GroupCount `json:"groups,omitempty"`
	Chambers   []Counts     `json:"chambers,omitempty"` // in the order of the rule's chambers
}

// GroupCount is how one stable group of opinion voted.
type GroupCount struct {
	Name string `json:"name"`
	Yes  int64  `json:"yes"`
	No   int64  `json:"no"`
}

// Verdict is what a rule makes of the counts.
type Verdict string

// The verdicts. Everything but Passed means that nothing is done.
const (
	Passed   Verdict = "passed"
	Failed   Verdict = "failed"
	NoQuorum Verdict = "no-quorum"
	Open     Verdict = "open"    // the time has not run out
	ToVote   Verdict = "to-vote" // somebody objected to a lazy consensus
	Closers  Verdict = "closers" // inside the band that closers decide
)

// Condition is one row of the table of conditions.
type Condition struct {
	Chamber string `json:"chamber,omitempty"`
	Name    string `json:"name"`
	Needed  string `json:"needed"`
	Now     string `json:"now"`
	Holds   bool   `json:"holds"`
	// Missing is how many more of Unit would make it hold if nothing else
	// changed; 0 if it holds or if more cannot mend it.
	Missing int64 `json:"missing,omitempty"`
	Unit    Unit  `json:"unit,omitempty"`
}

// Unit is what a condition lacks.
type Unit string

// The units of Condition.Missing.
const (
	UnitYes     Unit = "yes"
	UnitBallots Unit = "ballots"
	UnitAnswers Unit = "answers"
	UnitMinutes Unit = "minutes"
)

// Outcome is a rule applied to counts.
type Outcome struct {
	Verdict    Verdict     `json:"verdict"`
	Passed     bool        `json:"passed"`
	Conditions []Condition `json:"conditions"`
}

// Evaluate applies the rule. A rule that is not valid, and counts that are
// not possible, pass nothing: the default is that nothing is done.
func (r Rule) Evaluate(c Counts) Outcome {
	if err := r.Validate(); err != nil {
		return refused("A valid rule", err.Error())
	}
	if problem := c.problem(); problem != "" {
		return refused("Possible counts", problem)
	}
	if len(r.Chambers) > 0 && len(c.Chambers) != len(r.Chambers) {
		return refused("Possible counts", fmt.Sprintf("counts of %d chambers for %d", len(c.Chambers), len(r.Chambers)))
	}
	conditions := r.conditions(c)
	o := Outcome{Verdict: Passed, Conditions: conditions}
	for _, k := range conditions {
		if !k.Holds {
			o.Verdict = Failed
		}
	}
	switch {
	case r.Hours > 0 && c.Objections > 0:
		o.Verdict = ToVote
	case r.Hours > 0 && c.Minutes < 60*r.Hours:
		o.Verdict = Open
	case r.QuorumDen > 0 && c.Yes+c.No+c.Abstain < atLeast(c.Electorate, r.QuorumNum, r.QuorumDen):
		o.Verdict = NoQuorum
	case r.inBand(c, conditions):
		o.Verdict = Closers
	}
	for i, chamber := range r.Chambers {
		part := chamber.Rule.Evaluate(c.Chambers[i])
		for _, k := range part.Conditions {
			k.Chamber = chamber.Name
			o.Conditions = append(o.Conditions, k)
		}
		if o.Verdict == Passed {
			o.Verdict = part.Verdict
		}
	}
	o.Passed = o.Verdict == Passed
	return o
}

// inBand reports that only the share is missed, and by less than the band.
func (r Rule) inBand(c Counts, conditions []Condition) bool {
	if r.BandDen == 0 || r.BandDen*c.Yes < r.BandNum*(c.Yes+c.No) || c.Yes+c.No == 0 {
		return false
	}
	failing := 0
	for _, k := range conditions {
		if !k.Holds {
			failing++
		}
	}
	return failing == 1 && r.ShareDen*c.Yes < r.ShareNum*(c.Yes+c.No)
}

func refused(name, now string) Outcome {
	return Outcome{Verdict: Failed, Conditions: []Condition{{Name: name, Needed: "yes", Now: now}}}
}

// problem says why counts cannot be, or "".
func (c Counts) problem() string {
	all := []int64{c.Electorate, c.Yes, c.No, c.Abstain, c.Vetoes, c.VoidVetoes, c.Objections, c.Answered}
	for _, g := range c.Groups {
		all = append(all, g.Yes, g.No)
	}
	for _, v := range all {
		if v < 0 || v > MaxWeight {
			return fmt.Sprintf("%d is out of range", v)
		}
	}
	switch {
	case c.Minutes < 0:
		return "the period has not begun"
	case c.Answered > c.Objections:
		return "more objections are answered than were raised"
	}
	return ""
}

// atLeast returns ⌈n·num/den⌉.
func atLeast(n, num, den int64) int64 { return (n*num + den - 1) / den }

// rootAtLeast returns the least v with v ≥ num/den·√n, exactly:
// (den·v)² ≥ num²·n.
func rootAtLeast(n, num, den int64) int64 {
	square := new(big.Int).Mul(big.NewInt(num*num), big.NewInt(n))
	root := new(big.Int).Sqrt(square) // ⌊num·√n⌋
	v := root.Int64() / den
	for new(big.Int).Mul(big.NewInt(v*den), big.NewInt(v*den)).Cmp(square) < 0 {
		v++
	}
	return v
}
