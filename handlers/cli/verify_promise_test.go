package cli

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/envelope"
)

// TestVerifyPromise takes the promise that a voter is given and holds it
// against the served log: before the close, after it, with one letter changed,
// and where the platform promised an entry that it never wrote.
func TestVerifyPromise(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	people, _, _ := s.secretElection(t)
	people[3].vote(t, []int{2, 1})
	promised := people[3].get("/elections/1/promise").body
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	begun := time.Now()
	check := func(path string, now time.Time) (string, error) {
		var out bytes.Buffer
		err := verifyPromise(t.Context(), &out, path, s.url, "", now)
		return out.String(), err
	}
	if said, err := check(file("early", promised), begun); err != nil || !strings.Contains(said, "not due") {
		t.Errorf("before the close: %q, %v; want “not due”", said, err)
	}
	for _, p := range people[:3] {
		p.vote(t, []int{1, 2})
	}
	s.until(t, people[3], "/elections/1", "The ballots are counted")
	late := begun.Add(24 * time.Hour)
	kept := file("kept", promised)
	said, err := check(kept, late)
	for range 500 { // the entry is written, and waits for the next checkpoint
		if !errors.Is(err, errBroken) {
			break
		}
		said, err = check(kept, late)
	}
	if err != nil || !strings.Contains(said, "kept: entry") {
		t.Errorf("after the close: %q, %v; want “kept”", said, err)
	}
	if _, err := check(file("changed", strings.Replace(promised, "poll 1", "poll 2", 1)), late); err == nil {
		t.Error("a changed promise was taken")
	}
	signer, err := envelope.NewPromiser(s.keys.LogVerifier.Name(), s.keys.Server)
	if err != nil {
		t.Fatal(err)
	}
	never, err := signer.Sign(envelope.Promise{Poll: 1, Entry: [32]byte{1}, By: begun.Add(time.Hour).UTC().Truncate(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(file("broken", never), late); !errors.Is(err, errBroken) {
		t.Errorf("a promise that was not kept: %v, want %v", err, errBroken)
	}
	stranger, err := envelope.NewPromiser(s.keys.LogVerifier.Name(), ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Sign(envelope.Promise{Poll: 1, By: begun.UTC().Truncate(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(file("forged", forged), late); err == nil || errors.Is(err, errBroken) {
		t.Errorf("a promise by another key: %v, want a refusal of the key", err)
	}
}
