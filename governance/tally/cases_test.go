package tally_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/tally"
)

// electionCase is a file of testdata; the format is in testdata/README.
type electionCase struct {
	profile tally.Profile
	matrix  tally.Matrix
	lot     []int
	want    [][2]string // what, value
}

func numbers(t *testing.T, s string) []int {
	t.Helper()
	var list []int
	for _, f := range strings.Fields(s) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		list = append(list, n)
	}
	return list
}

// groups reads "2=4 > 1=3", numbers from 1.
func groups(t *testing.T, s string) [][]int {
	t.Helper()
	var ranks [][]int
	for group := range strings.SplitSeq(s, ">") {
		if group = strings.TrimSpace(group); group != "" {
			ranks = append(ranks, zero(numbers(t, strings.ReplaceAll(group, "=", " "))))
		}
	}
	return ranks
}

func loadCase(t *testing.T, file string) electionCase {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e electionCase
	for line := range strings.Lines(string(raw)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			t.Fatalf("%s: %q", file, line)
		case key == "source" || key == "why":
		case key == "title":
			e.profile.Title = value
		case key == "seats":
			e.profile.Seats = numbers(t, value)[0]
		case key == "candidate":
			e.profile.Candidates = append(e.profile.Candidates, value)
		case key == "withdrawn":
			e.profile.Withdrawn = zero(numbers(t, value))
		case key == "lot":
			e.lot = zero(numbers(t, value))
		case key == "row":
			var row []int64
			for _, n := range numbers(t, value) {
				row = append(row, int64(n))
			}
			e.matrix = append(e.matrix, row)
		case key == "ballot":
			weight, order, _ := strings.Cut(value, "x")
			e.profile.Ballots = append(e.profile.Ballots, tally.Ballot{Weight: int64(numbers(t, weight)[0]), Ranks: groups(t, order)})
		default:
			e.want = append(e.want, [2]string{key, value})
		}
	}
	return e
}

func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.case")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".case"), func(t *testing.T) {
			t.Parallel()
			e := loadCase(t, file)
			if len(e.want) == 0 {
				t.Error("the case wants nothing")
			}
			for _, w := range e.want {
				if got := e.count(t, w[0]); got != w[1] {
					t.Errorf("%s: got %s, want %s", w[0], got, w[1])
				}
			}
		})
	}
}

// count computes what a line of a case wants and writes it as the line does.
func (e electionCase) count(t *testing.T, what string) string {
	t.Helper()
	method, rest, _ := strings.Cut(what, " ")
	switch method {
	case "scottish":
		r, err := tally.Scottish(e.profile, e.lot)
		if err != nil {
			t.Fatal(err)
		}
		return scottishField(t, r, rest)
	case "meek":
		r, err := tally.Meek(e.profile, e.lot)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case rest == "elected":
			return words(one(r.Elected))
		case rest == "defeated":
			return words(one(r.Defeated))
		}
		return r.Rounds[last(t, rest)-1].Quota.String()
	case "approval":
		r, err := tally.Approval(e.profile, e.lot)
		if err != nil {
			t.Fatal(err)
		}
		return words(r.Approvals)
	case "schulze":
		r, err := tally.SchulzeMatrix(e.matrix)
		if e.matrix == nil {
			r, err = tally.Schulze(e.profile)
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(r.Ranking))
		for i, group := range r.Ranking {
			parts[i] = strings.ReplaceAll(words(one(group)), " ", "=")
		}
		return strings.Join(parts, " > ")
	}
	t.Fatalf("unknown line %q", what)
	return ""
}

func scottishField(t *testing.T, r tally.ScottishResult, what string) string {
	t.Helper()
	switch what {
	case "quota":
		return fmt.Sprint(r.Quota)
	case "elected":
		return words(one(r.Elected))
	case "excluded":
		return words(one(r.Excluded))
	}
	st := r.Stages[last(t, what)-1]
	return fmt.Sprintf("%s lost %v cut %v", words(st.Votes), st.NonTransferable, st.Loss)
}

func words[T any](list []T) string { return strings.Trim(fmt.Sprint(list), "[]") }

func last(t *testing.T, what string) int {
	t.Helper()
	f := strings.Fields(what)
	n, err := strconv.Atoi(f[len(f)-1])
	if err != nil {
		t.Fatalf("%q: %v", what, err)
	}
	return n
}

func TestTieNarrowsThenSaysHow(t *testing.T) {
	t.Parallel()
	e := loadCase(t, "testdata/narrowing.case")
	r, err := tally.Scottish(e.profile, e.lot)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", r.Ties[0])
	want := fmt.Sprintf("%+v", tally.Tie{Stage: 3, Kind: tally.TieExclusion, Tied: []int{1, 2, 3}, DecidedAt: []int{2, 1}, Chosen: 2})
	if got != want {
		t.Errorf("tie %s, want %s", got, want)
	}
	if got, want := r.Ties[0].Sentence(e.profile.Candidates), "Bo, Cy and Di were level. They differed at stages 2 and 1. That decided: Cy."; got != want {
		t.Errorf("Sentence() = %q, want %q", got, want)
	}
}

func TestSensitiveWard(t *testing.T) {
	t.Parallel()
	e := loadCase(t, "testdata/langside-2012.case")
	s, err := tally.Sensitive(e.profile, e.lot)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Sentence(e.profile.Candidates)
	want := "The method mattered for 1 seat. Scottish STV elects Liam Hainey; Meek STV, counting the same ballots, elects Alex Hewetson instead."
	if !s.Differs() || got != want {
		t.Errorf("Sentence() = %q, want %q", got, want)
	}
	e = loadCase(t, "testdata/withdrawn.case")
	if s, err = tally.Sensitive(e.profile, e.lot); err != nil || s.Differs() {
		t.Errorf("Sensitive(withdrawn) differs: %v, %v", s.Differs(), err)
	}
}

func TestExplainNamesEveryStage(t *testing.T) {
	t.Parallel()
	e := loadCase(t, "testdata/truncation.case")
	r, err := tally.Scottish(e.profile, e.lot)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Explain(e.profile.Candidates)
	want := []string{
		"Stage 1: 15 valid ballots, 0 blank ones, 2 seats; the quota is 6. Ann has 9.00000, at least the quota of 6, and is elected.",
		"Stage 2: Ann has 3.00000 above the quota. Every paper passes on at 3.00000/9.00000 of its value, cut to five decimals. Moved: 1.99998 to Ed, 0.99999 can go to nobody and 0.00003 is lost by cutting.",
		"Stage 3: Di has the fewest votes, 1.00000, and is excluded. The papers pass on at the value they have. Moved: 1.00000 to Bo.",
		"Stage 4: Ed has the fewest votes, 1.99998, and is excluded. The papers pass on at the value they have. Moved: 1.99998 to Bo.",
		"Stage 5: Cy has the fewest votes, 2.00000, and is excluded. The papers pass on at the value they have. Moved: 2.00000 can go to nobody. No more candidates are left than seats, so Bo is elected (rule 52).",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Explain() =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	m, err := tally.Meek(e.profile, e.lot)
	if err != nil {
		t.Fatal(err)
	}
	if lines := m.Explain(e.profile.Candidates); len(lines) < len(m.Rounds) || !strings.Contains(lines[0], "Ann has 9.000000000") {
		t.Errorf("Meek Explain() = %q", lines)
	}
}

func TestSchulzeExplainsTheCycle(t *testing.T) {
	t.Parallel()
	e := loadCase(t, "testdata/second-key.case")
	r, err := tally.SchulzeMatrix(e.matrix)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(r.Explain(e.profile.Candidates), "\n")
	want := "Nobody wins against all others in pairs. Nobody outside wins against A, B and C (the Schwartz set), so the strongest chains of wins decide.\n" +
		"C → A holds with 4 to 1 ballots at its weakest link; the best chain back, A → B → C holds with 4 to 3 ballots at its weakest link.\n" +
		"C → A → B holds with 4 to 2 ballots at its weakest link; the best chain back, B → C holds with 4 to 3 ballots at its weakest link."
	if got != want {
		t.Errorf("Explain() =\n%s\nwant\n%s", got, want)
	}
}

func TestSchulzeElectsByLotOnlyInATie(t *testing.T) {
	t.Parallel()
	e := loadCase(t, "testdata/schulze-tie.case")
	r, err := tally.SchulzeMatrix(e.matrix)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lot  []int
		want int
	}{{[]int{0, 1, 2, 3}, 3}, {[]int{3, 2, 1, 0}, 1}} {
		if got, byLot, err := r.Elect(tt.lot); got != tt.want || !byLot || err != nil {
			t.Errorf("Elect(%v) = %d, %v, %v, want %d by lot", tt.lot, got, byLot, err, tt.want)
		}
	}
}

func TestWithDefaultDropsWhatFailsAgainstIt(t *testing.T) {
	t.Parallel()
	p := tally.Profile{Seats: 1, Candidates: []string{"A", "B", "reopen"}, Ballots: []tally.Ballot{
		tally.Ranking(10, 0, 2), tally.Ranking(9, 1, 2, 0), tally.Ranking(3, 2),
	}}
	// 22 ballots: A over reopen 10:12, so A falls; B over reopen 9:13 falls too.
	r, err := tally.WithDefault(p, 2, tally.Debian(1), 22)
	if err != nil {
		t.Fatal(err)
	}
	if got := words(r.Count.Winners()); got != "2" || words(r.Dropped) != "0 1" {
		t.Errorf("winners %s, dropped %v, want the default option to win", got, r.Dropped)
	}
	p.Ballots[2] = tally.Ranking(3, 0)
	// Now A over reopen is 13:9 and the quorum 3·√22/2 = 7.04 is met; B is 9:10.
	if r, err = tally.WithDefault(p, 2, tally.Debian(1), 22); err != nil {
		t.Fatal(err)
	}
	if got := words(r.Count.Winners()); got != "0" || words(r.Dropped) != "1" {
		t.Errorf("winners %s, dropped %v, want A to win", got, r.Dropped)
	}
	if _, err := tally.WithDefault(p, 7, tally.Debian(1), 22); err == nil {
		t.Error("a default option that does not stand was accepted")
	}
}

func TestLotOrder(t *testing.T) {
	t.Parallel()
	var manifest [32]byte
	// SHA-256 of 32 zero bytes, "beacon" and the id begins with 756daa6c for
	// gamma, 20a2863b for alpha and 669aac5c for beta (from sha256sum).
	got := tally.LotOrder(manifest, []byte("beacon"), []string{"gamma", "alpha", "beta"})
	if want := []int{1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("LotOrder = %v, want %v", got, want)
	}
	again := tally.LotOrder(manifest, []byte("beacon"), []string{"alpha", "beta", "gamma"})
	if want := []int{0, 1, 2}; !slices.Equal(again, want) {
		t.Errorf("LotOrder of another list = %v, want %v", again, want)
	}
	if got := tally.LotOrder(manifest, nil, nil); len(got) != 0 {
		t.Errorf("LotOrder of nobody = %v", got)
	}
}

func TestLotOrderMustNameEachOnce(t *testing.T) {
	t.Parallel()
	p := tally.Profile{Seats: 1, Candidates: []string{"A", "B"}, Ballots: []tally.Ballot{tally.Ranking(1, 0)}}
	for _, lot := range [][]int{nil, {0}, {0, 0}, {0, 2}, {-1, 0}, {0, 1, 1}} {
		if _, err := tally.Scottish(p, lot); err == nil {
			t.Errorf("Scottish with lot %v: no error", lot)
		}
		if _, err := tally.Meek(p, lot); err == nil {
			t.Errorf("Meek with lot %v: no error", lot)
		}
		if _, err := tally.Approval(p, lot); err == nil {
			t.Errorf("Approval with lot %v: no error", lot)
		}
	}
}

func TestCheckRefusesWhatCannotBeCounted(t *testing.T) {
	t.Parallel()
	good := func() tally.Profile {
		return tally.Profile{Seats: 1, Candidates: []string{"A", "B"}, Ballots: []tally.Ballot{tally.Ranking(1, 0, 1)}}
	}
	if err := good().Check(); err != nil {
		t.Fatalf("Check of a good profile: %v", err)
	}
	for name, spoil := range map[string]func(*tally.Profile){
		"no candidates":     func(p *tally.Profile) { p.Candidates = nil },
		"no seats":          func(p *tally.Profile) { p.Seats = 0 },
		"zero weight":       func(p *tally.Profile) { p.Ballots[0].Weight = 0 },
		"weights too large": func(p *tally.Profile) { p.Ballots = append(p.Ballots, tally.Ranking(tally.MaxWeight, 0)) },
		"twice":             func(p *tally.Profile) { p.Ballots[0] = tally.Ranking(1, 0, 0) },
		"unknown":           func(p *tally.Profile) { p.Ballots[0] = tally.Ranking(1, 2) },
		"empty rank":        func(p *tally.Profile) { p.Ballots[0].Ranks = [][]int{{}} },
		"withdrawn unknown": func(p *tally.Profile) { p.Withdrawn = []int{2} },
		"withdrawn twice":   func(p *tally.Profile) { p.Withdrawn = []int{1, 1} },
	} {
		p := good()
		spoil(&p)
		if err := p.Check(); err == nil {
			t.Errorf("%s: Check(%+v) = nil", name, p)
		}
	}
	level := good()
	level.Ballots[0].Ranks = [][]int{{0, 1}}
	if _, err := tally.Scottish(level, []int{0, 1}); !errors.Is(err, tally.ErrEqualRanks) {
		t.Errorf("Scottish with level candidates: %v, want ErrEqualRanks", err)
	}
}
