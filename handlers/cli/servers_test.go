package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance/pg/pgtest"
	"codeberg.org/althing/althing/handlers/cli/clitest"
)

// pair is servers on one database, under one address for people.
type pair struct {
	clitest.Home
	database, url string
}

func newPair(t *testing.T) pair {
	t.Helper()
	return pair{clitest.NewHome(t), pgtest.URL(t), "http://althing.test"}
}

// serve starts a server on a folder and waits until it answers.
func (p pair) serve(t *testing.T, dir string) (*clitest.Program, *site) {
	t.Helper()
	addr := clitest.FreeAddress(t)
	server := p.StartOn(t, p.database, "serve", "--dir", dir, "--addr", addr, "--url", p.url)
	server.Says(t, "Althing serves")
	s := &site{url: "http://" + addr}
	clitest.Answers(t, s.url)
	return server, s
}

// signed is how many entries the newest checkpoint promises.
func (s *site) signed(t *testing.T) int64 {
	t.Helper()
	data, err := fetchFrom(t.Context(), s.url+"/log/")("checkpoint", 4096)
	if err != nil {
		return 0
	}
	var size int64
	if _, err := fmt.Sscan(strings.Split(string(data), "\n")[1], &size); err != nil {
		t.Fatal(err)
	}
	return size
}

const signs = "this server signs the log"

// act writes an entry through a server: its founding link is made anew by each
// start, so a start is an act that needs nobody.
func (p pair) act(t *testing.T, dir string) {
	t.Helper()
	server, _ := p.serve(t, dir)
	server.Kill()
}

func TestOneOfTwoServersSigns(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, a := p.serve(t, p.Path("one"))
	first.Says(t, signs)
	second, b := p.serve(t, p.Path("one"))
	clitest.Eventually(t, "both show the same log", func() bool { return b.signed(t) >= 2 && a.signed(t) == b.signed(t) })
	if strings.Contains(second.Said(), signs) {
		t.Error("both servers sign")
	}
	first.Kill()
	second.Says(t, signs)

	// a server without the private key serves, and leaves the log alone
	third := p.Path("two", "keys")
	if err := os.MkdirAll(third, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.pub", "server.key", "ballots.key", "split.key"} {
		data, err := os.ReadFile(p.Path("one", "keys", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.Path("two", "keys", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plain, c := p.serve(t, p.Path("two"))
	plain.Says(t, "does not hold the log's key")
	before := b.signed(t)
	clitest.Eventually(t, "what happened there is promised", func() bool { return b.signed(t) > before-1 && c.signed(t) == b.signed(t) })
	second.Kill()
	settled := c.signed(t)
	p.act(t, p.Path("two"))
	if got := c.signed(t); got != settled {
		t.Errorf("without the key %d entries became %d", settled, got)
	}
	if strings.Contains(plain.Said(), signs) {
		t.Error("a server without the key signs")
	}
	// a server that has the key and not the last checkpoint says so, and stops
	checkpoint := p.Path("one", "log", "checkpoint")
	data, err := os.ReadFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(checkpoint); err != nil {
		t.Fatal(err)
	}
	forgetful := p.StartOn(t, p.database, "serve", "--dir", p.Path("one"), "--addr", clitest.FreeAddress(t), "--url", p.url)
	if said := forgetful.Fails(t); !strings.Contains(said, "the last signed checkpoint is not in its place") {
		t.Errorf("a server without the last checkpoint says:\n%s", said)
	}
	// and so does one with another key
	p.StartOn(t, p.database, "serve", "--dir", p.Path("three"), "--addr", clitest.FreeAddress(t), "--url", p.url).Fails(t)
	if err := os.WriteFile(checkpoint, data, 0o600); err != nil {
		t.Fatal(err)
	}
	last, d := p.serve(t, p.Path("one"))
	last.Says(t, signs)
	clitest.Eventually(t, "everything is promised", func() bool { return d.signed(t) > settled })
	clitest.Replay(t, c.url)
}

// TestSleepingServerChangesNothing stops the one that signs for longer than the
// database waits for it; the other takes over, and what wakes up goes on as
// the second.
func TestSleepingServerChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, a := p.serve(t, p.Path("one"))
	first.Says(t, signs)
	second, b := p.serve(t, p.Path("one"))
	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	second.Says(t, signs)
	before := b.signed(t)
	p.act(t, p.Path("one"))
	clitest.Eventually(t, "the second server signs", func() bool { return b.signed(t) > before })
	if err := first.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	clitest.Eventually(t, "the first answers again", func() bool { return a.signed(t) == b.signed(t) })
	p.act(t, p.Path("one"))
	clitest.Eventually(t, "both show what follows", func() bool { return a.signed(t) == b.signed(t) && b.signed(t) > before+1 })
	if n := strings.Count(first.Said(), signs); n != 1 {
		t.Errorf("the server that slept signs again beside the other (%d times):\n%s", n, first.Said())
	}
	second.Kill()
	clitest.Eventually(t, "the first takes over again", func() bool { return strings.Count(first.Said(), signs) == 2 })
	clitest.Replay(t, a.url)
}
