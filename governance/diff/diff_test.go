package diff_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/diff"
	"pgregory.net/rapid"
)

// show writes a row on one line: kind, line numbers, both sides with marked
// pieces in brackets.
func show(r diff.Row) string {
	side := func(list []diff.Segment) string {
		var b strings.Builder
		for _, s := range list {
			if s.Marked {
				b.WriteString("[" + s.Text + "]")
			} else {
				b.WriteString(s.Text)
			}
		}
		return b.String()
	}
	return fmt.Sprintf("%v %d %d: %s | %s", r.Kind, r.OldLine, r.NewLine, side(r.Old), side(r.New))
}

func rows(t *testing.T, a, b string) diff.Diff {
	t.Helper()
	d, err := diff.Lines(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, a, b string
		want       []string
	}{
		{"nothing", "", "", nil},
		{"a new page", "", "one\ntwo", []string{"added 0 1:  | [one]", "added 0 2:  | [two]"}},
		{"an emptied page", "one", "", []string{"removed 1 0: [one] | "}},
		{"equal", "one\n", "one\n", []string{"equal 1 1: one | one", "equal 2 2:  | "}},
		{"a missing last line feed", "one\n", "one", []string{"equal 1 1: one | one", "removed 2 0:  | "}},
		{
			"words inside a line",
			"Exact rollback to the checkpoint of round 63, 68 rounds again.\nHis right to contribute is suspended.\nend",
			"Exact rollback to the checkpoint of round 94, 36 to 48 rounds again.\nend",
			[]string{
				"changed 1 1: Exact rollback to the checkpoint of round [63], [68] rounds again. | Exact rollback to the checkpoint of round [94], [36 to 48] rounds again.",
				"removed 2 0: [His right to contribute is suspended.] | ",
				"equal 3 2: end | end",
			},
		},
		{
			"the likest lines stand side by side",
			"the council appoints two scribes\nthe roll is frozen",
			"a wholly other sentence\nthe council appoints three scribes\nthe roll is frozen at noon",
			[]string{
				"added 0 1:  | [a wholly other sentence]",
				"changed 1 2: the council appoints [two] scribes | the council appoints [three] scribes",
				"changed 2 3: the roll is frozen | the roll is frozen[ at noon]",
			},
		},
		{"nothing in common", "alpha beta", "gamma delta", []string{"removed 1 0: [alpha beta] | ", "added 0 1:  | [gamma delta]"}},
		{"letters beyond ASCII", "Tórbjørn says ja", "Tórbjørn says nei", []string{"changed 1 1: Tórbjørn says [ja] | Tórbjørn says [nei]"}},
		{"a phrase is one piece", "keep old grey words here now", "keep new blue words here now", []string{"changed 1 1: keep [old grey] words here now | keep [new blue] words here now"}},
	} {
		d := rows(t, tt.a, tt.b)
		var got []string
		for _, r := range d.Rows {
			got = append(got, show(r))
		}
		if g, w := strings.Join(got, "\n"), strings.Join(tt.want, "\n"); g != w {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, g, w)
		}
		if d.Delta() != len(tt.b)-len(tt.a) {
			t.Errorf("%s: Delta() = %d, want %d", tt.name, d.Delta(), len(tt.b)-len(tt.a))
		}
	}
}

func TestHunks(t *testing.T) {
	t.Parallel()
	var a, b []string
	for i := range 30 {
		line := fmt.Sprintf("line %d", i+1)
		a = append(a, line)
		switch i {
		case 4:
			b = append(b, line, "an added one")
		case 9, 25:
			b = append(b, line+" more")
		default:
			b = append(b, line)
		}
	}
	d := rows(t, strings.Join(a, "\n"), strings.Join(b, "\n"))
	for _, tt := range []struct {
		context int
		want    string
	}{
		{1, "5/5+3 9/10+3 25/26+3"},
		{2, "4/4+10 24/25+5"}, // two hunks that meet are one
		{3, "3/3+12 23/24+7"},
		{0, "0/6+1 10/11+1 26/27+1"},
		{-1, "0/6+1 10/11+1 26/27+1"},
		{99, "1/1+31"},
	} {
		var got []string
		for _, h := range d.Hunks(tt.context) {
			got = append(got, fmt.Sprintf("%d/%d+%d", h.OldLine, h.NewLine, len(h.Rows)))
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("Hunks(%d) = %s, want %s", tt.context, g, tt.want)
		}
	}
	if got := rows(t, "x\ny", "x\ny").Hunks(3); len(got) != 0 {
		t.Errorf("Hunks of equal texts = %v, want none", got)
	}
	if d.Removed != 2 || d.Added != 3 {
		t.Errorf("Removed %d, Added %d, want 2 and 3", d.Removed, d.Added)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"bytes": strings.Repeat("x", diff.MaxBytes+1), "lines": strings.Repeat("\n", diff.MaxLines)} {
		if _, err := diff.Lines(text, "x"); !errors.Is(err, diff.ErrTooLarge) {
			t.Errorf("%s: Lines(large, x) = %v, want ErrTooLarge", name, err)
		}
		if _, err := diff.Lines("x", text); !errors.Is(err, diff.ErrTooLarge) {
			t.Errorf("%s: Lines(x, large) = %v, want ErrTooLarge", name, err)
		}
		if _, ok := diff.Merge3("x", "y", text); ok {
			t.Errorf("%s: Merge3 accepted a large text", name)
		}
	}
}

func TestMerge3(t *testing.T) {
	t.Parallel()
	const base = "a\nb\nc\nd\ne\nf"
	for _, tt := range []struct {
		name, mine, theirs, want string
		ok                       bool
	}{
		{"apart", "A\nb\nc\nd\ne\nf", "a\nb\nc\nd\ne\nF", "A\nb\nc\nd\ne\nF", true},
		{"only mine", "a\nb\nX\nc\nd\ne\nf", base, "a\nb\nX\nc\nd\ne\nf", true},
		{"only theirs", base, "a\nb", "a\nb", true},
		{"the same edit", "a\nB\nc\nd\ne\nf", "a\nB\nc\nd\ne\nf", "a\nB\nc\nd\ne\nf", true},
		{"the same edit and another", "a\nB\nc\nd\ne\nf", "a\nB\nc\nd\ne\nF", "a\nB\nc\nd\ne\nF", true},
		{"the same line", "a\nB\nc\nd\ne\nf", "a\nX\nc\nd\ne\nf", "", false},
		{"neighbouring lines", "a\nB\nc\nd\ne\nf", "a\nb\nC\nd\ne\nf", "", false},
		{"insertions at one place", "a\nX\nb\nc\nd\ne\nf", "a\nY\nb\nc\nd\ne\nf", "", false},
		{"changed and deleted", "a\nb\nC\nd\ne\nf", "a\nb\nf", "", false},
		{"insertion and deletion apart", "X\na\nb\nc\nd\ne\nf", "a\nb\nc\nd\nf", "X\na\nb\nc\nd\nf", true},
	} {
		for range 2 { // and with the sides exchanged
			if got, ok := diff.Merge3(base, tt.mine, tt.theirs); got != tt.want || ok != tt.ok {
				t.Errorf("%s: Merge3(%q, %q) = %q, %v, want %q, %v", tt.name, tt.mine, tt.theirs, got, ok, tt.want, tt.ok)
			}
			tt.mine, tt.theirs = tt.theirs, tt.mine
		}
	}
}

// drawText draws texts whose lines repeat and differ by words.
func drawText(t *rapid.T, name string) string {
	line := rapid.SampledFrom([]string{"", "a", "b", "the roll", "the roll is", "the poll is open", " ", "ø–ð", "a, b; c", "\xff"})
	return strings.Join(rapid.SliceOfN(line, 0, 12).Draw(t, name), "\n")
}

// Both texts come back from the rows alone, line numbers run without gaps,
// and unmarked words are the same on both sides of a changed line.
func TestRowsHoldBothTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		check(t, drawText(t, "a"), drawText(t, "b"))
	})
}

type fataler interface {
	Fatalf(format string, args ...any)
}

func check(t fataler, a, b string) {
	d, err := diff.Lines(a, b)
	if err != nil {
		t.Fatalf("Lines: %v", err)
	}
	if d.Old() != a || d.New() != b {
		t.Fatalf("Lines(%q, %q) holds %q and %q", a, b, d.Old(), d.New())
	}
	x, y, changed := 0, 0, false
	for _, r := range d.Rows {
		changed = changed || r.Kind != diff.Equal
		if (r.OldLine == 0) != (r.Kind == diff.Added) || (r.NewLine == 0) != (r.Kind == diff.Removed) {
			t.Fatalf("row %s", show(r))
		}
		if r.OldLine > 0 {
			if x++; r.OldLine != x {
				t.Fatalf("row %s, want old line %d", show(r), x)
			}
		}
		if r.NewLine > 0 {
			if y++; r.NewLine != y {
				t.Fatalf("row %s, want new line %d", show(r), y)
			}
		}
		if unmarked(r.Old) != unmarked(r.New) {
			t.Fatalf("row %s: what stayed differs", show(r))
		}
	}
	if changed != (a != b) {
		t.Fatalf("Lines(%q, %q) shows a change: %v", a, b, changed)
	}
}

func unmarked(list []diff.Segment) string {
	var b strings.Builder
	for _, s := range list {
		if !s.Marked {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// A merge is symmetric, and with one side untouched it is the other side.
func TestMergeIsSymmetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base, mine, theirs := drawText(t, "base"), drawText(t, "mine"), drawText(t, "theirs")
		ab, ok1 := diff.Merge3(base, mine, theirs)
		ba, ok2 := diff.Merge3(base, theirs, mine)
		if ab != ba || ok1 != ok2 {
			t.Fatalf("Merge3(%q, %q, %q) = %q, %v; exchanged %q, %v", base, mine, theirs, ab, ok1, ba, ok2)
		}
		if got, ok := diff.Merge3(base, mine, base); !ok || got != mine {
			t.Fatalf("Merge3(%q, %q, base) = %q, %v", base, mine, got, ok)
		}
	})
}

// FuzzLines: no text breaks the rows.
func FuzzLines(f *testing.F) {
	f.Add("one\ntwo", "one\n2")
	f.Add("", "\n\n")
	f.Add("e\u0301\xff a", "\xffé  a\r\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 1<<16 || len(b) > 1<<16 {
			return
		}
		check(t, a, b)
		if merged, ok := diff.Merge3(a, b, a); !ok || merged != b {
			t.Fatalf("Merge3(%q, %q, same) = %q, %v", a, b, merged, ok)
		}
	})
}

// The largest texts that are accepted are compared in a time that a reader
// waits for; the bound is wide for slow machines.
func TestLargestTextsAreQuick(t *testing.T) {
	t.Parallel()
	var a, b strings.Builder
	for i := 0; a.Len() < diff.MaxBytes-200 && i < diff.MaxLines-1; i++ {
		fmt.Fprintf(&a, "line %d with some words that are different %d here\n", i, i*7919%1000)
		fmt.Fprintf(&b, "line %d with some words that are different %d there\n", i*31%20000, i*104729%1000)
	}
	start := time.Now()
	check(t, a.String(), b.String()[:min(b.Len(), diff.MaxBytes)])
	one, other := strings.Repeat("ab cd ", diff.MaxBytes/6), strings.Repeat("cd ef ab ", diff.MaxBytes/9)
	check(t, one, other)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("comparing the largest texts took %v", took)
	} else {
		t.Logf("the largest texts took %v", took)
	}
}
