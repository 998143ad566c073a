package protocol

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/althing/althing/training"
)

// Headers of a signed request. Each stands exactly once.
const (
	HeaderNode      = "Althing-Node"      // the node's id
	HeaderCreated   = "Althing-Created"   // Unix seconds of the node's clock
	HeaderNonce     = "Althing-Nonce"     // 16 random bytes in hex, never used twice by a node
	HeaderDigest    = "Content-Digest"    // RFC 9530: "sha-256=:BASE64:" of the body, of an empty one too
	HeaderOperation = "Althing-Operation" // of a write: the same in every retry; absent in a read
	HeaderSignature = "Althing-Signature" // base64 of the Ed25519 signature
)

// Skew is how far a node's clock may be from the platform's. A request's
// nonce has to be remembered for twice as long.
const Skew = 5 * time.Minute

// RequestNonce is the size of a request's nonce in bytes.
const RequestNonce = 16

// Request is what a node signs of an HTTP request (the shape of RFC 9421 with
// one fixed list of components). The signed text is these lines, each ended
// by a line feed:
//
//	althing request v1
//	the pin of the platform's key
//	method
//	path and query, as sent
//	SHA-256 of the body, hex
//	created
//	nonce
//	node id
//	operation id, or nothing
//
// No component may hold a line feed, so no two requests have one text.
type Request struct {
	Method    string
	Target    string
	Digest    training.Digest
	Created   int64
	Nonce     string
	Node      int64
	Operation string
	Signature []byte
}

func (r Request) signingBytes(pin Pin) []byte {
	return []byte(strings.Join([]string{
		"althing request v1", pin.String(), r.Method, r.Target, r.Digest.Hex(),
		strconv.FormatInt(r.Created, 10), r.Nonce, strconv.FormatInt(r.Node, 10), r.Operation, "",
	}, "\n"))
}

// Sign returns the request with its signature.
func (r Request) Sign(key ed25519.PrivateKey, pin Pin) Request {
	r.Signature = ed25519.Sign(key, r.signingBytes(pin))
	return r
}

// Headers returns the headers of a signed request, names in canonical form.
func (r Request) Headers() map[string]string {
	h := map[string]string{
		HeaderNode:      strconv.FormatInt(r.Node, 10),
		HeaderCreated:   strconv.FormatInt(r.Created, 10),
		HeaderNonce:     r.Nonce,
		HeaderDigest:    "sha-256=:" + base64.StdEncoding.EncodeToString(r.Digest[:]) + ":",
		HeaderSignature: base64.StdEncoding.EncodeToString(r.Signature),
	}
	if r.Operation != "" {
		h[HeaderOperation] = r.Operation
	}
	return h
}

// ErrUnsigned says that a request does not carry the headers of a signed one.
var ErrUnsigned = errors.New("the request is not signed by a node")

// ParseRequest reads the signed part of a request from its line and headers.
// It checks form only: Verify checks the rest. target is the path and query
// as they came, before any cleaning.
func ParseRequest(method, target string, header map[string][]string) (Request, error) {
	r := Request{Method: method, Target: target}
	if strings.ContainsAny(method+target, "\r\n") {
		return r, fmt.Errorf("%w: line breaks in its address", ErrUnsigned)
	}
	one := func(name string) (string, error) {
		v := header[name]
		if len(v) != 1 {
			return "", fmt.Errorf("%w: %s stands %d times, want once", ErrUnsigned, name, len(v))
		}
		return v[0], nil
	}
	var text [5]string
	for i, name := range []string{HeaderNode, HeaderCreated, HeaderNonce, HeaderDigest, HeaderSignature} {
		var err error
		if text[i], err = one(name); err != nil {
			return r, err
		}
	}
	var errs [2]error
	r.Node, errs[0] = plainInt(text[0])
	r.Created, errs[1] = plainInt(text[1])
	if err := errors.Join(errs[:]...); err != nil {
		return r, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	r.Nonce = text[2]
	if b, err := hex.DecodeString(r.Nonce); err != nil || len(b) != RequestNonce || hex.EncodeToString(b) != r.Nonce {
		return r, fmt.Errorf("%w: the nonce is not %d bytes in hex", ErrUnsigned, RequestNonce)
	}
	digest, ok1 := strings.CutPrefix(text[3], "sha-256=:")
	digest, ok2 := strings.CutSuffix(digest, ":")
	b, err := base64.StdEncoding.Strict().DecodeString(digest)
	if !ok1 || !ok2 || err != nil || len(b) != len(r.Digest) {
		return r, fmt.Errorf("%w: %s is not one SHA-256", ErrUnsigned, HeaderDigest)
	}
	copy(r.Digest[:], b)
	if r.Signature, err = base64.StdEncoding.Strict().DecodeString(text[4]); err != nil || len(r.Signature) != ed25519.SignatureSize {
		return r, fmt.Errorf("%w: the signature has the wrong form", ErrUnsigned)
	}
	if v, present := header[HeaderOperation]; present {
		if len(v) != 1 || !plainOperation(v[0]) {
			return r, fmt.Errorf("%w: the operation id has the wrong form", ErrUnsigned)
		}
		r.Operation = v[0]
	}
	return r, nil
}

// plainInt reads a positive integer in its one spelling.
func plainInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	return n, nil
}

// plainOperation allows 8 to 128 letters, digits, dots and hyphens.
func plainOperation(s string) bool {
	if len(s) < 8 || len(s) > 128 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// ClockError says that a node's clock is too far from the platform's.
type ClockError struct {
	Node, Platform time.Time
}

// Error tells the owner both times.
func (e *ClockError) Error() string {
	const form = "2006-01-02 15:04:05 UTC"
	return fmt.Sprintf("the node's clock says %s, the platform's says %s; they may differ by %v at most. Set the machine's clock and try again",
		e.Node.UTC().Format(form), e.Platform.UTC().Format(form), Skew)
}

// ErrSignature says that a request is not signed by the key that it names, or
// was changed on its way.
var ErrSignature = errors.New("the signature does not fit the request")

// Verify checks signature and time. That the nonce was never used is for the
// platform's database, and that the body has the digest for whoever reads it.
func (r Request) Verify(key ed25519.PublicKey, pin Pin, now time.Time) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, r.signingBytes(pin), r.Signature) {
		return ErrSignature
	}
	created := time.Unix(r.Created, 0)
	if d := now.Sub(created); d > Skew || d < -Skew {
		return &ClockError{Node: created, Platform: now}
	}
	return nil
}
