package agent

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/training/protocol"
)

// TestClockIsExplained runs nodes whose clock goes wrong: the owner reads both
// clocks and what to do, the node waits, and goes on when the clock is set.
func TestClockIsExplained(t *testing.T) {
	for _, wrong := range []time.Duration{10 * time.Minute, -10 * time.Minute, 26 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			p := newPlatform(t)
			n := newNode(t, p, 40)
			p.fault = func(w http.ResponseWriter, r *http.Request) bool {
				req, err := protocol.ParseRequest(r.Method, r.RequestURI, r.Header)
				if err == nil {
					err = req.Verify(p.node, protocol.PinOf(p.public()), time.Now())
				}
				if err != nil {
					p.problem(w, 401, "clock", "The request was refused: "+err.Error()+".")
				}
				return err != nil
			}
			p.give(p.training(protocol.Train))
			n.mustRun(t, 1, func(o *Options) {
				o.Now = func() time.Time {
					if len(n.waits) < 3 {
						return time.Now().Add(wrong)
					}
					return time.Now() // somebody has set the clock
				}
			})
			said := n.out.String()
			for _, want := range []string{
				"the node's clock says " + time.Now().Add(wrong).UTC().Format("2006-01-02 15"), "the platform's says", "may differ by 5m0s at most", "Set the machine's clock and try again",
			} {
				if !strings.Contains(said, want) {
					t.Errorf("the owner does not read %q:\n%s", want, said)
				}
			}
			if len(n.waits) != 3 || n.lastReport(t).Update.IsZero() {
				t.Errorf("after %d waits: %+v", len(n.waits), n.reports)
			}
		})
	}
}

// TestDeadlinesAreOfThePlatformsClock: a clock that is wrong by less than is
// refused moves no deadline.
func TestDeadlinesAreOfThePlatformsClock(t *testing.T) {
	for _, tt := range []struct {
		wrong, left time.Duration // of the node's clock; until the deadline
		all         bool          // there is time for all steps
	}{
		{4 * time.Minute, 2 * time.Minute, true},
		{-4 * time.Minute, 2 * time.Second, false},
	} {
		t.Run(tt.wrong.String(), func(t *testing.T) {
			p := newPlatform(t)
			n := newNode(t, p, 40)
			a := p.decided(1, func(r *protocol.Recipe) { r.Steps, r.Local.Partial = 40, true })
			a.Deadline = time.Now().Add(tt.left).Unix()
			p.give(a)
			n.mustRun(t, 1, func(o *Options) {
				o.Now = func() time.Time { return time.Now().Add(tt.wrong) }
			})
			if r := n.lastReport(t); (r.Steps == 40) != tt.all {
				t.Errorf("%d of 40 steps with %v to the deadline, want all: %v\n%s", r.Steps, tt.left, tt.all, n.out)
			}
		})
	}
}

// TestFullDiskOfThePlatform is waited out, and nothing is done twice.
func TestFullDiskOfThePlatform(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	p.give(p.training(protocol.Train))
	refused := 0
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || refused == 3 {
			return false
		}
		refused++
		p.problem(w, http.StatusInsufficientStorage, "full", "There is not enough room on the disk: 3 MB are free. Nothing was stored.")
		return true
	}
	n.mustRun(t, 1)
	if len(n.waits) != 3 || len(n.reports) != 1 || n.lastReport(t).Update.IsZero() {
		t.Errorf("%d waits, reports %+v\n%s", len(n.waits), n.reports, n.out)
	}
	if got := strings.Count(n.out.String(), "There is not enough room on the disk"); got != 3 {
		t.Errorf("the owner reads it %d times, want 3:\n%s", got, n.out)
	}
	if got := strings.Count(n.out.String(), "step 4 of 4"); got != 1 {
		t.Errorf("trained %d times, want once:\n%s", got, n.out)
	}
}

// TestFullDiskOfTheNode fills the disk under a node that has got work. Nothing
// that was written by halves is used, and when there is room the work is done.
// Where the test may mount one, the disk is a real one of 2 MB.
func TestFullDiskOfTheNode(t *testing.T) {
	t.Run("told", func(t *testing.T) {
		p := newPlatform(t)
		n := newNode(t, p, 40)
		free := uint64(1 << 40)
		fullDisk(t, n, func() { free = 1 << 20 }, func() { free = 1 << 40 }, func(o *Options) {
			o.disk.Free = func(string) (uint64, uint64, error) { return free, 1 << 40, nil }
		})
	})
	disk := t.TempDir()
	unmount, err := smallDisk(disk, 2<<20)
	if err != nil {
		t.Logf("a real disk was not tried, to mount one takes more rights: %v", err)
		return
	}
	t.Cleanup(unmount)
	t.Run("real", func(t *testing.T) {
		p := newPlatform(t)
		n := newNode(t, p, 40)
		if err := os.CopyFS(filepath.Join(disk, "node"), os.DirFS(n.dir)); err != nil {
			t.Fatal(err)
		}
		n.dir = filepath.Join(disk, "node")
		junk := filepath.Join(disk, "junk")
		fullDisk(t, n, func() {
			f, err := os.Create(junk)
			for block := make([]byte, 4096); err == nil; {
				_, err = f.Write(block)
			}
			if err := errors.Join(err, f.Close()); !full(err) {
				t.Errorf("the disk is not full: %v", err)
			}
		}, func() { _ = os.Remove(junk) }, func(*Options) {})
	})
}

// fullDisk runs a node whose disk becomes full with its first work and is
// emptied at its third wait.
func fullDisk(t *testing.T, n *node, fill, empty func(), change func(*Options)) {
	t.Helper()
	n.give(n.training(protocol.Train))
	filled := false
	n.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == protocol.PathWork && !filled {
			filled = true
			fill()
		}
		return false
	}
	n.mustRun(t, 1, change, func(o *Options) {
		wait := o.Sleep
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			if len(n.waits) == 2 {
				empty()
			}
			return wait(ctx, d)
		}
	})
	if len(n.waits) != 3 || len(n.reports) != 1 || n.lastReport(t).Update.IsZero() {
		t.Errorf("%d waits, reports %+v\n%s", len(n.waits), n.reports, n.out)
	}
	said := n.out.String()
	if !strings.Contains(said, "not enough room on the disk") && !strings.Contains(said, "disk is full") && !strings.Contains(said, "no space left") {
		t.Errorf("the owner does not learn that the disk is full:\n%s", said)
	}
}
