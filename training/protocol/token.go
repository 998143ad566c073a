package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
)

// Sizes of a join token's parts, in bytes. 160 random bits cannot be guessed,
// so the server needs no slow hash and keeps nothing secret: only the public
// half of the key that the secret seeds.
const (
	PinSize    = 16
	SecretSize = 20
)

// Pin names the platform's own key: the first 16 bytes of its SHA-256 under a
// name of our own. Finding another key with the same pin takes 2^128 tries.
type Pin [PinSize]byte

// PinOf returns the pin of a server key.
func PinOf(server ed25519.PublicKey) Pin {
	sum := sha256.Sum256(append([]byte("althing server key v1\n"), server...))
	return Pin(sum[:PinSize])
}

// String returns the pin as it stands in a token.
func (p Pin) String() string { return letters.EncodeToString(p[:]) }

// letters has one case and no characters that a line break, a shell or a
// double click would cut at.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token is a join token: "aj1.PIN.ID.SECRET.CHECK". The pin lets the node
// recognise the platform before it signs anything; the secret seeds an Ed25519
// key that signs the join and then is forgotten. It never travels and is
// redacted wherever a Token is printed: only Text shows it.
type Token struct {
	Pin    Pin
	ID     int64
	Secret [SecretSize]byte
}

// NewToken draws a secret for a token of the platform with this key.
func NewToken(random io.Reader, server ed25519.PublicKey, id int64) (Token, error) {
	t := Token{Pin: PinOf(server), ID: id}
	if _, err := io.ReadFull(random, t.Secret[:]); err != nil {
		return Token{}, fmt.Errorf("draw a join token: %w", err)
	}
	return t, nil
}

// Key returns the key that the secret seeds.
func (t Token) Key() ed25519.PrivateKey {
	seed := sha256.Sum256(append([]byte("althing join token v1\n"), t.Secret[:]...))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Text returns the token as its owner carries it to the machine.
func (t Token) Text() string {
	parts := t.parts()
	return "aj1." + strings.Join(parts[:], ".") + "." + tokenCheck(parts)
}

func (t Token) parts() [3]string {
	return [3]string{t.Pin.String(), strconv.FormatInt(t.ID, 10), letters.EncodeToString(t.Secret[:])}
}

// String hides the secret, so that a token that reaches a log or an error
// gives nothing away.
func (t Token) String() string { return fmt.Sprintf("aj1.%s.%d.(secret)", t.Pin, t.ID) }

// GoString is String: %#v hides the secret as well.
func (t Token) GoString() string { return t.String() }

// LogValue is String for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON is String, so that no dump of a struct holds the secret.
func (t Token) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(t.String())), nil }

// tokenCheck is four groups of four letters (20 bits each): one for each part
// and one for the groups before it, so that a typo is found in its part.
func tokenCheck(parts [3]string) string {
	var check strings.Builder
	for i, part := range parts {
		check.WriteString(checkGroup(i, part))
	}
	check.WriteString(checkGroup(len(parts), check.String()))
	return check.String()
}

func checkGroup(i int, part string) string {
	sum := sha256.Sum256([]byte("aj1 check " + strconv.Itoa(i) + " " + part))
	return letters.EncodeToString(sum[:])[:4]
}

// ParseToken reads what a person typed or pasted: spaces around it and upper
// case do not matter. The error says which part is wrong and never repeats it.
func ParseToken(text string) (Token, error) {
	fields := strings.Split(strings.ToLower(strings.TrimSpace(text)), ".")
	if fields[0] != "aj1" {
		return Token{}, errors.New("this is not a join token: a join token begins with “aj1.”")
	}
	if len(fields) != 5 {
		return Token{}, fmt.Errorf("the join token is not whole: it has %d of 5 parts between its dots", len(fields))
	}
	parts, check := [3]string(fields[1:4]), fields[4]
	if len(check) != 16 || check[12:] != checkGroup(3, check[:12]) {
		return Token{}, errors.New("the last part of the join token, its checksum, has a typo or is cut off")
	}
	for i, name := range []string{"second part of the join token, the platform's key,", "third part of the join token, its number,", "fourth part of the join token, its secret,"} {
		if check[4*i:4*i+4] != checkGroup(i, parts[i]) {
			return Token{}, fmt.Errorf("the %s has a typo", name)
		}
	}
	var t Token
	pin, err1 := letters.DecodeString(parts[0])
	secret, err2 := letters.DecodeString(parts[2])
	id, err3 := strconv.ParseInt(parts[1], 10, 64)
	if errors.Join(err1, err2, err3) != nil || len(pin) != PinSize || len(secret) != SecretSize || id < 1 {
		return Token{}, errors.New("the join token has the form of another version; ask for a new one")
	}
	copy(t.Pin[:], pin)
	copy(t.Secret[:], secret)
	t.ID = id
	if t.parts() != parts {
		return Token{}, errors.New("the join token is not spelt as this platform spells them; ask for a new one")
	}
	return t, nil
}
