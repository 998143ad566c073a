package handlers

import (
	"fmt"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance/tally"
	"codeberg.org/althing/althing/web/plot"
)

// flow is how the votes moved from stage to stage: a party per candidate, and
// below them what counts for nobody.
func (v resultView) flow() plot.FlowOf {
	stages := v.count.Scottish.Stages
	if len(stages) < 2 {
		return plot.FlowOf{}
	}
	figure := plot.FlowOf{
		ID: "fl", Title: fmt.Sprintf("Flow of votes over %d stages", len(stages)),
		Names: append(slices.Clone(v.names), "not transferable"),
	}
	won := make([]bool, len(figure.Names))
	for _, st := range stages {
		column := plot.FlowStage{}
		for _, votes := range append(slices.Clone(st.Votes), st.NonTransferable+st.Loss) {
			column.Values = append(column.Values, float64(votes)/float64(tally.Vote))
		}
		for _, c := range append(slices.Clone(st.Elected), st.Filled...) {
			won[c] = true
		}
		column.Won = slices.Clone(won)
		figure.Stages = append(figure.Stages, column)
	}
	var says []string
	for _, line := range v.sheet() {
		says = append(says, line.Name+" has "+line.Votes[0]+" in the first stage and is "+line.Outcome)
	}
	figure.Desc = strings.Join(says, "; ") + "."
	return figure
}

// bars are the votes of a count of one stage, in which nothing flows.
func (v resultView) bars() plot.BarsOf {
	if len(v.count.Scottish.Stages) != 1 {
		return plot.BarsOf{}
	}
	figure := plot.BarsOf{ID: "ends", Title: "First preferences", Mark: float64(v.count.Quota), Name: "quota"}
	var says []string
	for c, line := range v.sheet() {
		last := v.count.Scottish.Stages[0].Votes[c]
		text := last.String() + ", " + line.Outcome
		figure.Bars = append(figure.Bars, plot.Bar{Name: line.Name, Value: float64(last) / float64(tally.Vote), Text: text, Won: line.Won})
		says = append(says, line.Name+" "+text)
	}
	figure.Desc = strings.Join(says, "; ") + "."
	return figure
}
