package clitest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"golang.org/x/mod/sumdb/note"
)

// Read gets a page or a file of a site as a visitor.
func Read(url string) ([]byte, error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return io.ReadAll(res.Body)
}

// Replay rebuilds the state from the log that a site serves.
func Replay(t *testing.T, site string) *audit.State {
	t.Helper()
	fetch := func(path string, _ int64) ([]byte, error) { return Read(site + "/log/" + path) }
	key, err := fetch(translog.KeyFile, 0)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	state, visit := audit.Replay()
	if _, err := translog.Verify(fetch, verifier, visit); err != nil {
		t.Fatal(err)
	}
	return state
}
