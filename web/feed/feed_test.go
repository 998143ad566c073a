package feed

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

func story() Feed {
	at := time.Date(2026, 11, 19, 11, 39, 0, 0, time.FixedZone("CET", 3600))
	return Feed{
		ID: "https://skald.example/changes", Title: "Recent changes", Self: "https://skald.example/changes.atom", Page: "https://skald.example/changes", Updated: at,
		Entries: []Entry{{ID: "https://skald.example/log/entries/48213", Title: "Jógvan cast a ballot on <Proposal 212>", Page: "https://skald.example/proposals/212", Author: "Jógvan", Updated: at, Kind: "Vote"}},
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, story()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<feed xmlns="http://www.w3.org/2005/Atom">`, `<updated>2026-11-19T10:39:00Z</updated>`, `rel="self"`, `<name>Jógvan</name>`,
		`Jógvan cast a ballot on &lt;Proposal 212&gt;`, `<category term="Vote">`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("feed has no %s:\n%s", want, b.String())
		}
	}
}

// FuzzWrite holds that no words, however odd, make a feed that cannot be read,
// and that the words which XML can hold come back.
func FuzzWrite(f *testing.F) {
	f.Add("Jógvan")
	f.Add("a\x00b\uFFFE]]>&<\xff")
	f.Fuzz(func(t *testing.T, words string) {
		feed := story()
		feed.Title, feed.Entries[0].Title, feed.Entries[0].Kind = words, words, words
		var b strings.Builder
		if err := Write(&b, feed); err != nil {
			t.Fatalf("Write(%q): %v", words, err)
		}
		var back atomFeed
		if err := xml.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatalf("Write(%q) is not XML: %v", words, err)
		}
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(clean(words))
		if got := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(back.Title); got != want {
			t.Errorf("title of Write(%q) reads %q, want %q", words, got, want)
		}
	})
}
