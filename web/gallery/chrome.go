package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/ui"
)

// frame is the chrome of a page, seen by Ingvild A., moderator.
func frame(title string) layout.Chrome {
	return layout.Chrome{
		Title: title, Community: "The Skald community", MemberID: 3, MemberName: "Ingvild A.", Notices: 3,
		Model: "Skald 1.3", ModelURL: href.Version(13), Built: 48213,
		Checkpoint: layout.Checkpoint{
			Size: 48213, Root: "a386e82937c19f3ae7f811ccb223348b1cee57a022b6", Key: "skald.example/log+59860f9e", Origin: "skald.example/log",
			Signed: when("2026-11-19T10:39Z", "19 November 2026, 10:39 UTC"),
		},
	}
}

// visitor is the same for somebody who has not signed in.
func visitor(title string) layout.Chrome {
	c := frame(title)
	c.MemberID, c.MemberName, c.Notices = 0, "", 0
	return c
}

// views fills the tabs of a thing that is read, discussed and edited.
func views(c layout.Chrome, what, page, talk string, comments int, actions ...layout.Tab) layout.Chrome {
	c.Views = []layout.Tab{{Text: what, Href: page, Current: true}, {Text: "Talk", Href: talk, Count: comments}}
	c.Actions = actions
	return c
}

func when(at, text string) ui.When { return ui.When{At: at, Text: text} }

// op is an operation id of a form that is never sent.
const op = "32864d04f5bdaa4b"

func good(text string) ui.Chip { return ui.Chip{Text: text, Kind: "success"} }
func warn(text string) ui.Chip { return ui.Chip{Text: text, Kind: "warning"} }
func bad(text string) ui.Chip  { return ui.Chip{Text: text, Kind: "error"} }

// fact is a label and plain words; factOf takes a sentence with links.
func fact(label, value string) ui.Fact { return ui.Fact{Label: label, Value: ui.Plain(value)} }

func factOf(label string, value ui.Rich) ui.Fact { return ui.Fact{Label: label, Value: value} }

func digestFact(label, digest string) ui.Fact {
	return ui.Fact{Label: label, Value: ui.Digest(digest)}
}

func timeFact(label, at, text string) ui.Fact {
	return ui.Fact{Label: label, Value: ui.Moment(at, text)}
}

// member links to a member; the number is invented from the name's length.
func member(name string) ui.Rich { return ui.Link(name, href.Member(int64(len(name)))) }

// act is a line of a list of acts.
func act(at, clock, kind string, entry int64, sentence ...ui.Rich) ui.Change {
	return ui.Change{At: at, Clock: clock, Kind: kind, Sentence: ui.Cat(sentence...), Entry: entry, EntryURL: href.LogEntry(entry)}
}

// say is plain words in a sentence.
func say(text string) ui.Rich { return ui.Plain(text) }

// cells makes a row of a table; a string is words, other values stand as they are.
func cells(values ...any) ui.Row {
	var row ui.Row
	for _, v := range values {
		switch v := v.(type) {
		case string:
			row.Cells = append(row.Cells, ui.Cell{Text: ui.Plain(v)})
		case ui.Rich:
			row.Cells = append(row.Cells, ui.Cell{Text: v})
		case ui.Chip:
			row.Cells = append(row.Cells, ui.Cell{Chip: v})
		}
	}
	return row
}

func entry(n int64) ui.Rich { return ui.Link("#"+ui.Count(n), href.LogEntry(n)) }
