package tally

import (
	"fmt"
	"strings"
)

// Explain returns one paragraph per stage for the result page, with the
// candidates' names in the order of the profile.
func (r ScottishResult) Explain(names []string) []string {
	lines := make([]string, 0, len(r.Stages)+1)
	for _, st := range r.Stages {
		var b strings.Builder
		r.happened(&b, st, names)
		for _, c := range st.Elected {
			fmt.Fprintf(&b, " %s has %v, at least the quota of %s, and is elected.", nameOf(names, c), st.Votes[c], thousands(r.Quota))
		}
		if len(st.Filled) > 0 {
			fmt.Fprintf(&b, " No more candidates are left than seats, so %s %s elected (rule 52).", nameList(names, st.Filled), isAre(len(st.Filled)))
		}
		lines = append(lines, b.String())
	}
	if r.Vacant > 0 {
		lines = append(lines, fmt.Sprintf("Too few candidates stood: %s stay vacant.", count(int64(r.Vacant), "seat", "seats")))
	}
	return lines
}

func (r ScottishResult) happened(b *strings.Builder, st ScottishStage, names []string) {
	switch st.Action {
	case FirstPreferences:
		fmt.Fprintf(b, "Stage 1: %s, %s, %s; the quota is %s.", count(r.Valid, "valid ballot", "valid ballots"),
			count(r.Blank, "blank one", "blank ones"), count(int64(r.Seats), "seat", "seats"), thousands(r.Quota))
		return
	case Surplus:
		fmt.Fprintf(b, "Stage %d: %s has %v above the quota. Every paper passes on at %v/%v of its value, cut to five decimals.",
			st.Number, nameOf(names, st.Candidate), -st.Moved[st.Candidate], -st.Moved[st.Candidate], Votes(r.Quota)*Vote-st.Moved[st.Candidate])
	case Exclusion:
		fmt.Fprintf(b, "Stage %d: %s has the fewest votes, %v, and is excluded. The papers pass on at the value they have.",
			st.Number, nameOf(names, st.Candidate), -st.Moved[st.Candidate])
	}
	for _, t := range r.Ties {
		if t.Stage == st.Number-1 {
			b.WriteString(" " + t.Sentence(names))
		}
	}
	var gains []string
	for c, v := range st.Moved {
		if v > 0 {
			gains = append(gains, fmt.Sprintf("%v to %s", v, nameOf(names, c)))
		}
	}
	if st.MovedNonTransferable > 0 {
		gains = append(gains, fmt.Sprintf("%v can go to nobody", st.MovedNonTransferable))
	}
	if st.MovedLoss > 0 {
		gains = append(gains, fmt.Sprintf("%v is lost by cutting", st.MovedLoss))
	}
	if len(gains) > 0 {
		b.WriteString(" Moved: " + sentenceList(gains) + ".")
	}
}

// Sentence tells how the tie was broken.
func (t Tie) Sentence(names []string) string {
	s := nameList(names, t.Tied) + " were level."
	if len(t.DecidedAt) > 0 {
		stages := make([]string, len(t.DecidedAt))
		for i, k := range t.DecidedAt {
			stages[i] = fmt.Sprint(k)
		}
		label := "stage "
		if len(stages) > 1 {
			label = "stages "
		}
		s += " They differed at " + label + sentenceList(stages) + "."
	}
	if t.ByLot() {
		if len(t.DecidedAt) > 0 {
			s += " " + nameList(names, t.Among) + " were level there too."
		}
		s += " The lot order, drawn by nobody, decided: " + nameOf(names, t.Chosen) + "."
	} else {
		s += " That decided: " + nameOf(names, t.Chosen) + "."
	}
	return s
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
