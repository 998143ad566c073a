package nodeapi

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/protocol"
)

type stage struct {
	*audittest.Bench
	t       testing.TB
	api     *API
	nodes   *nodes.Store
	work    *table
	url     string
	server  ed25519.PrivateKey
	members []governance.MemberID
	offset  time.Duration // of the API's clock
}

func newStage(t testing.TB) *stage {
	t.Helper()
	b := audittest.New(t)
	_, server, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{Bench: b, t: t, nodes: nodes.New(b.Trail, b.Pool, b.Now), work: newTable(), server: server, members: memberstest.Join(t, b, "Anna", "Bert")}
	folder, err := blobs.OpenFolder(t.TempDir(), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	partial, err := blobs.OpenPartial(t.TempDir(), []byte("secret"), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close(); partial.Close() })
	s.api = New(Config{
		Nodes: s.nodes, Work: s.work, Corpus: s.work, Blobs: folder, Uploads: partial, Server: server, LogKey: "log+1+key",
		Split: bytes.Repeat([]byte{9}, 32), Now: func() time.Time { return time.Now().Add(s.offset) }, Log: slog.New(slog.DiscardHandler), JoinsPerMinute: 1000,
	})
	web := httptest.NewServer(s.api.Handler())
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func (s *stage) pin() protocol.Pin { return protocol.PinOf(s.server.Public().(ed25519.PublicKey)) }

func (s *stage) token(owner int, name string) protocol.Token {
	s.t.Helper()
	token, err := protocol.NewToken(rand.Reader, s.server.Public().(ed25519.PublicKey), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	issued, err := s.nodes.Register(s.t.Context(), governance.Member(s.members[owner], governance.Operation{}), name, token.Key().Public().(ed25519.PublicKey))
	if err != nil {
		s.t.Fatal(err)
	}
	token.ID = issued.ID
	return token
}

func (s *stage) post(path string, body any) (int, []byte) {
	s.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.Post(s.url+path, "application/json", bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, got
}

func (s *stage) hello() (protocol.Challenge, []byte) {
	s.t.Helper()
	nonce := make([]byte, protocol.NonceSize)
	rand.Read(nonce)
	status, body := s.post(protocol.PathHello, protocol.Hello{Version: protocol.Version, Nonce: nonce})
	c, err := protocol.Decode[protocol.Challenge](body)
	if status != 200 || err != nil {
		s.t.Fatalf("hello: %d %s %v", status, body, err)
	}
	return c, nonce
}

// machine is a joined node.
type machine struct {
	*stage
	id  int64
	key ed25519.PrivateKey
}

func (s *stage) join(owner int, name string) machine {
	s.t.Helper()
	token := s.token(owner, name)
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	c, nonce := s.hello()
	if err := c.Check(token.Pin, nonce); err != nil {
		s.t.Fatal(err)
	}
	status, body := s.post(protocol.PathJoin, protocol.NewJoin(token, key, nonce, c, protocol.Capabilities{CPU: "amd64", Threads: 2}))
	joined, err := protocol.Decode[protocol.Joined](body)
	if status != 200 || err != nil {
		s.t.Fatalf("join: %d %s %v", status, body, err)
	}
	if err := joined.Check(c.Server, key.Public().(ed25519.PublicKey)); err != nil || joined.Owner != int64(s.members[owner]) || joined.Name != name {
		s.t.Fatalf("joined: %+v, %v", joined, err)
	}
	return machine{s, joined.Node, key}
}

// signed returns a request of the node, signed now.
func (m machine) signed(method, target string, body []byte, operation string) *http.Request {
	m.t.Helper()
	nonce := make([]byte, protocol.RequestNonce)
	rand.Read(nonce)
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+target, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	signed := protocol.Request{
		Method: method, Target: target, Digest: training.DigestOf(body), Created: time.Now().Unix(),
		Nonce: hex.EncodeToString(nonce), Node: m.id, Operation: operation,
	}.Sign(m.key, m.pin())
	for name, value := range signed.Headers() {
		req.Header.Set(name, value)
	}
	return req
}

func (m machine) do(req *http.Request) (int, http.Header, []byte) {
	m.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.StatusCode, res.Header, body
}

func problem(body []byte) protocol.Problem {
	p, _ := protocol.Decode[protocol.Problem](body)
	return p
}

func TestJoinOverHTTP(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(0, "kitchen")
	token := s.token(1, "study")
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	c, nonce := s.hello()
	good := protocol.NewJoin(token, key, nonce, c, protocol.Capabilities{})
	for name, tt := range map[string]struct {
		change func(*protocol.Join)
		want   int
	}{
		"unknown token": {func(j *protocol.Join) { j.Token += 1000 }, 401},
		"another secret": {func(j *protocol.Join) {
			token := token
			token.Secret[0]++
			*j = protocol.NewJoin(token, key, nonce, c, protocol.Capabilities{})
		}, 401},
		"a nonce of its own":   {func(j *protocol.Join) { j.ServerNonce = make([]byte, protocol.NonceSize) }, 401},
		"another key":          {func(j *protocol.Join) { j.PublicKey[0]++ }, 401},
		"another version":      {func(j *protocol.Join) { j.Version = 2 }, 426},
		"proof of another key": {func(j *protocol.Join) { j.NodeProof = j.TokenProof }, 401},
	} {
		j := good
		j.PublicKey = bytes.Clone(good.PublicKey)
		tt.change(&j)
		if status, body := s.post(protocol.PathJoin, j); status != tt.want || problem(body).Message == "" {
			t.Errorf("%s: %d %s, want %d", name, status, body, tt.want)
		}
	}
	for range 2 { // the second is a retry after a lost answer
		if status, body := s.post(protocol.PathJoin, good); status != 200 {
			t.Fatalf("genuine join: %d %s", status, body)
		}
	}
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	status, body := s.post(protocol.PathJoin, protocol.NewJoin(token, other, nonce, c, protocol.Capabilities{}))
	if status != 409 || !strings.Contains(problem(body).Message, "used already") {
		t.Errorf("second machine: %d %s", status, body)
	}
	if status, body := s.post(protocol.PathHello, protocol.Hello{Version: 99}); status != 426 || problem(body).Kind != "version" {
		t.Errorf("hello of another version: %d %s", status, body)
	}
	if status, _ := s.post(protocol.PathHello, strings.Repeat("x", protocol.MaxMessage)); status != 429 {
		t.Errorf("too long a message: %d, want 429", status)
	}
}

func TestExpiredTokenOverHTTP(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	token := s.token(0, "late")
	s.Travel(nodes.TokenLife + time.Second)
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	c, nonce := s.hello()
	status, body := s.post(protocol.PathJoin, protocol.NewJoin(token, key, nonce, c, protocol.Capabilities{}))
	if status != 409 || !strings.Contains(problem(body).Message, "expired") {
		t.Errorf("expired token: %d %s", status, body)
	}
}

// TestReplayMatrix changes each field of a signed request, repeats it, sends
// it late; the genuine one is taken once.
func TestReplayMatrix(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m, other := s.join(0, "kitchen"), s.join(1, "study")
	body := []byte(`{"program":"1","os":"","cpu":"","threads":1,"memory":0,"kernel":"","accelerator":""}`)
	sign := func() *http.Request { return m.signed("POST", protocol.PathSeen, body, "operation-1") }
	refused := 0
	expect := func(name string, req *http.Request, status ...int) {
		t.Helper()
		got, _, answer := m.do(req)
		for _, want := range status {
			if got == want {
				refused++
				return
			}
		}
		t.Errorf("%s: %d %s, want %v", name, got, answer, status)
	}
	for name, change := range map[string]func(*http.Request){
		"method":       func(r *http.Request) { r.Method = "PUT" },
		"path":         func(r *http.Request) { r.URL.Path = protocol.PathReport },
		"query":        func(r *http.Request) { r.URL.RawQuery = "x=1" },
		"node":         func(r *http.Request) { r.Header.Set(protocol.HeaderNode, fmt.Sprint(other.id)) },
		"unknown node": func(r *http.Request) { r.Header.Set(protocol.HeaderNode, "99999") },
		"created":      func(r *http.Request) { r.Header.Set(protocol.HeaderCreated, fmt.Sprint(time.Now().Unix()+1)) },
		"nonce":        func(r *http.Request) { r.Header.Set(protocol.HeaderNonce, strings.Repeat("ab", 16)) },
		"digest": func(r *http.Request) {
			r.Header.Set(protocol.HeaderDigest, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
		},
		"operation":      func(r *http.Request) { r.Header.Set(protocol.HeaderOperation, "operation-2") },
		"no operation":   func(r *http.Request) { r.Header.Del(protocol.HeaderOperation) },
		"no signature":   func(r *http.Request) { r.Header.Del(protocol.HeaderSignature) },
		"two signatures": func(r *http.Request) { r.Header.Add(protocol.HeaderSignature, r.Header.Get(protocol.HeaderSignature)) },
		"two nodes":      func(r *http.Request) { r.Header.Add(protocol.HeaderNode, fmt.Sprint(other.id)) },
		"swapped with other": func(r *http.Request) {
			o := other.signed("POST", protocol.PathSeen, body, "operation-1")
			r.Header.Set(protocol.HeaderSignature, o.Header.Get(protocol.HeaderSignature))
		},
	} {
		req := sign()
		change(req)
		want := []int{401}
		if name == "method" {
			want = []int{401, 405}
		}
		expect(name, req, want...)
	}
	for name, sent := range map[string][]byte{"one byte": bytes.Replace(body, []byte("1"), []byte("2"), 1), "shorter": body[:len(body)-1], "longer": append(bytes.Clone(body), ' '), "empty": nil} {
		req := sign()
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		expect("body "+name, req, 401)
	}
	genuine := sign()
	again := func() *http.Request {
		r := genuine.Clone(t.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		return r
	}
	if status, _, answer := m.do(again()); status != 204 {
		t.Fatalf("genuine: %d %s", status, answer)
	}
	for range 20 {
		expect("repeated", again(), 401)
	}
	first, second := sign(), sign()
	for _, r := range []*http.Request{second, first} { // reordering two genuine ones is no attack
		if status, _, answer := m.do(r); status != 204 {
			t.Errorf("reordered: %d %s", status, answer)
		}
	}
	for _, skew := range []time.Duration{305 * time.Second, -305 * time.Second, 24 * time.Hour} {
		s.offset = skew
		req := sign()
		status, _, answer := m.do(req)
		if p := problem(answer); status != 401 || p.Kind != "clock" || !strings.Contains(p.Message, "UTC") {
			t.Errorf("%v late: %d %s, want a refusal that shows both clocks", skew, status, answer)
		}
	}
	for _, skew := range []time.Duration{4 * time.Minute, -4 * time.Minute} {
		s.offset = skew
		if status, _, answer := m.do(sign()); status != 204 {
			t.Errorf("%v late: %d %s, want it taken", skew, status, answer)
		}
	}
	s.offset = 0
	t.Logf("%d altered or repeated requests refused", refused)
}

func TestParallelRepeatsAreTakenOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	genuine := m.signed("GET", protocol.PathWork+"?wait=0&size=0", nil, "")
	var mu sync.Mutex
	count := map[int]int{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			status, _, _ := m.do(genuine.Clone(t.Context()))
			mu.Lock()
			count[status]++
			mu.Unlock()
		})
	}
	all.Wait()
	if count[204] != 1 || count[401] != 19 {
		t.Errorf("20 equal requests at once: %v, want one 204 and nineteen 401", count)
	}
}

func TestRevokedNodeIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	if status, _, body := m.do(m.signed("GET", protocol.PathWork+"?wait=0&size=0", nil, "")); status != 204 {
		t.Fatalf("before: %d %s", status, body)
	}
	if err := s.nodes.Revoke(t.Context(), governance.Member(s.members[0], governance.Operation{}), governance.NodeID(m.id)); err != nil {
		t.Fatal(err)
	}
	status, _, body := m.do(m.signed("GET", protocol.PathWork+"?wait=0&size=0", nil, ""))
	if p := problem(body); status != 403 || !strings.Contains(p.Message, "revoked") {
		t.Errorf("after: %d %s, want 403", status, body)
	}
}

// A node that is not needed for long is answered at once, with the time at which
// to ask again; one that is needed soon waits.
func TestComeBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	for _, tt := range []struct {
		away time.Duration
		told bool
	}{{time.Hour, true}, {time.Second, false}, {0, false}} {
		back := time.Time{}
		if tt.away > 0 {
			back = time.Now().Add(tt.away)
		}
		s.work.mu.Lock()
		s.work.back = back
		s.work.mu.Unlock()
		status, header, _ := m.do(m.signed("GET", protocol.PathWork+"?wait=0&size=0", nil, ""))
		want := ""
		if tt.told {
			want = fmt.Sprint(back.Unix())
		}
		if got := header.Get(protocol.HeaderComeBack); status != 204 || got != want {
			t.Errorf("away for %v: %d and “%s”, want 204 and “%s”", tt.away, status, got, want)
		}
	}
}

func TestLongPollWakes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	asked := make(chan []byte)
	go func() {
		_, _, body := m.do(m.signed("GET", protocol.PathWork+"?wait=30&size=0", nil, ""))
		asked <- body
	}()
	s.work.assign(governance.NodeID(m.id), protocol.Assignment{ID: 5, Kind: protocol.Train})
	a, err := protocol.Decode[protocol.Assignment](<-asked)
	if err != nil || a.ID != 5 {
		t.Errorf("assignment %+v, %v; want 5", a, err)
	}
	for _, query := range []string{"", "?wait=x&size=1", "?wait=1", "?wait=-1&size=0"} {
		if status, _, body := m.do(m.signed("GET", protocol.PathWork+query, nil, "")); status != 422 {
			t.Errorf("work%s: %d %s, want 422", query, status, body)
		}
	}
	if err := s.api.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.nodes.Node(t.Context(), governance.NodeID(m.id)); err != nil || n.SeenAt == nil {
		t.Errorf("the node was not noted as heard: %+v, %v", n, err)
	}
	if err := s.api.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWritesCarryAnOperation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.join(0, "kitchen")
	report, _ := json.Marshal(protocol.Report{Assignment: 5, Seconds: 1})
	if status, _, body := m.do(m.signed("POST", protocol.PathReport, report, "")); status != 422 {
		t.Errorf("without an operation: %d %s, want 422", status, body)
	}
	for range 3 {
		if status, _, body := m.do(m.signed("POST", protocol.PathReport, report, "report-5-1")); status != 204 {
			t.Fatalf("report: %d %s", status, body)
		}
	}
	bad, _ := json.Marshal(protocol.Report{Assignment: 5, Loss: protocol.Sums{Records: 3}})
	if status, _, body := m.do(m.signed("POST", protocol.PathReport, bad, "report-5-2")); status != 422 {
		t.Errorf("sums over 3 records: %d %s, want 422", status, body)
	}
	summary, _ := json.Marshal(protocol.ManifestSummary{Records: 3})
	if status, _, body := m.do(m.signed("POST", protocol.PathManifest, summary, "manifest-1")); status != 204 {
		t.Errorf("manifest: %d %s", status, body)
	}
	strata := protocol.Strata{Version: protocol.StrataVersion, Root: training.DigestOf(nil)}
	for version, want := range map[int]int{protocol.StrataVersion: 204, protocol.StrataVersion + 1: 422} {
		strata.Version = version
		message, _ := json.Marshal(strata)
		if status, _, body := m.do(m.signed("POST", protocol.PathStrata, message, fmt.Sprintf("strata-%d", version))); status != want {
			t.Errorf("strata of version %d: %d %s, want %d", version, status, body, want)
		}
	}
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	if len(s.work.reports) != 1 || len(s.work.manifest) != 1 || len(s.work.strata) != 1 {
		t.Errorf("%d reports and %d manifests, want one each", len(s.work.reports), len(s.work.manifest))
	}
}

func FuzzUnsignedMessages(f *testing.F) {
	s := newStage(f)
	f.Add([]byte(`{"version":1,"nonce":"AAAA"}`))
	f.Add([]byte(`{"version":1,"token":1,"node_nonce":"","server_nonce":"","public_key":"","capabilities":{},"token_proof":"","node_proof":""}`))
	handler := s.api.Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{protocol.PathHello, protocol.PathJoin, protocol.PathReport} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader(body)))
			if w.Code >= 500 {
				t.Errorf("%s answered %d to %q: %s", path, w.Code, body, w.Body)
			}
			if w.Code == 200 && path != protocol.PathHello {
				t.Errorf("%s took %q", path, body)
			}
		}
	})
}
