package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/handlers/cli/clitest"
	"codeberg.org/althing/althing/training/founding/gosource"
)

// TestKilledInTheMiddleOfARound kills the server, then a node, then Postgres,
// while nodes train. The campaign ends as it was decided, each update counts
// once, and the log verifies and replays.
func TestKilledInTheMiddleOfARound(t *testing.T) {
	t.Parallel()
	addr := clitest.FreeAddress(t)
	home := clitest.NewHome(t)
	site := &site{url: "http://" + addr}
	serve := func() *clitest.Program {
		p := home.Start(t, "serve", "--dir", home.Path("site"), "--addr", addr)
		clitest.Answers(t, site.url)
		return p
	}
	server := serve()
	var people []*person
	for _, name := range []string{"asta", "bera", "cora"} {
		people = append(people, site.join(t, name))
	}
	var link []string
	clitest.Eventually(t, "the founding link is printed", func() bool {
		link = founding.FindStringSubmatch(server.Said())
		return link != nil
	})
	people[0].get("/founding?secret="+link[1]).send("/founding", url.Values{
		"name": {"Skald"}, "purpose": {"To last."}, "model": {"Skald"}, "proposals.sponsors": {"0"}, "rounds.min_tokens": {"128"},
		"class.1.discussion": {"0"}, "class.1.voting": {"12"}, "class.1.waiting": {"0"},
	}).want(http.StatusOK, "Skald")
	nodes := make([]*clitest.Program, len(people))
	run := make([]func() *clitest.Program, len(people))
	for i, p := range people {
		state, text := home.Path(fmt.Sprint("node", i)), home.Path(fmt.Sprint("text", i))
		writeText(t, text, []string{"go/ast", "net/http", "encoding/json"}[i])
		p.get("/nodes/new").send("/nodes/new", url.Values{"name": {fmt.Sprint("node", i)}})
		token := home.Path(fmt.Sprint("token", i))
		if err := os.WriteFile(token, []byte(regexp.MustCompile(`aj1\.[A-Za-z0-9_.-]+`).FindString(p.body)), 0o600); err != nil {
			t.Fatal(err)
		}
		home.Start(t, "node", "join", "--url", site.url, "--dir", state, "--token-file", token).Succeeds(t)
		run[i] = func() *clitest.Program {
			return home.Start(t, "node", "run", "--dir", state, "--text", text, "--threads", "1")
		}
		nodes[i] = run[i]()
	}
	people[0].get("/proposals/new").send("/proposals/new", url.Values{
		"title": {"Train twice"}, "text": {"Two rounds."}, "motion": {"train"}, "do": {"save"},
		"train.rounds": {"2"}, "train.steps": {"25"}, "train.cohort": {"3"}, "train.min_reports": {"2"}, "train.deadline": {"60"},
	}).want(http.StatusOK, "Train twice")
	people[0].get("/proposals/1").send("/proposals/1/state", url.Values{"do": {"table"}})
	for _, p := range people {
		clitest.Eventually(t, "voting opens", func() bool { return strings.Contains(p.get("/proposals/1").body, `action="/proposals/1/ballot"`) })
		p.send("/proposals/1/ballot", url.Values{"choice": {"yes"}}).want(http.StatusOK, "yes")
	}
	visitor := site.visitor(t)
	collecting := func(round int) func() bool {
		return func() bool { return strings.Contains(visitor.get(fmt.Sprint("/rounds/", round)).body, "ollecting") }
	}
	clitest.Eventually(t, "round 1 collects", collecting(1))
	server.Kill()
	nodes[2].Kill()
	server = serve()
	nodes[2] = run[2]()
	clitest.Eventually(t, "round 2 collects", collecting(2))
	killTree(t, home.Path("site", "postgres", "data", "postmaster.pid"))
	clitest.Eventually(t, "the server ends without its database", func() bool {
		return server.Cmd.Process.Signal(syscall.Signal(0)) != nil || strings.Contains(server.Said(), "has ended")
	})
	server.Kill()
	server = serve()
	var state *audit.State
	clitest.Eventually(t, "two rounds are accepted and a version is published", func() bool {
		state = clitest.Replay(t, site.url)
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
