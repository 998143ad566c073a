package handlers

import (
	"fmt"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func nodeRef(id governance.NodeID) governance.Ref { return governance.RefTo(governance.RefNode, id) }

func roundChip(r rounds.Round) ui.Chip {
	switch r.State {
	case rounds.Accepted:
		return ui.Chip{Text: "accepted", Kind: "success"}
	case rounds.Rejected, rounds.Abandoned:
		return ui.Chip{Text: r.State, Kind: "error"}
	}
	return ui.Chip{Text: r.State, Kind: "warning"}
}

// roundOrder are the states that a round goes through when all goes well.
var roundOrder = []struct{ state, name string }{
	{rounds.Planned, "Planned"}, {rounds.Selecting, "Selecting"}, {rounds.Collecting, "Collecting"},
	{rounds.Aggregating, "Aggregating"}, {rounds.Evaluating, "Evaluating"}, {rounds.Accepted, "Accepted"},
}

// roundStages is the tracker of a round. One that was given up shows how far
// it came.
func roundStages(r rounds.Round) []ui.Stage {
	now := 0
	for i, s := range roundOrder {
		if s.state == r.State {
			now = i
		}
	}
	gone := r.State == rounds.Rejected || r.State == rounds.Abandoned
	if gone {
		now = len(roundOrder) - 1
	}
	var list []ui.Stage
	for i, s := range roundOrder {
		stage := ui.Stage{Name: s.name}
		switch {
		case i == now:
			stage.State = "now"
			if gone {
				stage.Name = upper(r.State)
			}
			if r.Deadline != nil && r.State == rounds.Collecting {
				stage.Note = "to " + shortMoment(*r.Deadline).Text
			}
		case i < now && (!gone || reached(r, s.state)):
			stage.State = "done"
		}
		list = append(list, stage)
	}
	return list
}

// reached reports whether a round that was given up had come to a state.
func reached(r rounds.Round, state string) bool {
	switch state {
	case rounds.Collecting:
		return r.CollectingAt != nil
	case rounds.Aggregating:
		return r.AggregatingAt != nil
	case rounds.Evaluating:
		return r.EvaluatingAt != nil
	}
	return true
}

func upper(word string) string { return string(word[0]-'a'+'A') + word[1:] }

// partRefs are the nodes and owners of a round, to be named.
func partRefs(parts []rounds.Participation) []governance.Ref {
	var refs []governance.Ref
	for _, p := range parts {
		refs = append(refs, nodeRef(p.Node), memberRef(p.Owner))
	}
	return refs
}

// partRows lists who was asked to train, with what each sent.
func partRows(parts []rounds.Participation, updates []rounds.Update, r rounds.Round, names map[governance.Ref]string) []ui.Row {
	sent := map[governance.NodeID]rounds.Update{}
	for _, u := range updates {
		sent[u.Node] = u
	}
	var rows []ui.Row
	for _, p := range parts {
		if p.Kind != "train" {
			continue
		}
		u, has := sent[p.Node]
		cells := make([]ui.Rich, 6) // examples, weight, norm, work, bytes, update
		for i := range cells {
			cells[i] = ui.Plain("–")
		}
		if has {
			cells[0], cells[3], cells[5] = ui.Plain(ui.Count(u.Examples)), work(u, p), ui.Digest(shortDigest(u.Digest.Hex()))
		}
		if u.Sent > 0 {
			cells[4] = ui.Plain(bytesOf(u.Sent))
		}
		if u.Norm > 0 {
			cells[1], cells[2] = ui.Plain(ui.Count(u.Weight)), ui.Plain(fmt.Sprintf("%.3f", u.Norm))
		}
		state := partState(rounds.NodePart{State: p.State, RoundState: r.State})
		if rounds.Excluded(u.Outcome) {
			state = checkChips[u.Outcome]
		}
		if p.ReportedAt != nil {
			state.Text += p.ReportedAt.UTC().Format(" 15:04:05")
		}
		row := ui.Row{Cells: []ui.Cell{{Text: link(nodeRef(p.Node), names)}, {Text: link(memberRef(p.Owner), names)}}}
		for _, c := range cells {
			row.Cells = append(row.Cells, ui.Cell{Text: c})
		}
		row.Cells = append(row.Cells, ui.Cell{Chip: state})
		rows = append(rows, row)
	}
	return rows
}

// roundView is all that the page of a round is made of.
type roundView struct {
	rounds.Round
	campaign rounds.Campaign
	chrome   layout.Chrome
	nodes    []rounds.Participation
	updates  []rounds.Update
	draws    []rounds.Drawn
	found    []rounds.Check
	spots    []rounds.Spot
	again    []trainedAgain
	changes  []audit.Change
	names    map[governance.Ref]string
	site     string
}

// trainedAgain is the same round in a replay, and the case that it was for.
type trainedAgain struct {
	rounds.Round
	unlearning training.UnlearningID
}

func (v roundView) page() pages.RoundPage {
	p := pages.RoundPage{
		Chrome: v.chrome, ID: int64(v.ID), Stages: roundStages(v.Round), Infobox: v.infobox(), Lead: v.lead(),
		Nodes: partRows(v.nodes, v.updates, v.Round, v.names), NodeNote: fmt.Sprintf("%d asked, %d updates taken", len(v.Cohort), len(v.updates)),
		EvalNote: "Nobody has measured it yet.", Digests: v.digests(), Verify: "althing verify log " + v.site, Public: v.campaign.Recipe.Public, Recompute: v.recompute(), Changes: changeLines(v.changes, v.names),
	}
	p.Draws, p.Aggregation = drawRows(v.draws, v.names), aggregation(v.Round, v.campaign, v.updates, v.names)
	if len(v.updates) > 0 {
		p.Checks, p.ChecksOf = v.checks(), fmt.Sprintf("%d updates", len(v.updates))
	}
	p.Found, p.Values, p.Spots = checkSums(v.found, v.names), checkValues(v.found, v.names), spotRows(v.spots, v.names)
	switch {
	case v.Records > 0:
		p.EvalNote = fmt.Sprintf("Members measured on %s validation records of their own; only the sums are known here.", ui.Count(v.Records))
		p.Eval = v.measured()
	case v.State == rounds.Accepted:
		p.EvalNote = "Nobody could measure it on enough records, so it passes no publishing gate by itself."
	}
	if v.Reason != "" && v.EndedAt != nil {
		p.Outcome = ui.Cat(ui.Bold(upper(v.State)+". "), ui.Plain(v.Reason+". Nothing of this round is served."))
	}
	return p
}

// recompute is the command that computes the checkpoint from the updates, once
// there is one; rounds of a replay are audited within their case.
func (v roundView) recompute() string {
	switch {
	case v.Checkpoint.IsZero() || v.Origin != 0:
		return ""
	case v.campaign.Recipe.Public:
		return fmt.Sprintf("althing verify round --id %d %s", v.ID, v.site)
	}
	return fmt.Sprintf("althing verify round --id %d --identity KEYFILE round-%d.zip", v.ID, v.ID)
}

func (v roundView) lead() ui.Rich {
	lead := ui.Cat(ui.Plain(fmt.Sprintf("Round %d of at most %d in ", v.Number, planned(v.campaign))), ui.Link("campaign "+v.Campaign.String(), href.Campaign(int64(v.Campaign))))
	if v.Attempt > 1 {
		lead = ui.Cat(lead, ui.Plain(fmt.Sprintf(", attempt %d", v.Attempt)))
	}
	if v.Origin != 0 {
		lead = ui.Cat(lead, ui.Plain("; it trains "), ui.Link("this round", href.Round(int64(v.Origin))), ui.Plain(" again"))
	}
	return ui.Cat(lead, ui.Plain("."+v.became()))
}

// became says what the updates became, once that is decided.
func (v roundView) became() string {
	if v.Checkpoint.IsZero() {
		return ""
	}
	text := fmt.Sprintf(" %d updates became one.", len(v.updates))
	before, ok := bits(v.LossBefore)
	after, measured := bits(v.LossAfter)
	switch {
	case !ok || !measured:
		return text
	case after < before:
		return text + fmt.Sprintf(" The loss on members’ own text fell from %.4f to %.4f bits per byte.", before, after)
	}
	return text + fmt.Sprintf(" The loss on members’ own text was %.4f bits per byte before and %.4f after.", before, after)
}

func (v roundView) infobox() ui.Infobox {
	facts := []ui.Fact{
		{Label: "State", Chip: roundChip(v.Round)}, {Label: "Campaign", Value: ui.Link(v.Campaign.String(), href.Campaign(int64(v.Campaign)))},
		{Label: "Asked", Value: ui.Plain(ui.Count(int64(len(v.Cohort))) + " nodes")}, {Label: "Wanted", Value: ui.Plain(ui.Count(int64(v.Wanted)) + " updates")},
		{Label: "Decision", Value: link(proposalRef(v.campaign.Proposal), v.names)},
		{Label: "Planned", Value: richMoment(v.PlannedAt)},
	}
	for _, a := range v.again {
		facts = append(facts, ui.Fact{Label: "Trained again", Value: ui.Cat(ui.Link("in campaign "+a.Campaign.String(), href.Round(int64(a.ID))), ui.Plain(" for "), caseLink(a.unlearning))})
	}
	if v.campaign.Unlearning != 0 {
		facts = append(facts, ui.Fact{Label: "Trains again for", Value: caseLink(v.campaign.Unlearning)})
	}
	if v.Deadline != nil {
		facts = append(facts, ui.Fact{Label: "Collects until", Value: richMoment(*v.Deadline)})
	}
	if v.EndedAt != nil {
		facts = append(facts, ui.Fact{Label: "Ended", Value: richMoment(*v.EndedAt)})
	}
	return ui.Infobox{Caption: fmt.Sprintf("Round %d", v.Number), Groups: []ui.FactGroup{{Facts: facts}}}
}

// checks says what every update passed before it was taken. What fails one
// of them is refused at the door, so that all that is listed passed.
func (v roundView) checks() []ui.Row {
	n := ui.Count(int64(len(v.updates)))
	limit := "a number that is not finite, or another header than that of the model"
	if v.campaign.Recipe.UpdateNorm != "0" {
		limit += ", or a norm above " + v.campaign.Recipe.UpdateNorm
	}
	return []ui.Row{
		{Cells: ui.Cells("Signed by the node’s key (Ed25519), once", n, "another key, a repeated request")},
		{Cells: ui.Cells("The bytes have the digest that was reported", n, "any other byte")},
		{Cells: ui.Cells("One legal header, finite numbers, norm within the limit", n, limit)},
		{Cells: ui.Cells("Trained from this round’s base, in its time", n, "an old base, an old epoch, a late report")},
		{Cells: ui.Cells(fmt.Sprintf("No member counts for more than %.0f %% of the sum", float64(v.campaign.Settings.MaxShare)/10), n, "nothing: the weight is lowered")},
	}
}

func (v roundView) measured() []ui.Row {
	var rows []ui.Row
	for _, l := range []struct{ label, nats string }{
		{"Byte frequencies alone, for comparison", v.Unigram}, {"What the campaign began from", v.LossBase},
		{"What this round began from", v.LossBefore}, {"The result of this round", v.LossAfter},
	} {
		inBits := "–"
		if x, ok := bits(l.nats); ok {
			inBits = strconv.FormatFloat(x, 'f', 4, 64)
		}
		rows = append(rows, ui.Row{Cells: ui.Cells(l.label, inBits, l.nats)})
	}
	return rows
}

func (v roundView) digests() []ui.Fact {
	facts := []ui.Fact{{Label: "Base", Value: ui.Digest(v.Base.String())}}
	if !v.Checkpoint.IsZero() {
		facts = append(facts, ui.Fact{Label: "Result", Value: ui.Digest(v.Checkpoint.String())})
	}
	facts = append(facts, serverFacts(v.Round)...)
	return append(facts, ui.Fact{Label: "Seed of the cohort", Value: ui.Digest(v.Seed.Hex())}, ui.Fact{Label: "Arithmetic", Value: ui.Plain(v.Arithmetic)})
}
