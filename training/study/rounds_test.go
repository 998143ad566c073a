package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRatesAreAGridOfThreeToAPowerOfTen(t *testing.T) {
	for place, want := range map[int]string{-4: "0.0464", -3: "0.1", -2: "0.215", -1: "0.464", 0: "1", 1: "2.15", 2: "4.64", 3: "10"} {
		if got := fmt.Sprintf("%g", rateOf(place)); got != want {
			t.Errorf("rate at place %d is %s, want %s", place, got, want)
		}
	}
}

// met is a curve that is at the target at a round, or at an accuracy without.
func met(rate, round, accuracy float64) curve {
	return curve{Rate: rate, Reached: round, Rounds: 100, Points: []point{{100, accuracy}}}
}

func TestSearchTriesBothNeighboursOfTheBestRate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rounds map[int]float64 // round at which the target is met, by place
		tried  string
		best   float64
	}{
		{"the first place", map[int]float64{-1: 30, 0: 20, 1: 25}, "[1 2.15 0.464]", 1},
		{"two places up", map[int]float64{0: 20, 1: 15, 2: 9.5, 3: 12}, "[1 2.15 4.64 10]", 4.64},
		{"two places down", map[int]float64{1: 0, 0: 20, -1: 15, -2: 14, -3: 0}, "[1 2.15 0.464 0.215 0.1]", .215},
		{"nobody is at the target", map[int]float64{}, "[1 2.15 0.464]", 1},
	} {
		var tried []float64
		all, err := search(0, 1000, func(place, most int, rival curve) (curve, error) {
			if len(tried) > 0 && rival.Reached > 0 && most != int(math.Ceil(rival.Reached)) {
				t.Errorf("%s: rate %g may take %d rounds beside a rival of %g", tt.name, rateOf(place), most, rival.Reached)
			}
			tried = append(tried, rateOf(place))
			return met(rateOf(place), tt.rounds[place], .3), nil
		})
		if err != nil || fmt.Sprint(tried) != tt.tried || fastest(all).Rate != tt.best {
			t.Errorf("%s: tried %v and took %g, %v; want %s and %g", tt.name, tried, fastest(all).Rate, err, tt.tried, tt.best)
		}
	}
	if _, err := search(0, 9, func(int, int, curve) (curve, error) { return curve{}, io.ErrUnexpectedEOF }); err == nil {
		t.Error("the error of a rate was lost")
	}
}

func TestACurveNeverFallsAndMeetsTheTargetBetweenPoints(t *testing.T) {
	c := curve{Points: []point{{0, .1}}}
	c.extend(10, .3, .4)
	c.extend(20, .2, .4)
	if c.best() != .3 || c.Reached != 0 {
		t.Errorf("after 0.3 and 0.2 the best is %g and the target was met at %g; want 0.3 and never", c.best(), c.Reached)
	}
	c.extend(30, .5, .4)
	if math.Abs(c.Reached-25) > 1e-9 {
		t.Errorf("the target of 0.4 was met at %g, want 25: half-way from 0.3 at 20 to 0.5 at 30", c.Reached)
	}
}

func TestARateThatFallsBehindIsGivenUp(t *testing.T) {
	rival := curve{Points: []point{{0, .1}, {40, .3}, {50, .4}}}
	for _, tt := range []struct {
		rounds   int
		accuracy float64
		want     bool
	}{{59, .1, false}, {60, .3, false}, {61, .3, true}, {61, .35, false}, {90, .45, false}} {
		c := curve{Rounds: tt.rounds, Points: []point{{tt.rounds, tt.accuracy}}}
		if got := c.behind(rival); got != tt.want {
			t.Errorf("%g after %d rounds is behind %+v: %v, want %v", tt.accuracy, tt.rounds, rival.Points, got, tt.want)
		}
	}
}

func TestClientsAreTheRolesWithMostToSay(t *testing.T) {
	text := speeches(22) + strings.Repeat("LONG:\nabc abc abc abc abc abc abc abc abc abc abc abc abc\n\n", 20)
	s := roundsStudy{clients: 5, windows: 7}
	roles, symbols, err := s.clientsOf(text)
	if err != nil || len(roles) != 5 || roles[0].name != "LONG" || roles[0].train.len() != 7 {
		t.Fatalf("%d roles, %v; want 5, LONG with 7 windows first", len(roles), err)
	}
	of, n := alphabet(text)
	if n != symbols || of['a'] == of['b'] || int(of['y']) >= n {
		t.Errorf("an alphabet of %d and %d symbols, a is %d, b is %d, y is %d", n, symbols, of['a'], of['b'], of['y'])
	}
	if r := roles[0].train; r.tokens[0] != of['a'] || r.targets[0] != of['b'] || r.tokens[1] != of['b'] {
		t.Errorf("LONG begins with %v and %v", r.tokens[:3], r.targets[:3])
	}
}

// A study of its own size: more local work brings more in as many rounds, a
// second run gives the same, and a run that was cut goes on.
func TestRoundsStudy(t *testing.T) {
	s := roundsStudy{target: .6, most: 6, clients: 20, share: 20, windows: 8, tested: 16, seed: 1}
	roles, symbols, err := s.clientsOf(speeches(20))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kept")
	k, err := readKept(path, "this")
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.run(roles, symbols, k, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	first, last := fastest(all[0]), fastest(all[2])
	if len(all) != 3 || !last.better(first) || last.best() <= last.Points[0].Accuracy {
		t.Fatalf("after %d rounds %+v\nwant FedAvg with five epochs ahead of FedSGD", s.most, all)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) < 4 {
		t.Fatalf("kept %d lines", len(lines))
	}
	half := append(bytes.Join(lines[:2], nil), lines[2][:len(lines[2])/2]...)
	if err := os.WriteFile(path, append(half, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = readKept(path, "this"); err != nil || len(k.curves) != 2 {
		t.Fatalf("read %d kept curves of a file that was cut in the third, %v", len(k.curves), err)
	}
	again, err := s.run(roles, symbols, k, io.Discard)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(all) {
		t.Errorf("the study that was cut gives %+v, %v\nwant %+v", again, err, all)
	}
	if other, err := readKept(path, "that"); err != nil || len(other.curves) != 0 {
		t.Errorf("took %d curves of another study, %v", len(other.curves), err)
	}

	figure := filepath.Join(t.TempDir(), "rounds.svg")
	if err := drawRounds(figure, s, all); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(figure)
	if err != nil || xml.Unmarshal(svg, new(struct{})) != nil {
		t.Fatalf("the figure is no XML: %v", err)
	}
	for _, want := range []string{"FedAvg, E = 5, B = 10 " + reached(last), "prefers-color-scheme:dark", "<desc", `class="c2"`} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("the figure has no %q:\n%s", want, svg)
		}
	}
}

func TestTheTableSaysWhoWasFasterAndByHowMuch(t *testing.T) {
	named := func(c curve, arm int) curve { c.Arm = arms()[arm].name; return c }
	quick, slow, never := met(1, 20, .4), met(2.15, 800, .4), met(.464, 0, .31)
	never.GaveUp = true
	var out bytes.Buffer
	writeRounds(&out, published(), nil, [][]curve{{named(slow, 0), named(never, 0)}, {named(met(1, 100, .4), 1)}, {named(quick, 2)}})
	for _, want := range []string{
		"| FedSGD | 2.15 | 800.0 | 1.0× | 3906 | 1.0× |", "| FedAvg, E = 1, B = 10 | 1 | 100.0 | 8.0× | 164 | 23.8× |",
		"| FedAvg, E = 5, B = 10 | 1 | 20.0 | 40.0× | 41 | 95.3× |", "| FedSGD | 0.464: given up at 100 (31.0 %); 2.15: 800.0 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
	if got := times(met(1, 0, .3), quick); got != "> 5.0×" {
		t.Errorf("against a FedSGD that is not there after 100 rounds, 20 rounds are %s, want > 5.0×", got)
	}
	broken := met(1, 0, .3)
	broken.Broke = "NaN"
	for want, c := range map[string]curve{"> 100 (30.0 %)": met(1, 0, .3), "broke in round 101": broken, "20.0": quick} {
		if got := reached(c); got != want {
			t.Errorf("%+v reads %q, want %q", c, got, want)
		}
	}
}
