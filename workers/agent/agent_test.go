package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// canary must never be in anything that leaves the machine.
const canary = "the heron keeps its counsel by the weir"

// textFolder writes files of which a number of records can be measured with.
func textFolder(t testing.TB, files int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range files {
		text := fmt.Sprintf("Record %d says that %s, and then it says something else about number %d.\n", i, canary, i*i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("secret-name-%03d.txt", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// node is a node that joined a platform.
type node struct {
	*platform
	dir, text string
	out       *bytes.Buffer
	waits     []time.Duration
}

func newNode(t testing.TB, p *platform, files int) *node {
	t.Helper()
	n := &node{platform: p, dir: filepath.Join(t.TempDir(), "node"), text: textFolder(t, files), out: &bytes.Buffer{}}
	err := Join(t.Context(), JoinOptions{Dir: n.dir, URL: p.web.URL, Token: strings.NewReader(p.token().Text() + "\n"), Out: n.out})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run serves until that many assignments are answered, or the node gives up
// after 20 waits.
func (n *node) run(most int, change ...func(*Options)) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o := Options{Dir: n.dir, Folder: n.text, Out: n.out, Most: most, Wait: time.Second}
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		n.waits = append(n.waits, d)
		if len(n.waits) > 20 {
			cancel()
		}
		return ctx.Err()
	}
	for _, f := range change {
		f(&o)
	}
	return Run(ctx, o)
}

func (n *node) mustRun(t testing.TB, most int, change ...func(*Options)) {
	t.Helper()
	if err := n.run(most, change...); err != nil {
		t.Fatalf("run: %v\n%s", err, n.out)
	}
}

func (n *node) lastReport(t testing.TB) protocol.Report {
	t.Helper()
	if len(n.reports) == 0 {
		t.Fatalf("no report came\n%s", n.out)
	}
	return n.reports[len(n.reports)-1]
}

func TestJoin(t *testing.T) {
	p := newPlatform(t)
	dir := filepath.Join(t.TempDir(), "node")
	var out bytes.Buffer
	token := p.token()
	join := func(dir, url, token string) error {
		return Join(t.Context(), JoinOptions{Dir: dir, URL: url, Token: strings.NewReader(token), Out: &out})
	}
	typo := []byte(token.Text())
	typo[len(typo)-30] ^= 1
	if err := join(dir, p.web.URL, string(typo)); err == nil || !strings.Contains(err.Error(), "fourth part") {
		t.Errorf("typo: %v", err)
	}
	for _, url := range []string{"", "example.org", "ftp://x", "http://", "http://x?y"} {
		if err := join(dir, url, token.Text()); err == nil || !strings.Contains(err.Error(), "address") {
			t.Errorf("address %q: %v", url, err)
		}
	}
	if len(p.requests) != 0 {
		t.Errorf("requests before anything was right: %v", p.requests)
	}

	// The answer to the first join is lost; the same machine joins again.
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != protocol.PathJoin {
			return false
		}
		p.fault = nil
		panic(http.ErrAbortHandler)
	}
	p.web.Config.ErrorLog = nil
	if err := join(dir, p.web.URL, token.Text()); err == nil {
		t.Error("a cut join succeeded")
	}
	if err := join(dir, p.web.URL+"/", token.Text()); err != nil {
		t.Fatal(err)
	}
	if err := join(dir, p.web.URL, p.token().Text()); err == nil || !strings.Contains(err.Error(), "holds node 7") {
		t.Errorf("second join in one folder: %v", err)
	}
	if !strings.Contains(out.String(), protocol.Notice) || !strings.Contains(out.String(), "No text, no file names.") {
		t.Errorf("the terminal does not say what leaves:\n%s", out.String())
	}
	var joins []string
	for line := range strings.Lines(p.sent.String()) {
		if strings.HasPrefix(line, `{"version":1,"token"`) {
			j, _ := protocol.Decode[protocol.Join]([]byte(line))
			joins = append(joins, fmt.Sprintf("%x", j.PublicKey))
		}
	}
	if len(joins) != 2 || joins[0] != joins[1] {
		t.Errorf("the repeated join came from the keys %v, want one key", joins)
	}
	parts := strings.Split(token.Text(), ".")
	if strings.Contains(p.sent.String(), parts[3]) || strings.Contains(out.String(), parts[3]) {
		t.Error("the token's secret left the machine")
	}
}

func TestWrongPlatformGetsNothing(t *testing.T) {
	p, impostor := newPlatform(t), newPlatform(t)
	err := Join(t.Context(), JoinOptions{Dir: t.TempDir(), URL: impostor.web.URL, Token: strings.NewReader(p.token().Text()), Out: io.Discard})
	if !errors.Is(err, protocol.ErrPin) {
		t.Errorf("wrong platform: %v, want ErrPin", err)
	}
	if len(impostor.requests) != 1 {
		t.Errorf("the impostor got %v, want hello only", impostor.requests)
	}
	away := httptest.NewServer(http.RedirectHandler(p.web.URL+protocol.PathHello, http.StatusTemporaryRedirect))
	defer away.Close()
	if err := Join(t.Context(), JoinOptions{Dir: t.TempDir(), URL: away.URL, Token: strings.NewReader(p.token().Text()), Out: io.Discard}); err == nil || !strings.Contains(err.Error(), "another address") {
		t.Errorf("redirect: %v", err)
	}
	p.tokens = map[int64]ed25519.PublicKey{}
	expired := p.token()
	delete(p.tokens, expired.ID)
	if err := Join(t.Context(), JoinOptions{Dir: t.TempDir(), URL: p.web.URL, Token: strings.NewReader(expired.Text()), Out: io.Discard}); err == nil || err.Error() != joinRefused {
		t.Errorf("expired: %v, want the platform's sentence", err)
	}
}

func TestTrainReportsOneLegalUpdate(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := p.training(protocol.Train)
	p.give(a)
	n.mustRun(t, 1)
	report := n.lastReport(t)
	update := p.arriving[report.Update]
	if training.DigestOf(update) != report.Update || len(update) != len(p.blobs[a.Base]) {
		t.Fatalf("update of %d bytes, base of %d\n%s", len(update), len(p.blobs[a.Base]), n.out)
	}
	var tensors []safetensors.Tensor
	for _, s := range p.model(1).Params.Specs() {
		tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	values := make([]float32, safetensors.Elements(tensors))
	got, err := safetensors.Receive(bytes.NewReader(update), safetensors.Header(tensors), len(values), values, safetensors.Limits{MaxNorm: 0.5})
	if err != nil || got.Norm == 0 || fedavg.Norm(values) > 0.5 {
		t.Errorf("the platform receives %+v, %v; want a norm in (0, 0.5]", got, err)
	}
	if report.Examples < 1000 || report.Tokens != 4*64 || report.Manifest.IsZero() || report.Seconds < 0 {
		t.Errorf("report %+v", report)
	}
	if len(p.manifest) != 1 || p.manifest[0].Records == 0 || p.manifest[0].Validation == 0 {
		t.Errorf("manifests %+v, want one", p.manifest)
	}
	for _, secret := range []string{canary, "secret-name", "heron"} {
		if strings.Contains(p.sent.String(), secret) {
			t.Errorf("%q left the machine", secret)
		}
	}

	// The same assignment after everything was forgotten but the records:
	// the same update.
	for _, name := range []string{"done", "blobs"} {
		if err := os.RemoveAll(filepath.Join(n.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p.ops, p.arriving, p.reports = map[string]string{}, map[training.Digest][]byte{}, nil
	if err := os.WriteFile(filepath.Join(n.text, "new.txt"), []byte("text that came later\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Mandate = p.mandate(a.Mandate.Decision.Index, -1, 1)
	p.give(a)
	n.mustRun(t, 1)
	if again := n.lastReport(t); again.Update != report.Update || again.Manifest != report.Manifest {
		t.Errorf("the same assignment gave %s over %s, before %s over %s", again.Update, again.Manifest, report.Update, report.Manifest)
	}
	// And after it was answered: the same answer, without training.
	p.ops, p.reports = map[string]string{}, nil
	p.give(a)
	before := strings.Count(n.out.String(), "step 4 of 4")
	n.mustRun(t, 1)
	if again := n.lastReport(t); again.Update != report.Update || strings.Count(n.out.String(), "step 4 of 4") != before {
		t.Errorf("it trained again:\n%s", n.out)
	}
	if p.size == 0 {
		t.Error("the node does not tell which log it has seen")
	}
}

func TestForgedWorkIsRefused(t *testing.T) {
	other := newMemoryLog(t)
	for name, change := range map[string]func(*platform, *protocol.Assignment){
		"a server that forges the decision": func(p *platform, a *protocol.Assignment) {
			own := p.log
			p.log = other // it signs with a log of its own making
			a.Mandate = p.mandate(p.adopt(protocol.MotionTrain, a.Recipe), -1, 0)
			p.log = own
		},
		"changed entry": func(_ *platform, a *protocol.Assignment) {
			a.Mandate.Decision.Entry = bytes.Replace(a.Mandate.Decision.Entry, []byte("0.01"), []byte("0.09"), 1)
		},
		"no mandate":           func(_ *platform, a *protocol.Assignment) { a.Mandate = protocol.Mandate{} },
		"ten times the steps":  func(_ *platform, a *protocol.Assignment) { a.Recipe.Steps *= 10 },
		"an unknown optimiser": func(_ *platform, a *protocol.Assignment) { a.Recipe.Optimizer = "shell" },
		"a name with ../":      func(_ *platform, a *protocol.Assignment) { a.Kind = "../../etc/cron.d/train" },
		"a round too many":     func(_ *platform, a *protocol.Assignment) { a.Number = 4 },
		"for another node":     func(_ *platform, a *protocol.Assignment) { a.Node = 8 },
		"suppress without right": func(_ *platform, a *protocol.Assignment) {
			a.Kind, a.Forget = protocol.Suppress, &protocol.Forget{Campaign: 4, Contributor: 3, Method: "rollback"}
		},
		"signed by another key": func(p *platform, a *protocol.Assignment) {
			p.sign = func(a protocol.Assignment) protocol.Assignment {
				forged, _ := a.Sign(newPlatform(p.t).server)
				return forged
			}
		},
		"changed after signing": func(p *platform, a *protocol.Assignment) {
			p.sign = func(a protocol.Assignment) protocol.Assignment { a.Seed++; return a }
		},
		"larger than allowed": func(_ *platform, a *protocol.Assignment) { a.BaseSize = 1 << 40 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			n := newNode(t, p, 3)
			a := p.training(protocol.Train)
			change(p, &a)
			p.give(a)
			n.mustRun(t, 1)
			report := n.lastReport(t)
			if report.Refused == "" || !report.Update.IsZero() || !strings.Contains(n.out.String(), "refused assignment 11") {
				t.Errorf("report %+v\n%s", report, n.out)
			}
			for _, r := range p.requests {
				if strings.Contains(r, protocol.PathBlobs) {
					t.Errorf("the node went on to %s", r)
				}
			}
		})
	}
}

func TestForkedLogIsRefused(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := p.training(protocol.Train)
	p.give(a)
	n.mustRun(t, 1)
	// The platform comes back with another history under the same key.
	forked := newMemoryLog(t)
	forked.signer = p.log.signer
	forked.add("page.saved", map[string]int{"n": 0})
	p.log = forked
	b := p.training(protocol.Train)
	b.ID = 12
	for range 3 {
		p.log.add("page.saved", map[string]int{"n": 1})
	}
	b.Mandate = p.mandate(1, -1, 1)
	p.give(b)
	n.mustRun(t, 1)
	if report := n.lastReport(t); report.Assignment != 12 || !strings.Contains(report.Refused, "does not continue") {
		t.Errorf("report %+v\n%s", report, n.out)
	}
}

func TestSurvivesCutsAndRestarts(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	p.give(p.training(protocol.Train))
	seen := map[string]int{}
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		key := r.Method + " " + strings.Split(r.URL.Path, "/")[3]
		seen[key]++
		switch {
		case key == "GET blobs" && seen[key] == 1: // half the base, then a cut
			data := p.blobs[p.queue[0].Base]
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		case key == "PUT blobs" && seen[key] == 1: // the part is taken, the answer lost
			return false
		case key == "POST report" && seen[key] == 2: // the report is taken, the answer lost
			return false
		case seen[key] == 1: // everything fails once
			p.problem(w, 503, "unavailable", "restarting")
			return true
		case seen[key] == 2 && key == "GET work":
			panic(http.ErrAbortHandler)
		}
		return false
	}
	n.mustRun(t, 1)
	if len(p.reports) != 1 || len(p.ops) != 2 {
		t.Errorf("%d reports under %d operations, want one report and one manifest\n%s", len(p.reports), len(p.ops), n.out)
	}
	if !strings.Contains(n.out.String(), "goes on at byte") {
		t.Errorf("the download began again:\n%s", n.out)
	}
	if len(n.waits) < 4 {
		t.Errorf("waited %v, want a wait for each failure", n.waits)
	}
	for i, d := range n.waits {
		if d < 250*time.Millisecond || d > longest {
			t.Errorf("wait %d is %v, want 0.25 s to a minute", i, d)
		}
	}
}

func TestBackoffGrows(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 3)
	p.fault = func(w http.ResponseWriter, _ *http.Request) bool {
		p.problem(w, 503, "unavailable", "away")
		return true
	}
	n.mustRun(t, 1)
	if len(n.waits) != 21 {
		t.Fatalf("%d waits", len(n.waits))
	}
	for i, d := range n.waits[7:] {
		if d < longest/4 || d > longest {
			t.Errorf("wait %d is %v, want 15 s to a minute", i+7, d)
		}
	}
	if n.waits[0] > time.Second {
		t.Errorf("first wait %v, want a second at most", n.waits[0])
	}
}

func TestRevokedNodeStops(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 3)
	p.fault = func(w http.ResponseWriter, _ *http.Request) bool {
		p.problem(w, 403, "forbidden", "Node 7 was revoked by its owner.\x1b[2J")
		return true
	}
	if err := n.run(1); err == nil || !strings.Contains(err.Error(), "revoked") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("run: %q, want the platform's sentence without its control characters", err)
	}
}

func TestCancelledLeaseStopsTraining(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := p.training(protocol.Train)
	a.Recipe.Steps = 1_000_000
	a.Mandate = p.mandate(p.adopt(protocol.MotionTrain, a.Recipe), -1, 0)
	p.give(a)
	p.cancel = true
	n.mustRun(t, 1, func(o *Options) { o.Renew = 5 * time.Millisecond })
	if len(p.reports) != 0 || !strings.Contains(n.out.String(), "does not wait any more") {
		t.Errorf("%d reports\n%s", len(p.reports), n.out)
	}
}

func FuzzAnswers(f *testing.F) {
	data, _ := json.Marshal(protocol.Assignment{ID: 1})
	f.Add(data, 200)
	f.Add([]byte("<html>"), 502)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 599 {
			return
		}
		web := &http.Client{Transport: answers{body, status}}
		c := &client{http: web, id: Identity{URL: "http://x", Node: 1}, key: make([]byte, 64), now: time.Now}
		_, ok, _, err := c.work(t.Context(), time.Second, 0)
		if ok && err != nil || status >= 300 && err == nil {
			t.Errorf("%d %q: %v, %v", status, body, ok, err)
		}
	})
}

// answers is a transport that always answers the same.
type answers struct {
	body   []byte
	status int
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Status: fmt.Sprint(a.status), Body: io.NopCloser(bytes.NewReader(a.body)), Header: http.Header{}, Request: r}, nil
}
