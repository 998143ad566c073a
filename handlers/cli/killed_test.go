package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training/founding/gosource"
	"golang.org/x/mod/sumdb/note"
)

// TestMain lets the test binary be the program, so that tests can start and
// kill real processes of it, and so can the demonstration: a command begins
// with a word, what go test passes with a dash.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(Run(ctx, Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program is a process of this program.
type program struct {
	cmd *exec.Cmd
	out *lines
}

// lines keeps what a process printed.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) read(r io.Reader) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		l.mu.Lock()
		l.text.WriteString(s.Text() + "\n")
		l.mu.Unlock()
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs the program until it is killed or the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	p := &program{cmd: cmd, out: &lines{}}
	go p.out.read(r)
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// eventually asks until the answer is yes, for as long as a busy machine may take.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond) // processes of others give no other sign
	defer tick.Stop()
	for deadline := time.Now().Add(3 * time.Minute); !ask(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// TestKilledInTheMiddleOfARound kills the server, then a node, then Postgres,
// while nodes train. The campaign ends as it was decided, each update counts
// once, and the log verifies and replays.
func TestKilledInTheMiddleOfARound(t *testing.T) {
	addr := freeAddress(t)
	dir := ownHome(t)
	site := &site{url: "http://" + addr}
	serve := func() *program {
		p := start(t, "serve", "--dir", filepath.Join(dir, "site"), "--addr", addr)
		eventually(t, "the server answers", func() bool {
			res, err := http.Get(site.url + "/healthz")
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
		return p
	}
	server := serve()
	var people []*person
	for _, name := range []string{"asta", "bera", "cora"} {
		people = append(people, site.join(t, name))
	}
	var link []string
	eventually(t, "the founding link is printed", func() bool {
		link = founding.FindStringSubmatch(server.out.String())
		return link != nil
	})
	people[0].get("/founding?secret="+link[1]).send("/founding", url.Values{
		"name": {"Skald"}, "purpose": {"To last."}, "model": {"Skald"}, "proposals.sponsors": {"0"}, "rounds.min_tokens": {"128"},
		"class.1.discussion": {"0"}, "class.1.voting": {"5"}, "class.1.waiting": {"0"},
	}).want(http.StatusOK, "Skald")
	nodes := make([]*program, len(people))
	run := make([]func() *program, len(people))
	for i, p := range people {
		state, text := filepath.Join(dir, fmt.Sprint("node", i)), filepath.Join(dir, fmt.Sprint("text", i))
		writeText(t, text, []string{"go/ast", "net/http", "encoding/json"}[i])
		p.get("/nodes/new").send("/nodes/new", url.Values{"name": {fmt.Sprint("node", i)}})
		token := filepath.Join(dir, fmt.Sprint("token", i))
		if err := os.WriteFile(token, []byte(regexp.MustCompile(`aj1\.[A-Za-z0-9_.-]+`).FindString(p.body)), 0o600); err != nil {
			t.Fatal(err)
		}
		join := start(t, "node", "join", "--url", site.url, "--dir", state, "--token-file", token)
		if err := join.cmd.Wait(); err != nil {
			t.Fatalf("join: %v: %s", err, join.out)
		}
		run[i] = func() *program { return start(t, "node", "run", "--dir", state, "--text", text, "--threads", "1") }
		nodes[i] = run[i]()
	}
	people[0].get("/proposals/new").send("/proposals/new", url.Values{
		"title": {"Train twice"}, "text": {"Two rounds."}, "motion": {"train"}, "do": {"save"},
		"train.rounds": {"2"}, "train.steps": {"25"}, "train.cohort": {"3"}, "train.min_reports": {"2"}, "train.deadline": {"60"},
	}).want(http.StatusOK, "Train twice")
	people[0].get("/proposals/1").send("/proposals/1/state", url.Values{"do": {"table"}})
	for _, p := range people {
		eventually(t, "voting opens", func() bool { return strings.Contains(p.get("/proposals/1").body, `action="/proposals/1/ballot"`) })
		p.send("/proposals/1/ballot", url.Values{"choice": {"yes"}}).want(http.StatusOK, "yes")
	}
	visitor := site.visitor(t)
	collecting := func(round int) func() bool {
		return func() bool { return strings.Contains(visitor.get(fmt.Sprint("/rounds/", round)).body, "ollecting") }
	}
	eventually(t, "round 1 collects", collecting(1))
	server.kill()
	nodes[2].kill()
	server = serve()
	nodes[2] = run[2]()
	eventually(t, "round 2 collects", collecting(2))
	killTree(t, filepath.Join(dir, "site", "postgres", "data", "postmaster.pid"))
	eventually(t, "the server ends without its database", func() bool {
		return server.cmd.Process.Signal(syscall.Signal(0)) != nil || strings.Contains(server.out.String(), "has ended")
	})
	server.kill()
	server = serve()
	var state *audit.State
	eventually(t, "two rounds are accepted and a version is published", func() bool {
		state = site.replay(t)
		accepted := 0
		for _, r := range state.Rounds {
			if r.State == "accepted" {
				accepted++
			}
		}
		return accepted == 2 && len(state.Versions) == 2
	})
	for id, r := range state.Rounds {
		if len(r.Updates) > len(r.Cohort) || len(r.Updates) < 2 && r.State == "accepted" {
			t.Errorf("round %d: %d updates of a cohort of %d", id, len(r.Updates), len(r.Cohort))
		}
	}
}

// freeAddress is one that nobody listens on, for a program that is started
// there more than once.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ownHome is a folder in which programs of this test live as if they were
// alone on the machine, each with a private Postgres.
func ownHome(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres runs as another user when root starts it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "home"))
	t.Setenv("DATABASE_URL", "")
	return dir
}

// killTree kills Postgres and all its processes at once.
func killTree(t *testing.T, pidFile string) {
	t.Helper()
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(data), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill the process group of Postgres: %v", err)
	}
}

// replay rebuilds the state from the log that the site serves.
func (s *site) replay(t *testing.T) *audit.State {
	t.Helper()
	fetch := fetchFrom(t.Context(), s.url+"/log/")
	key, err := fetch(translog.KeyFile, 4096)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	state, visit := audit.Replay()
	if _, err := translog.Verify(fetch, verifier, visit); err != nil {
		t.Fatal(err)
	}
	return state
}

// writeText gives a node some hundred records of Go.
func writeText(t *testing.T, dir, pkg string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := gosource.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "src", filepath.FromSlash(pkg), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("Go's own source of %s: %v", pkg, err)
	}
	n := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for len(data) > 600 && n < 400 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.go", n)), data[:600], 0o644); err != nil {
				t.Fatal(err)
			}
			data, n = data[600:], n+1
		}
	}
}
