package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testKey(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

func testToken(t testing.TB) Token {
	t.Helper()
	token, err := NewToken(bytes.NewReader(bytes.Repeat([]byte{0xa7}, SecretSize)), testKey("server").Public().(ed25519.PublicKey), 42)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenRoundTrip(t *testing.T) {
	for range 200 {
		want, err := NewToken(rand.Reader, testKey("server").Public().(ed25519.PublicKey), 9_000_000_001)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{want.Text(), " " + strings.ToUpper(want.Text()) + "\r\n"} {
			got, err := ParseToken(text)
			if err != nil || got != want {
				t.Fatalf("ParseToken(%q) = %v, %v; want %v", text, got, err, want)
			}
		}
	}
}

func TestTypoIsFoundInItsPart(t *testing.T) {
	text := testToken(t).Text()
	parts := []string{"join token", "second part", "third part", "fourth part", "last part"}
	part := 0
	for i := range text {
		if text[i] == '.' {
			part++
			continue
		}
		with := byte('b')
		if text[i] == with {
			with = 'c'
		}
		typo := text[:i] + string(with) + text[i+1:]
		if _, err := ParseToken(typo); err == nil || !strings.Contains(err.Error(), parts[part]) {
			t.Errorf("ParseToken with a typo at %d: %v, want an error that names the %s", i, err, parts[part])
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	text := testToken(t).Text()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "begins with"},
		{"a password", "hunter2", "begins with"},
		{"cut off", text[:len(text)-3], "checksum"},
		{"half", text[:20], "2 of 5 parts"},
		{"two dots", strings.Replace(text, ".", "..", 1), "6 of 5 parts"},
	} {
		_, err := ParseToken(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	token := testToken(t)
	secret := token.parts()[2]
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("joining", slog.Any("token", token))
	inJSON, _ := json.Marshal(struct{ T Token }{token})
	_, typo := ParseToken(strings.Replace(token.Text(), secret, secret[:31]+"b", 1))
	for _, text := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v", token, &token, token), log.String(), string(inJSON), fmt.Sprint(typo)} {
		if strings.Contains(text, secret[:8]) || strings.Contains(text, "167 167") {
			t.Errorf("%q shows the secret", text)
		}
	}
	if !strings.Contains(token.Text(), secret) {
		t.Errorf("Text() = %q, want the whole token", token.Text())
	}
}

func FuzzToken(f *testing.F) {
	f.Add(testToken(f).Text())
	f.Add("aj1.a.1.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err == nil && token.Text() != strings.ToLower(strings.TrimSpace(text)) {
			t.Errorf("ParseToken(%q) is written %q", text, token.Text())
		}
	})
}
