package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running node program.
type process struct {
	name string
	log  string // file of what it says
	cmd  *exec.Cmd
	done chan struct{}
	err  error // once done is closed
}

// machine is where a node lives: its owner's folders.
type machine struct {
	name, text, state, probes string
	licence                   string
	threads                   int
}

// join redeems a join token, given on the standard input as the page says.
func (m machine) join(ctx context.Context, binary, base, token string) error {
	cmd := exec.CommandContext(ctx, binary, "node", "join", "--dir", m.state, "--url", base)
	cmd.Stdin = strings.NewReader(token + "\n")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("join node %s: %w: %s", m.name, err, lastLine(said.String()))
	}
	return nil
}

// start runs the node program until the context ends.
func (m machine) start(ctx context.Context, binary string) (*process, error) {
	p := &process{name: m.name, log: m.state + ".log", done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("start node %s: %w", m.name, err)
	}
	args := []string{"node", "run", "--dir", m.state, "--text", m.text, "--threads", strconv.Itoa(m.threads)}
	if m.licence != "" {
		args = append(args, "--licence", m.licence)
	}
	if m.probes != "" {
		args = append(args, "--probes", m.probes)
	}
	p.cmd = exec.CommandContext(ctx, binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start node %s: %w", m.name, err), out.Close())
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), out.Close())
		close(p.done)
	}()
	return p, nil
}

// ended reports why a process that should be running has ended, nil while it
// runs.
func (p *process) ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	data, err := os.ReadFile(p.log)
	return fmt.Errorf("node %s has ended: %w: %s (%s)", p.name, errors.Join(p.err, err), lastLine(string(data)), filepath.Base(p.log))
}

// said waits until a node's log has a line with these words.
func (p *process) said(ctx context.Context, words string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		data, err := os.ReadFile(p.log)
		if err != nil || strings.Contains(string(data), words) {
			return err
		}
		if err := p.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s has not said %q: %s", p.name, words, lastLine(string(data)))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// machines are all processes that were started; they are ended together.
type machines struct {
	mu      sync.Mutex
	running []*process
	stop    context.CancelFunc
}

func (m *machines) add(p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = append(m.running, p)
}

// ended returns why the first of them ended that did, nil while all run.
func (m *machines) ended() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.running {
		if err := p.ended(); err != nil {
			return err
		}
	}
	return nil
}

// close stops the processes and waits for them.
func (m *machines) close() {
	m.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.running {
		<-p.done
	}
}
