package torch

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"
)

//go:embed trainer.py
var script []byte

// Info is what a program says of itself and of the machine.
type Info struct {
	Trainer   string `json:"trainer"` // "torch 2.6.0"
	Python    string `json:"python"`
	DType     string `json:"dtype"`
	Device    string `json:"device"` // "cpu" or "cuda"
	Hardware  string `json:"hardware"`
	Threads   int    `json:"threads"`
	Megabytes int64  `json:"memory_mb"`
}

// String names trainer and device as reports carry them.
func (i Info) String() string { return i.Trainer + " " + i.Device }

func (i Info) printable() Info {
	for _, s := range []*string{&i.Trainer, &i.Python, &i.DType, &i.Device, &i.Hardware} {
		*s = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?' // reports and capabilities are printable ASCII
			}
			return r
		}, *s)
		*s = (*s)[:min(len(*s), 80)]
	}
	return i
}

// event is one line of a program's standard output.
type event struct {
	Event     string  `json:"event"`
	Step      int     `json:"step"`
	Loss      float64 `json:"loss"`
	ID        int32   `json:"id"`
	Sequences int     `json:"sequences"`
	Reason    string  `json:"reason"`
	Info
}

const (
	maxLine = 64 << 10        // bytes of one line of progress
	grace   = 5 * time.Second // between the request to end and the end
)

// process runs a program to its end. Every line goes to watch, whose error
// ends the program and is returned; what the program wrote to its standard
// error is told only if it crashed.
func process(ctx context.Context, python string, args []string, limits Limits, watch func(event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(limits.Time+grace, func() { cancel(ErrTime) }) // the program ends itself before
	defer late.Stop()
	silent := time.AfterFunc(limits.Silence, func() { cancel(fmt.Errorf("%w (%v)", ErrSilent, limits.Silence)) })
	defer silent.Stop()

	var reason string
	out := &splitter{line: func(line []byte) error {
		silent.Reset(limits.Silence)
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%w: it said %q, which is no line of the contract", ErrLied, printable(string(line), 80))
		}
		if e.Event == "error" {
			reason = printable(e.Reason, 500)
		}
		return watch(e)
	}, stop: cancel}
	var last tail
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(os.Environ()), out, &last
	group(cmd)
	cmd.WaitDelay = grace
	if _, err := cmd.StdinPipe(); err != nil { // open until Wait; the program ends when it closes
		return fmt.Errorf("start the trainer: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: start %s: %w", ErrMissing, python, err)
	}
	err := cmd.Wait()
	killGroup(cmd)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		return nil
	}
	if known := exits[cmd.ProcessState.ExitCode()]; known != nil {
		return fmt.Errorf("%w: %s", known, reason)
	}
	return fmt.Errorf("%w (%v): %s", ErrCrashed, err, last.line())
}

// environment is the owner's, without what is the node's own business.
func environment(all []string) (list []string) {
	for _, v := range all {
		if !strings.HasPrefix(v, "ALTHING_") {
			list = append(list, v)
		}
	}
	return list
}

// splitter cuts what is written to it into lines.
type splitter struct {
	held []byte
	line func([]byte) error
	stop func(error)
}

// Write keeps what has no end yet. After the first error the program is being
// ended, and the rest is dropped.
func (s *splitter) Write(p []byte) (int, error) {
	s.held = append(s.held, p...)
	for s.line != nil {
		line, rest, ok := bytes.Cut(s.held, []byte("\n"))
		var err error
		if ok && len(line) <= maxLine {
			err = s.line(line)
		} else if len(s.held) > maxLine {
			err = fmt.Errorf("%w: a line of more than %d bytes", ErrLied, maxLine)
		} else {
			return len(p), nil
		}
		if err != nil {
			s.line = nil
			s.stop(err)
		}
		s.held = rest
	}
	s.held = nil
	return len(p), nil
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

// Write never fails: the program must not end because it complains a lot.
func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)
	if extra := t.Len() - 4096; extra > 0 {
		t.Next(extra)
	}
	return len(p), nil
}

// line returns the last line that says something: of a Python traceback, the error.
func (t *tail) line() string {
	lines := strings.Split(strings.TrimSpace(t.String()), "\n")
	return printable(lines[len(lines)-1], 300)
}

// printable makes a stranger's text one harmless line.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// interrupted reports whether an error is the end of the caller's context and
// no fault of the program.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

var _ io.Writer = (*splitter)(nil)
