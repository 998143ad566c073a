package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
)

func TestHours(t *testing.T) {
	day := func(h, m int) time.Time { return time.Date(2026, 5, 3, h, m, 0, 0, time.Local) }
	for _, tt := range []struct {
		hours string
		at    time.Time
		ok    bool
		wait  time.Duration
	}{
		{"", day(3, 0), true, 0}, {"22:00-07:00", day(23, 0), true, 0}, {"22:00-07:00", day(6, 59), true, 0},
		{"22:00-07:00", day(7, 0), false, 15 * time.Hour}, {"22:00-07:00", day(21, 30), false, 30 * time.Minute},
		{"09:00-17:00", day(12, 0), true, 0}, {"09:00-17:00", day(18, 0), false, 15 * time.Hour},
	} {
		ok, wait := Limits{Hours: tt.hours}.allowed(tt.at)
		if ok != tt.ok || wait != tt.wait {
			t.Errorf("%q at %v: %v, %v; want %v, %v", tt.hours, tt.at, ok, wait, tt.ok, tt.wait)
		}
	}
	for _, l := range []Limits{{Hours: "22-7"}, {Hours: "25:00-07:00"}, {Hours: "always"}, {Threads: -1}, {Megabytes: -1}} {
		if l.Check() == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

func TestOwnersLimitsWin(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	p.give(p.training(protocol.Train))
	closed := time.Now().Add(2 * time.Hour)
	hours := closed.Format("15:04") + "-" + closed.Add(time.Hour).Format("15:04")
	if err := os.WriteFile(filepath.Join(n.dir, limitsFile), []byte(`{"hours":"`+hours+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	n.mustRun(t, 1)
	if len(p.reports) != 0 || !strings.Contains(n.out.String(), "outside the hours") {
		t.Errorf("it worked outside its hours:\n%s", n.out)
	}
	if err := os.WriteFile(filepath.Join(n.dir, limitsFile), []byte(`{"hour":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.run(1); err == nil || !strings.Contains(err.Error(), "limits.json") {
		t.Errorf("a misspelt limit: %v, want an error that names the file", err)
	}
}

func TestMessagesAboutText(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 0)
	if err := n.run(1); err == nil || !strings.Contains(err.Error(), "holds no text") {
		t.Errorf("empty folder: %v", err)
	}
	n.text = filepath.Join(n.text, "missing")
	if err := n.run(1); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("no folder: %v", err)
	}
	n.text = textFolder(t, 3)
	if err := os.WriteFile(filepath.Join(n.text, "latin.txt"), []byte("caf\xe9 au lait, deux fois par jour"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.fault = func(w http.ResponseWriter, _ *http.Request) bool {
		p.problem(w, 403, "forbidden", "enough")
		return true
	}
	if err := n.run(1); err == nil || !strings.Contains(n.out.String(), "latin.txt") || !strings.Contains(n.out.String(), "UTF-8") {
		t.Errorf("a file that is not UTF-8 is not named: %v\n%s", err, n.out)
	}
	if strings.Contains(p.sent.String(), "latin") {
		t.Error("the name of a file left the machine")
	}
	if err := Run(t.Context(), Options{Dir: t.TempDir(), Folder: n.text, Out: io.Discard}); !errors.Is(err, ErrNotJoined) {
		t.Errorf("before joining: %v, want ErrNotJoined", err)
	}
	if !full(fmt.Errorf("store: %w", governance.Errorf(governance.Full, "The disk is full."))) {
		t.Error("a full disk is not waited out")
	}
}

func TestOneProcessRunsANode(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 3)
	s, err := OpenState(n.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := n.run(1); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("second process: %v", err)
	}
}

func TestCompleteOffline(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	complete := func(c Completion) (string, error) {
		var out bytes.Buffer
		c.Tokens, c.Prompt = 20, "The law"
		err := Complete(t.Context(), c, &out)
		return out.String(), err
	}
	if _, err := complete(Completion{Dir: n.dir}); err == nil || !strings.Contains(err.Error(), "no model yet") {
		t.Errorf("before any work: %v", err)
	}
	a := p.training(protocol.Train)
	p.give(a)
	n.mustRun(t, 1)
	p.web.Close()
	first, err := complete(Completion{Dir: n.dir, Sampling: llama.Sampling{Temperature: 1, Seed: 3}})
	if err != nil || first == "" {
		t.Fatalf("complete: %q, %v", first, err)
	}
	version := t.TempDir()
	if err := os.WriteFile(filepath.Join(version, "config.json"), []byte(a.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(version, "model.safetensors"), p.blobs[a.Base], 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := complete(Completion{Model: version, Sampling: llama.Sampling{Temperature: 1, Seed: 3}})
	if err != nil || second != first {
		t.Errorf("the same model from a folder: %q, %v; want %q", second, err, first)
	}
}

func TestBadBaseIsRefused(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := p.training(protocol.Train)
	junk := bytes.Repeat([]byte{7}, 5000)
	a.Base, a.BaseSize, a.Number = training.DigestOf(junk), int64(len(junk)), 2
	p.blobs[a.Base] = junk
	p.give(a)
	n.mustRun(t, 1)
	if report := n.lastReport(t); !strings.Contains(report.Refused, "cannot be used") {
		t.Errorf("report %+v", report)
	}
	// A platform that sends other bytes than it names is not believed.
	b := p.training(protocol.Train)
	b.ID, b.Mandate = 12, p.mandate(a.Mandate.Decision.Index, -1, 1)
	p.blobs[b.Base] = bytes.Repeat([]byte{8}, int(b.BaseSize))
	p.give(b)
	n.mustRun(t, 1)
	if !strings.Contains(n.out.String(), "cannot be read") || len(p.reports) != 1 {
		t.Errorf("%d reports\n%s", len(p.reports), n.out)
	}
}

func TestCommand(t *testing.T) {
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := newPlatform(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(p.token().Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "node")
	for _, tt := range []struct {
		args []string
		want string // "" for success
	}{
		{nil, "say join"}, {[]string{"dance"}, "no command"},
		{[]string{"join", "--url", p.web.URL, p.token().Text()}, "shell's history"},
		{[]string{"join", "--url", p.web.URL, "--dir", dir}, "begins with"}, // nothing on the standard input
		{[]string{"join", "--url", p.web.URL, "--dir", dir, "--token-file", file}, ""},
		{[]string{"run", "--dir", dir}, "--text"},
		{[]string{"run", "--dir", dir, "--text", t.TempDir(), "--hours", "late"}, "22:00-07:00"},
		{[]string{"complete", "--dir", dir, "--prompt", "x"}, "no model yet"},
		{[]string{"complete", "now"}, "does not take"},
		{[]string{"complete", "--help"}, ""},
	} {
		var out, errs bytes.Buffer
		err := Command(t.Context(), tt.args, Terminal{in, &out, &errs})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("node %v: %v, want %q", tt.args, err, tt.want)
		}
	}
}
