package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training/llama"
)

// speeches are n roles of three speeches, the last of which tests.
func speeches(n int) string {
	var b strings.Builder
	for i := range n {
		for k := range 5 {
			fmt.Fprintf(&b, "ROLE %d:\n%s\n\n", i, strings.Repeat(fmt.Sprintf("What says the wind of %d and %d? ", i%3, k), 3))
		}
	}
	return b.String()
}

func TestRolesOf(t *testing.T) {
	const window = 64
	roles, err := rolesOf(speeches(21)+"SILENT:\nAye.\n\nno role at all\n", window, 99)
	if err != nil {
		t.Fatal(err)
	}
	if len(roles) != 21 || roles[0].name != "ROLE 0" || roles[1].name != "ROLE 1" || roles[2].name != "ROLE 10" {
		t.Errorf("%d roles, from %q, %q; want 21 by name without the one of a word", len(roles), roles[0].name, roles[2].name)
	}
	r := roles[0]
	if got := r.train.len(); got != (4*93+3)/window {
		t.Errorf("trains on %d windows, want %d of the first four speeches", got, (4*93+3)/window)
	}
	if r.train.tokens[1] != r.train.targets[0] || string(rune(r.train.tokens[0])) != "W" {
		t.Errorf("the first window begins with %d and goes on with %d", r.train.tokens[0], r.train.targets[0])
	}
	if got := tests(roles, 5).len(); got < 4 || got > 5 {
		t.Errorf("tested on %d windows, want at most 5", got)
	}
	if _, err := rolesOf(speeches(3), window, 99); err == nil {
		t.Error("a text of three roles was taken")
	}
}

func TestShuffledIsAPermutationOfTheSeed(t *testing.T) {
	a, b := shuffled(50, 1, 2), shuffled(50, 1, 2)
	seen := map[int]bool{}
	for i := range a {
		seen[a[i]] = true
		if a[i] != b[i] {
			t.Fatalf("place %d is %d and then %d", i, a[i], b[i])
		}
	}
	if len(seen) != 50 || fmt.Sprint(a) == fmt.Sprint(shuffled(50, 2, 2)) || fmt.Sprint(a) == fmt.Sprint(shuffled(50, 1, 3)) {
		t.Errorf("%d different places; another seed or epoch must give another order", len(seen))
	}
}

func TestHostileStudy(t *testing.T) {
	roles, err := rolesOf(speeches(24), 64, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := hostileStudy{before: 20, rounds: 2, steps: 3, tested: 8, seed: 1}
	clean, under, err := s.run(roles, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(under) != 12 || math.IsNaN(clean.trimmed) || clean.attack != "none" {
		t.Fatalf("%d attacks beside %+v, want 12", len(under), clean)
	}
	worst := 0.0
	for _, o := range under {
		if change := math.Abs(o.trimmed/clean.trimmed - 1); change > .05 {
			t.Errorf("%s changes the loss by %.1f %% under hostile weather", o.attack, 100*change)
		}
		worst = max(worst, o.mean/clean.mean-1)
	}
	if worst < .1 {
		t.Errorf("the plain mean withstood every attack, losing %.1f %% at most; then the study shows nothing", 100*worst)
	}
	var out bytes.Buffer
	writeHostile(&out, s, clean, append(under, outcome{attack: "x", trimmed: 1, mean: broken}))
	if !strings.Contains(out.String(), "no model left") || !strings.Contains(out.String(), "| sign-flip |") {
		t.Errorf("table:\n%s", out.String())
	}
}

func TestRunRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(speeches(20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"rounds"}, {"rounds", "--text", path + "no"}, {"what", "--text", path}} {
		if err := run(args); err == nil {
			t.Errorf("run %q was taken", args)
		}
	}
}

func TestShapeHasTheParametersThatTheDocumentsSay(t *testing.T) {
	m, err := llama.New(shape())
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Params.Len(); got != 33_440 {
		t.Errorf("%d parameters, want 33,440", got)
	}
}
