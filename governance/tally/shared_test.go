package tally_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/tally"
)

// sharedElections is a larger collection that is not part of the project.
const sharedElections = "../../../shared/data/elections"

func needShared(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(sharedElections); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not there; the cases in testdata/ run without it", sharedElections)
	}
}

type expectedFile struct {
	BallotsFile string            `json:"ballots_file"`
	Candidates  map[string]string `json:"candidates"`
	LotOrder    []int             `json:"lot_order"`
	Expected    struct {
		Scottish *struct {
			Valid    int64 `json:"valid_ballots"`
			Quota    int64
			Elected  []int
			Excluded []int
			Stages   []struct {
				Votes           map[string]string
				NonTransferable string `json:"non_transferable"`
				Loss            string `json:"loss_by_fraction"`
				Elected         []int
				Filled          []int `json:"elected_by_rule_52"`
			}
			Ties []struct {
				Stage  int
				Tied   []int
				By     string
				Chosen int
			}
		} `json:"scottish-stv"`
		Meek *struct {
			Valid    int64 `json:"valid_ballots"`
			Elected  []int
			Defeated []int
			Rounds   []struct {
				Iterations int
				Quota      string
				Votes      map[string]string
				Surplus    string
				Keep       map[string]string
				Elected    []int
				Defeated   []int
				Status     string
			}
			Remaining []int `json:"elected_remaining"`
			Ties      []struct{ Round, Chosen int }
		} `json:"meek-prf"`
		Pairwise  tally.Matrix
		Paths     [][][2]int64 `json:"strongest_paths_win_lose"`
		Ranking   [][]int      `json:"schulze_ranking"`
		Winners   []int        `json:"schulze_winners"`
		Condorcet *int         `json:"condorcet_winner"`
		Smith     []int        `json:"smith_set"`
		Schwartz  []int        `json:"schwartz_set"`
	}
	Pairwise tally.Matrix
}

// one turns numbers from 0 into numbers from 1; never nil.
func one(list []int) []int {
	out := make([]int, len(list))
	for i, c := range list {
		out[i] = c + 1
	}
	return out
}

func zero(list []int) []int {
	out := make([]int, len(list))
	for i, c := range list {
		out[i] = c - 1
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s = %s, want %s", what, g, w)
	}
}

func loadExpected(t *testing.T, file string) expectedFile {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e expectedFile
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return e
}

func loadBLT(t *testing.T, file string) tally.Profile {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := tally.ParseBLT(f, tally.DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p
}

func TestSharedElections(t *testing.T) {
	needShared(t)
	files, err := filepath.Glob(sharedElections + "/*/*.expected.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", sharedElections, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".expected.json"), func(t *testing.T) {
			t.Parallel()
			e := loadExpected(t, file)
			ballots := filepath.Join(filepath.Dir(file), e.BallotsFile)
			if e.Expected.Pairwise != nil {
				checkSchulze(t, e, loadTOI(t, ballots))
				return
			}
			p := loadBLT(t, ballots)
			if e.Expected.Scottish == nil {
				t.Fatal("no expected count")
			}
			checkScottish(t, e, p)
			if e.Expected.Meek != nil {
				checkMeek(t, e, p)
			}
		})
	}
}

func checkScottish(t *testing.T, e expectedFile, p tally.Profile) {
	t.Helper()
	want := e.Expected.Scottish
	got, err := tally.Scottish(p, zero(e.LotOrder))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "valid", got.Valid, want.Valid)
	same(t, "quota", got.Quota, want.Quota)
	same(t, "elected", one(got.Elected), want.Elected)
	same(t, "excluded", one(got.Excluded), want.Excluded)
	same(t, "number of stages", len(got.Stages), len(want.Stages))
	for i := range min(len(got.Stages), len(want.Stages)) {
		g, w := got.Stages[i], want.Stages[i]
		for c, v := range w.Votes {
			n, _ := strconv.Atoi(c)
			same(t, fmt.Sprintf("stage %d votes of %s", i+1, c), g.Votes[n-1], v)
		}
		same(t, fmt.Sprintf("stage %d non-transferable", i+1), g.NonTransferable, w.NonTransferable)
		same(t, fmt.Sprintf("stage %d loss", i+1), g.Loss, w.Loss)
		same(t, fmt.Sprintf("stage %d elected", i+1), one(g.Elected), w.Elected)
		same(t, fmt.Sprintf("stage %d rule 52", i+1), one(g.Filled), append([]int{}, w.Filled...))
	}
	same(t, "number of ties", len(got.Ties), len(want.Ties))
	for i := range min(len(got.Ties), len(want.Ties)) {
		g, w := got.Ties[i], want.Ties[i]
		by := "previous stage"
		if g.ByLot() {
			by = "lot"
		}
		same(t, fmt.Sprintf("tie %d", i+1), []any{g.Stage, one(g.Tied), by, g.Chosen + 1}, []any{w.Stage, w.Tied, w.By, w.Chosen})
	}
}

func checkMeek(t *testing.T, e expectedFile, p tally.Profile) {
	t.Helper()
	want := e.Expected.Meek
	got, err := tally.Meek(p, zero(e.LotOrder))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "meek valid", got.Valid, want.Valid)
	same(t, "meek elected", one(slices.Sorted(slices.Values(got.Elected))), slices.Sorted(slices.Values(want.Elected)))
	same(t, "meek defeated", one(got.Defeated), want.Defeated)
	same(t, "meek remaining", one(got.Remaining), want.Remaining)
	same(t, "meek rounds", len(got.Rounds), len(want.Rounds))
	for i := range min(len(got.Rounds), len(want.Rounds)) {
		g, w := got.Rounds[i], want.Rounds[i]
		what := fmt.Sprintf("meek round %d ", i+1)
		same(t, what+"iterations, quota, surplus, status", []any{g.Iterations, g.Quota, g.Surplus, g.Status}, []any{w.Iterations, w.Quota, w.Surplus, w.Status})
		for c, v := range w.Votes {
			n, _ := strconv.Atoi(c)
			same(t, what+"votes of "+c, g.Votes[n-1], v)
		}
		for c, v := range w.Keep {
			n, _ := strconv.Atoi(c)
			same(t, what+"keep of "+c, g.Keep[n-1], v)
		}
		same(t, what+"elected", one(g.Elected), w.Elected)
		if g.Defeated >= 0 || len(w.Defeated) > 0 {
			same(t, what+"defeated", []int{g.Defeated + 1}, w.Defeated)
		}
	}
	same(t, "meek ties", len(got.Ties), len(want.Ties))
	for i := range min(len(got.Ties), len(want.Ties)) {
		same(t, "meek tie", []int{got.Ties[i].Stage, got.Ties[i].Chosen + 1}, []int{want.Ties[i].Round, want.Ties[i].Chosen})
	}
}

func checkSchulze(t *testing.T, e expectedFile, p tally.Profile) {
	t.Helper()
	got, err := tally.Schulze(p)
	if err != nil {
		t.Fatal(err)
	}
	want := e.Expected
	same(t, "pairwise", got.Pairwise, want.Pairwise)
	for a, row := range want.Paths {
		for b, v := range row {
			s := got.Paths[a][b]
			same(t, fmt.Sprintf("path %d to %d", a+1, b+1), [2]int64{s.Win, s.Lose}, v)
		}
	}
	ranking := [][]int{}
	for _, group := range got.Ranking {
		ranking = append(ranking, one(group))
	}
	same(t, "ranking", ranking, want.Ranking)
	same(t, "winners", one(got.Winners()), want.Winners)
	condorcet := 0
	if want.Condorcet != nil {
		condorcet = *want.Condorcet
	}
	same(t, "condorcet winner", got.Condorcet+1, condorcet)
	same(t, "smith set", one(got.Smith), want.Smith)
	same(t, "schwartz set", one(got.Schwartz), want.Schwartz)
}

func TestSharedMatrix(t *testing.T) {
	needShared(t)
	e := loadExpected(t, sharedElections+"/condorcet/debian-dpl-2002-matrix.json")
	got, err := tally.SchulzeMatrix(e.Pairwise)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "winners", one(got.Winners()), e.Expected.Winners)
	same(t, "condorcet winner", got.Condorcet+1, *e.Expected.Condorcet)
}

// loadTOI reads rankings with ties as PrefLib writes them: "3: 1,{2,3},4".
func loadTOI(t *testing.T, file string) tally.Profile {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := tally.Profile{Seats: 1}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "# ALTERNATIVE NAME "); ok {
			_, name, _ = strings.Cut(name, ": ")
			p.Candidates = append(p.Candidates, name)
		}
		weight, order, ok := strings.Cut(line, ":")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		w, err := strconv.ParseInt(weight, 10, 64)
		if err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		p.Ballots = append(p.Ballots, tally.Ballot{Weight: w, Ranks: toiRanks(t, order)})
	}
	return p
}

func toiRanks(t *testing.T, order string) [][]int {
	t.Helper()
	var ranks [][]int
	level := false
	for field := range strings.SplitSeq(strings.TrimSpace(order), ",") {
		open, shut := strings.HasPrefix(field, "{"), strings.HasSuffix(field, "}")
		field = strings.Trim(field, "{} ")
		if field == "" {
			continue
		}
		c, err := strconv.Atoi(field)
		if err != nil {
			t.Fatalf("%q: %v", order, err)
		}
		if level {
			ranks[len(ranks)-1] = append(ranks[len(ranks)-1], c-1)
		} else {
			ranks = append(ranks, []int{c - 1})
		}
		level = (level || open) && !shut
	}
	return ranks
}

func TestSharedMalformed(t *testing.T) {
	needShared(t)
	lines := map[string]int{ // the line that is wrong; 0 if the file is good
		"bad-duplicate-candidate.blt": 2, "bad-equal-ranks.blt": 2, "bad-huge-weight.blt": 2, "bad-missing-terminator.blt": 2,
		"bad-negative-weight.blt": 2, "bad-too-few-names.blt": 5, "bad-unknown-candidate.blt": 2, "ok-blank-ballots.blt": 0, "ok-bom-crlf-utf8.blt": 0,
	}
	files, _ := filepath.Glob(sharedElections + "/malformed/*.blt")
	if len(files) != len(lines) {
		t.Errorf("%d files, want %d", len(files), len(lines))
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tally.ParseBLT(f, tally.DefaultLimits())
		f.Close()
		var bad *tally.ParseError
		line := 0
		if errors.As(err, &bad) {
			line = bad.Line
		} else if err != nil {
			t.Errorf("%s: %v is no ParseError", file, err)
		}
		if want := lines[filepath.Base(file)]; line != want {
			t.Errorf("ParseBLT(%s): %v, want an error in line %d", filepath.Base(file), err, want)
		}
	}
}

// ratio reads a decimal fraction exactly.
func ratio(t *testing.T, n json.Number) (num, den int64) {
	t.Helper()
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		t.Fatalf("%q is no number", n)
	}
	return r.Num().Int64(), r.Denom().Int64()
}

func TestSharedDecisionRules(t *testing.T) {
	needShared(t)
	raw, err := os.ReadFile(sharedElections + "/decision-rules/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Rule  string
			Input struct {
				N, S, Yes, No, Abstain, Support, Oppose, Neutral int64
				VAD                                              int64                     `json:"V_AD"`
				VDA                                              int64                     `json:"V_DA"`
				Plus                                             int64                     `json:"binding_plus"`
				BindingMinus                                     []struct{ Reason string } `json:"binding_minus"`
				Q, Elapsed                                       json.Number
				Hours, Objections                                int64
				Seats                                            int
				Candidates                                       []struct{ ID, S, O int64 }
				Groups                                           []tally.GroupCount
			}
			Expected json.RawMessage
			Note     string
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 13 {
		t.Errorf("%d cases, want 13", len(file.Cases))
	}
	for _, k := range file.Cases {
		t.Run(k.Rule+"/"+k.Note, func(t *testing.T) {
			in := k.Input
			c := tally.Counts{Electorate: in.N, Yes: in.Yes, No: in.No, Abstain: in.Abstain}
			var r tally.Rule
			switch k.Rule {
			case "simple-majority", "two-thirds":
				num, den := ratio(t, in.Q)
				r = tally.SimpleMajority(num, den)
				if k.Rule == "two-thirds" {
					r = tally.TwoThirds(num, den)
				}
			case "debian":
				r, c.Yes, c.No = tally.Debian(in.S), in.VAD, in.VDA
			case "apache-code":
				r, c.Yes = tally.ApacheCode(), in.Plus
				for _, minus := range in.BindingMinus {
					if minus.Reason == "" {
						c.VoidVetoes++
					} else {
						c.Vetoes++
					}
				}
			case "lazy-consensus":
				num, den := ratio(t, in.Elapsed)
				r, c.Minutes, c.Objections = tally.LazyConsensus(in.Hours), 60*num/den, in.Objections
			case "rfa-band":
				r, c.Yes, c.No, c.Abstain = tally.RFABand(), in.Support, in.Oppose, in.Neutral
			case "bridging":
				r, c.Groups = tally.Bridging(), in.Groups
				for _, g := range in.Groups {
					c.Yes, c.No = c.Yes+g.Yes, c.No+g.No
				}
			case "arbcom-percent":
				var votes []tally.Support
				for _, v := range in.Candidates {
					votes = append(votes, tally.Support{Support: v.S, Oppose: v.O})
				}
				got, err := tally.SupportPercent(tally.ArbComPercent(), votes, in.Seats, []int{0, 1}, 0)
				if err != nil {
					t.Fatal(err)
				}
				same(t, "elected, long", []any{one(got.Elected), got.Long}, []any{[]int{2}, []bool{false, true}})
				return
			default:
				t.Fatalf("rule %q is not covered", k.Rule)
			}
			var want string
			if err := json.Unmarshal(k.Expected, &want); err != nil {
				t.Fatal(err)
			}
			switch want {
			case "kept":
				want = "passed"
			case "dropped":
				want = "failed"
			}
			if got := r.Evaluate(c); string(got.Verdict) != want {
				t.Errorf("%s.Evaluate(%+v) = %+v, want %s", r.Name, c, got, want)
			}
		})
	}
}
