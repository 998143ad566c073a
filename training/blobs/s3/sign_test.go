package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSignaturesOfTheManual repeats the four examples of “Signature
// Calculations for the Authorization Header: Transferring Payload in a Single
// Chunk” in the Amazon S3 API reference.
func TestSignaturesOfTheManual(t *testing.T) {
	t.Parallel()
	s := signer{region: "us-east-1", access: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		method, path string
		header       http.Header
		payload      string
		want         string
	}{
		{"GET", "/test.txt", http.Header{"Range": {"bytes=0-9"}}, emptyHash, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT", "/test%24file.text", http.Header{"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}},
			"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET", "/?lifecycle", http.Header{}, emptyHash, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "/?max-keys=2&prefix=J", http.Header{}, emptyHash, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequest(tt.method, "https://examplebucket.s3.amazonaws.com"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = tt.header
		s.sign(r, tt.payload, at)
		if _, got, _ := strings.Cut(r.Header.Get("Authorization"), "Signature="); got != tt.want {
			t.Errorf("%s %s: signature %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
}
