package envelope_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/envelope"
)

func promiser(t testing.TB, seed byte) *envelope.Promiser {
	t.Helper()
	p, err := envelope.NewPromiser("althing.test/log", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var promised = envelope.Promise{Poll: 7, Entry: sha256.Sum256([]byte("entry")), By: time.Date(2026, 11, 29, 13, 0, 0, 0, time.UTC)}

// TestPromiseIsCheckedOffline: a signed promise opens under its key to what was
// promised, and under no other key.
func TestPromiseIsCheckedOffline(t *testing.T) {
	t.Parallel()
	own, other := promiser(t, 1), promiser(t, 2)
	signed, err := own.Sign(promised)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := envelope.OpenPromise([]byte(signed), own.Key()); err != nil || got != promised {
		t.Errorf("OpenPromise = %+v, %v; want %+v", got, err, promised)
	}
	if got, err := envelope.OpenPromise([]byte(signed), other.Key()); err == nil {
		t.Errorf("OpenPromise under another key = %+v, want an error", got)
	}
}

// TestPromiseRefusesEveryChange flips each bit of a promise: none
// opens any more.
func TestPromiseRefusesEveryChange(t *testing.T) {
	t.Parallel()
	own := promiser(t, 1)
	signed, err := own.Sign(promised)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(signed) * 8 {
		changed := []byte(signed)
		changed[i/8] ^= 1 << (i % 8)
		if got, err := envelope.OpenPromise(changed, own.Key()); err == nil {
			t.Errorf("bit %d flipped in %q: opened as %+v", i%8, signed[:i/8], got)
		}
	}
}

// FuzzOpenPromise: whatever a stranger sends is refused without a panic, and
// what opens is what the platform signs.
func FuzzOpenPromise(f *testing.F) {
	own := promiser(f, 1)
	signed, err := own.Sign(promised)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(signed))
	f.Add([]byte("althing ballot promise v1\npoll 1\nentry 00\nby \n\n— x y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := envelope.OpenPromise(data, own.Key())
		if err != nil {
			return
		}
		if p != promised {
			t.Errorf("OpenPromise(%q) = %+v, which was never signed", data, p)
		}
	})
}
