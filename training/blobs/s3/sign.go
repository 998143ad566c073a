package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// signer signs requests by AWS Signature Version 4 (“Authenticating Requests:
// Using the Authorization Header”, Amazon S3 API reference), which every
// server that speaks S3 checks.
type signer struct {
	region, access, secret string
}

const (
	amzTime    = "20060102T150405Z"
	amzDate    = "20060102"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	amzHash    = "X-Amz-Content-Sha256"
	amzTimeKey = "X-Amz-Date"
)

// sign sets the headers of a request whose body has the SHA-256 payload. All
// headers that the request has are signed.
func (s signer) sign(r *http.Request, payload string, now time.Time) {
	now = now.UTC()
	r.Header.Set(amzHash, payload)
	r.Header.Set(amzTimeKey, now.Format(amzTime))
	scope := strings.Join([]string{now.Format(amzDate), s.region, "s3", "aws4_request"}, "/")
	names, canonical := canonicalRequest(r, payload)
	hash := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", now.Format(amzTime), scope, hex.EncodeToString(hash[:])}, "\n")
	key := []byte("AWS4" + s.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.access+"/"+scope+
		",SignedHeaders="+names+",Signature="+hex.EncodeToString(mac(key, text)))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// canonicalRequest is the one spelling of a request that both sides hash, and
// the names of the headers in it.
func canonicalRequest(r *http.Request, payload string) (names, text string) {
	headers := map[string]string{"host": r.URL.Host}
	if r.Host != "" {
		headers["host"] = r.Host
	}
	for name, values := range r.Header {
		if name != "Authorization" {
			headers[strings.ToLower(name)] = strings.TrimSpace(strings.Join(values, ","))
		}
	}
	sorted := make([]string, 0, len(headers))
	for name := range headers {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var lines strings.Builder
	for _, name := range sorted {
		lines.WriteString(name + ":" + headers[name] + "\n")
	}
	names = strings.Join(sorted, ";")
	return names, strings.Join([]string{r.Method, escapePath(r.URL.Path), canonicalQuery(r.URL.Query()), lines.String(), names, payload}, "\n")
}

func canonicalQuery(query url.Values) string {
	var parts []string
	for name, values := range query {
		for _, v := range values {
			parts = append(parts, escape(name)+"="+escape(v))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// escape percent-encodes all but the unreserved characters of RFC 3986.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = escape(p)
	}
	return strings.Join(parts, "/")
}
