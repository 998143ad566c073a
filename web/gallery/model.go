package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func lineage() []pages.VersionLine {
	return []pages.VersionLine{
		{Name: "Skald 1.4 candidate", Campaign: say("rounds to 130, going on"), Published: when("", "–"), State: ui.Chip{Text: "candidate"}, Digest: "sha256:ade9dc87…be96"},
		{ID: 13, Name: "Skald 1.3", Parent: ui.Link("Skald 1.0", href.Version(10)), Campaign: say("rounds to 118u"), Published: when("2026-08-06", "6 August 2026"), State: good("in use"), Digest: "sha256:7f63aa22…7426", Now: true},
		{ID: 12, Name: "Skald 1.2", Parent: ui.Link("Skald 1.0", href.Version(10)), Campaign: say("rounds to 118"), Published: when("2026-06-28", "28 June 2026"), State: bad("withdrawn"), Digest: "sha256:b3f30c26…3e71"},
		{ID: 10, Name: "Skald 1.0", Campaign: say("rounds to 70"), Published: when("2026-03-30", "30 March 2026"), State: ui.Chip{Text: "kept"}, Digest: "sha256:5bd65282…9d75"},
	}
}

// family is the lineage of the design: one campaign, what it made, and the
// replay of it without somebody's text.
func family(here string) plot.TreeOf {
	taken := func(texts ...string) []plot.Step {
		var steps []plot.Step
		for _, t := range texts {
			steps = append(steps, plot.Step{Text: t})
		}
		return steps
	}
	return plot.TreeOf{
		ID: "lineage", Title: "Lineage of the model",
		Desc: "From the seed through 1.0 (rounds 1 to 70) to 1.2, which is withdrawn. Case 5 trains rounds 71 to 118 again, which leads to Skald 1.3, in use, and on to campaign 7, which is running.",
		Boxes: []plot.Box{
			{Name: "Seed", From: -1, Lines: []string{"imported at the founding", "kept"}},
			{Name: "Skald 1.0", From: 0, Lines: []string{"campaign 3, rounds 1–70", "kept"}, Steps: taken("rounds 1–70")},
			{Name: "Skald 1.2", From: 1, Kind: "gone", Lines: []string{"campaign 4, rounds 1–48", "withdrawn"}, Steps: append(taken("rounds 1–24"), plot.Step{Text: "round 25: rejected", Refused: "cross"}, plot.Step{Text: "rounds 25–48"})},
			{Name: "Skald 1.3", From: 2, Aside: true, After: 1, Words: "case 5: again from round 25", Kind: "now", Lines: []string{"campaign 6, rounds 25–48", "in use" + here}, Steps: taken("rounds 25–48")},
			{Name: "Campaign 5", From: 2, Kind: "gone", Lines: []string{"rounds 1–2", "stopped, no version"}, Steps: []plot.Step{{Text: "round 1"}, {Text: "round 2: abandoned", Refused: "ring"}}},
			{Name: "Campaign 7", From: 3, Kind: "next", Lines: []string{"rounds 1–13", "running"}, Steps: append(taken("rounds 1–6"), plot.Step{Text: "round 7: rejected", Refused: "cross"}, plot.Step{Text: "rounds 7–12"})},
		},
	}
}

func versions() []Entry {
	list := frame("Versions of Skald")
	list.Section = href.Versions()
	fresh := frame("Versions")
	fresh.Model = ""
	play := frame("Playground")
	play.Section = href.Playground()
	ask := func(answer *pages.PlaygroundAnswer, problem string) pages.PlaygroundPage {
		return pages.PlaygroundPage{
			Chrome: play, Version: "Skald 1.3", VersionURL: href.Version(13), Prompt: ui.Input{Value: "Um kvøldið settist hon við"}, PromptLang: "fo",
			Tokens: ui.Input{Value: "48"}, Temperature: ui.Input{Value: "0.8"}, Seed: ui.Input{Value: "497308"}, Answer: answer, Problem: problem, Operation: op,
		}
	}
	clauses := ui.Options{ID: "clause", Label: "What it is about", Items: []ui.Option{{Value: "3.1", Label: "personal data"}, {Value: "2.4", Label: "works of others"}, {Value: "4.2", Label: "harassment"}, {Value: "other", Label: "something else"}}}
	return []Entry{
		{"versions", pages.Versions(pages.VersionsPage{Chrome: list, Versions: lineage(), Lineage: family("")})},
		{"versions-empty", pages.Versions(pages.VersionsPage{Chrome: fresh})},
		{"version", pages.Version(card())},
		{"version-new", pages.Version(pages.VersionPage{Chrome: frame("Skald 0.5"), HTML: "<p>The first version.</p>", Infobox: ui.Infobox{Caption: "Skald 0.5"}, Versions: lineage()[3:], Use: say("Nobody has measured it yet."), Digests: []ui.Fact{digestFact("Weights", "sha256:0f8a07c1…327b")}})},
		{"playground", pages.Playground(ask(nil, ""))},
		{"playground-answer", pages.Playground(ask(&pages.PlaygroundAnswer{
			Prompt: "Um kvøldið settist hon við ", Text: "vindeygað og hugdi út á sjógvin, meðan lampan brann.", Lang: "fo", About: "Skald 1.3, seed 497308, 0.8 s",
			CanFlag: true, FlagToken: "a1", Clauses: clauses, FlagOp: op, Reason: ui.Input{Problem: "Say in a sentence what is wrong."},
		}, ""))},
		{"playground-held", pages.Playground(ask(&pages.PlaygroundAnswer{Held: ui.Cat(ui.Bold("Not shown."), say(" The answer is close to a text that the community is deciding about ("), ui.Link("Proposal 212", href.Proposal(212)), say(")."))}, "Temperature must lie between 0 and 2."))},
		{"playground-none", pages.Playground(pages.PlaygroundPage{Chrome: play})},
	}
}

func card() pages.VersionPage {
	c := views(frame("Skald 1.3"), "Model", href.Version(13), href.Talk("Skald 1.3"), 31)
	c.Section = href.Version(13)
	c.Toc = []layout.Link{{Text: "Lineage", Href: "#lineage"}, {Text: "What was unlearned", Href: "#removed"}, {Text: "Use it", Href: "#use"}}
	c.Tools = []layout.ToolGroup{{Title: "Model", Links: []layout.Link{{Text: "Weights", Href: href.VersionWeights(13)}, {Text: "Tokenizer", Href: href.VersionTokenizer(13)}, {Text: "Everything as a folder (zip)", Href: href.VersionFolder(13)}}}}
	return pages.VersionPage{
		Chrome: c,
		Infobox: ui.Infobox{Caption: "Skald 1.3", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{fact("Kind", "language model, decoder only"), fact("Parameters", "23,846,784"), fact("Layers", "10, width 384, 6 heads"), fact("Vocabulary", "16,000, byte-level BPE"), fact("Context", "512 tokens"), fact("Trained on", "38.2 million tokens")}},
			{Title: "Release", Facts: []ui.Fact{timeFact("Published", "2026-08-06", "6 August 2026"), factOf("Decided by", ui.Link("Proposal 197", href.Proposal(197))), fact("Licence", "Apache 2.0 (weights)"), digestFact("Digest", "sha256:7f63aa22…7426")}},
			{Title: "Cost", Facts: []ui.Fact{fact("Energy", "191 kWh, rounds 1–118u")}},
		}},
		HTML:     "<p><b>Skald</b> is a small language model for Icelandic, Faroese, Norwegian Nynorsk, Northern Sámi and Kalaallisut. It continues text. It was trained by members on their own machines.</p><p>It is not meant for facts, advice on health or law, or for speaking in the name of a person.</p>",
		Warning:  ui.Cat(ui.Bold("A vote may withdraw this version. "), ui.Link("Proposal 212", href.Proposal(212)), say(" would unlearn 1,953 pieces and replace Skald 1.3.")),
		Versions: lineage(), Lineage: family("; this page"),
		Removed: []ui.Row{cells(ui.Link("5: Kvívík parish letters", href.Certificate(5)), "846 pieces", "6 August 2026")},
		Use:     ui.Cat(say("Get the "), ui.Link("weights", href.VersionWeights(13)), say(", the "), ui.Link("tokenizer", href.VersionTokenizer(13)), say(" or run it offline: "), ui.Code("althing node complete"), say(".")),
		Digests: []ui.Fact{digestFact("Weights", "sha256:7f63aa22f1e6bb1d79a5e55f0d6eda2c8eadfbeb50cd9a2d4ce3f7cfce8f7426"), digestFact("Tokenizer", "sha256:1c54f0f2a6b7fbb28d4b8d2a1f5b7c4a7a0c3a2f1b3d0e9c8b7a6f5e4d3c2b1a")},
	}
}
