package handlers

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func campaignChip(c rounds.Campaign) ui.Chip {
	switch {
	case c.State == rounds.Running:
		return ui.Chip{Text: "running"}
	case c.State == rounds.Stopped:
		return ui.Chip{Text: "stopped", Kind: "error"}
	case c.Withheld:
		return ui.Chip{Text: "ended, not published", Kind: "error"}
	}
	return ui.Chip{Text: "ended", Kind: "success"}
}

func campaignLine(c rounds.Campaign, names map[governance.Ref]string) pages.CampaignLine {
	line := pages.CampaignLine{
		ID: int64(c.ID), Title: campaignTitle(c, names), Mandate: ui.Link(fmt.Sprintf("proposal %d", c.Proposal), href.Proposal(int64(c.Proposal))),
		Rounds: fmt.Sprintf("%d of %d", c.Done, planned(c)), State: campaignChip(c), Began: shortMoment(c.OpenedAt),
	}
	return line
}

func campaignTitle(c rounds.Campaign, names map[governance.Ref]string) string {
	if c.Replays != 0 {
		return fmt.Sprintf("campaign %d again, without a contributor's records", c.Replays)
	}
	if name := names[proposalRef(c.Proposal)]; name != "" {
		return strings.TrimPrefix(name, fmt.Sprintf("Proposal %d: ", c.Proposal))
	}
	return "training"
}

// planned is how many rounds a campaign has at most.
func planned(c rounds.Campaign) int {
	if c.Replays != 0 {
		return max(c.Recipe.Rounds-c.ReplaysFrom+1, c.Done)
	}
	return c.Recipe.Rounds
}

// campaignView is all that the page of a campaign is made of.
type campaignView struct {
	rounds.Campaign
	chrome  layout.Chrome
	rounds  []rounds.Round
	latest  rounds.Round // zero before the first
	nodes   []rounds.Participation
	updates []rounds.Update
	decided int64 // place of the decision in the log, -1 while it waits
	version models.Version
	changes []audit.Change
	draws   []rounds.Drawn
	checks  []rounds.Check
	counts  rounds.CheckCounts
	there   []corpus.StratumCount // what nodes hold now
	trained []corpus.StratumCount // what the accepted rounds were trained on
	spent   map[governance.MemberID]int
	tree    lineage
	names   map[governance.Ref]string
}

func (v campaignView) page() (pages.CampaignPage, error) {
	p := pages.CampaignPage{
		Chrome: v.chrome, ID: int64(v.ID), Round: v.live(), Infobox: v.infobox(), Lead: v.lead(), Loss: v.loss(), Rounds: v.progress(),
		LossNote: "Mean loss on members’ own validation records, after each accepted round. Crosses mark rounds that were put aside. Lower is better. The log holds nats per token; a token is a byte.",
		Nodes:    partRows(v.nodes, v.updates, v.latest, v.names), Does: describeRecipe(v.Recipe), Recipe: recipeNumbers(v.Recipe), Changes: changeLines(v.changes, v.names),
		Digests: []ui.Fact{
			{Label: "Began from", Value: ui.Digest(v.Base.String())}, {Label: "Last accepted", Value: ui.Digest(v.Head.String())},
			{Label: "Decision", Value: entryLink(v.decided)},
		},
		Links: ui.Link("Loss by round as CSV", href.CampaignLoss(int64(v.ID))),
		Draws: drawRows(v.draws, v.names), Checks: checkSums(v.checks, v.names), CheckLead: checkLead(v.counts),
	}
	p.Digests, p.Lineage = append(p.Digests, serverFacts(v.latest)...), v.tree.figure()
	p.Bytes, p.HasBytes = v.traffic()
	p.Privacy, p.Spent = v.privacy()
	var err error
	if p.StrataLead, p.Strata, err = v.strata(); err != nil {
		return p, err
	}
	if v.latest.ID != 0 {
		p.NodeNote = fmt.Sprintf("round %d, attempt %d", v.latest.Number, v.latest.Attempt)
		p.NodeMore = ui.Link(fmt.Sprintf("Round %d in full", v.latest.Number), href.Round(int64(v.latest.ID)))
	}
	return p, nil
}

// entryLink leads to an entry of the log.
func entryLink(index int64) ui.Rich {
	if index < 0 {
		return ui.Plain("waits for its place in the log")
	}
	return ui.Link("entry "+ui.Count(index)+" of the log", href.LogEntry(index))
}

func (v campaignView) lead() ui.Rich {
	lead := ui.Cat(ui.Plain("Decided by "), link(proposalRef(v.Proposal), v.names), ui.Plain(". "))
	if v.Replays != 0 {
		lead = ui.Cat(ui.Plain("Trains "), ui.Link("campaign "+v.Replays.String(), href.Campaign(int64(v.Replays))),
			ui.Plain(fmt.Sprintf(" again from round %d, with the same cohorts, seeds and text, without the nodes of one contributor, for ", v.ReplaysFrom)),
			caseLink(v.Unlearning), ui.Plain(". "))
	}
	if v.Reason != "" {
		lead = ui.Cat(lead, ui.Plain("It "+campaignChip(v.Campaign).Text+": "+v.Reason+"."))
	}
	return lead
}

func (v campaignView) infobox() ui.Infobox {
	facts := []ui.Fact{
		{Label: "State", Chip: campaignChip(v.Campaign)},
		{Label: "Rounds", Value: ui.Plain(fmt.Sprintf("%d accepted of %d", v.Done, planned(v.Campaign)))},
		{Label: "Began", Value: richMoment(v.OpenedAt)},
	}
	if v.EndedAt != nil {
		facts = append(facts, ui.Fact{Label: "Ended", Value: richMoment(*v.EndedAt)})
	}
	groups := []ui.FactGroup{{Facts: facts}, {Title: "Mandate", Facts: []ui.Fact{
		{Label: "Proposal", Value: ui.Link(v.Proposal.String(), href.Proposal(int64(v.Proposal)))},
		{Label: "Decision", Value: entryLink(v.decided)},
		{Label: "Begins from", Value: ui.Link(v.version.Name, href.Version(int64(v.Version)))},
	}}}
	if came := v.tree.cameOf(v.ID); len(came) > 0 {
		groups = append(groups, ui.FactGroup{Title: "What came of it", Facts: came})
	}
	return ui.Infobox{Caption: "Campaign " + v.ID.String(), Groups: groups}
}

// live is the part that follows the events.
func (v campaignView) live() pages.CampaignRound {
	if v.latest.ID == 0 {
		return pages.CampaignRound{Label: "States of the first round", Stages: roundStages(rounds.Round{State: rounds.Planned}), Line: ui.Plain("The first round is about to begin.")}
	}
	r := v.latest
	live := pages.CampaignRound{Label: fmt.Sprintf("States of round %d", r.Number), Stages: roundStages(r)}
	name := ui.Link(fmt.Sprintf("Round %d", r.Number), href.Round(int64(r.ID)))
	switch {
	case v.State != rounds.Running:
		live.Line = ui.Cat(ui.Plain(fmt.Sprintf("The campaign has ended with %d accepted rounds. The last one tried is ", v.Done)), name, ui.Plain("."))
	case r.State == rounds.Collecting:
		live.Line = ui.Cat(name, ui.Plain(fmt.Sprintf(" is running: %d of %d updates are in.", r.Updates, r.Wanted)))
		live.Share = min(100, 100*r.Updates/max(1, r.Wanted))
	default:
		live.Line = ui.Cat(name, ui.Plain(fmt.Sprintf(" of %d is %s.", planned(v.Campaign), r.State)))
	}
	return live
}

// loss draws the accepted rounds and marks the others.
func (v campaignView) loss() plot.LineOf {
	f := plot.LineOf{
		ID: "loss", Title: "Loss by round", Desc: "The mean loss after each accepted round; the values are in the table below.",
		XLabel: "Round", YLabel: "Bits per byte", Places: 2, Until: float64(planned(v.Campaign)),
	}
	var points []plot.Point
	for _, r := range v.rounds {
		after, measured := bits(r.LossAfter)
		switch {
		case r.State == rounds.Accepted && measured:
			if before, ok := bits(r.LossBefore); ok && len(points) == 0 {
				points = append(points, plot.Point{X: float64(r.Number - 1), Y: before})
			}
			points = append(points, plot.Point{X: float64(r.Number), Y: after})
		case r.State == rounds.Rejected || r.State == rounds.Abandoned:
			f.Cross = append(f.Cross, plot.Cross{X: float64(r.Number), Name: r.State})
		}
	}
	f.Series = []plot.Series{{Points: points}}
	return f
}

// bits turns a loss as the log holds it, in nats per token, into bits per
// byte: every token of our models is a byte.
func bits(nats string) (float64, bool) {
	v, err := strconv.ParseFloat(nats, 64)
	return v / math.Ln2, err == nil
}
