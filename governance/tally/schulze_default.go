package tally

import (
	"errors"
	"fmt"
	"slices"
)

// OptionTest is how one option fared against the default option.
type OptionTest struct {
	Option  int     `json:"option"`
	Outcome Outcome `json:"outcome"`
}

// DefaultResult is a Schulze count with a default option such as "reopen
// nominations" (Debian constitution, A.5 and A.6).
type DefaultResult struct {
	Default int           `json:"default"`
	Tests   []OptionTest  `json:"tests"`
	Dropped []int         `json:"dropped"` // options that failed their test
	Count   SchulzeResult `json:"count"`   // of the default option and those that are kept
}

// WithDefault tests each option against the default option by the rule, with
// "above" as yes and "below" as no, drops those that fail, and counts the rest
// by [Schulze]. The default option is never dropped, so a poll that persuades
// nobody elects it. The quorum counts only supporters: nobody can help an
// option by voting against it.
func WithDefault(p Profile, option int, rule Rule, electorate int64) (DefaultResult, error) {
	m, err := Pairwise(p)
	if err != nil {
		return DefaultResult{}, err
	}
	standing := list(p.standing())
	if !slices.Contains(standing, option) {
		return DefaultResult{}, fmt.Errorf("count with a default option: option %d does not stand", option+1)
	}
	if rule.Name != "debian" {
		return DefaultResult{}, errors.New("count with a default option: the rule must be debian")
	}
	r := DefaultResult{Default: option}
	kept := []int{}
	for _, c := range standing {
		if c == option {
			kept = append(kept, c)
			continue
		}
		outcome := rule.Evaluate(Counts{Electorate: electorate, Yes: m[c][option], No: m[option][c]})
		r.Tests = append(r.Tests, OptionTest{c, outcome})
		if outcome.Passed {
			kept = append(kept, c)
		} else {
			r.Dropped = append(r.Dropped, c)
		}
	}
	r.Count = schulze(m, kept)
	return r, nil
}
