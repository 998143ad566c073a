package gallery

import (
	"strconv"

	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func campaigns() []Entry {
	list := frame("Training")
	list.Section = href.Campaigns()
	fresh := campaign()
	fresh.Title, fresh.Rounds, fresh.Nodes = "Campaign 8: spoken Nynorsk", nil, nil
	fresh.Toc, fresh.Draws, fresh.Checks, fresh.Strata, fresh.HasBytes, fresh.Privacy, fresh.CheckLead = nil, nil, nil, nil, false, nil, "No update of this campaign has been through the checks yet."
	fresh.StrataLead = say("The recipe holds no floors: the lot alone decides who is asked.")
	fresh.Round = pages.CampaignRound{Label: "States of round 143", Stages: []ui.Stage{{Name: "Planned", State: "now"}, {Name: "Selecting"}, {Name: "Collecting"}, {Name: "Aggregating"}, {Name: "Evaluating"}, {Name: "Published", Note: "or rejected"}}, Line: say("The first round opens on 30 November 2026.")}
	return []Entry{
		{"campaigns", pages.Campaigns(pages.CampaignsPage{Chrome: list, Campaigns: []pages.CampaignLine{
			{ID: 7, Title: "More Northern Sámi and Kalaallisut", Mandate: ui.Link("Proposal 203", href.Proposal(203)), Rounds: "12 of 24", State: ui.Chip{Text: "running"}, Began: when("2026-11-09T08:00Z", "9 Nov 2026, 08:00 UTC")},
			{ID: 6, Title: "Rounds 71 to 118 again", Mandate: ui.Link("Proposal 188", href.Proposal(188)), Rounds: "48 of 48", State: good("ended"), Began: when("2026-07-26T18:00Z", "26 July 2026, 18:00 UTC")},
		}})},
		{"campaigns-empty", pages.Campaigns(pages.CampaignsPage{Chrome: list})},
		{"campaign", pages.Campaign(campaign())},
		{"campaign-planned", pages.Campaign(fresh)},
		{"round", pages.Round(round())},
		{"round-rejected", pages.Round(rejected())},
	}
}

func roundNodes() []ui.Row {
	row := func(node string, id int64, owner, examples, counted, norm, update, state string) ui.Row {
		work, sent := "200 steps", "0.84 MB"
		if norm == "–" {
			work, sent = "–", "–"
		}
		return cells(ui.Link(node, href.Node(id)), owner, examples, counted, norm, work, sent, ui.Digest(update), state)
	}
	mine := row("basement-gpu", 2, "Ingvild A.", "3,880", "2,400", "0.88", "sha256:0b1f3c2d…91aa", "reported 04:10")
	mine.Mine = true
	return []ui.Row{
		row("oslo-ws-2", 5, "Ragnhild S.", "1,204", "1,204", "0.93", "sha256:77e01a92…03bd", "reported 10:31"), mine,
		row("nuuk-lib", 7, "Pipaluk", "966", "966", "1.00", "sha256:5ac4f0de…c117", "reported 06:47"),
		row("reine-pi", 9, "Leif-Arne", "–", "–", "–", "–", "asked"),
	}
}

func roundChecks() []ui.Row {
	return []ui.Row{
		cells("Signed by the node’s key (Ed25519), once", "16", "another key, a repeated request"), cells("Norm within the limit of 1.0", "16", "a norm above 1.0"),
		cells("Trained from this round’s base, in its time", "16", "an old base, a late report"),
	}
}

func draws() []ui.Row {
	return []ui.Row{
		{Cells: []ui.Cell{{Text: ui.Link("oslo-ws-2", href.Node(5))}, {Chip: good("asked")}, {Text: say("chosen by lot")}}},
		{Cells: []ui.Cell{{Text: ui.Link("nuuk-lib", href.Node(7))}, {Chip: good("asked")}, {Text: say("chosen for the floor of language Kalaallisut")}}},
		{Cells: []ui.Cell{{Text: ui.Link("reine-pi", href.Node(9))}, {Chip: ui.Chip{Text: "not asked"}}, {Text: say("too slow: 1000 tokens a second needed, 310 measured")}}},
	}
}

func found() []ui.Row {
	return []ui.Row{
		cells("2. Not the update of another member", "11", "–", "cosine up to 0.999"),
		cells("3. Length, in deviations from the cohort", "9", ui.Cat(ui.Link("nuuk-lib", href.Node(7)), say(" clipped, "), ui.Link("reine-pi", href.Node(9)), say(" held")), "deviations up to 3"),
		cells("9. Loss without this update", "not run", "–", "fewer than 20 records"),
	}
}

func stratum(kind, caption, column string, rows ...ui.Row) ui.Table {
	return ui.Table{
		ID: "strata-" + kind, Caption: caption, Full: true, Rows: rows,
		Cols: []ui.Col{{Label: column}, {Label: "Nodes", Num: true}, {Label: "Asked", Num: true}, {Label: "Trained", Num: true}, {Label: "Records", Num: true}},
	}
}

// figures are the parts of a campaign's page that count bytes, strata, checks
// and privacy.
func figures(p *pages.CampaignPage) {
	language := stratum("language", "By language", "Language", cells("Nynorsk", "9", "6", "8", "41,200"), cells("Icelandic", "7", "5", "7", "38,000"), cells("Northern Sámi", "1", "1", "1", "2,400"))
	language.Note = "floor 2"
	p.Draws, p.Checks, p.CheckLead = draws(), found(), "129 updates were checked in this campaign: 7 clipped, 0 lowered in weight, 2 held for people to look at, 0 rejected. Nothing is dropped in silence."
	p.Strata = []ui.Table{language, stratum("hardware", "By hardware", "Machine", cells("laptop", "10", "7", "9", "60,300"), cells("gpu", "7", "5", "7", "21,300"))}
	p.StrataLead = ui.Cat(say("In each round at least 2 of every language that is present is asked ("), ui.Link("Selection by strata", href.Glossary("diverse")), say("). Records are rounded, and a node may count in several rows."), ui.Bold(" The campaign lacks Northern Sámi (1 of 2 nodes)."))
	p.Privacy = ui.Cat(ui.Link("Differential privacy", href.Glossary("dp")), say(" bounds what the published weights reveal of any one member: each takes part in 41 rounds at most, so that ε stays at or below 10 at δ = 0.00001."))
	p.Spent = []ui.Row{
		{Cells: []ui.Cell{{Text: ui.Link("Ragnhild S.", href.Member(2))}, {Text: say("12")}, {Text: say("5.141")}, {Meter: true, Share: 29}, {Chip: ui.Chip{Text: "29 left"}}}},
		{Cells: []ui.Cell{{Text: ui.Link("Pipaluk", href.Member(5))}, {Text: say("41")}, {Text: say("9.968")}, {Meter: true, Share: 100}, {Chip: ui.Chip{Text: "asked no more", Kind: "warning"}}}},
	}
	p.Does = []ui.Fact{
		fact("Does", "trains the model in 24 rounds at most, each collecting for 18 hours."),
		factOf("At the server", ui.Cat(say("FedAvg: the updates are combined, each member counting once, and added to the weights at a rate of 1. See "), ui.Link("FedAvg", href.Glossary("fedavg")))),
		factOf("Against hostile members", ui.Cat(say("Trimmed mean over members, after each update was clipped to the usual length; withstands 4 hostile members among 9 or more. See "), ui.Link("Trimmed mean", href.Glossary("trimmed")))),
	}
	var sent, raw []plot.Point
	for _, l := range losses()[1:] {
		sent, raw = append(sent, plot.Point{X: l.X, Y: 9.24}), append(raw, plot.Point{X: l.X, Y: 36.3})
		p.Bytes.Rows = append(p.Bytes.Rows, cells(strconv.Itoa(int(l.X)), "11", "36.30 MB", "9.24 MB", "25 %"))
	}
	p.HasBytes = true
	p.Bytes.Lead = ui.Cat(say("The updates of 11 rounds took 101.64 MB; as float32 they would have taken 399.30 MB: 25 % were sent, as "), ui.Link("int8 blocks", href.Glossary("int8")), say("."))
	p.Bytes.Plot = plot.LineOf{
		ID: "bytes", Title: "Bytes of the updates by round", Desc: "Solid with circles: what was sent. Dashed with squares: what the same updates would weigh as float32.",
		XLabel: "Round", YLabel: "Megabytes", Places: 2, Until: 142, Series: []plot.Series{{Name: "sent", Points: sent}, {Name: "float32", Points: raw}},
	}
}

func campaign() pages.CampaignPage {
	c := views(frame("Campaign 7: more Northern Sámi and Kalaallisut"), "Campaign", href.Campaign(7), href.Talk("Campaign 7"), 6)
	c.Section, c.Live = href.Campaigns(), true
	c.Subline = ui.Cat(say("Round 131 is running. State of "), ui.Moment("2026-11-19T10:40Z", "19 November 2026, 10:40 UTC"), say("."))
	c.Toc = []layout.Link{{Text: "Loss", Href: "#loss-h"}, {Text: "Who takes part", Href: "#nodes"}, {Text: "What was decided", Href: "#recipe"}, {Text: "Digests", Href: "#digests"}}
	c.Tools = []layout.ToolGroup{{Title: "Rounds", Links: []layout.Link{{Text: "Round 130", Href: href.Round(130)}}}, {Title: "Export", Links: []layout.Link{{Text: "Loss as CSV", Href: href.CampaignLoss(7)}}}}
	p := pages.CampaignPage{
		Chrome: c, ID: 7,
		Round: pages.CampaignRound{
			Label: "States of round 131", Share: 61,
			Stages: []ui.Stage{{Name: "Planned", Note: "02:10", State: "done"}, {Name: "Selecting", Note: "18 nodes", State: "done"}, {Name: "Collecting", Note: "11 of 18 in", State: "now"}, {Name: "Aggregating", Note: "from 12 updates"}, {Name: "Evaluating", Note: "5 languages"}, {Name: "Published", Note: "or rejected"}},
			Line:   ui.Cat(ui.Link("Round 131", href.Round(131)), say(" is collecting: 11 of 18 updates are in, at least 12 are needed by "), ui.Moment("2026-11-19T20:12Z", "19 November 2026, 20:12 UTC"), say(".")),
		},
		Infobox: ui.Infobox{Caption: "Campaign 7", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{factOf("Decision", ui.Link("Proposal 203", href.Proposal(203))), fact("Rounds", "119–142 (24)"), fact("Done", "12, of which 1 rejected"), timeFact("Began", "2026-11-09T08:00Z", "9 November 2026, 08:00 UTC")}},
			{Title: "Recipe", Facts: []ui.Fact{fact("Rule", "trimmed mean, 10 % off each side"), fact("Clip norm", "1.0"), fact("Local steps", "200, AdamW, 3·10⁻⁴"), factOf("Seed", entry(48102))}},
		}},
		Lead: ui.Cat(ui.Bold("Campaign 7"), say(" trains Skald on 2.1 million new tokens of Northern Sámi and Kalaallisut, the two languages with the highest loss. If it ends well, its last checkpoint becomes Skald 1.4 after a vote.")),
		Loss: plot.LineOf{
			ID: "loss", Title: "Validation loss by round", Desc: "From 1.365 bits per byte at round 118 to 1.329 at round 130. Round 125 was rejected by its check and has no point.",
			XLabel: "Round", YLabel: "Bits per byte, mean of five languages", Places: 3, Until: 142,
			Series: []plot.Series{{Points: losses()}}, Limits: []plot.Limit{{Y: 1.365, Name: "Skald 1.3"}}, Cross: []plot.Cross{{X: 125, Name: "125 rejected"}},
		},
		LossNote: "Solid line with round points: loss after each round. Dashed line: Skald 1.3, where the campaign began. A cross marks a rejected round. Lower is better.",
		Nodes:    roundNodes(), NodeNote: "4 of 18; yours are tinted", NodeMore: say("One node is a straggler: hatteng-nas has sent no sign since 06:10 UTC; its lease ends at 12:10 UTC."),
		Recipe: []ui.Fact{fact("Rounds, at most", "24"), fact("Nodes wanted in a round", "18"), fact("Optimiser", "adamw, rate 0.002")},
		Lineage: plot.TreeOf{ID: "lineage", Title: "Lineage of campaign 7", Desc: "Campaign 7 begins from Skald 1.3.", Boxes: []plot.Box{
			{Name: "Skald 1.3", From: -1, Kind: "now", Lines: []string{"campaign 6", "in use"}},
			{Name: "Campaign 7", From: 0, Kind: "next", Lines: []string{"rounds 119–131", "running"}, Steps: []plot.Step{{Text: "rounds 119–124"}, {Text: "round 125: rejected", Refused: "cross"}, {Text: "rounds 126–130"}}},
		}},
		Digests: []ui.Fact{digestFact("Base, round 130", "sha256:ade9dc878337928d03531b691d2d604848176ab697a1311857c4b68094bfbe96"), fact("Round 131", "set when the round closes; the sum is in a fixed order, so that anybody can repeat it")},
		Links:   ui.Cat(ui.Link("Recompute round 130 yourself", href.Round(130)), say(" · "), ui.Link("loss as CSV", href.CampaignLoss(7))),
		Changes: recent()[1:2],
	}
	figures(&p)
	for _, l := range losses() {
		n := int64(l.X)
		p.Rounds = append(p.Rounds, pages.CampaignLoss{ID: n, Name: strconv.FormatInt(n, 10), Updates: "11 of 18", Sent: "9.24 MB", Epsilon: "5.141", Loss: strconv.FormatFloat(l.Y, 'f', 3, 64), State: good("accepted")})
	}
	p.Rounds = append(p.Rounds, pages.CampaignLoss{ID: 125, Name: "125", Updates: "9 of 18", Loss: "–", State: bad("rejected"), Note: "Faroese +2.4 %"})
	return p
}

func round() pages.RoundPage {
	c := frame("Round 130 of campaign 7")
	c.Section = href.Campaigns()
	return pages.RoundPage{
		Chrome: c, ID: 130,
		Stages: []ui.Stage{{Name: "Planned", State: "done"}, {Name: "Selecting", State: "done"}, {Name: "Collecting", State: "done"}, {Name: "Aggregating", State: "done"}, {Name: "Evaluating", State: "done"}, {Name: "Accepted", Note: "01:58", State: "now"}},
		Infobox: ui.Infobox{Caption: "Round 130", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{{Label: "State", Chip: good("accepted")}, factOf("Campaign", ui.Link("7", href.Campaign(7))), factOf("Trained again", ui.Cat(ui.Link("in campaign 9", href.Round(161)), say(" for "), ui.Link("unlearning case 6", href.Certificate(6)))), fact("Cohort", "18 nodes, 16 updates"), factOf("Seed", entry(48080))}},
		}},
		Lead:  say("Sixteen updates were joined with a trimmed mean. The loss fell from 1.331 to 1.329 bits per byte."),
		Nodes: roundNodes(), NodeNote: "4 of 18", Checks: roundChecks(), ChecksOf: "16 updates",
		Draws: draws(), Found: found(), Values: []ui.Row{
			{Cells: []ui.Cell{{Text: ui.Link("nuuk-lib", href.Node(7))}, {Text: say("3. Length, in deviations from the cohort")}, {Text: say("4.5")}, {Text: say("3")}, {Chip: ui.Chip{Text: "clipped", Kind: "warning"}}, {Text: say("median 0.93")}}},
		},
		Spots: spots(), Aggregation: []ui.Fact{
			factOf("Combined by", ui.Cat(ui.Link("Multi-Krum", href.Glossary("multikrum")), say(", withstanding 4 hostile members"))), fact("Counted", "14 of 16 updates, together for 20,480 examples; 3 counted for less than they had"),
			factOf("Believed", ui.Cat(ui.Link("oslo-ws-2", href.Node(5)), say(", "), ui.Link("nuuk-lib", href.Node(7)))), factOf("Each clipped to", ui.Cat(say("norm 0.931 ("), ui.Link("Norm clipping", href.Glossary("clipping")), say(")"))),
			factOf("Bytes of the updates", ui.Cat(say("13.44 MB sent instead of 52.80 MB (25 %), as "), ui.Link("int8 blocks", href.Glossary("int8")))),
		},
		Eval: []ui.Row{cells("What this round began from", "1.3310", "0.922579"), cells("The result of this round", "1.3290", "0.921193")}, EvalNote: "Members measured on 812 validation records of their own.",
		Digests: []ui.Fact{digestFact("Base", "sha256:2eddef5d1fe0a61f6f6c21c3a8ddc4f0c8e1c9a80e5df3bb4b7a4b4e3c8a1fe0"), digestFact("Result", "sha256:ade9dc878337928d03531b691d2d604848176ab697a1311857c4b68094bfbe96"), digestFact("Cohort list", "sha256:8cc907f7866744eadb417c5a203ed1d758233da63543182be3f4bb81a9e1bec7")},
		Verify:  "althing verify log https://skald.example",
		Public:  true, Recompute: "althing verify round --id 130 https://skald.example",
		Changes: []ui.Change{act("2026-11-19T01:58Z", "01:58", "Training", 48101, say("Round 130 published: 1.329 bits per byte (−0.002)"))},
	}
}

// spots are one of each kind: confirmed, not confirmed, settled, not run, waiting.
func spots() []ui.Row {
	row := func(node ui.Rich, digest string, by ui.Rich, outcome ui.Chip, why string) ui.Row {
		return ui.Row{Cells: []ui.Cell{{Text: node}, {Text: ui.Digest(digest)}, {Text: by}, {Chip: outcome}, {Text: say(why)}}}
	}
	oslo, nuuk, sandur := ui.Link("oslo-ws-2", href.Node(5)), ui.Link("nuuk-lib", href.Node(7)), ui.Link("sandur-1", href.Node(4))
	return []ui.Row{
		row(oslo, "sha256:ade9…be96", ui.Cat(nuuk, say(" got the same")), good("confirmed"), "the replay gave the same bytes"),
		row(nuuk, "sha256:2edd…1fe0", ui.Cat(sandur, say(" got "), ui.Digest("sha256:95ac…e1fe"), say("; "), oslo, say(" got "), ui.Digest("sha256:95ac…e1fe")), bad("not confirmed"), "two of three agree: both replays gave the same update, and it is another one"),
		row(sandur, "sha256:8cc9…bec7", ui.Cat(nuuk, say(" got "), ui.Digest("sha256:0d31…77aa"), say("; "), oslo, say(" got the same")), good("confirmed"), "two of three agree: the first replay gave another update, the second this one"),
		row(ui.Link("kautokeino", href.Node(9)), "sha256:41f0…c3d2", say("–"), ui.Chip{Text: "not run"}, "no node of another member is there that declares its text public and could train it again"),
		row(ui.Link("bergen-lab", href.Node(11)), "sha256:77b1…09ce", ui.Cat(oslo, say(" is asked")), ui.Chip{Text: "is trained again", Kind: "warning"}, "another node has until 19 Nov 2026, 12:40 UTC to train it again"),
	}
}

func rejected() pages.RoundPage {
	p := round()
	p.Title, p.ID, p.Nodes = "Round 125 of campaign 7", 125, nil
	p.Stages[5] = ui.Stage{Name: "Rejected", Note: "19:20", State: "now"}
	p.Outcome = ui.Cat(ui.Bold("Rejected."), say(" Faroese rose by 2.4 %, and the limit is 2.0 %. The base of round 124 stays; nothing of this round is served."))
	return p
}
