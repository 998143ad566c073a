package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"codeberg.org/althing/althing/handlers/cli/clitest"
	"codeberg.org/althing/althing/training/blobs/s3/s3test"
)

// balancer is the one address of several servers: a proxy that hands each
// request to the next of those that are up, as an operator's would.
type balancer struct {
	mu   sync.Mutex
	up   []string
	next int
}

func (s *balancer) add(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = append(s.up, host)
}

func (s *balancer) drop(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = slices.DeleteFunc(s.up, func(h string) bool { return h == host })
}

// listen answers at an address until the test ends. While no server is up it
// says so, as a proxy does.
func (s *balancer) listen(t *testing.T) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.next++
		host := "127.0.0.1:1" // where nobody listens
		if len(s.up) > 0 {
			host = s.up[s.next%len(s.up)]
		}
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", host, r.In.Host
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// cluster is two servers on one database behind one address. Each has a folder
// of its own, in which only the keys are shared, and the artefacts where they
// are not in a bucket.
type cluster struct {
	clitest.Home
	balancer
	site      *site
	variables []string
	hosts     map[string]string
	programs  map[string]*clitest.Program
}

// newCluster keeps artefacts and the last checkpoint in a bucket of s3rver,
// behind what keeps conditions, or in a folder where s3rver is missing.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{Home: clitest.NewHome(t), hosts: map[string]string{}, programs: map[string]*clitest.Program{}}
	c.site = &site{url: c.listen(t)}
	c.variables = []string{"DATABASE_URL=" + pgtest.URL(t)}
	shared := []string{"keys"}
	bucket, why := s3test.Real(t)
	switch {
	case why == "":
		c.variables = append(c.variables, "ALTHING_CHECKPOINT=s3", "ALTHING_S3_ENDPOINT="+s3test.Conditional(t, bucket.Endpoint),
			"ALTHING_S3_BUCKET="+bucket.Bucket, "ALTHING_S3_ACCESS_KEY="+bucket.Access, "ALTHING_S3_SECRET_KEY="+bucket.Secret, "ALTHING_S3_PREFIX=althing/")
	case os.Getenv("ALTHING_S3RVER") == "require":
		t.Fatal(why)
	default:
		t.Logf("artefacts and the last checkpoint are in a folder, not in a bucket: %s", why)
		c.variables = append(c.variables, "ALTHING_CHECKPOINT="+c.Path("checkpoint"))
		shared = append(shared, "blobs")
	}
	for _, folder := range shared {
		if err := os.Mkdir(c.Path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"one", "two"} {
			if err := os.MkdirAll(c.Path(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(c.Path(folder), c.Path(name, folder)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// start starts a server and takes it up behind the address.
func (c *cluster) start(t *testing.T, name string) *clitest.Program {
	t.Helper()
	if c.hosts[name] == "" {
		c.hosts[name] = clitest.FreeAddress(t)
	}
	p := c.StartWith(t, c.variables, "serve", "--dir", c.Path(name), "--addr", c.hosts[name], "--url", c.site.url)
	p.Says(t, "Althing serves")
	c.programs[name] = p
	c.add(c.hosts[name])
	return p
}

// only is one server by itself.
func (c *cluster) only(name string) *site { return &site{url: "http://" + c.hosts[name]} }

// signal is what the operator does, or the machine; the proxy notices.
func (c *cluster) signal(t *testing.T, name string, s syscall.Signal) {
	t.Helper()
	if s == syscall.SIGCONT {
		c.add(c.hosts[name])
	} else {
		c.drop(c.hosts[name])
	}
	if err := c.programs[name].Cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// verifies runs the command that anybody may run against each server.
func (c *cluster) verifies(t *testing.T) {
	t.Helper()
	for name := range c.hosts {
		c.Home.Start(t, "verify", "log", c.only(name).url+"/log/").Succeeds(t)
	}
}

func (c *cluster) round(t *testing.T, id int64) *audit.RoundState {
	t.Helper()
	return clitest.Replay(t, c.site.url).Rounds[id]
}

// TestTheServerThatSignsDiesInTheMiddleOfARound has two nodes train for a
// community of two servers. The one that signs is killed in the first round,
// the other stands still in the second and wakes up after it. The campaign
// ends as it was decided, each update counts once, and the log verifies.
func TestTheServerThatSignsDiesInTheMiddleOfARound(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one := c.start(t, "one")
	one.Says(t, signs)
	two := c.start(t, "two")
	asta, bera := c.site.join(t, "asta"), c.site.join(t, "bera")
	link := founding.FindStringSubmatch(two.Said()) // each start makes a new one
	if link == nil {
		t.Fatalf("no founding link:\n%s", two.Said())
	}
	asta.get("/founding?secret="+link[1]).send("/founding", url.Values{
		"name": {"Skald"}, "purpose": {"To last."}, "model": {"Skald"}, "proposals.sponsors": {"0"}, "rounds.min_tokens": {"128"},
		"class.1.discussion": {"0"}, "class.1.voting": {"20"}, "class.1.waiting": {"0"},
	})
	clitest.Eventually(t, "both servers know the community's name", func() bool { // each reads it once a second
		return strings.Contains(c.only("one").visitor(t).get("/").body, "Skald") && strings.Contains(c.only("two").visitor(t).get("/").body, "Skald")
	})
	for i, p := range []*person{asta, bera} {
		node := c.trains(t, p, fmt.Sprint("node", i), []string{"go/ast", "net/http"}[i])
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("node %d says:\n%s", i, node.Said())
			}
		})
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the servers say:\n%s\n%s\n%s", one.Said(), two.Said(), c.programs["one"].Said())
		}
	})
	asta.get("/proposals/new").send("/proposals/new", url.Values{
		"title": {"Train twice"}, "text": {"Two rounds."}, "motion": {"train"}, "do": {"save"},
		"train.rounds": {"2"}, "train.steps": {"25"}, "train.cohort": {"2"}, "train.min_reports": {"2"}, "train.deadline": {"3600"},
	}).want(http.StatusOK, "Train twice")
	asta.get("/proposals/1").send("/proposals/1/state", url.Values{"do": {"table"}})
	for _, p := range []*person{asta, bera} {
		clitest.Eventually(t, "voting opens", func() bool { return strings.Contains(p.get("/proposals/1").body, `action="/proposals/1/ballot"`) })
		p.send("/proposals/1/ballot", url.Values{"choice": {"yes"}}).want(http.StatusOK, "yes")
	}

	visitor := c.site.visitor(t)
	collects := func(round int) func() bool {
		return func() bool { return strings.Contains(visitor.get(fmt.Sprint("/rounds/", round)).body, "ollecting") }
	}
	clitest.Eventually(t, "round 1 collects", collects(1))
	c.signal(t, "one", syscall.SIGKILL)
	one.Kill()
	if got := c.site.signed(t); got == 0 {
		t.Error("the other server shows no checkpoint")
	}
	two.Says(t, signs)
	clitest.Eventually(t, "the round that lost its server is accepted", func() bool {
		r := c.round(t, 1)
		return r != nil && r.State == "accepted"
	})
	if r := c.round(t, 1); len(r.Updates) != 2 {
		t.Errorf("round 1 has updates %v of cohort %v, want one of each node", r.Updates, r.Cohort)
	}

	one = c.start(t, "one")
	clitest.Eventually(t, "round 2 collects", collects(2))
	c.signal(t, "two", syscall.SIGSTOP)
	one.Says(t, signs)
	clitest.Eventually(t, "two rounds are accepted and a version is published", func() bool {
		state := clitest.Replay(t, c.site.url)
		r := state.Rounds[2]
		return r != nil && r.State == "accepted" && len(state.Versions) == 2
	})
	before := clitest.Replay(t, c.site.url)
	c.signal(t, "two", syscall.SIGCONT)
	clitest.Eventually(t, "the server that slept answers", func() bool { return c.only("two").visitor(t).get("/healthz").status == http.StatusOK })
	asta.get("/edit/Help").send("/edit/Help", url.Values{"text": {"# Help\n\nIt woke up."}}).want(http.StatusOK, "woke up")
	settled := c.only("one").signed(t)
	clitest.Eventually(t, "both show the same log", func() bool {
		a, b := c.only("one").signed(t), c.only("two").signed(t)
		return a == b && a >= settled
	})
	after := clitest.Replay(t, c.site.url)
	if !reflect.DeepEqual(before.Rounds, after.Rounds) || !reflect.DeepEqual(before.Versions, after.Versions) {
		t.Errorf("the server that slept changed rounds %+v and versions %v to %+v and %v", before.Rounds, before.Versions, after.Rounds, after.Versions)
	}
	if n := strings.Count(two.Said(), signs); n != 1 {
		t.Errorf("the server that slept signs beside the other (%d times):\n%s", n, two.Said())
	}
	c.verifies(t)
}

// trains joins a node of a member and runs it.
func (c *cluster) trains(t *testing.T, p *person, name, pkg string) *clitest.Program {
	t.Helper()
	state, text, token := c.Path(name), c.Path(name+"-text"), c.Path(name+"-token")
	writeText(t, text, pkg)
	p.get("/nodes/new").send("/nodes/new", url.Values{"name": {name}})
	if err := os.WriteFile(token, []byte(tokenOnPage.FindString(p.body)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Home.Start(t, "node", "join", "--url", c.site.url, "--dir", state, "--token-file", token).Succeeds(t)
	return c.Home.Start(t, "node", "run", "--dir", state, "--text", text, "--threads", "1")
}

// TestServersWithOtherKeysAreRefused says it in one sentence, at the start.
func TestServersWithOtherKeysAreRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, _ := p.serve(t, p.Path("one"))
	first.Says(t, signs)
	said := p.StartOn(t, p.database, "serve", "--dir", p.Path("two"), "--addr", clitest.FreeAddress(t), "--url", p.url).Fails(t)
	if !strings.Contains(said, "(ballots.key, log.key, server.key, split.key): all its servers share one folder of keys") {
		t.Errorf("a server with keys of its own says:\n%s", said)
	}
	if strings.Contains(said, signs) || strings.Contains(said, "Althing serves") {
		t.Errorf("it served:\n%s", said)
	}
}
