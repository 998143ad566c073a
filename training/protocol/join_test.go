package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestJoinHandshake(t *testing.T) {
	server, node := testKey("server"), testKey("node")
	token := testToken(t)
	now := time.Unix(1_800_000_000, 0)
	hello := Hello{Version: Version, Nonce: bytes.Repeat([]byte{1}, NonceSize)}
	nonce, err := NewChallengeNonce(rand.Reader, server, now)
	if err != nil {
		t.Fatal(err)
	}
	c := NewChallenge(server, hello, "log+1+key", nonce)
	if err := c.Check(token.Pin, hello.Nonce); err != nil {
		t.Fatalf("genuine challenge: %v", err)
	}
	if err := CheckChallengeNonce(server, c.Nonce, now.Add(ChallengeLife)); err != nil {
		t.Errorf("challenge at the end of its life: %v", err)
	}
	if err := CheckChallengeNonce(server, c.Nonce, now.Add(ChallengeLife+time.Second)); err == nil {
		t.Error("an old challenge was taken")
	}
	if err := CheckChallengeNonce(testKey("other"), c.Nonce, now); err == nil {
		t.Error("a challenge of another platform was taken")
	}
	join := NewJoin(token, node, hello.Nonce, c, Capabilities{CPU: "amd64", Threads: 2})
	public := token.Key().Public().(ed25519.PublicKey)
	if err := join.Check(public); err != nil {
		t.Fatalf("genuine join: %v", err)
	}
	wire, _ := json.Marshal(join)
	for _, secret := range [][]byte{token.Secret[:], token.Key().Seed(), node.Seed()} {
		text, _ := json.Marshal(secret)
		if bytes.Contains(wire, secret) || bytes.Contains(wire, text[1:len(text)-2]) {
			t.Error("a secret leaves the machine")
		}
	}
	joined := Joined{Node: 3, Owner: 5, Name: "study"}.Sign(server, join.PublicKey)
	if err := joined.Check(server.Public().(ed25519.PublicKey), join.PublicKey); err != nil {
		t.Errorf("genuine answer: %v", err)
	}
	joined.Owner = 6
	if err := joined.Check(server.Public().(ed25519.PublicKey), join.PublicKey); err == nil {
		t.Error("an answer with another owner was taken")
	}
}

func TestWrongPlatformIsSeenBeforeAnythingIsSigned(t *testing.T) {
	token := testToken(t)
	hello := Hello{Version: Version, Nonce: bytes.Repeat([]byte{1}, NonceSize)}
	nonce := make([]byte, NonceSize)
	other := NewChallenge(testKey("impostor"), hello, "log", nonce)
	stolen := other
	stolen.Server = testKey("server").Public().(ed25519.PublicKey)
	replayed := NewChallenge(testKey("server"), Hello{Nonce: bytes.Repeat([]byte{2}, NonceSize)}, "log", nonce)
	changed := NewChallenge(testKey("server"), hello, "log", nonce)
	changed.LogKey = "another log"
	for name, c := range map[string]Challenge{"another key": other, "the right key without its signature": stolen, "an old answer": replayed, "another log": changed, "nothing": {}} {
		if err := c.Check(token.Pin, hello.Nonce); !errors.Is(err, ErrPin) {
			t.Errorf("%s: %v, want ErrPin", name, err)
		}
	}
}

func TestChangedJoinIsRefused(t *testing.T) {
	server, node := testKey("server"), testKey("node")
	token := testToken(t)
	public := token.Key().Public().(ed25519.PublicKey)
	nonce := bytes.Repeat([]byte{1}, NonceSize)
	c := NewChallenge(server, Hello{Nonce: nonce}, "log", nonce)
	for name, change := range map[string]func(*Join){
		"token":                 func(j *Join) { j.Token++ },
		"node nonce":            func(j *Join) { j.NodeNonce = bytes.Repeat([]byte{2}, NonceSize) },
		"server nonce":          func(j *Join) { j.ServerNonce = bytes.Repeat([]byte{2}, NonceSize) },
		"key of another node":   func(j *Join) { j.PublicKey = testKey("thief").Public().(ed25519.PublicKey) },
		"capabilities":          func(j *Join) { j.Capabilities.Threads = 64 },
		"no proof of the token": func(j *Join) { j.TokenProof = nil },
		"no proof of the key":   func(j *Join) { j.NodeProof = j.TokenProof },
		"short key":             func(j *Join) { j.PublicKey = j.PublicKey[:31] },
	} {
		j := NewJoin(token, node, nonce, c, Capabilities{CPU: "amd64"})
		change(&j)
		if err := j.Check(public); err == nil {
			t.Errorf("%s: the join was taken", name)
		}
	}
	loud := NewJoin(token, node, nonce, c, Capabilities{CPU: "amd64\n" + strings.Repeat("x", 10)})
	if err := loud.Check(public); err == nil {
		t.Error("a capability with a line break was taken")
	}
}
