package handlers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// certificateView is all that the page of a case is made of.
type certificateView struct {
	unlearning.Case
	draft   unlearning.Certificate
	decided int64
	changes []audit.Change
	names   map[governance.Ref]string
	chrome  layout.Chrome
	site    string
}

// refs are the names that the page needs.
func (v certificateView) refs() []governance.Ref {
	refs := []governance.Ref{memberRef(v.Contributor), proposalRef(v.Proposal), governance.RefTo("version", v.Version)}
	for _, s := range v.draft.Suppressed {
		refs = append(refs, nodeRef(s.Node))
	}
	for _, id := range v.Withdrawn {
		refs = append(refs, governance.RefTo("version", id))
	}
	for _, a := range v.Verdict.Audits {
		refs = append(refs, governance.Ref(a.Auditor))
	}
	return refs
}

func (v certificateView) page() pages.CertificatePage {
	p := pages.CertificatePage{
		Chrome: v.chrome, ID: int64(v.ID), Stages: v.stages(), Verdict: v.verdict(), Infobox: v.infobox(), Chain: v.chain(),
		Figures: figures(v.Verdict), FigureOf: "a check that decides refuses the version when it fails",
		Nodes: v.suppressed(), Replays: v.replays(), Audits: v.audits(), Changes: changeLines(v.changes, v.names),
		Verify: []ui.Fact{
			{Label: "Decision", Value: entryLink(v.decided)}, {Label: "Command", Value: ui.Code("althing verify log " + v.site)},
		},
		Limits: ui.Plain("What it does not say: that nobody else holds these records, that the same words did not also come from somebody else, or that a model trained elsewhere forgot them. Copies of withdrawn versions that were downloaded before are out of reach."),
	}
	switch v.State {
	case unlearning.Closed:
		p.Kind = "success"
	case unlearning.Failed:
		p.Kind = "error"
	}
	if v.Certificate != nil {
		p.Verify = append(p.Verify, ui.Fact{Label: "Certificate", Value: ui.Cat(ui.Link("JSON", href.CertificateFile(int64(v.ID))), ui.Plain(", "),
			ui.Digest(training.DigestOf(v.Certificate).String()), ui.Plain(", closed by "), v.entry("unlearning.closed"))})
	}
	return p
}

// entry leads to the entry of a kind about this case.
func (v certificateView) entry(kind string) ui.Rich {
	for _, c := range v.changes {
		if c.Kind == kind {
			return entryLink(c.Index)
		}
	}
	return ui.Plain("no entry yet")
}

// caseOrder are the states that a case goes through when all goes well.
var caseOrder = []struct{ state, name string }{
	{unlearning.Suppressing, "Suppressing"}, {unlearning.Replaying, "Training again"}, {unlearning.Verifying, "Verifying"},
	{unlearning.Passed, "Passed"}, {unlearning.Published, "Clean version"}, {unlearning.Closed, "Certificate"},
}

func (v certificateView) stages() []ui.Stage {
	if v.Certificate != nil {
		return nil
	}
	now := slices.IndexFunc(caseOrder, func(s struct{ state, name string }) bool { return s.state == v.State })
	var list []ui.Stage
	for i, s := range caseOrder {
		stage := ui.Stage{Name: s.name}
		switch {
		case i < now:
			stage.State = "done"
		case i == now:
			stage.State = "now"
		}
		list = append(list, stage)
	}
	if v.State == unlearning.Failed {
		list = append(list, ui.Stage{Name: "Failed", State: "now"})
	}
	return list
}

func (v certificateView) verdict() ui.Rich {
	who := link(memberRef(v.Contributor), v.names)
	switch {
	case v.State == unlearning.Closed && v.Certificate == nil:
		return ui.Cat(ui.Bold("There was nothing to forget."), ui.Plain(" Nothing of "), who, ui.Plain(" counted in any accepted round of this campaign."))
	case v.State == unlearning.Closed:
		return ui.Cat(ui.Bold("The records of "), who, ui.Bold(" are out of the model."),
			ui.Plain(fmt.Sprintf(" %d rounds were trained again without them; of the checks that decide, %s.", len(v.draft.Rounds), checksPassed(v.Verdict))))
	case v.State == unlearning.Failed:
		return ui.Cat(ui.Bold("This could not be carried out."), ui.Plain(" "+v.Reason+" People have to look at it."))
	}
	return ui.Plain("Under way. There is no certificate before every check that decides has passed.")
}

func (v certificateView) infobox() ui.Infobox {
	facts := []ui.Fact{
		{Label: "State", Chip: caseChip(v.Case)}, {Label: "Decision", Value: link(proposalRef(v.Proposal), v.names)},
		{Label: "Contributor", Value: link(memberRef(v.Contributor), v.names)}, {Label: "Campaign", Value: ui.Link(v.Campaign.String(), href.Campaign(int64(v.Campaign)))},
		{Label: "Method", Value: ui.Plain("exact: rollback and replay")}, {Label: "Opened", Value: richMoment(v.OpenedAt)},
	}
	if v.EndedAt != nil {
		facts = append(facts, ui.Fact{Label: "Ended", Value: richMoment(*v.EndedAt)})
	}
	return ui.Infobox{Caption: fmt.Sprintf("Case %d", v.ID), Groups: []ui.FactGroup{{Facts: facts}}}
}

// chain leads from the decision to the clean version, a step each.
func (v certificateView) chain() []pages.ChainStep {
	held := int64(0)
	for _, s := range v.draft.Suppressed {
		held += s.Records
	}
	steps := []pages.ChainStep{
		{Title: "Decision", Text: ui.Cat(link(proposalRef(v.Proposal), v.names), ui.Plain(", "), entryLink(v.decided), ui.Plain("; leaf "), ui.Digest(shortDigest(v.draft.DecisionHash.Hex())), ui.Plain("."))},
		{Title: "Suppression", Text: ui.Cat(ui.Plain(fmt.Sprintf("The contributor’s nodes hold back %s records for ever; %s. Opened by ", ui.Count(held), v.silence())), v.entry("unlearning.opened"), ui.Plain("."))},
	}
	if v.FirstRound == 0 {
		return steps
	}
	steps = append(steps, pages.ChainStep{Title: "Checkpoints", Text: ui.Cat(ui.Plain(fmt.Sprintf("The records first counted in round %d. Before it: ", v.FirstRound)), ui.Digest(shortDigest(v.Clean.Hex())),
		ui.Plain(". Last one that they touched: "), ui.Digest(shortDigest(v.Tainted.Hex())), ui.Plain(fmt.Sprintf("; %d checkpoints are tainted and are never served or trained from again.", v.Marked)))})
	if v.Replay != 0 {
		soFar := ""
		if v.State == unlearning.Replaying {
			soFar = " so far"
		}
		steps = append(steps, pages.ChainStep{Title: "Rounds trained again", Text: ui.Cat(ui.Link("campaign "+v.Replay.String(), href.Campaign(int64(v.Replay))),
			ui.Plain(fmt.Sprintf(": %d rounds%s, with the recorded cohorts, seeds and text, without the contributor’s nodes; ", len(v.draft.Rounds), soFar)), v.entry("unlearning.replay"), ui.Plain("."))})
	}
	if !v.Result.IsZero() {
		steps = append(steps, pages.ChainStep{Title: "Result", Text: ui.Cat(ui.Digest(v.Result.String()), ui.Plain("; verified from "), v.entry("unlearning.verification"), ui.Plain(" on."))})
	}
	if len(v.Verdict.Checks) > 0 {
		chip := ui.Chip{Text: "passed", Kind: "success"}
		if !v.Verdict.Passed {
			chip = ui.Chip{Text: "failed", Kind: "error"}
		}
		steps = append(steps, pages.ChainStep{Title: "Checks", Chip: chip, Text: ui.Cat(ui.Plain("Of those that decide, "+checksPassed(v.Verdict)+"; "), v.entry("unlearning.judged"), ui.Plain("."))})
	}
	if v.PublishedAt != nil {
		steps = append(steps, v.clean())
	}
	return steps
}

func (v certificateView) silence() string {
	silent := 0
	for _, s := range v.draft.Suppressed {
		if !s.Acknowledged {
			silent++
		}
	}
	if silent > 0 {
		return fmt.Sprintf("%d have not acknowledged it and get no other work until they do", silent)
	}
	return "all of them have acknowledged it"
}

func (v certificateView) clean() pages.ChainStep {
	text := ui.Plain("The weights before the campaign are served again")
	if v.Version != 0 {
		text = ui.Cat(link(governance.RefTo("version", v.Version), v.names), ui.Plain(" is served"))
	}
	for i, id := range v.Withdrawn {
		sep := ", "
		if i == 0 {
			sep = "; withdrawn: "
		}
		text = ui.Cat(text, ui.Plain(sep), link(governance.RefTo("version", id), v.names))
	}
	text = ui.Cat(text, ui.Plain("; "), v.entry("unlearning.published"))
	if v.State == unlearning.Closed {
		text = ui.Cat(text, ui.Plain(fmt.Sprintf(". The key to %s stored updates of the contributor is destroyed, in backups too; ", ui.Count(v.Destroyed))), v.entry("unlearning.closed"))
	}
	return pages.ChainStep{Title: "Clean version", Text: ui.Cat(text, ui.Plain("."))}
}

// figures are the lines of a verdict.
func figures(v unlearning.Verdict) []pages.CertificateFigure {
	var list []pages.CertificateFigure
	for _, c := range v.Checks {
		percent := c.Unit == "relative loss"
		f := pages.CertificateFigure{
			Check: c.ID + " " + c.Name + ", " + c.Unit, Before: measured(c.Before, percent), After: measured(c.Value, percent), Band: band(c, percent),
			Role: "informs", Note: c.Note, Verdict: ui.Chip{Text: "passed", Kind: "success"},
		}
		if c.Gates {
			f.Role = "decides"
		}
		switch {
		case c.Value == "":
			f.Verdict = ui.Chip{Text: "not measured"}
		case !c.Passed:
			f.Verdict = ui.Chip{Text: "outside", Kind: "error"}
		}
		list = append(list, f)
	}
	return list
}

// measured writes a figure of the log as people read it; "" stays "".
func measured(figure string, percent bool) string {
	x, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		return ""
	}
	if percent {
		return strings.Replace(fmt.Sprintf("%+.2f %%", 100*x), "-", "−", 1)
	}
	return strings.Replace(strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", x), "0"), "."), "-", "−", 1)
}

// band says where a figure must lie, and the test behind it.
func band(c unlearning.Check, percent bool) string {
	low, high := measured(c.Low, percent), measured(c.High, percent)
	var parts []string
	switch {
	case low != "" && high != "" && low != high:
		parts = append(parts, low+" to "+high)
	case low != "" && high != "":
		parts = append(parts, low)
	case low != "":
		parts = append(parts, "at least "+low)
	case high != "":
		parts = append(parts, "at most "+high)
	}
	if c.P != "" {
		parts = append(parts, "p = "+measured(c.P, false))
	}
	if c.P != "" && c.Alpha != "" {
		parts = append(parts, "level "+measured(c.Alpha, false))
	}
	return strings.Join(parts, ", ")
}

func yesOrNo(yes bool) ui.Chip {
	if yes {
		return ui.Chip{Text: "yes", Kind: "success"}
	}
	return ui.Chip{Text: "no", Kind: "error"}
}

func (v certificateView) suppressed() []ui.Row {
	var rows []ui.Row
	for _, s := range v.draft.Suppressed {
		rows = append(rows, ui.Row{Cells: []ui.Cell{{Text: link(nodeRef(s.Node), v.names)}, {Chip: yesOrNo(s.Acknowledged)}, {Text: ui.Plain(ui.Count(s.Records))}}})
	}
	return rows
}

func (v certificateView) replays() []ui.Row {
	var rows []ui.Row
	for _, r := range v.draft.Rounds {
		recorded := yesOrNo(!slices.ContainsFunc(r.Updates, func(u unlearning.ReplayedUpdate) bool { return !u.Recorded }))
		now := ui.Digest(shortDigest(r.After.Hex()))
		if r.Skipped {
			recorded, now = ui.Chip{Text: "skipped"}, ui.Plain("fewer than two members remained")
		}
		rows = append(rows, ui.Row{Cells: []ui.Cell{
			{Text: ui.Link("round "+strconv.Itoa(r.Number), href.Round(int64(r.Origin)))}, {Text: ui.Link("replay", href.Round(int64(r.Replay)))},
			{Text: ui.Digest(shortDigest(r.Before.Hex()))}, {Text: now},
			{Text: ui.Plain(strconv.Itoa(len(r.Cohort)))}, {Text: ui.Plain(strconv.Itoa(len(r.Remained)))}, {Chip: recorded},
		}})
	}
	return rows
}

func (v certificateView) audits() []ui.Row {
	var rows []ui.Row
	numbers := map[training.RoundID]int{}
	for _, r := range v.draft.Rounds {
		numbers[r.Replay] = r.Number
	}
	for _, a := range v.Verdict.Audits {
		who := ui.Plain("the platform")
		if strings.Contains(a.Auditor, "/") {
			who = link(governance.Ref(a.Auditor), v.names)
		}
		rows = append(rows, ui.Row{Cells: []ui.Cell{
			{Text: who}, {Text: ui.Link(fmt.Sprintf("replay of round %d", numbers[a.Round]), href.Round(int64(a.Round)))}, {Text: ui.Digest(shortDigest(a.Want))}, {Text: ui.Digest(shortDigest(a.Got))}, {Chip: yesOrNo(a.Want == a.Got)},
		}})
	}
	return rows
}
