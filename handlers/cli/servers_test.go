package cli

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance/pg/pgtest"
)

// pair is servers on one database, under one address for people.
type pair struct {
	home
	database, url string
}

func newPair(t *testing.T) pair {
	t.Helper()
	return pair{newHome(t), pgtest.URL(t), "http://althing.test"}
}

// serve starts a server on a folder and waits until it answers.
func (p pair) serve(t *testing.T, dir string) (*program, *site) {
	t.Helper()
	addr := freeAddress(t)
	server := p.startOn(t, p.database, "serve", "--dir", dir, "--addr", addr, "--url", p.url)
	server.says(t, "Althing serves")
	eventually(t, "the server answers", func() bool {
		res, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return server, &site{url: "http://" + addr}
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
	server.kill()
}

func TestOneOfTwoServersSigns(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, a := p.serve(t, p.path("one"))
	first.says(t, signs)
	second, b := p.serve(t, p.path("one"))
	eventually(t, "both show the same log", func() bool { return b.signed(t) >= 2 && a.signed(t) == b.signed(t) })
	if strings.Contains(second.out.String(), signs) {
		t.Error("both servers sign")
	}
	first.kill()
	second.says(t, signs)

	// a server without the private key serves, and leaves the log alone
	third := p.path("two", "keys")
	if err := os.MkdirAll(third, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.pub", "server.key", "ballots.key", "split.key"} {
		data, err := os.ReadFile(p.path("one", "keys", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.path("two", "keys", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plain, c := p.serve(t, p.path("two"))
	plain.says(t, "does not hold the log's key")
	before := b.signed(t)
	eventually(t, "what happened there is promised", func() bool { return b.signed(t) > before-1 && c.signed(t) == b.signed(t) })
	second.kill()
	settled := c.signed(t)
	p.act(t, p.path("two"))
	if got := c.signed(t); got != settled {
		t.Errorf("without the key %d entries became %d", settled, got)
	}
	if strings.Contains(plain.out.String(), signs) {
		t.Error("a server without the key signs")
	}
	// a server that has the key and not the last checkpoint says so, and stops
	checkpoint := p.path("one", "log", "checkpoint")
	data, err := os.ReadFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(checkpoint); err != nil {
		t.Fatal(err)
	}
	forgetful := p.startOn(t, p.database, "serve", "--dir", p.path("one"), "--addr", freeAddress(t), "--url", p.url)
	if err := forgetful.cmd.Wait(); err == nil {
		t.Error("a server signs without the last checkpoint")
	}
	<-forgetful.ended
	if !strings.Contains(forgetful.out.String(), "the last signed checkpoint is not in its place") {
		t.Errorf("it says:\n%s", forgetful.out)
	}
	// and so does one with another key
	stranger := p.startOn(t, p.database, "serve", "--dir", p.path("three"), "--addr", freeAddress(t), "--url", p.url)
	if err := stranger.cmd.Wait(); err == nil {
		t.Errorf("a server with another key signs:\n%s", stranger.out)
	}
	if err := os.WriteFile(checkpoint, data, 0o600); err != nil {
		t.Fatal(err)
	}
	last, d := p.serve(t, p.path("one"))
	last.says(t, signs)
	eventually(t, "everything is promised", func() bool { return d.signed(t) > settled })
	c.replay(t)
}

// TestSleepingServerChangesNothing stops the one that signs for longer than the
// database waits for it; the other takes over, and what wakes up goes on as
// the second.
func TestSleepingServerChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, a := p.serve(t, p.path("one"))
	first.says(t, signs)
	second, b := p.serve(t, p.path("one"))
	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	second.says(t, signs)
	before := b.signed(t)
	p.act(t, p.path("one"))
	eventually(t, "the second server signs", func() bool { return b.signed(t) > before })
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first answers again", func() bool { return a.signed(t) == b.signed(t) })
	p.act(t, p.path("one"))
	eventually(t, "both show what follows", func() bool { return a.signed(t) == b.signed(t) && b.signed(t) > before+1 })
	if n := strings.Count(first.out.String(), signs); n != 1 {
		t.Errorf("the server that slept signs again beside the other (%d times):\n%s", n, first.out)
	}
	second.kill()
	eventually(t, "the first takes over again", func() bool { return strings.Count(first.out.String(), signs) == 2 })
	a.replay(t)
}
