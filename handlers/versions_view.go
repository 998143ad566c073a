package handlers

import (
	"encoding/json"
	"fmt"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// cardText is a card without the header for machines and without its title,
// which the page has already.
func cardText(card string) string {
	if rest, ok := strings.CutPrefix(card, "---\n"); ok {
		if _, text, ok := strings.Cut(rest, "\n---\n"); ok {
			card = text
		}
	}
	card = strings.TrimLeft(card, "\n")
	if title, text, ok := strings.Cut(card, "\n"); ok && strings.HasPrefix(title, "# ") {
		card = text
	}
	return card
}

func versionChip(v models.Version) ui.Chip {
	switch {
	case v.Served:
		return ui.Chip{Text: "in use", Kind: "success"}
	case v.State == models.Withdrawn:
		return ui.Chip{Text: "withdrawn", Kind: "error"}
	}
	return ui.Chip{Text: "kept"}
}

func versionLines(list []models.Version) []pages.VersionLine {
	lines := make([]pages.VersionLine, len(list))
	names := map[training.VersionID]string{}
	for _, v := range list {
		names[v.ID] = v.Name
	}
	for i, v := range list {
		by := ui.Plain("the founding")
		if v.Campaign != 0 {
			by = ui.Link("campaign "+v.Campaign.String(), href.Campaign(int64(v.Campaign)))
		}
		lines[i] = pages.VersionLine{
			ID: int64(v.ID), Name: v.Name, Campaign: by, Published: shortMoment(v.PublishedAt), State: versionChip(v),
			Digest: shortDigest(v.Weights.Hex()), Now: v.Served,
		}
		if name, ok := names[v.Parent]; ok {
			lines[i].Parent = ui.Link(name, href.Version(int64(v.Parent)))
		}
	}
	return lines
}

// versionView is all that the card of a version is made of.
type versionView struct {
	models.Version
	html    string
	all     []models.Version
	cases   []unlearning.Case
	tree    lineage
	decided int64 // place of its decision in the log, -1 without one
	chrome  layout.Chrome
}

func (v versionView) page() pages.VersionPage {
	p := pages.VersionPage{
		Chrome: v.chrome, Infobox: v.infobox(), HTML: v.html, Lineage: v.tree.figure(), Versions: versionLines(v.lineage()), Removed: v.removed(),
		Digests: []ui.Fact{{Label: "Weights", Value: ui.Digest(v.Weights.String())}, {Label: "Tokenizer", Value: ui.Digest(v.Tokenizer.String())}},
	}
	if v.State == models.Withdrawn {
		p.Warning = ui.Cat(ui.Bold("Withdrawn"), ui.Plain(": "+v.Reason+". It answers nothing and its files are not given out."))
		p.Use = ui.Plain("A withdrawn version cannot be used. Whoever has a copy holds it against the community’s decision.")
		return p
	}
	id := int64(v.ID)
	p.Use = ui.Cat(ui.Plain("Get the "), ui.Link("weights", href.VersionWeights(id)), ui.Plain(", the "), ui.Link("tokenizer", href.VersionTokenizer(id)),
		ui.Plain(", or "), ui.Link("the whole folder", href.VersionFolder(id)), ui.Plain(" that Hugging Face’s transformers load. On your own machine, offline: "),
		ui.Code("althing node complete --model FOLDER --prompt TEXT"), ui.Plain("."))
	return p
}

// lineage lists the version and those that it descends from.
func (v versionView) lineage() []models.Version {
	list := []models.Version{v.Version}
	for _, w := range v.all { // newest first, so a parent comes after its child
		if w.ID == list[len(list)-1].Parent {
			list = append(list, w)
		}
	}
	return list
}

// removed lists the cases that this version is the clean result of.
func (v versionView) removed() []ui.Row {
	var rows []ui.Row
	for _, c := range v.cases {
		if c.Version == v.ID {
			rows = append(rows, ui.Row{Cells: []ui.Cell{
				{Text: ui.Link("case "+c.ID.String(), href.Certificate(int64(c.ID)))},
				{Text: ui.Plain(fmt.Sprintf("all records of one contributor, since round %d of campaign %d", c.FirstRound, c.Campaign))},
				{Text: richMoment(v.PublishedAt)},
			}})
		}
	}
	return rows
}

func (v versionView) infobox() ui.Infobox {
	facts := []ui.Fact{{Label: "State", Chip: versionChip(v.Version)}, {Label: "Published", Value: richMoment(v.PublishedAt)}}
	if v.WithdrawnAt != nil {
		facts = append(facts, ui.Fact{Label: "Withdrawn", Value: richMoment(*v.WithdrawnAt)})
	}
	if v.Campaign != 0 {
		facts = append(facts, ui.Fact{Label: "Made by", Value: ui.Link("campaign "+v.Campaign.String(), href.Campaign(int64(v.Campaign)))},
			ui.Fact{Label: "Decision", Value: entryLink(v.decided)})
	}
	facts = append(facts, ui.Fact{Label: "Licence", Value: ui.Plain(v.Licence)}, ui.Fact{Label: "Size", Value: ui.Plain(ui.Count(v.Size) + " bytes")})
	return ui.Infobox{Caption: v.Name, Groups: []ui.FactGroup{{Facts: facts}, {Title: "Shape", Facts: shapeFacts(v.Config)}}}
}

// shapeFacts reads the shape from config.json, as anybody would.
func shapeFacts(config string) []ui.Fact {
	var c struct {
		Kind    string `json:"model_type"`
		Width   int64  `json:"hidden_size"`
		Layers  int64  `json:"num_hidden_layers"`
		Heads   int64  `json:"num_attention_heads"`
		Vocab   int64  `json:"vocab_size"`
		Context int64  `json:"max_position_embeddings"`
	}
	if json.Unmarshal([]byte(config), &c) != nil {
		return nil
	}
	return []ui.Fact{
		{Label: "Architecture", Value: ui.Plain(c.Kind + ", decoder only")},
		{Label: "Layers", Value: ui.Plain(fmt.Sprintf("%d of width %d, %d heads", c.Layers, c.Width, c.Heads))},
		{Label: "Vocabulary", Value: ui.Plain(ui.Count(c.Vocab) + " tokens")}, {Label: "Context", Value: ui.Plain(ui.Count(c.Context) + " tokens")},
	}
}
