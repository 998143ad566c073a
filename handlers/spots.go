package handlers

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// checksOf reads the checks of a round, and what its spot checks came to since.
func (s *Site) checksOf(ctx context.Context, round training.RoundID) ([]rounds.Check, []rounds.Spot, error) {
	found, err := s.Rounds.Checks(ctx, round)
	if err != nil {
		return nil, nil, err
	}
	spots, err := s.Rounds.Spots(ctx, round, 0)
	return spotted(found, spots), spots, err
}

// spotted puts what spot checks came to in the place of their draw, which is
// all that was known when the round was aggregated.
func spotted(found []rounds.Check, spots []rounds.Spot) []rounds.Check {
	for i, c := range found {
		for _, k := range spots {
			if c.Name != "spot" || c.Node != k.Node {
				continue
			}
			switch k.State {
			case rounds.SpotPassed:
				found[i].Outcome = rounds.CheckPass
			case rounds.SpotHeld:
				found[i].Outcome = rounds.CheckHold
			}
			found[i].Note = spotReason(k)
		}
	}
	return found
}

var spotChips = map[string]ui.Chip{
	rounds.SpotPassed: {Text: "confirmed", Kind: "success"}, rounds.SpotHeld: {Text: "not confirmed", Kind: "error"}, rounds.SpotNotRun: {Text: "not run"},
	rounds.SpotSharing: {Text: "waits for the node", Kind: "warning"}, rounds.SpotReplaying: {Text: "is trained again", Kind: "warning"},
	rounds.SpotSettling: {Text: "is settled", Kind: "warning"},
}

// spotReason says why a spot check ended as it did, or until when it waits.
func spotReason(k rounds.Spot) string {
	if k.Over() {
		return k.Reason
	}
	until := shortMoment(k.Due).Text
	switch k.State {
	case rounds.SpotSharing:
		return "drawn; the node has until " + until + " to hand over what it trained on"
	case rounds.SpotSettling:
		return "a replay gave another update; a node of a third member has until " + until + " to settle it"
	}
	return "another node has until " + until + " to train it again"
}

// spotRows lists the spot checks of a round with every digest.
func spotRows(spots []rounds.Spot, names map[governance.Ref]string) []ui.Row {
	var rows []ui.Row
	for _, k := range spots {
		rows = append(rows, ui.Row{Cells: []ui.Cell{
			{Text: link(nodeRef(k.Node), names)}, {Text: ui.Digest(shortDigest(k.Digest.Hex()))}, {Text: replaysOf(k, names)}, {Chip: spotChips[k.State]},
			{Text: ui.Plain(spotReason(k))},
		}})
	}
	return rows
}

// replaysOf says who trained an update again, and what each got.
func replaysOf(k rounds.Spot, names map[governance.Ref]string) ui.Rich {
	var text ui.Rich
	for _, t := range k.Asked {
		if !protocol.Replays(t.Kind) {
			continue
		}
		if len(text) > 0 {
			text = ui.Cat(text, ui.Plain("; "))
		}
		text = ui.Cat(text, link(nodeRef(t.Node), names))
		switch d := t.Digest(); {
		case t.State == "open":
			text = ui.Cat(text, ui.Plain(" is asked"))
		case t.State == "refused":
			text = ui.Cat(text, ui.Plain(" declined"))
		case d.IsZero():
			text = ui.Cat(text, ui.Plain(" did not answer"))
		case d == k.Digest:
			text = ui.Cat(text, ui.Plain(" got the same"))
		default:
			text = ui.Cat(text, ui.Plain(" got "), ui.Digest(shortDigest(d.Hex())))
		}
	}
	if len(text) == 0 {
		return ui.Plain("–")
	}
	return text
}

// spotRefs are the nodes of spot checks, to be named.
func spotRefs(spots []rounds.Spot) []governance.Ref {
	var refs []governance.Ref
	for _, k := range spots {
		for _, t := range k.Asked {
			refs = append(refs, nodeRef(t.Node))
		}
	}
	return refs
}

// publicData says what a node has to do to be asked by campaigns on public
// data, and which of those run.
func (s *Site) publicData(ctx context.Context) (pages.PublicData, error) {
	totals, err := s.Corpus.Totals(ctx)
	if err != nil {
		return pages.PublicData{}, err
	}
	campaigns, err := s.Rounds.Campaigns(ctx, 0)
	if err != nil {
		return pages.PublicData{}, err
	}
	v := pages.PublicData{Command: "althing node run --public --text FOLDER", Nodes: nodesDeclare(totals.Public)}
	for _, c := range campaigns {
		if c.State == rounds.Running && c.Recipe.Public {
			v.Running = append(v.Running, ui.Cat(ui.Link(fmt.Sprintf("Campaign %d", c.ID), href.Campaign(int64(c.ID)))))
		}
	}
	return v, nil
}

func nodesDeclare(n int64) string {
	switch n {
	case 0:
		return "No node declares that yet."
	case 1:
		return "One node declares that now."
	}
	return ui.Count(n) + " nodes declare that now."
}
