// Package layout is what every page has around its text: header, search, the
// personal menu, site navigation, contents, tools, tabs, and the footer that
// always shows the log's checkpoint.
//
// A page struct embeds Chrome; the handler fills it once per request. Nothing
// is read from the context, so that a page can be rendered and compared in a
// test without a server.
package layout

import (
	"codeberg.org/althing/althing/static"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
)

// Chrome is all that the frame of a page shows.
type Chrome struct {
	Title     string // the heading, and the window's title before "– Althing"
	Lang      string // language of the page; "" is English
	Community string // "The Skald community"
	Section   string // address of the entry of the site navigation that is current

	MemberID   int64  // of who is signed in; 0 for a visitor
	MemberName string // "" for a visitor, who sees "Sign in"
	Notices    int    // unread

	Model      string // name of the served version, "Skald 1.3"; "" before the first
	ModelURL   string // its card
	Query      string // what was searched for, on the results page
	Feed       string // address of the page's Atom feed
	Checkpoint Checkpoint
	Built      int64 // entry of the log that the page was built from; 0 says nothing

	Views   []Tab // left tabs: Page, Talk
	Actions []Tab // right tabs: Read, Edit, View history
	Subline ui.Rich
	Toc     []Link
	Tools   []ToolGroup
	Flash   Flash

	Wide    bool // no right column
	Bare    bool // header only: sign-in of the local provider
	NoHead  bool // the page writes its own heading
	NoIndex bool // not for search engines
	Live    bool // the page has a part that follows server-sent events
	Nonce   string
}

// Checkpoint is the newest signed state of the log.
type Checkpoint struct {
	Size   int64
	Root   string // hex
	Signed ui.When
	Key    string // the note's key name and hash, skald.example/log+59860f9e
	Origin string
}

// sentence is the line of the footer.
func (c Checkpoint) sentence() ui.Rich {
	return ui.Cat(ui.Plain("Log checkpoint: "), ui.Bold(ui.Count(c.Size)), ui.Plain(" entries, root "), ui.Digest(c.Root),
		ui.Plain(", signed "), ui.Moment(c.Signed.At, c.Signed.Text), ui.Plain(" by "), ui.Digest(c.Key), ui.Plain(". "), ui.Link("Verify it yourself", href.Verify()))
}

// Link is a phrase and where it leads.
type Link struct {
	Text string
	Href string
}

// ToolGroup is a part of the right column.
type ToolGroup struct {
	Title string
	Links []Link
}

// Tab is one of the views of the same thing.
type Tab struct {
	Text    string
	Href    string
	Count   int // beside the text, as "Talk (23)"; 0 shows nothing
	Current bool
}

// Flash says once what has just happened.
type Flash struct {
	Kind string // "", success, warning, error
	Text string
}

func (c Chrome) lang() string {
	if c.Lang == "" {
		return "en"
	}
	return c.Lang
}

func (c Chrome) pageClass() string {
	switch {
	case c.Bare:
		return "page page--bare"
	case c.Wide:
		return "page page--wide"
	}
	return "page"
}

// nav is the site navigation, in the order of a member's needs.
func (c Chrome) nav() []ToolGroup {
	model := Link{"Versions", href.Versions()}
	if c.Model != "" {
		model = Link{c.Model, c.ModelURL}
	}
	return []ToolGroup{
		{"Althing", []Link{
			{"Main page", href.Home()},
			{"Recent changes", href.Changes(href.Filter{})},
			{"Members", href.Members()},
			{"Help", href.Page("Help")},
			{"About this community", href.Page("About")},
		}},
		{"Decide", []Link{
			{"Proposals", href.Proposals("")},
			{"Elections", href.Elections()},
			{"Policies in force", href.Policies()},
			{"The log", href.Log()},
		}},
		{"Model", []Link{
			model,
			{"Playground", href.Playground()},
			{"Training", href.Campaigns()},
			{"Certificates", href.Certificates()},
		}},
		{"Take part", []Link{
			{"My nodes", href.Nodes()},
			{"Review queue", href.Cases("")},
			{"Village pump", href.Talk("Village pump")},
		}},
	}
}

// personal is the menu behind the member's name.
func (c Chrome) personal() []Link {
	return []Link{
		{"My page", href.Member(c.MemberID)},
		{"My nodes", href.Nodes()},
		{"Contributions", href.MemberContributions(c.MemberID)},
	}
}

// foot are the pages that every page links to.
func foot() []Link {
	return []Link{
		{"Privacy", href.Page("Privacy")},
		{"About this community", href.Page("About")},
		{"The log", href.Log()},
		{"Policies", href.Policies()},
		{"Accessibility", href.Page("Accessibility")},
	}
}

// Policy is the Content-Security-Policy that every page keeps: nothing from
// elsewhere, no inline script, no inline style. Codex's icons are data URIs.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func logo() string  { return static.URL("logo.svg") }
func sheet() string { return static.URL(static.Sheet) }
func live() string  { return static.URL("js/live.js") }
