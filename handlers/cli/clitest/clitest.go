// Package clitest starts the program as processes of its own, as people do and
// as power cuts end them. The binary of a test is that program: its TestMain
// calls Main, so that nothing is built twice.
package clitest

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

// Main lets a test binary be the program, so that tests can start and kill
// real processes of it, and so can the demonstration: a command begins with a
// word, what go test passes with a dash. run carries out a command line and
// returns its exit status.
func Main(m *testing.M, run func(ctx context.Context, args []string) int) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Home is a folder in which programs of a test live as if they were alone on
// the machine, with a private Postgres.
type Home string

// NewHome makes one that is removed with the test.
func NewHome(t *testing.T) Home {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres runs as another user when root starts it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Home(dir)
}

// Path names something in it.
func (h Home) Path(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}

// Program is a process of this program.
type Program struct {
	Cmd   *exec.Cmd
	out   lines
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

// Start runs the program until it is killed or the test ends.
func (h Home) Start(t *testing.T, args ...string) *Program {
	t.Helper()
	return h.StartOn(t, "", args...)
}

// StartOn is Start with a database of the test's own.
func (h Home) StartOn(t *testing.T, database string, args ...string) *Program {
	t.Helper()
	return h.StartWith(t, []string{"DATABASE_URL=" + database}, args...)
}

// StartWith is Start with other variables of the environment.
func (h Home) StartWith(t *testing.T, variables []string, args ...string) *Program {
	t.Helper()
	p := &Program{Cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Cmd.Stdout, p.Cmd.Stderr = w, w
	p.Cmd.Env = append(append(os.Environ(), "XDG_DATA_HOME="+h.Path("home")), variables...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(p.ended)
		p.out.read(r)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Said is everything that the program has printed.
func (p *Program) Said() string {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return p.out.text.String()
}

// Kill ends the process as a power cut would.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill()
	_ = p.Cmd.Wait()
}

// Says waits until the program prints some words, however long it takes, and
// fails when it ends without.
func (p *Program) Says(t *testing.T, words string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.Said(), words) {
		select {
		case <-p.ended:
			if !strings.Contains(p.Said(), words) {
				t.Fatalf("%v ended without saying %q:\n%s", p.Cmd.Args[1:], words, p.Said())
			}
		case <-tick.C:
		}
	}
}

// Stop asks the program to end, as Ctrl-C does, and wants it to end well.
func (p *Program) Stop(t *testing.T) {
	t.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("%v, asked to stop: %v\n%s", p.Cmd.Args[1:], err, p.Said())
	}
}

// Succeeds waits for a program that ends by itself and wants it to end well.
func (p *Program) Succeeds(t *testing.T) {
	t.Helper()
	if err := p.wait(); err != nil {
		t.Fatalf("%v: %v\n%s", p.Cmd.Args[1:], err, p.Said())
	}
}

// Fails waits for a program that ends by itself, wants it to fail, and returns
// everything that it printed.
func (p *Program) Fails(t *testing.T) string {
	t.Helper()
	if err := p.wait(); err == nil {
		t.Errorf("%v ended well:\n%s", p.Cmd.Args[1:], p.Said())
	}
	return p.Said()
}

// wait returns when the program has ended and all that it printed was read.
func (p *Program) wait() error {
	err := p.Cmd.Wait()
	<-p.ended
	return err
}

// Eventually asks until the answer is yes, for as long as a busy machine may take.
func Eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond) // processes of others give no other sign
	defer tick.Stop()
	for deadline := time.Now().Add(6 * time.Minute); !ask(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// Answers waits until the server at an address serves.
func Answers(t *testing.T, url string) {
	t.Helper()
	Eventually(t, url+" answers", func() bool {
		_, err := Read(url + "/healthz")
		return err == nil
	})
}

// FreeAddress is one that nobody listens on, for a program that is started
// there more than once.
func FreeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
