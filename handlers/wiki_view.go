package handlers

import (
	"encoding/hex"
	"html"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/diff"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/wikitext"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// contents is the list of headings of a rendered text.
func contents(text string) []layout.Link {
	headings := wikitext.Contents(text)
	if len(headings) < 2 {
		return nil
	}
	list := []layout.Link{{Text: "(Top)", Href: "#content"}}
	for _, h := range headings {
		if h.Level == 2 {
			list = append(list, layout.Link{Text: html.UnescapeString(h.Text), Href: "#" + h.ID})
		}
	}
	return list
}

func articleView(chrome layout.Chrome, rev pages.Revision, text string, names map[governance.Ref]string) webpages.ArticlePage {
	p := webpages.ArticlePage{Chrome: chrome, HTML: text}
	p.Subline = ui.Plain("From Althing, the pages of " + chrome.Community)
	switch {
	case rev.Hidden != "":
		p.Warn, p.Notice = true, ui.Plain("The text of this revision was hidden: "+rev.Hidden)
		p.Empty = ui.Empty{Lead: "This text cannot be read.", Text: "Its digest is in the log."}
	case !rev.Latest:
		p.Warn = true
		p.Notice = ui.Cat(ui.Plain("This is revision "+ui.Count(rev.Number)+", an old text. "), ui.Link("Read the present one", href.Page(rev.Title)), ui.Plain("."))
	case rev.Protection == pages.Moderators:
		p.Notice = ui.Plain(strings.TrimSpace("Only moderators may edit this page. " + rev.Protected))
	case rev.Protection == "frozen":
		p.Notice = ui.Plain("This text is frozen while members vote on it.")
	}
	p.Revision = []ui.Fact{
		{Label: "Revision", Value: ui.Link(ui.Count(rev.Number), href.PageRevision(rev.Title, int64(rev.ID)))},
		{Label: "Saved", Value: ui.Cat(richMoment(rev.At), ui.Plain(" by "), link(rev.Author, names))},
		{Label: "Digest", Value: ui.Digest(shortDigest(hex.EncodeToString(rev.Digest)))},
	}
	return p
}

// diffRows turns a comparison into rows of a table.
func diffRows(d diff.Diff) []webpages.DiffRow {
	var rows []webpages.DiffRow
	for _, h := range d.Hunks(2) {
		rows = append(rows, webpages.DiffRow{Kind: "head", Old: ui.Plain("Line " + ui.Count(int64(h.OldLine))), New: ui.Plain("Line " + ui.Count(int64(h.NewLine)))})
		for _, row := range h.Rows {
			rows = append(rows, webpages.DiffRow{Kind: diffKind(row.Kind), Old: marked(row.Old, "del"), New: marked(row.New, "ins")})
		}
	}
	return rows
}

func diffKind(k diff.Kind) string {
	switch k {
	case diff.Added:
		return "added"
	case diff.Removed:
		return "removed"
	case diff.Changed:
		return "changed"
	}
	return "same"
}

func marked(segments []diff.Segment, as string) ui.Rich {
	var rich ui.Rich
	for _, s := range segments {
		run := ui.Run{Text: s.Text}
		if s.Marked {
			run.As = as
		}
		rich = append(rich, run)
	}
	return rich
}
