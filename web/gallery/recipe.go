package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// recipes are the form of a decision to train, and the glossary that it leads to.
func recipes() []Entry {
	fresh, wrong, preview := trainingForm(), trainingForm(), trainingForm()
	m := &wrong.Fields[1]
	m.Open = true
	m.Parts[1].Fields[1].Choice.Value = "multikrum"
	m.Parts[1].Fields[2].Text.Input = ui.Input{Value: "6", Problem: "Multi-Krum can withstand 6 hostile members only among 15 or more, and a round may go on with 12. Take the trimmed mean or the geometric median, which need fewer."}
	m.Parts[1].Fields[3].Choice.Problem = "Sparse updates send different entries from each node: a median of them is nearly always 0. Send int8 blocks: a quarter of the bytes, and every entry is there."
	preview.Preview = "<p>Twenty-four rounds on what our nodes hold now.</p>"
	preview.Would = []ui.Fact{
		fact("Does", "trains the model in 24 rounds at most, each collecting for 5 minutes"),
		factOf("Against hostile members", ui.Cat(say("Trimmed mean over members, after each update was clipped to the usual length; withstands 4 hostile members among 9 or more. See "), ui.Link("Trimmed mean", href.Glossary("trimmed")), say("."))),
		fact("Costs a node", "3.30 MB down, 0.84 MB up instead of 3.30 MB (25 % of it) and training on 30,720 tokens in each round that it is asked in."),
	}
	glossary := frame("Glossary of training")
	glossary.Section = href.Campaigns()
	glossary.Toc = []layout.Link{{Text: "Training together", Href: "#training"}, {Text: "Protection", Href: "#protection"}}
	return []Entry{
		{"proposal-train", pages.ProposalForm(fresh)},
		{"proposal-train-refused", pages.ProposalForm(wrong)},
		{"proposal-train-preview", pages.ProposalForm(preview)},
		{"glossary", pages.Glossary(pages.GlossaryPage{Chrome: glossary, Parts: []pages.GlossaryPart{
			{ID: "training", Title: "Training together", Terms: []pages.GlossaryTerm{
				{Key: "round", Name: "Round", Text: "One exchange between the platform and a cohort of nodes: the weights go out, each node trains on its own text, updates come back and become the next weights.", Source: "McMahan et al. 2017: “Communication-Efficient Learning of Deep Networks from Decentralized Data”"},
				{Key: "fedprox", Name: "FedProx", Text: "Each local step is also pulled back towards the weights of the round, with the strength μ.", Source: "Li et al. 2020: “Federated Optimization in Heterogeneous Networks”"},
			}},
			{ID: "protection", Title: "Protection", Terms: []pages.GlossaryTerm{
				{Key: "krum", Name: "Krum", Text: "The one update that is nearest to its n − f − 2 nearest others is taken whole.", Source: "Blanchard et al. 2017: “Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent”"},
			}},
		}})},
	}
}

// trainingForm shows two of the six presets and a few of the fields.
func trainingForm() pages.ProposalFormPage {
	p := proposalForm("A new proposal", 0)
	p.Heading, p.Text, p.Motions.Value = ui.Input{Value: "Train on the text of our nodes"}, ui.Input{Value: "Twenty-four rounds on what our nodes hold now."}, "train"
	line := func(id, label, help, value string) pages.ProposalField {
		return pages.ProposalField{Text: ui.TextInput{ID: "train." + id, Label: label, Description: help, Input: ui.Input{Value: value}}}
	}
	choice := func(id, label, value string, terms ui.Rich, items ...ui.Option) pages.ProposalField {
		return pages.ProposalField{Choice: ui.Options{ID: "train." + id, Label: label, Value: value, Help: terms, Items: items}}
	}
	base := line("base", "Begin from the weights", "Digest of a published version; the one that is served now is filled in.", "ade9dc878337928d03531b691d2d604848176ab697a1311857c4b68094bfbe96")
	base.Wide = true
	p.Fields = []pages.ProposalMotion{{Kind: "policy", Label: "Change policies", Other: true, Parts: []pages.ProposalPart{{Fields: []pages.ProposalField{{Area: true, Wide: true, Text: ui.TextInput{ID: "policy.changes", Label: "New values"}}}}}}, {
		Kind: "train", Label: "Train the model", Filled: "hostile-weather",
		Note: ui.Cat(say("A recipe says how. Take the preset that is nearest to your community. "), ui.Link("The glossary explains every word", href.Glossary("")), say(".")),
		Presets: ui.Options{ID: "train.preset", Label: "Preset", Value: "hostile-weather", Items: []ui.Option{
			{Value: "small-steady", Label: "Small and steady", Description: "Short rounds of plain federated averaging. For: a handful of members who know each other. Costs: many exchanges."},
			{Value: "hostile-weather", Label: "Hostile weather", Description: "A trimmed mean over members. For: open communities of twenty members and more. Costs: at least nine members in every round."},
		}},
		Parts: []pages.ProposalPart{
			{Fields: []pages.ProposalField{line("rounds", "Rounds", "At most so many.", "24"), line("cohort", "Nodes wanted in a round", "Of those present.", "20"), base}},
			{Title: "Against hostile members", Note: "What protects the mean from broken machines and from poison. Each member counts once.", Fields: []pages.ProposalField{
				line("steps", "Steps of each node in a round", "", "15"),
				choice("robust.rule", "Robust rule", "trimmed", ui.Cat(ui.Link("Trimmed mean", href.Glossary("trimmed")), say(" · "), ui.Link("Multi-Krum", href.Glossary("multikrum"))), ui.Option{Label: "The mean: withstands nobody"}, ui.Option{Value: "trimmed", Label: "Trimmed mean"}, ui.Option{Value: "multikrum", Label: "Multi-Krum"}),
				line("robust.f", "Hostile members to withstand", "The rule needs a number of others for each.", "4"),
				choice("up.codec", "Updates travel as", "topk", ui.Link("Top-k", href.Glossary("topk")), ui.Option{Label: "float32"}, ui.Option{Value: "topk", Label: "Top-k"}),
			}},
		},
	}}
	return p
}
