package protocol

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/training"
)

func signedRequest(at time.Time) (Request, http.Header) {
	r := Request{
		Method: "POST", Target: "/node/v1/report?x=1", Digest: training.DigestOf([]byte("body")),
		Created: at.Unix(), Nonce: strings.Repeat("0a", RequestNonce), Node: 7, Operation: "report-5-1",
	}.Sign(testKey("node"), PinOf(testKey("server").Public().(ed25519.PublicKey)))
	h := http.Header{}
	for name, value := range r.Headers() {
		h.Set(name, value)
	}
	return r, h
}

func TestHeadersAreCanonical(t *testing.T) {
	for _, name := range []string{HeaderNode, HeaderCreated, HeaderNonce, HeaderDigest, HeaderOperation, HeaderSignature, HeaderOffset} {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%q is not in canonical form", name)
		}
	}
}

func TestRequestTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	_, h := signedRequest(now)
	pin := PinOf(testKey("server").Public().(ed25519.PublicKey))
	for _, tt := range []struct {
		skew time.Duration
		ok   bool
	}{{0, true}, {4 * time.Minute, true}, {-4 * time.Minute, true}, {Skew, true}, {305 * time.Second, false}, {-305 * time.Second, false}, {6 * time.Minute, false}} {
		r, err := ParseRequest("POST", "/node/v1/report?x=1", h)
		if err != nil {
			t.Fatal(err)
		}
		err = r.Verify(testKey("node").Public().(ed25519.PublicKey), pin, now.Add(tt.skew))
		var clock *ClockError
		if (err == nil) != tt.ok || !tt.ok && !errors.As(err, &clock) {
			t.Errorf("%v late: %v, want ok %v and else a ClockError", tt.skew, err, tt.ok)
		}
	}
}

func TestEveryChangedFieldIsRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	node, pin := testKey("node").Public().(ed25519.PublicKey), PinOf(testKey("server").Public().(ed25519.PublicKey))
	for _, tt := range []struct{ header, value string }{
		{HeaderNode, "8"}, {HeaderNode, "07"}, {HeaderNode, "-7"}, {HeaderCreated, "1800000001"}, {HeaderCreated, "+1800000000"},
		{HeaderNonce, strings.Repeat("0b", RequestNonce)}, {HeaderNonce, strings.Repeat("0A", RequestNonce)}, {HeaderNonce, "0a"},
		{HeaderDigest, "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"}, {HeaderDigest, "md5=:AAAA:"},
		{HeaderOperation, "report-5-2"}, {HeaderOperation, "x"}, {HeaderOperation, "report\n5-1xx"},
		{HeaderSignature, strings.Repeat("A", 86) + "=="}, {HeaderSignature, ""},
		{HeaderNode, ""}, {HeaderCreated, ""}, {HeaderNonce, ""}, {HeaderDigest, ""},
	} {
		_, h := signedRequest(now)
		h.Set(tt.header, tt.value)
		r, err := ParseRequest("POST", "/node/v1/report?x=1", h)
		if err == nil {
			err = r.Verify(node, pin, now)
		}
		if err == nil {
			t.Errorf("%s = %q was taken", tt.header, tt.value)
		}
	}
	for _, name := range []string{HeaderNode, HeaderCreated, HeaderNonce, HeaderDigest, HeaderOperation, HeaderSignature} {
		for _, change := range []func(http.Header){func(h http.Header) { h.Del(name) }, func(h http.Header) { h.Add(name, h.Get(name)) }} {
			_, h := signedRequest(now)
			change(h)
			r, err := ParseRequest("POST", "/node/v1/report?x=1", h)
			if err == nil {
				err = r.Verify(node, pin, now)
			}
			if err == nil {
				t.Errorf("a request with %d × %s was taken", len(h.Values(name)), name)
			}
		}
	}
	for _, line := range [][2]string{{"PUT", "/node/v1/report?x=1"}, {"POST", "/node/v1/report"}, {"POST", "/node/v1/report?x=2"}, {"POST", "/node/v1/report?x=1\n"}} {
		_, h := signedRequest(now)
		r, err := ParseRequest(line[0], line[1], h)
		if err == nil {
			err = r.Verify(node, pin, now)
		}
		if err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	r, _ := signedRequest(now)
	if err := r.Verify(node, PinOf(testKey("other").Public().(ed25519.PublicKey)), now); !errors.Is(err, ErrSignature) {
		t.Errorf("at another platform: %v, want ErrSignature", err)
	}
}

func FuzzRequestHeaders(f *testing.F) {
	_, h := signedRequest(time.Unix(1_800_000_000, 0))
	f.Add("POST", "/x", h.Get(HeaderNode), h.Get(HeaderCreated), h.Get(HeaderNonce), h.Get(HeaderDigest), h.Get(HeaderOperation), h.Get(HeaderSignature))
	f.Fuzz(func(t *testing.T, method, target, node, created, nonce, digest, operation, signature string) {
		h := map[string][]string{
			HeaderNode: {node}, HeaderCreated: {created}, HeaderNonce: {nonce}, HeaderDigest: {digest},
			HeaderOperation: {operation}, HeaderSignature: {signature},
		}
		r, err := ParseRequest(method, target, h)
		if err != nil {
			return
		}
		for name, value := range r.Headers() {
			if h[name][0] != value {
				t.Errorf("%s %q is written %q", name, h[name][0], value)
			}
		}
	})
}
