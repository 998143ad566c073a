// Package ui holds the components that two or more pages use: fields,
// messages, tables, lists of acts, facts, trackers and bars. Markup and classes
// are Wikimedia Codex's CSS-only components and Althing's own style sheet.
//
// Everything here takes plain data: strings, numbers already formatted by the
// handler where a person reads them, and booleans. A component moves here when
// a second page needs it; over three parameters become a struct.
package ui

import "strconv"

// Run is a piece of a sentence: words with at most one look and one link.
type Run struct {
	Text string
	Href string // makes the run a link
	As   string // "", b, i, code, digest, subtle, mark, more, less, del, ins, nowrap
	At   string // machine-readable time; makes the run a time element
	Lang string // language of the words where it is not the page's
}

// Rich is a sentence made of runs. White space belongs to the words: nothing
// is added between runs.
type Rich []Run

// Plain is a sentence without links.
func Plain(text string) Rich { return Rich{{Text: text}} }

// Link is a linked phrase.
func Link(text, href string) Rich { return Rich{{Text: text, Href: href}} }

// Bold, Italic and Subtle set a phrase off from its sentence.
func Bold(text string) Rich { return Rich{{Text: text, As: "b"}} }

// Italic is for edit summaries and names of works.
func Italic(text string) Rich { return Rich{{Text: text, As: "i"}} }

// Subtle is for what most readers skip.
func Subtle(text string) Rich { return Rich{{Text: text, As: "subtle"}} }

// Code is for names that a machine reads.
func Code(text string) Rich { return Rich{{Text: text, As: "code"}} }

// Digest is the name of an artefact or an entry.
func Digest(text string) Rich { return Rich{{Text: text, As: "digest"}} }

// Moment is a time: at for machines (2026-11-19T10:39Z), text for people.
func Moment(at, text string) Rich { return Rich{{Text: text, At: at}} }

// Cat joins sentences without adding white space.
func Cat(parts ...Rich) Rich {
	var all Rich
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// String is the sentence without its links and looks.
func (r Rich) String() string {
	var s string
	for _, run := range r {
		s += run.Text
	}
	return s
}

// When is a moment as pages get it: formatted by the handler, with the zone.
type When struct {
	At   string // 2026-11-19T10:39Z
	Text string // 19 November 2026, 10:39 UTC
}

// Count writes a whole number with a comma between thousands and a real minus.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes is the change in size of a text with its sign, as "(+214)".
func Bytes(change int64) Rich {
	if change < 0 {
		return Rich{{Text: "(" + Count(change) + ")", As: "less"}}
	}
	return Rich{{Text: "(+" + Count(change) + ")", As: "more"}}
}
