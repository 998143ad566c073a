package envelope

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"golang.org/x/mod/sumdb/note"
)

// Promise is what the platform signs for a voter whose entry is not in the
// log yet: the entry with this leaf hash will be there by this time. It is to
// a sealed ballot what the signed certificate timestamp is to a certificate in
// Certificate Transparency (RFC 6962, section 3): with the promise and a later
// checkpoint of the log a voter proves that an entry was left out.
//
// It says neither who votes nor how, and not when: the entry states the day.
type Promise struct {
	Poll  governance.PollID
	Entry [sha256.Size]byte // SHA-256(0x00 ‖ entry), the leaf of the log
	By    time.Time         // whole seconds, UTC
}

// Grace is how long after the close of a poll the last entries may take into
// the log: what a restart of the server in that moment costs, and more.
const Grace = time.Hour

// promiseHeader is the first line, so that no other thing that the same key
// signs can be taken for a promise.
const promiseHeader = "althing ballot promise v1"

func (p Promise) text() string {
	return fmt.Sprintf("%s\npoll %d\nentry %s\nby %s\n", promiseHeader, p.Poll, hex.EncodeToString(p.Entry[:]), p.By.UTC().Format(time.RFC3339))
}

// Promiser signs promises with the platform's key.
type Promiser struct {
	signer note.Signer
	key    string
}

// NewPromiser returns the signer of a platform. name is the origin of its log.
func NewPromiser(name string, key ed25519.PrivateKey) (*Promiser, error) {
	verifier, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("key of ballot promises: %w", err)
	}
	// A note's private key is its public one with the seed instead of the key.
	parts := strings.SplitN(verifier, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("key of ballot promises: %w", err)
	}
	secret := append([]byte{raw[0]}, key.Seed()...)
	signer, err := note.NewSigner("PRIVATE+KEY+" + parts[0] + "+" + parts[1] + "+" + base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		return nil, fmt.Errorf("key of ballot promises: %w", err)
	}
	return &Promiser{signer, verifier}, nil
}

// Key is the public key in the form of signed notes, "name+hash+key".
func (p *Promiser) Key() string { return p.key }

// Sign returns the promise as a signed note.
func (p *Promiser) Sign(promise Promise) (string, error) {
	signed, err := note.Sign(&note.Note{Text: promise.text()}, p.signer)
	if err != nil {
		return "", fmt.Errorf("sign ballot promise: %w", err)
	}
	return string(signed), nil
}

// maxPromise bounds what OpenPromise reads; a promise has under 400 bytes.
const maxPromise = 4096

// OpenPromise reads a promise that was signed by the key. It needs nothing but
// its arguments, so that a voter checks it without the platform.
func OpenPromise(signed []byte, key string) (Promise, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Promise{}, fmt.Errorf("key of ballot promises: %w", err)
	}
	if len(signed) > maxPromise {
		return Promise{}, fmt.Errorf("open ballot promise: %d bytes, want at most %d", len(signed), maxPromise)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Promise{}, fmt.Errorf("open ballot promise: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 5 || lines[0] != promiseHeader {
		return Promise{}, fmt.Errorf("open ballot promise: the key signed something else")
	}
	var p Promise
	poll, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "poll "), 10, 64)
	if err != nil {
		return Promise{}, fmt.Errorf("open ballot promise: %w", err)
	}
	entry, err := hex.DecodeString(strings.TrimPrefix(lines[2], "entry "))
	if err != nil || len(entry) != len(p.Entry) {
		return Promise{}, fmt.Errorf("open ballot promise: %q names no entry", lines[2])
	}
	if p.By, err = time.Parse(time.RFC3339, strings.TrimPrefix(lines[3], "by ")); err != nil {
		return Promise{}, fmt.Errorf("open ballot promise: %w", err)
	}
	p.Poll, p.Entry = governance.PollID(poll), [sha256.Size]byte(entry)
	if p.text() != opened.Text {
		return Promise{}, fmt.Errorf("open ballot promise: it is not written as promises are")
	}
	return p, nil
}
