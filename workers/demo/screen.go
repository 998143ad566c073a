package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen writes one line per step, and on a terminal a bar that moves within
// the line of the running one.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	begun    time.Time
	open     bool // a line without its end is on the terminal
	last     string
}

func newScreen(out io.Writer, begun time.Time) *screen {
	s := &screen{out: out, begun: begun}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

// step says that a step is under way.
func (s *screen) step(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		fmt.Fprintf(s.out, "%s  %-28s …", s.clock(), name)
		s.open = true
	}
}

// done ends the line of a step with what came of it.
func (s *screen) done(name, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, "%s  %-28s %s\n", s.clock(), name, what)
}

// bar shows how far a step is. Elsewhere than on a terminal it is a line each
// time the words change.
func (s *screen) bar(name string, done, total int, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const width = 24
	full := 0
	if total > 0 {
		full = min(width, width*done/total)
	}
	line := fmt.Sprintf("%-28s %s%s %s", name, strings.Repeat("█", full), strings.Repeat("░", width-full), words)
	if s.terminal {
		s.clear()
		fmt.Fprintf(s.out, "%s  %s", s.clock(), line)
		s.open = true
	} else if words != s.last {
		fmt.Fprintf(s.out, "%s  %-28s %s\n", s.clock(), name, words)
	}
	s.last = words
}

// clear takes an open line away.
func (s *screen) clear() {
	if s.open {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.open = false
	}
}

func (s *screen) clock() string {
	d := time.Since(s.begun).Round(time.Second)
	return fmt.Sprintf("%2d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// table writes lines of a label and a value.
func (s *screen) table(title string, lines [][2]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, "\n%s\n%s\n", title, strings.Repeat("─", len([]rune(title))))
	for _, l := range lines {
		fmt.Fprintf(s.out, "  %-34s %s\n", l[0], l[1])
	}
	fmt.Fprintln(s.out)
}
