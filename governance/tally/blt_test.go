package tally_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/tally"
)

const smallBLT = "3 2\n-3\n4 1 2 0\n2 0\n1 2 0\n0\n\"Ann\"\n\"Bo\"\n\"Cy\"\n\"Moderators\"\n"

func TestParseBLT(t *testing.T) {
	t.Parallel()
	want := tally.Profile{
		Title: "Moderators", Seats: 2, Candidates: []string{"Ann", "Bo", "Cy"}, Withdrawn: []int{2},
		Ballots: []tally.Ballot{tally.Ranking(4, 0, 1), {Weight: 2}, tally.Ranking(1, 1)},
	}
	for name, text := range map[string]string{
		"plain":       smallBLT,
		"mark, CRLF":  "\ufeff" + strings.ReplaceAll(smallBLT, "\n", "\r\n"),
		"empty lines": strings.ReplaceAll(smallBLT, "\n", "\n\n  \n"),
		"no last end": strings.TrimSuffix(smallBLT, "\n"),
	} {
		got, err := tally.ParseBLT(strings.NewReader(text), tally.DefaultLimits())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: ParseBLT = %+v, %v, want %+v", name, got, err, want)
		}
	}
	var out bytes.Buffer
	if err := tally.WriteBLT(&out, want); err != nil || out.String() != smallBLT {
		t.Errorf("WriteBLT = %q, %v, want %q", out.String(), err, smallBLT)
	}
}

func TestParseBLTSaysWhere(t *testing.T) {
	t.Parallel()
	limits := tally.Limits{Bytes: 400, LineBytes: 100, Candidates: 5, Ballots: 3, Weight: 100}
	const names = "0\n\"A\"\n\"B\"\n\"C\"\n\"t\"\n"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the file is empty."},
		{"head", "3\n", "line 1: the first line does not hold two numbers."},
		{"head words", "three 2\n", "line 1: \"three\" and \"2\" are not numbers"},
		{"head many", "6 2\n", "line 1: 6 candidates are announced."},
		{"twice", "3 2\n4 1 2 1 0\n" + names, "line 2: the ballot names candidate 1 twice."},
		{"unknown", "3 2\n1 1 0\n4 1 7 0\n" + names, "line 3: there is no candidate 7."},
		{"zero inside", "3 2\n4 1 0 2 0\n" + names, "line 2: there is no candidate 0."},
		{"word", "3 2\n4 1 x 0\n" + names, "line 2: \"x\" is not the number of a candidate."},
		{"level", "3 2\n4 1=2 3 0\n" + names, "line 2: \"1=2\" ranks candidates level."},
		{"no end of ballot", "3 2\n4 1 2\n2 3 0\n" + names, "line 2: the ballot does not end with 0."},
		{"no end of ballots", "3 2\n4 1 2 0\n\"A\"\n", "line 3: a name stands before the ballots have ended."},
		{"names missing", "3 2\n4 1 2 0\n0\n\"A\"\n\"B\"\n", "line 5: 2 names for 3 candidates."},
		{"title missing", "3 2\n4 1 2 0\n0\n\"A\"\n\"B\"\n\"C\"\n", "line 6: the title is missing."},
		{"after title", "3 2\n" + names + "more\n", "line 7: text follows the title."},
		{"unquoted", "3 2\n0\nA\n", "line 3: a quoted name is expected."},
		{"negative weight", "3 2\n-4 1 2 0\n" + names, "line 2: the weight -4 is not positive."},
		{"zero weight", "3 2\n0 1 2 0\n" + names, "line 2: the weight 0 is not positive."},
		{"huge weight", "3 2\n99999999999999999999 1 0\n" + names, "line 2: the weight 99999999999999999999 is too large."},
		{"weights", "3 2\n60 1 0\n41 2 0\n" + names, "line 3: with weight 41 the ballots are more than 100."},
		{"fraction", "3 2\n1.5 1 0\n" + names, "line 2: \"1.5\" is not a weight."},
		{"ballot lines", "3 2\n1 1 0\n1 2 0\n1 3 0\n1 1 0\n" + names, "line 5: there are more than 3 ballot lines."},
		{"late withdrawal", "3 2\n1 1 0\n-2\n" + names, "line 3: a withdrawal stands among the ballots."},
		{"withdrawal", "3 2\n-4\n" + names, "line 2: candidate 4 is withdrawn but does not stand."},
		{"withdrawn twice", "3 2\n-2\n-2\n" + names, "line 3: candidate 2 is withdrawn twice."},
		{"mixed withdrawal", "3 2\n-2 1\n" + names, "line 2: \"1\" stands in a line of withdrawals."},
		{"not UTF-8", "3 2\n0\n\"\xff\"\n", "line 3: the text is not UTF-8."},
		{"long line", "3 2\n0\n\"" + strings.Repeat("x", 200) + "\"\n", "line 3: the line is longer than 100 bytes."},
		{"long file", "3 2\n" + strings.Repeat("\n", 500), "line 398: the file is longer than 400 bytes."},
	} {
		_, err := tally.ParseBLT(strings.NewReader(tt.text), limits)
		var bad *tally.ParseError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), tt.want) || bad.Do == "" {
			t.Errorf("%s: ParseBLT error = %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestWriteBLTKeepsNamesHarmless(t *testing.T) {
	t.Parallel()
	p := tally.Profile{Title: "two\nlines", Seats: 1, Candidates: []string{`Ann "Nan"`, "Bø"}, Ballots: []tally.Ballot{{Weight: 1, Ranks: [][]int{{0, 1}}}}}
	var out bytes.Buffer
	if err := tally.WriteBLT(&out, p); err != nil {
		t.Fatal(err)
	}
	want := "2 1\n1 1=2 0\n0\n\"Ann ”Nan”\"\n\"Bø\"\n\"two lines\"\n"
	if out.String() != want {
		t.Errorf("WriteBLT = %q, want %q", out.String(), want)
	}
	limits := tally.DefaultLimits()
	limits.EqualRanks = true
	if _, err := tally.ParseBLT(&out, limits); err != nil {
		t.Errorf("ParseBLT of equal ranks where they are accepted: %v", err)
	}
	p.Seats = 0
	if err := tally.WriteBLT(&out, p); err == nil {
		t.Error("WriteBLT of a profile without seats: no error")
	}
}

// FuzzParseBLT: what is accepted can be written, read back as the same
// ballots, and counted without a panic.
func FuzzParseBLT(f *testing.F) {
	f.Add(smallBLT)
	f.Add("2 1\n1 1=2 0\n0\n\"A\"\n\"B\"\n\"t\"\n")
	f.Add("\ufeff1 1\r\n1000000000 1 0\r\n0\r\n\"\"\r\n\"\"\r\n")
	f.Add("3 2\n-4 1 2 0\n0\n")
	f.Fuzz(func(t *testing.T, text string) {
		limits := tally.Limits{Bytes: 1 << 12, LineBytes: 1 << 10, Candidates: 9, Ballots: 50, Weight: tally.MaxWeight, EqualRanks: true}
		p, err := tally.ParseBLT(strings.NewReader(text), limits)
		if err != nil {
			var bad *tally.ParseError
			if !errors.As(err, &bad) || bad.Line < 1 {
				t.Fatalf("error without a line: %v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := tally.WriteBLT(&out, p); err != nil {
			t.Fatalf("accepted but not writable: %v", err)
		}
		limits.Bytes, limits.LineBytes = 1<<20, 1<<16
		again, err := tally.ParseBLT(&out, limits)
		if err != nil || !reflect.DeepEqual(again.Ballots, p.Ballots) || !reflect.DeepEqual(again.Withdrawn, p.Withdrawn) {
			t.Fatalf("read back %+v, %v, want %+v", again, err, p)
		}
		lot := make([]int, len(p.Candidates))
		for i := range lot {
			lot[i] = i
		}
		if _, err := tally.Sensitive(p, lot); err != nil && !errors.Is(err, tally.ErrEqualRanks) {
			t.Fatal(err)
		}
		if _, err := tally.Schulze(p); err != nil {
			t.Fatal(err)
		}
	})
}
