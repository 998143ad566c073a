package handlers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

// traffic draws the bytes of the updates by round, as float32 and as sent.
func (v campaignView) traffic() (pages.CampaignBytes, bool) {
	var raw, sent []plot.Point
	var b pages.CampaignBytes
	var sumRaw, sumSent int64
	for _, r := range v.rounds {
		if r.Raw == 0 {
			continue
		}
		at := float64(r.Number)
		raw, sent = append(raw, plot.Point{X: at, Y: float64(r.Raw) / 1e6}), append(sent, plot.Point{X: at, Y: float64(r.Sent) / 1e6})
		sumRaw, sumSent = sumRaw+r.Raw, sumSent+r.Sent
		b.Rows = append(b.Rows, ui.Row{Cells: ui.Cells(strconv.Itoa(r.Number), ui.Count(int64(r.Updates)), bytesOf(r.Raw), bytesOf(r.Sent), fmt.Sprintf("%.0f %%", 100*float64(r.Sent)/float64(r.Raw)))})
	}
	if sumRaw == 0 {
		return b, false
	}
	b.Lead = ui.Cat(ui.Plain(fmt.Sprintf("The updates of %d rounds took %s; as float32 they would have taken %s: %.0f %% were sent, as ",
		len(raw), bytesOf(sumSent), bytesOf(sumRaw), 100*float64(sumSent)/float64(sumRaw))), termLink(v.Recipe.Up.Codec, "float32"), ui.Plain("."))
	b.Plot = plot.LineOf{
		ID: "bytes", Title: "Bytes of the updates by round", Desc: "Solid with circles: what was sent. Dashed with squares: what the same updates would weigh as float32. The values are in the table below.",
		XLabel: "Round", YLabel: "Megabytes", Places: 2, Until: float64(planned(v.Campaign)),
		Series: []plot.Series{{Name: "sent", Points: sent}, {Name: "float32", Points: raw}},
	}
	if v.Recipe.Up.Codec == "" {
		b.Lead = ui.Plain(fmt.Sprintf("The updates of %d rounds took %s, as float32: four bytes for each parameter.", len(raw), bytesOf(sumSent)))
		b.Plot.Series = []plot.Series{{Points: sent}}
		b.Plot.Desc = "What was sent in each round, as float32. The values are in the table below."
	}
	return b, true
}

// privacy says what the campaign has spent of each member's privacy.
func (v campaignView) privacy() (ui.Rich, []ui.Row) {
	p := v.Recipe.Privacy
	if !p.On() {
		return nil, nil
	}
	lead := ui.Cat(termLink("dp", "Differential privacy"), ui.Plain(fmt.Sprintf(
		" bounds what the published weights reveal of any one member: each takes part in %d rounds at most, so that ε stays at or below %s at δ = %s. Cohorts are drawn in public and nodes choose when to appear, so no discount for sampling is claimed. Losses that members measure are not covered.",
		p.Rounds, p.Ceiling, p.Delta)))
	var owners []governance.MemberID
	for m := range v.spent {
		owners = append(owners, m)
	}
	slices.Sort(owners)
	var rows []ui.Row
	for _, m := range owners {
		n := v.spent[m]
		left := max(0, p.Rounds-n)
		state := ui.Chip{Text: ui.Count(int64(left)) + " left"}
		if left == 0 {
			state = ui.Chip{Text: "asked no more", Kind: "warning"}
		}
		rows = append(rows, ui.Row{Cells: []ui.Cell{
			{Text: link(memberRef(m), v.names)}, {Text: ui.Plain(ui.Count(int64(n)))}, {Text: ui.Plain(recipes.Epsilon(p, n))},
			{Meter: true, Share: 100 * n / max(1, p.Rounds)}, {Chip: state},
		}})
	}
	return lead, rows
}

// spentRefs are the members whose privacy is counted, to be named.
func (v campaignView) spentRefs() []governance.Ref {
	var refs []governance.Ref
	for m := range v.spent {
		refs = append(refs, memberRef(m))
	}
	return refs
}

// stratumKinds are what nodes are told apart by, in the order of the page.
var stratumKinds = []struct{ kind, caption, column string }{
	{"language", "By language", "Language"}, {"domain", "By domain", "Domain"}, {"licence", "By licence", "Licence"},
	{"region", "By region", "Region"}, {"hardware", "By hardware", "Machine"},
}

// stratum is what is known of one value of a kind.
type stratum struct {
	value                         string
	there, asked, trained, record int64
}

// strata are the tables of what the nodes hold and who of them was asked.
func (v campaignView) strata() (ui.Rich, []ui.Table, error) {
	asked, err := v.latest.StrataAsked()
	if err != nil {
		return nil, nil, err
	}
	var tables []ui.Table
	for _, k := range stratumKinds {
		found := map[string]*stratum{}
		at := func(value string) *stratum {
			if found[value] == nil {
				found[value] = &stratum{value: value}
			}
			return found[value]
		}
		for value, n := range asked[k.kind] {
			at(value).asked = int64(n)
		}
		for _, c := range v.there {
			if c.Kind == k.kind {
				at(c.Value).there = c.Nodes
			}
		}
		for _, c := range v.trained {
			if c.Kind == k.kind {
				at(c.Value).trained, at(c.Value).record = c.Nodes, c.Records
			}
		}
		if len(found) > 0 {
			tables = append(tables, v.stratumTable(k.kind, k.caption, k.column, found, len(asked[k.kind]) > 0))
		}
	}
	return v.floors(), tables, nil
}

const strataColumns = "Nodes: those that are there now. Asked: in the newest round. Trained, and their records: in all accepted rounds. Records are rounded, and a node may count in several rows."

// floors says what the recipe holds and what is lacking.
func (v campaignView) floors() ui.Rich {
	s := v.Recipe.Selection
	if s.Floor == 0 {
		return ui.Plain("The recipe holds no floors: the lot alone decides who is asked. " + strataColumns)
	}
	lead := ui.Cat(ui.Plain(fmt.Sprintf("In each round at least %d of every %s that is present is asked (", s.Floor, s.Strata)), termLink("diverse", "strata"),
		ui.Plain("). "+strataColumns))
	if lacks := lackText(corpus.Lacks(s, v.there), s.Strata); lacks != "" {
		lead = ui.Cat(lead, ui.Bold(" The campaign lacks "+lacks+"."))
	}
	return lead
}

// stratumTable is the table of one kind; counted is whether the newest round
// noted how many it asked of each.
func (v campaignView) stratumTable(kind, caption, column string, found map[string]*stratum, counted bool) ui.Table {
	var list []*stratum
	for _, s := range found {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *stratum) int {
		return cmp.Or(cmp.Compare(b.there, a.there), cmp.Compare(b.asked, a.asked), cmp.Compare(a.value, b.value))
	})
	t := ui.Table{
		ID: "strata-" + kind, Caption: caption, Full: true,
		Cols: []ui.Col{{Label: column}, {Label: "Nodes", Num: true}, {Label: "Asked", Num: true}, {Label: "Trained", Num: true}, {Label: "Records", Num: true}},
	}
	if kind == v.Recipe.Selection.Strata {
		t.Note = fmt.Sprintf("floor %d", v.Recipe.Selection.Floor)
	}
	for _, s := range list {
		cells := []ui.Cell{{Text: ui.Plain(stratumWord(kind, s.value))}}
		for _, n := range []int64{s.there, s.asked, s.trained, s.record} {
			cells = append(cells, ui.Cell{Text: ui.Plain(ui.Count(n))})
		}
		if !counted {
			cells[2].Text = ui.Plain("–")
		}
		t.Rows = append(t.Rows, ui.Row{Cells: cells})
	}
	return t
}

// progress is a row for every round that has ended.
func (v campaignView) progress() []pages.CampaignLoss {
	var list []pages.CampaignLoss
	for _, r := range v.rounds {
		if r.EndedAt == nil {
			continue
		}
		line := pages.CampaignLoss{
			ID: int64(r.ID), Name: strconv.Itoa(r.Number), Loss: "–", Updates: fmt.Sprintf("%d of %d", r.Updates, len(r.Cohort)), Sent: "–",
			Epsilon: r.Epsilon, State: roundChip(r), Note: r.Reason,
		}
		if r.Attempt > 1 {
			line.Name += fmt.Sprintf(", attempt %d", r.Attempt)
		}
		if loss, ok := bits(r.LossAfter); ok {
			line.Loss = strconv.FormatFloat(loss, 'f', 4, 64)
		}
		if r.Sent > 0 {
			line.Sent = bytesOf(r.Sent)
		}
		list = append(list, line)
	}
	return list
}

// checkLead counts what the checks decided in the whole campaign.
func checkLead(c rounds.CheckCounts) string {
	if c.Updates == 0 {
		return "No update of this campaign has been through the checks yet."
	}
	return fmt.Sprintf("%s updates were checked in this campaign: %s clipped, %s lowered in weight, %s held for people to look at, %s rejected. Nothing is dropped in silence.",
		ui.Count(c.Updates), ui.Count(c.Clipped), ui.Count(c.DownWeight), ui.Count(c.Held), ui.Count(c.Rejected))
}

// contents are the sections of a campaign's page.
func (v campaignView) contents() []layout.Link {
	toc := []layout.Link{{Text: "Loss", Href: "#loss-h"}, {Text: "Who takes part", Href: "#nodes"}, {Text: "Bytes", Href: "#bytes-h"}, {Text: "Strata", Href: "#strata"}, {Text: "Checks of the updates", Href: "#checks"}}
	if v.Recipe.Privacy.On() {
		toc = append(toc, layout.Link{Text: "Privacy of members", Href: "#privacy"})
	}
	return append(toc, layout.Link{Text: "What was decided", Href: "#recipe"}, layout.Link{Text: "Lineage", Href: "#lineage"}, layout.Link{Text: "Digests", Href: "#digests"}, layout.Link{Text: "Log", Href: "#acts"})
}
