package cli

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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

// home is a folder in which programs of a test live as if they were alone on
// the machine, with a private Postgres.
type home string

func newHome(t *testing.T) home {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres runs as another user when root starts it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return home(dir)
}

func (h home) path(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}

// program is a process of this program.
type program struct {
	cmd   *exec.Cmd
	out   *lines
	ended chan struct{} // closed when it says nothing more
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
func (h home) start(t *testing.T, args ...string) *program {
	t.Helper()
	return h.startOn(t, "", args...)
}

// startOn is start with a database of the test's own.
func (h home) startOn(t *testing.T, database string, args ...string) *program {
	t.Helper()
	return h.startWith(t, []string{"DATABASE_URL=" + database}, args...)
}

// startWith is start with other variables.
func (h home) startWith(t *testing.T, variables []string, args ...string) *program {
	t.Helper()
	p := &program{exec.Command(os.Args[0], args...), &lines{}, make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	p.cmd.Env = append(append(os.Environ(), "XDG_DATA_HOME="+h.path("home")), variables...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(p.ended)
		p.out.read(r)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// says waits until the program prints some words, however long it takes, and
// fails when it ends without.
func (p *program) says(t *testing.T, words string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.out.String(), words) {
		select {
		case <-p.ended:
			if !strings.Contains(p.out.String(), words) {
				t.Fatalf("%v ended without saying %q:\n%s", p.cmd.Args[1:], words, p.out)
			}
		case <-tick.C:
		}
	}
}

// stop asks the program to end, as Ctrl-C does, and wants it to end well.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v, asked to stop: %v\n%s", p.cmd.Args[1:], err, p.out)
	}
}

// eventually asks until the answer is yes, for as long as a busy machine may take.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond) // processes of others give no other sign
	defer tick.Stop()
	for deadline := time.Now().Add(6 * time.Minute); !ask(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never came about: %s", what)
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
