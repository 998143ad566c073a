// Package pages holds the pages of the site, a file each: the struct that says
// all that the page shows, and its markup.
//
// A struct embeds layout.Chrome and holds strings, integers and booleans, or
// small structs of them; nothing of the domain. The handler translates, formats
// times with their zone and writes numbers as a person reads them, so a page
// can be tested with invented data and no database. A form that failed comes
// back as the same page with what was typed and, per field, what is wrong
// (ui.Input).
package pages

import "codeberg.org/althing/althing/web/ui"

// when makes a cell of a moment.
func when(w ui.When) ui.Cell {
	if w.At == "" {
		return ui.Cell{Text: ui.Plain(w.Text)}
	}
	return ui.Cell{Text: ui.Moment(w.At, w.Text)}
}

// plain makes a cell of words.
func plain(text string) ui.Cell { return ui.Cell{Text: ui.Plain(text)} }

// link makes a cell of a linked phrase; without an address it is plain.
func link(text, href string) ui.Cell { return ui.Cell{Text: ui.Link(text, href)} }

// digest makes a cell of a digest, or a dash.
func digest(d string) ui.Cell {
	if d == "" {
		return plain("–")
	}
	return ui.Cell{Text: ui.Digest(d)}
}

// number makes a cell of a whole number.
func number(n int) ui.Cell { return plain(ui.Count(int64(n))) }

// chip makes a cell of a state.
func chip(c ui.Chip) ui.Cell { return ui.Cell{Chip: c} }

// dash makes a cell of words, or of a dash where there are none.
func dash(text string) ui.Cell {
	if text == "" {
		return plain("–")
	}
	return plain(text)
}
