package handlers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/tally"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// resultView turns a count into the page of the result.
type resultView struct {
	elections.Election
	count   elections.Count
	names   []string // of the candidates, in the order of the manifest
	chrome  layout.Chrome
	tracker string // that the reader looks up
}

func (v resultView) page() (webpages.ElectionResultPage, error) {
	p := webpages.ElectionResultPage{
		Chrome: v.chrome, ID: int64(v.ID), Infobox: v.infobox(), Lead: v.lead(), Elected: v.elected(), Flow: v.flow(), First: v.bars(),
		Stages: v.stages(), Sheet: v.sheet(), Spent: v.spent(), Sum: v.sum(), Transfers: v.transfers(), Methods: v.methods(),
		SheetNote: fmt.Sprintf("quota %d; %d ballots; five decimals, cut and never rounded up", v.count.Quota, v.count.Ballots),
		Receipt:   ui.Input{Value: v.tracker}, Found: v.found(), Recount: v.recount(),
	}
	if v.count.Ballots > 0 {
		p.Mattered, p.Changes = ui.Plain(v.count.Sentence(v.names)), v.count.Differs()
	}
	var file strings.Builder
	err := v.count.WriteBLT(&file, v.Office.Title(), v.names)
	p.BLT = file.String()
	return p, err
}

func (v resultView) infobox() ui.Infobox {
	return ui.Infobox{Caption: fmt.Sprintf("Election %d", v.ID), Groups: []ui.FactGroup{
		{Facts: []ui.Fact{
			{Label: "Office", Value: ui.Plain(v.Office.Title())}, {Label: "Seats", Value: ui.Plain(ui.Count(int64(v.Seats)))},
			{Label: "Closed", Value: richMoment(v.count.Closed)},
		}},
		{Title: "Turnout", Facts: []ui.Fact{
			{Label: "Roll", Value: ui.Link(ui.Count(v.count.Roll)+" members", href.ElectionRoll(int64(v.ID)))},
			{Label: "Ballots", Value: ui.Plain(ui.Count(v.count.Ballots))}, {Label: "Rejected", Value: ui.Plain(ui.Count(v.count.Rejected))},
		}},
		{Title: "Count", Facts: []ui.Fact{
			{Label: "Rule", Value: ui.Plain("Scottish STV")}, {Label: "Quota", Value: ui.Plain(ui.Count(v.count.Quota))},
			{Label: "Manifest", Value: ui.Digest(shortHex(v.count.Digest))}, {Label: "Beacon", Value: ui.Digest(shortHex(v.count.Beacon))},
			{Label: "List", Value: ui.Digest(shortHex(v.count.List))}, {Label: "Count", Value: ui.Digest(shortHex(v.count.Count))},
		}},
	}}
}

func (v resultView) lead() ui.Rich {
	turnout := ui.Plain(fmt.Sprintf(" Of %d members on the roll, %d voted.", v.count.Roll, v.count.Ballots+v.count.Rejected))
	if len(v.count.Elected) == 0 {
		return ui.Cat(ui.Plain("Nobody was elected."), turnout)
	}
	var who ui.Rich
	for i, c := range v.count.Scottish.Elected {
		if i > 0 {
			who = ui.Cat(who, ui.Plain(", "))
		}
		who = ui.Cat(who, ui.Bold(v.names[c]))
	}
	return ui.Cat(ui.Plain("Elected: "), who, ui.Plain("."), turnout)
}

// elected lists who has a seat, at which stage and with how many votes.
func (v resultView) elected() []ui.Row {
	var rows []ui.Row
	for _, st := range v.count.Scottish.Stages {
		for _, c := range slices.Concat(st.Elected, st.Filled) {
			rows = append(rows, ui.Row{Cells: []ui.Cell{
				{Text: ui.Bold(v.names[c])}, {Text: ui.Plain(strconv.Itoa(st.Number) + ", " + v.what(st))}, {Text: ui.Plain(st.Votes[c].String())},
			}})
		}
	}
	return rows
}

func (v resultView) what(st tally.ScottishStage) string {
	switch st.Action {
	case tally.Surplus:
		return "surplus of " + v.names[st.Candidate]
	case tally.Exclusion:
		return v.names[st.Candidate] + " excluded"
	}
	return "first preferences"
}

func (v resultView) stages() []webpages.CountStage {
	var heads []webpages.CountStage
	for _, st := range v.count.Scottish.Stages {
		heads = append(heads, webpages.CountStage{What: v.what(st)})
	}
	return heads
}

// sheet is a line per candidate: the votes after each stage, and the end.
func (v resultView) sheet() []webpages.CountLine {
	lines := make([]webpages.CountLine, len(v.names))
	for c, name := range v.names {
		line := webpages.CountLine{Name: name, Outcome: "not elected"}
		out := false
		for _, st := range v.count.Scottish.Stages {
			out = out || st.Action == tally.Exclusion && st.Candidate == c
			votes := st.Votes[c].String()
			if out {
				votes = "–"
			}
			line.Votes = append(line.Votes, votes)
			switch {
			case slices.Contains(st.Elected, c):
				line.Won, line.Outcome = true, fmt.Sprintf("elected, stage %d", st.Number)
			case slices.Contains(st.Filled, c):
				line.Won, line.Outcome = true, fmt.Sprintf("elected by rule 52, stage %d", st.Number)
			case st.Action == tally.Exclusion && st.Candidate == c:
				line.Outcome = fmt.Sprintf("excluded, stage %d", st.Number)
			}
		}
		lines[c] = line
	}
	return lines
}

func (v resultView) spent() webpages.CountLine {
	line := webpages.CountLine{Name: "Not transferable, or cut off"}
	for _, st := range v.count.Scottish.Stages {
		line.Votes = append(line.Votes, (st.NonTransferable + st.Loss).String())
	}
	return line
}

func (v resultView) sum() webpages.CountLine {
	line := webpages.CountLine{Name: "Sum", Won: true, Outcome: "equal in each stage"}
	for _, st := range v.count.Scottish.Stages {
		sum := st.NonTransferable + st.Loss
		for _, votes := range st.Votes {
			sum += votes
		}
		line.Votes = append(line.Votes, sum.String())
	}
	return line
}

// transfers are what moved in each stage after the first; each row sums to zero.
func (v resultView) transfers() []webpages.CountLine {
	var lines []webpages.CountLine
	for _, st := range v.count.Scottish.Stages {
		if st.Number == 1 {
			continue
		}
		line := webpages.CountLine{Name: strconv.Itoa(st.Number) + ": " + v.what(st)}
		for _, moved := range append(slices.Clone(st.Moved), st.MovedNonTransferable+st.MovedLoss) {
			line.Votes = append(line.Votes, signed(moved))
		}
		lines = append(lines, line)
	}
	return lines
}

func signed(v tally.Votes) string {
	switch {
	case v == 0:
		return "–"
	case v < 0:
		return "−" + (-v).String()
	}
	return "+" + v.String()
}

func (v resultView) methods() []ui.Row {
	if v.count.Ballots == 0 {
		return nil
	}
	seats := func(elected []int) ui.Cell {
		words := make([]string, len(elected))
		for i, c := range elected {
			words[i] = v.names[c]
		}
		return ui.Cell{Text: ui.Plain(strings.Join(words, ", "))}
	}
	same := ui.Chip{Text: "same", Kind: "success"}
	if v.count.Differs() {
		same = ui.Chip{Text: "differs", Kind: "warning"}
	}
	return []ui.Row{
		{Cells: []ui.Cell{{Text: ui.Plain("Scottish STV (official)")}, seats(v.count.Scottish.Elected), {Chip: ui.Chip{Text: "official"}}}},
		{Cells: []ui.Cell{{Text: ui.Plain("Meek STV")}, seats(v.count.Meek.Elected), {Chip: same}}},
	}
}

// found answers a look-up of a tracker.
func (v resultView) found() *webpages.ReceiptFound {
	if v.tracker == "" {
		return nil
	}
	if line := v.count.Find(v.tracker); line > 0 {
		return &webpages.ReceiptFound{Counted: true, Text: ui.Cat(ui.Bold("Your ballot is counted."),
			ui.Plain(fmt.Sprintf(" It is line %d of %d in the ", line, len(v.count.Lines))), ui.Link("published list", href.ElectionList(int64(v.ID))),
			ui.Plain(", which shows your ranking beside the tracker: see that it is as you cast it."))}
	}
	return &webpages.ReceiptFound{Text: ui.Cat(ui.Bold("This tracker is not in the list."),
		ui.Plain(" Was it copied whole, and is it of your last ballot? Only the last one counts. If it is, show your receipt to people you trust: it names a ballot that was cast and not counted."))}
}

func (v resultView) recount() ui.Rich {
	id := int64(v.ID)
	return ui.Cat(
		ui.Link("All ballots as BLT", href.ElectionBallots(id)), ui.Plain(" · "), ui.Link("all ballots with trackers as CSV", href.ElectionList(id)),
		ui.Plain(" · "), ui.Link("count sheet as CSV", href.ElectionSheet(id)), ui.Plain(". Then run "), ui.Code(fmt.Sprintf("althing tally --lot %s election-%d-ballots.blt", lotNumbers(v.count.Lot), id)),
		ui.Plain(". Ties fall in this order: "+lotText(v.count.Lot, v.names)+". The order is drawn from the manifest, logged before the first ballot, and from the entry that closed the ballot."),
	)
}

// lotNumbers writes the order of the lot as the command takes it.
func lotNumbers(lot []int) string {
	numbers := make([]string, len(lot))
	for i, c := range lot {
		numbers[i] = strconv.Itoa(c + 1)
	}
	return strings.Join(numbers, ",")
}
