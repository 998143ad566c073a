package href

import (
	"net/url"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Home(), "/"},
		{Proposal(212), "/proposals/212"},
		{ProposalAnswer(212, 1), "/proposals/212/objections/1/answer"},
		{Proposals(""), "/proposals"},
		{Proposals("open"), "/proposals?state=open"},
		{Page("Help:Join tokens"), "/wiki/Help:Join_tokens"},
		{Page("Kvívík / letters?"), "/wiki/Kv%C3%ADv%C3%ADk_%2F_letters%3F"},
		{PageDiff("Help", 6, 7), "/diff/Help?new=7&old=6"},
		{PageDiff("Help", 0, 0), "/diff/Help"},
		{SignIn("/proposals/7?x=1"), "/sign-in?next=%2Fproposals%2F7%3Fx%3D1"},
		{LogProof(3, 0), "/log/entries/3/proof"},
		{Changes(Filter{}), "/changes"},
		{Changes(Filter{Kinds: []string{"vote", "page"}, Before: 48047}), "/changes?before=48047&k=vote&k=page"},
		{Feed(Filter{Subject: "proposal:212"}), "/changes.atom?what=proposal%3A212"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

// FuzzPage holds that every title makes one path segment from which the
// title comes back.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{"Help", "a/b", "../x", "50%", "á ð", "?q#f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, title string) {
		path := Page(title)
		segment := strings.TrimPrefix(path, "/wiki/")
		if strings.ContainsAny(segment, "/?#") {
			t.Fatalf("Page(%q) = %q: more than one segment", title, path)
		}
		raw, err := url.PathUnescape(segment)
		if err != nil {
			t.Fatalf("Page(%q) = %q: %v", title, path, err)
		}
		if want := Title(title); Title(raw) != want {
			t.Errorf("Title of Page(%q) = %q, want %q", title, Title(raw), want)
		}
	})
}
