package agent

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// platform speaks the protocol as a platform does, and can be made to fail or
// to lie.
type platform struct {
	t      testing.TB
	web    *httptest.Server
	server ed25519.PrivateKey
	log    *memoryLog
	config llama.Config

	mu       sync.Mutex
	tokens   map[int64]ed25519.PublicKey
	node     ed25519.PublicKey // of node 7, once it joined
	nonces   map[string]bool
	queue    []protocol.Assignment // the first is given out until it is reported
	blobs    map[training.Digest][]byte
	arriving map[training.Digest][]byte
	reports  []protocol.Report
	ops      map[string]string // operation → body
	manifest []protocol.ManifestSummary
	sent     bytes.Buffer // everything that left the machine
	requests []string     // method and path
	cancel   bool
	back     time.Time                                         // when a node without work shall ask again
	size     int64                                             // of the log that the node last named
	fault    func(w http.ResponseWriter, r *http.Request) bool // true if it answered, or cut
	sign     func(protocol.Assignment) protocol.Assignment     // lies after signing
}

const joinRefused = "This join token has expired: it was good for an hour."

func newPlatform(t testing.TB) *platform {
	t.Helper()
	_, server, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{
		t: t, server: server, log: newMemoryLog(t), tokens: map[int64]ed25519.PublicKey{}, nonces: map[string]bool{},
		blobs: map[training.Digest][]byte{}, arriving: map[training.Digest][]byte{}, ops: map[string]string{},
		config: llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 32, Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true},
	}
	p.web = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.web.Close)
	return p
}

func (p *platform) public() ed25519.PublicKey { return p.server.Public().(ed25519.PublicKey) }

func (p *platform) token() protocol.Token {
	token, err := protocol.NewToken(rand.Reader, p.public(), int64(len(p.tokens)+1))
	if err != nil {
		p.t.Fatal(err)
	}
	p.tokens[token.ID] = token.Key().Public().(ed25519.PublicKey)
	return token
}

func (p *platform) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(&p.sent, "%s %s %v\n%s\n", r.Method, r.RequestURI, r.Header, body)
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	if p.fault != nil && p.fault(w, r) {
		return
	}
	switch r.URL.Path {
	case protocol.PathHello:
		hello, err := protocol.Decode[protocol.Hello](body)
		if err != nil {
			p.problem(w, 422, "invalid", err.Error())
			return
		}
		nonce, _ := protocol.NewChallengeNonce(rand.Reader, p.server, time.Now())
		p.answer(w, protocol.NewChallenge(p.server, hello, p.log.key, nonce))
	case protocol.PathJoin:
		p.join(w, body)
	default:
		p.signed(w, r, body)
	}
}

func (p *platform) join(w http.ResponseWriter, body []byte) {
	join, err := protocol.Decode[protocol.Join](body)
	if err == nil {
		err = join.Check(p.tokens[join.Token])
	}
	if err != nil {
		p.problem(w, 409, "conflict", joinRefused)
		return
	}
	p.node = join.PublicKey
	p.answer(w, protocol.Joined{Node: 7, Owner: 3, Name: "kitchen", Split: []byte("split")}.Sign(p.server, join.PublicKey))
}

func (p *platform) signed(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := protocol.ParseRequest(r.Method, r.RequestURI, r.Header)
	if err == nil {
		err = req.Verify(p.node, protocol.PinOf(p.public()), time.Now())
	}
	if err != nil || req.Digest != training.DigestOf(body) || p.nonces[req.Nonce] {
		p.problem(w, 401, "unauthenticated", fmt.Sprintf("bad signature: %v", err))
		return
	}
	p.nonces[req.Nonce] = true
	switch {
	case r.URL.Path == protocol.PathWork:
		p.work(w, r)
	case r.URL.Path == protocol.PathLease:
		p.answer(w, protocol.Lease{Expires: time.Now().Add(time.Minute).Unix(), Cancelled: p.cancel})
	case strings.HasPrefix(r.URL.Path, protocol.PathBlobs):
		p.blob(w, r, body)
	case r.URL.Path == protocol.PathReport, r.URL.Path == protocol.PathManifest:
		p.write(w, r, req.Operation, body)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (p *platform) work(w http.ResponseWriter, r *http.Request) {
	p.size, _ = strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
	if len(p.queue) == 0 {
		if !p.back.IsZero() {
			w.Header().Set(protocol.HeaderComeBack, strconv.FormatInt(p.back.Unix(), 10))
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a, err := p.queue[0].Sign(p.server)
	if err != nil {
		p.t.Error(err)
	}
	if p.sign != nil {
		a = p.sign(a)
	}
	p.answer(w, a)
}

func (p *platform) blob(w http.ResponseWriter, r *http.Request, body []byte) {
	name, err := training.ParseDigest(strings.TrimPrefix(r.URL.Path, protocol.PathBlobs))
	if err != nil {
		p.problem(w, 404, "not-found", "no such artefact")
		return
	}
	if r.Method == http.MethodGet {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.blobs[name]))
		return
	}
	have := int64(len(p.arriving[name]))
	if r.Method == http.MethodPut {
		if offset := r.URL.Query().Get("offset"); offset != strconv.FormatInt(have, 10) {
			w.Header().Set(protocol.HeaderOffset, strconv.FormatInt(have, 10))
			p.problem(w, 409, "conflict", "goes on elsewhere")
			return
		}
		p.arriving[name] = append(p.arriving[name], body...)
		have = int64(len(p.arriving[name]))
	}
	w.Header().Set(protocol.HeaderOffset, strconv.FormatInt(have, 10))
	w.WriteHeader(http.StatusNoContent)
}

func (p *platform) write(w http.ResponseWriter, r *http.Request, operation string, body []byte) {
	if operation == "" {
		p.problem(w, 422, "invalid", "no operation")
		return
	}
	if before, ok := p.ops[operation]; ok {
		if before != string(body) {
			p.problem(w, 409, "conflict", "other content under the same operation")
			return
		}
	} else if r.URL.Path == protocol.PathManifest {
		m, err := protocol.Decode[protocol.ManifestSummary](body)
		if err != nil {
			p.t.Error(err)
		}
		p.manifest = append(p.manifest, m)
	} else {
		report, err := protocol.Decode[protocol.Report](body)
		if err != nil || report.Check() != nil {
			p.t.Errorf("report %s: %v, %v", body, err, report.Check())
		}
		p.reports = append(p.reports, report)
		p.queue = p.queue[min(1, len(p.queue)):]
	}
	p.ops[operation] = string(body)
	w.WriteHeader(http.StatusNoContent)
}

func (p *platform) answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func (p *platform) problem(w http.ResponseWriter, status int, kind, message string) {
	w.WriteHeader(status)
	p.answer(w, protocol.Problem{Kind: kind, Message: message})
}

// base stores a model as a base and returns its digest and size.
func (p *platform) base(m *llama.Model) (training.Digest, int64) {
	p.t.Helper()
	var tensors []safetensors.Tensor
	for _, s := range m.Params.Specs() {
		tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	var file bytes.Buffer
	name, err := safetensors.Write(&file, tensors, m.Params.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	p.blobs[name] = file.Bytes()
	return name, int64(file.Len())
}

func (p *platform) model(seed uint64) *llama.Model {
	p.t.Helper()
	m, err := llama.Init(p.config, seed)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func (p *platform) recipe(base training.Digest) protocol.Recipe {
	return protocol.Recipe{
		Rounds: 3, Steps: 4, BatchTokens: 64, Context: 32, Optimizer: "adamw", LearnRate: "0.01", Beta1: "0.9",
		Beta2: "0.95", Epsilon: "0.00000001", WeightDecay: "0.1", ClipNorm: "1", UpdateNorm: "0.5", Cohort: 2, MinReports: 2,
		Deadline: 600, Aggregator: "fedavg", Converge: "0", Base: base.Hex(), Arithmetic: training.Arithmetic,
	}
}

// adopt puts a decision into the log.
func (p *platform) adopt(motion string, params any) int64 {
	text, _ := json.Marshal(params)
	return p.log.add(protocol.DecisionKind, map[string]any{"proposal": 1, "motion": motion, "params": string(text), "poll": 2})
}

// mandate shows decision, and an origin if it is not negative, to a node that
// remembers a log of older entries.
func (p *platform) mandate(decision, origin, older int64) protocol.Mandate {
	m := protocol.Mandate{Decision: p.log.inclusion(decision)}
	if origin >= 0 {
		i := p.log.inclusion(origin)
		m.Origin = &i
	}
	if size := int64(len(p.log.entries)); older > 0 {
		proof, err := tlog.ProveTree(size, older, p.log)
		if err != nil {
			p.t.Fatal(err)
		}
		m.Consistency = translog.NewConsistency(older, size, proof)
	}
	return m
}

// training returns an assignment of round 1 under a fresh decision.
func (p *platform) training(kind string) protocol.Assignment {
	p.t.Helper()
	base, size := p.base(p.model(1))
	recipe := p.recipe(base)
	config, err := llama.MarshalConfig(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	return protocol.Assignment{
		ID: 11, Node: 7, Round: 21, Campaign: 4, Number: 1, Epoch: 1, Kind: kind, Base: base, BaseSize: size,
		Config: string(config), Seed: 99, Recipe: recipe, Expires: time.Now().Add(time.Hour).Unix(), Weight: 1 << 40,
		Mandate: p.mandate(p.adopt(protocol.MotionTrain, recipe), -1, 0),
	}
}

func (p *platform) give(assignments ...protocol.Assignment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, assignments...)
}

// memoryLog is a transparency log in memory.
type memoryLog struct {
	t       testing.TB
	signer  note.Signer
	key     string
	entries [][]byte
	hashes  []tlog.Hash
}

func newMemoryLog(t testing.TB) *memoryLog {
	private, public, err := note.GenerateKey(rand.Reader, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &memoryLog{t: t, signer: signer, key: public}
}

func (l *memoryLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *memoryLog) add(kind string, data any) int64 {
	raw, _ := json.Marshal(data)
	e := translog.Entry{Version: translog.Version, Kind: kind, At: time.Unix(int64(len(l.entries)), 0), Actor: "job/test", Subject: "proposal/1", Data: raw}
	b, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	hashes, err := tlog.StoredHashes(int64(len(l.entries)), b, l)
	if err != nil {
		l.t.Fatal(err)
	}
	l.entries, l.hashes = append(l.entries, b), append(l.hashes, hashes...)
	return int64(len(l.entries)) - 1
}

func (l *memoryLog) inclusion(index int64) translog.Inclusion {
	size := int64(len(l.entries))
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := translog.Checkpoint{Origin: "log.test", Size: size, Root: root}.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	proof, err := tlog.ProveRecord(size, index, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return translog.NewInclusion(l.entries[index], index, proof, signed)
}
