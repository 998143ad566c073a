package s3_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/training/blobs/s3"
)

// strict is an S3 server in memory that believes nothing: it computes every
// signature and digest again, keeps conditions, and stores a body only when all
// of it has come.
type strict struct {
	*httptest.Server
	t  testing.TB
	mu sync.Mutex

	objects  map[string][]byte
	uploads  map[string]map[int][]byte // by "key id"
	fail     func(r *http.Request) int // status instead of an answer, 0 for none
	puts     int                       // bodies that were taken
	sizes    map[string]string         // metadata: the size that was announced
	careless bool                      // ignores conditions
	sloppy   bool                      // keeps what came of a body that broke off
}

const (
	access = "althing"
	secret = "a secret key"
)

func newStrict(t testing.TB) *strict {
	t.Helper()
	s := &strict{t: t, objects: map[string][]byte{}, sizes: map[string]string{}, uploads: map[string]map[int][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *strict) config() s3.Config {
	return s3.Config{Endpoint: s.URL, Bucket: "bucket", Region: "eu-north-1", Access: access, Secret: secret, Prefix: "a b/"}
}

// refuse answers with an error as S3 does.
func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

// signed computes the signature of a request from the bytes that came.
func signed(r *http.Request) bool {
	auth := r.Header.Get("Authorization")
	field := func(name string) string {
		_, rest, _ := strings.Cut(auth, name+"=")
		value, _, _ := strings.Cut(rest, ",")
		return value
	}
	var headers strings.Builder
	names := strings.Split(field("SignedHeaders"), ";")
	if !slices.IsSorted(names) || !slices.Contains(names, "host") {
		return false
	}
	for _, n := range names {
		v := r.Header.Get(n)
		if n == "host" {
			v = r.Host
		}
		headers.WriteString(n + ":" + v + "\n")
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" && !strings.Contains(pair, "=") {
			pair += "="
		}
		if pair != "" {
			pairs = append(pairs, pair)
		}
	}
	slices.Sort(pairs)
	text := strings.Join([]string{r.Method, path, strings.Join(pairs, "&"), headers.String(), strings.Join(names, ";"), r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	scope := strings.SplitN(field("Credential"), "/", 2)
	if len(scope) != 2 || scope[0] != access {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	text = strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope[1], hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope[1]+"/"+"", "/") {
		if part != "" {
			key = hmacOf(key, part)
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	return err == nil && time.Since(at).Abs() < 15*time.Minute && hex.EncodeToString(hmacOf(key, text)) == field("Signature")
}

func (s *strict) serve(w http.ResponseWriter, r *http.Request) {
	if !signed(r) {
		s.t.Errorf("%s %s is not signed as it came", r.Method, r.RequestURI)
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || int64(len(body)) != r.ContentLength { // cut on the way
		if s.sloppy {
			s.mu.Lock()
			defer s.mu.Unlock()
			key := strings.TrimPrefix(r.URL.Path, "/bucket/")
			s.objects[key], s.sizes[key] = body, r.Header.Get("X-Amz-Meta-Size")
		}
		return
	}
	sum := sha256.Sum256(body)
	claimed := r.Header.Get("X-Amz-Content-Sha256")
	if nothing := claimed == "UNSIGNED-PAYLOAD" && len(body) == 0; !nothing && hex.EncodeToString(sum[:]) != claimed {
		s.t.Errorf("%s %s: the body is not the one that was signed", r.Method, r.RequestURI)
		refuse(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if status := s.fail(r); status != 0 {
			refuse(w, status, "InternalError")
			return
		}
	}
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	if q := r.URL.Query(); q.Has("uploads") || q.Has("uploadId") {
		s.multipart(w, r, key, q, body)
		return
	}
	s.object(w, r, key, body)
}

func tag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (s *strict) object(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	data, there := s.objects[key]
	switch {
	case r.Method == http.MethodPut:
		match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
		if !s.careless && (none == "*" && there || match != "" && (!there || match != tag(data))) {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		s.objects[key], s.sizes[key], s.puts = body, r.Header.Get("X-Amz-Meta-Size"), s.puts+1
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", tag(data))
		if s.sizes[key] != "" {
			w.Header().Set("X-Amz-Meta-Size", s.sizes[key])
		}
		http.ServeContent(w, r, "", time.Unix(1, 0), strings.NewReader(string(data)))
	}
}

func (s *strict) multipart(w http.ResponseWriter, r *http.Request, key string, q url.Values, body []byte) {
	id := key + " " + q.Get("uploadId")
	parts, known := s.uploads[id]
	switch {
	case r.Method == http.MethodGet && q.Has("uploads"):
		fmt.Fprint(w, "<ListMultipartUploadsResult>")
		for id := range s.uploads {
			if name, upload, _ := strings.Cut(id, " "+"u"); strings.HasPrefix(name, q.Get("prefix")) {
				fmt.Fprintf(w, "<Upload><Key>%s</Key><UploadId>u%s</UploadId></Upload>", name, upload)
			}
		}
		fmt.Fprint(w, "</ListMultipartUploadsResult>")
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := "u" + strconv.Itoa(len(s.uploads)+1)
		s.uploads[key+" "+id], s.sizes[key] = map[int][]byte{}, r.Header.Get("X-Amz-Meta-Size")
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case !known:
		refuse(w, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodGet:
		fmt.Fprint(w, "<ListPartsResult>")
		for n, data := range parts {
			fmt.Fprintf(w, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, strings.ReplaceAll(tag(data), `"`, "&quot;"))
		}
		fmt.Fprint(w, "</ListPartsResult>")
	case r.Method == http.MethodPut:
		n, _ := strconv.Atoi(q.Get("partNumber"))
		parts[n], s.puts = body, s.puts+1
		w.Header().Set("ETag", tag(body))
	case r.Method == http.MethodDelete:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		var list struct {
			Part []struct {
				PartNumber int
				ETag       string
			}
		}
		if err := xml.Unmarshal(body, &list); err != nil || len(list.Part) != len(parts) {
			refuse(w, http.StatusBadRequest, "InvalidPart")
			return
		}
		var whole []byte
		for _, p := range list.Part {
			if `"`+strings.Trim(p.ETag, `"`)+`"` != tag(parts[p.PartNumber]) {
				fmt.Fprint(w, "<Error><Code>InvalidPart</Code><Message>no</Message></Error>") // with status 200, as S3 may
				return
			}
			whole = append(whole, parts[p.PartNumber]...)
		}
		s.objects[key] = whole
		delete(s.uploads, id)
		fmt.Fprint(w, "<CompleteMultipartUploadResult><Bucket>bucket</Bucket></CompleteMultipartUploadResult>")
	}
}
