package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"codeberg.org/althing/althing/workers/agent"
)

var tokenOnPage = regexp.MustCompile(`aj1\.[a-z2-7]+\.[0-9]+\.[a-z2-7]+\.[a-z2-7]+`)

// joinNode lets a machine join with the token that a page shows.
func (s *site) joinNode(t *testing.T, token string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := agent.Command(context.Background(), []string{"join", "--url", s.url, "--dir", filepath.Join(dir, "node"), "--token-file", file}, agent.Terminal{Out: &out, Err: &out})
	if err != nil {
		t.Fatalf("join: %v\n%s", err, out.String())
	}
}

func TestNodePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta, bera := s.join(t, "asta"), s.join(t, "bera")
	s.found(t, asta)
	s.visitor(t).get("/nodes").want(http.StatusOK, "Sign in")
	asta.get("/nodes").want(http.StatusOK, "No node yet.").want(http.StatusOK, "Your text stays; what leaves can reveal parts of it")
	asta.get("/nodes/all").want(http.StatusOK, "No node yet.")
	asta.get("/nodes/1").want(http.StatusNotFound, "no node 1")

	asta.get("/nodes/new").send("/nodes/new", url.Values{"name": {" "}}).want(http.StatusUnprocessableEntity, "1 to 50 characters")
	asta.get("/nodes/new")
	again := fieldsOf(asta.form("/nodes/new"))
	asta.send("/nodes/new", url.Values{"name": {"kitchen laptop"}}).want(http.StatusOK, "shown once")
	lost := tokenOnPage.FindString(asta.body)
	if lost == "" {
		t.Fatalf("no join token on %s", asta.words())
	}
	again.Set("name", "kitchen laptop")
	asta.post("/nodes/new", again).want(http.StatusConflict, "was shown then")
	if tokenOnPage.MatchString(asta.body) {
		t.Error("a retry shows a token again")
	}

	asta.get("/nodes/1").want(http.StatusOK, "has not joined yet").send("/nodes/1/token", nil).want(http.StatusOK, "shown once")
	token := tokenOnPage.FindString(asta.body)
	if token == lost {
		t.Error("the second token is the first one")
	}
	s.joinNode(t, token)
	asta.get("/nodes/1").want(http.StatusOK, "joined as a node of").want(http.StatusOK, "Key (Ed25519)").want(http.StatusOK, "It has not been drawn for a round yet.")
	asta.get("/nodes/all").want(http.StatusOK, "kitchen laptop").want(http.StatusOK, "asta")

	bera.get("/nodes/1").want(http.StatusOK, "kitchen laptop")
	if bera.form("/nodes/1/retire") != nil {
		t.Error("somebody else is offered to retire the node")
	}
	op := url.Values{"op": {"operation-of-bera"}, "name": {"mine"}}
	bera.post("/nodes/1/name", op).want(http.StatusNotFound, "You have no node 1")
	bera.post("/nodes/1/retire", op).want(http.StatusNotFound, "You have no node 1")

	asta.get("/nodes/1").send("/nodes/1/name", url.Values{"name": {""}}).want(http.StatusUnprocessableEntity, "1 to 50 characters")
	asta.get("/nodes/1").send("/nodes/1/name", url.Values{"name": {"attic"}}).want(http.StatusOK, "Node attic")
	asta.get("/nodes/1").send("/nodes/1/retire", nil).want(http.StatusOK, "retired")
	if asta.form("/nodes/1/retire") != nil {
		t.Error("a retired node can be retired again")
	}
	asta.get("/nodes").want(http.StatusOK, "attic")
}
