// Package feed writes Atom feeds (Nottingham and Sayre, RFC 4287, 2005): the
// same lists of acts as on the pages, for readers that poll.
package feed

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// ContentType is the media type of what Write writes.
const ContentType = "application/atom+xml; charset=utf-8"

// Feed is a list of acts, newest first. Addresses are absolute: a feed leaves
// its site.
type Feed struct {
	ID      string // for ever the same; the address of the list serves well
	Title   string
	Self    string // address of the feed
	Page    string // address of the list for people
	Updated time.Time
	Entries []Entry
}

// Entry is one act.
type Entry struct {
	ID      string // for ever the same: the address of the log entry
	Title   string // the sentence of the act, without markup
	Page    string // where to read about it
	Author  string
	Updated time.Time
	Kind    string // Vote, Training
}

// The element names are RFC 4287's.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID       string        `xml:"id"`
	Title    string        `xml:"title"`
	Updated  string        `xml:"updated"`
	Author   atomAuthor    `xml:"author"`
	Category *atomCategory `xml:"category"`
	Link     atomLink      `xml:"link"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomCategory struct {
	Term string `xml:"term,attr"`
}

// Write writes the feed as Atom. Letters that XML cannot hold are left out,
// because a reader would refuse the whole feed for one of them.
func Write(w io.Writer, f Feed) error {
	doc := atomFeed{
		ID: clean(f.ID), Title: clean(f.Title), Updated: stamp(f.Updated),
		Links: []atomLink{{Rel: "self", Type: "application/atom+xml", Href: clean(f.Self)}, {Rel: "alternate", Type: "text/html", Href: clean(f.Page)}},
	}
	for _, e := range f.Entries {
		entry := atomEntry{
			ID: clean(e.ID), Title: clean(e.Title), Updated: stamp(e.Updated), Author: atomAuthor{clean(e.Author)},
			Link: atomLink{Rel: "alternate", Type: "text/html", Href: clean(e.Page)},
		}
		if e.Kind != "" {
			entry.Category = &atomCategory{clean(e.Kind)}
		}
		doc.Entries = append(doc.Entries, entry)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write feed %s: %w", f.Self, err)
	}
	if err := xml.NewEncoder(w).Encode(doc); err != nil {
		return fmt.Errorf("write feed %s: %w", f.Self, err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// clean drops what XML 1.0 (section 2.2) has no place for.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFC, r >= 0x10000:
			return r
		}
		return -1
	}, s)
}
