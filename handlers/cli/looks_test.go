package cli

import (
	"testing"

	"codeberg.org/althing/althing/web/browsertest"
)

// TestLooks inspects the pages of a new community, where most lists are empty;
// TestDemonstration inspects them full.
func TestLooks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	browsertest.Open(t, s.url, true).Inspect("/", "/changes", "/members", "/members/1", "/policies", "/policies/class.1.voting", "/proposals", "/elections", "/campaigns", "/glossary", "/versions", "/versions/1",
		"/playground", "/certificates", "/log", "/log/entries/2", "/verify", "/wiki/Help", "/wiki/Help:Nodes", "/wiki/Nothing_here", "/history/Help", "/talk/Help",
		"/search?q=vote", "/search?q=zzz", "/nodes/all", "/cases", "/sign-in", "/no/such/page")
}
