package handlers

import (
	"encoding/json"
	"fmt"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
)

// termLink is a word with a link to its entry of the glossary.
func termLink(key, fallback string) ui.Rich {
	if t, ok := recipes.Lookup(key); ok {
		return ui.Link(t.Name, href.Glossary(key))
	}
	return ui.Plain(fallback)
}

// drawRows says of every node that was there whether it was asked, and why.
func drawRows(draws []rounds.Drawn, names map[governance.Ref]string) []ui.Row {
	var rows []ui.Row
	for _, d := range draws {
		chip := ui.Chip{Text: "not asked"}
		if d.Chosen {
			chip = ui.Chip{Text: "asked", Kind: "success"}
		}
		rows = append(rows, ui.Row{Cells: []ui.Cell{{Text: link(nodeRef(d.Node), names)}, {Chip: chip}, {Text: ui.Plain(d.Reason)}}})
	}
	return rows
}

// drawRefs are the nodes of a draw, to be named.
func drawRefs(draws []rounds.Drawn) []governance.Ref {
	var refs []governance.Ref
	for _, d := range draws {
		refs = append(refs, nodeRef(d.Node))
	}
	return refs
}

// work says how much a node did for its update, and with which engine where
// that is not the built-in one.
func work(u rounds.Update, p rounds.Participation) ui.Rich {
	engine := protocol.Builtin
	var report protocol.Report
	if json.Unmarshal([]byte(p.Report), &report) == nil && !report.Exact() {
		engine = report.Trainer
	}
	switch {
	case u.Steps == 0:
		return ui.Plain(engine)
	case engine == protocol.Builtin:
		return ui.Plain(ui.Count(u.Steps) + " steps")
	}
	return ui.Plain(fmt.Sprintf("%s steps, %s", ui.Count(u.Steps), engine))
}

// aggregation is every number by which the updates of a round became one.
func aggregation(r rounds.Round, c rounds.Campaign, updates []rounds.Update, names map[governance.Ref]string) []ui.Fact {
	if r.Checkpoint.IsZero() {
		return nil
	}
	recipe := c.Recipe
	counted, cut := 0, 0
	for _, u := range updates {
		if u.Weight > 0 {
			counted++
		}
		if u.Weight < u.Examples {
			cut++
		}
	}
	facts := []ui.Fact{
		{Label: "Combined by", Value: combined(r, recipe)},
		{Label: "Counted", Value: ui.Plain(fmt.Sprintf("%d of %d updates, together for %s examples; %d counted for less than they had", counted, len(updates), ui.Count(r.Weight), cut))},
	}
	if len(r.Chosen) > 0 {
		facts = append(facts, ui.Fact{Label: "Believed", Value: nodeList(r.Chosen, names)})
	}
	if r.Clip != "" {
		facts = append(facts, ui.Fact{Label: "Each clipped to", Value: ui.Cat(ui.Plain("norm "+r.Clip+" ("), termLink("clipping", "clipping"), ui.Plain(")"))})
	}
	if recipe.Privacy.On() {
		facts = append(facts, ui.Fact{Label: "Noise", Value: ui.Plain(recipe.Privacy.Noise + " times the clip norm")},
			ui.Fact{Label: "Largest ε so far", Value: ui.Cat(ui.Plain(fmt.Sprintf("%s of %s, δ = %s (", r.Epsilon, recipe.Privacy.Ceiling, recipe.Privacy.Delta)), termLink("epsilon", "ε"), ui.Plain(")"))})
	}
	sent := ui.Plain(bytesOf(r.Sent) + ", as float32")
	if recipe.Up.Codec != "" {
		sent = ui.Cat(ui.Plain(rawAndSent(r.Raw, r.Sent)+", as "), termLink(recipe.Up.Codec, recipe.Up.Codec))
	}
	return append(facts, ui.Fact{Label: "Step of the server", Value: termLink(recipe.Server.Name(), recipe.Server.Name())}, ui.Fact{Label: "Bytes of the updates", Value: sent})
}

func combined(r rounds.Round, recipe protocol.Recipe) ui.Rich {
	if recipe.Robust.Rule == "" {
		return ui.Plain("the mean")
	}
	return ui.Cat(termLink(recipe.Robust.Rule, recipe.Robust.Rule), ui.Plain(fmt.Sprintf(", withstanding %d hostile members", r.Byzantine)))
}

func nodeList(ids []governance.NodeID, names map[governance.Ref]string) ui.Rich {
	var list ui.Rich
	for i, id := range ids {
		if i > 0 {
			list = ui.Cat(list, ui.Plain(", "))
		}
		list = ui.Cat(list, link(nodeRef(id), names))
	}
	return list
}

// rawAndSent sets the bytes that were sent beside what they would be as float32.
func rawAndSent(raw, sent int64) string {
	if raw == 0 {
		return bytesOf(sent) + " sent"
	}
	return fmt.Sprintf("%s sent instead of %s (%.0f %%)", bytesOf(sent), bytesOf(raw), 100*float64(sent)/float64(raw))
}

// serverFacts name what the server's rule keeps from round to round.
func serverFacts(r rounds.Round) []ui.Fact {
	var facts []ui.Fact
	for _, f := range []struct {
		label  string
		digest *training.Digest
	}{{"Server’s state before", r.ServerBase}, {"Server’s state after", r.Server}} {
		if f.digest != nil {
			facts = append(facts, ui.Fact{Label: f.label, Value: ui.Digest(f.digest.String())})
		}
	}
	return facts
}

// checkWords are the checks of updates in words, in the order in which a
// reader meets them.
var checkWords = map[string]string{
	"form": "Signature, shape, finite numbers, base and time", "duplicate": "Not the update of another member", "repeated": "Not the node’s own last update again",
	"free-ride": "Not what the last round changed", "norm": "Length, in deviations from the cohort", "layers": "Length of single layers", "rows": "Length of single rows",
	"direction": "Direction beside the cohort’s median", "course": "Direction beside the node’s own last update", "cluster": "Not one of a cluster of like updates",
	"krum": "Score of Krum", "root-set": "Loss on the community’s root set", "held-out": "Loss without this update", "triggers": "Known triggers",
	"sparsity": "Share of the largest hundredth", "share": "Share of the round’s weight", "canaries": "Planted canaries", "noise": "Noise of privacy is there",
	"node-filter": "Records that the node’s own filter kept back", "spot": "Spot check: trained again by another node",
}

// limitWords say what a check's threshold counts and in which direction.
var limitWords = map[string]string{
	"duplicate": "cosine up to", "repeated": "cosine up to", "free-ride": "cosine up to", "cluster": "cosine up to", "direction": "cosine from", "course": "cosine from",
	"norm": "deviations up to", "layers": "deviations up to", "rows": "deviations up to", "sparsity": "deviations up to", "share": "share up to",
}

var checkChips = map[string]ui.Chip{
	rounds.CheckPass: {Text: "passed", Kind: "success"}, rounds.CheckClip: {Text: "clipped", Kind: "warning"}, rounds.CheckDownWeight: {Text: "weight lowered", Kind: "warning"},
	rounds.CheckHold: {Text: "held", Kind: "error"}, rounds.CheckReject: {Text: "rejected", Kind: "error"}, rounds.CheckNotRun: {Text: "not run"},
}

func checkName(c rounds.Check) string {
	name := checkWords[c.Name]
	if name == "" {
		name = c.Name
	}
	if c.Number > 0 {
		return fmt.Sprintf("%d. %s", c.Number, name)
	}
	return name
}

// checkSum is what one check said of all updates of a round.
type checkSum struct {
	label, note  string
	passed, idle int     // updates that passed it, and those it was not run for
	others       ui.Rich // those that did not pass
}

func (s *checkSum) add(c rounds.Check, names map[governance.Ref]string) {
	if c.Threshold != "" {
		s.note = limitWords[c.Name]
		if s.note == "" {
			s.note = "limit"
		}
		s.note += " " + figure(c.Threshold)
	}
	switch c.Outcome {
	case rounds.CheckPass:
		s.passed++
	case rounds.CheckNotRun:
		s.idle++
		if c.Note != "" {
			s.note = c.Note
		}
	default:
		if len(s.others) > 0 {
			s.others = ui.Cat(s.others, ui.Plain(", "))
		}
		s.others = ui.Cat(s.others, link(nodeRef(c.Node), names), ui.Plain(" "+checkChips[c.Outcome].Text))
	}
}

func (s *checkSum) row() ui.Row {
	passed, others := ui.Count(int64(s.passed)), s.others
	if s.passed == 0 && s.idle > 0 {
		passed = "not run"
	}
	if len(others) == 0 {
		others = ui.Plain("–")
	}
	return ui.Row{Cells: []ui.Cell{{Text: ui.Plain(s.label)}, {Text: ui.Plain(passed)}, {Text: others}, {Text: ui.Plain(s.note)}}}
}

// checkSums counts for each check how many updates passed it, and lists those
// that did not.
func checkSums(list []rounds.Check, names map[governance.Ref]string) []ui.Row {
	var order []*checkSum
	sums := map[string]*checkSum{}
	for _, c := range list {
		if sums[c.Name] == nil {
			sums[c.Name] = &checkSum{label: checkName(c), note: "no limit: measured only"}
			if c.Name == "form" {
				sums[c.Name].note = "what fails is not taken at all"
			}
			order = append(order, sums[c.Name])
		}
		sums[c.Name].add(c, names)
	}
	var rows []ui.Row
	for _, s := range order {
		rows = append(rows, s.row())
	}
	return rows
}

// checkValues is every value of every check of a round.
func checkValues(list []rounds.Check, names map[governance.Ref]string) []ui.Row {
	var rows []ui.Row
	for _, c := range list {
		if c.Outcome == rounds.CheckNotRun && c.Value == "" {
			continue
		}
		rows = append(rows, ui.Row{Cells: []ui.Cell{
			{Text: link(nodeRef(c.Node), names)}, {Text: ui.Plain(checkName(c))}, {Text: ui.Plain(figure(c.Value))}, {Text: ui.Plain(figure(c.Threshold))},
			{Chip: checkChips[c.Outcome]}, {Text: ui.Plain(c.Note)},
		}})
	}
	return rows
}

// figure writes a decimal of the log with a real minus and without the zeros
// at its end.
func figure(text string) string {
	if text == "" {
		return "–"
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.Replace(text, "-", "−", 1)
}
