package plot

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFlowOfACount(t *testing.T) {
	no, first := []bool{false, false, false}, []bool{true, false, false}
	got := draw(t, Flow(FlowOf{
		ID: "fl", Title: "Flow of votes over 3 stages", Desc: "A wins.", Names: []string{"A name of many letters", "B", "not transferable"},
		Stages: []FlowStage{{[]float64{6, 4, 0}, no}, {[]float64{5, 4.5, .5}, first}, {[]float64{7, 0, 3}, first}},
	}))
	for _, want := range []string{`>A name of man…</text>`, `class="p-seat"`, `class="p-rest"`, `>3</text>`, `>not transfera…</text>`} {
		if !strings.Contains(got, want) {
			t.Errorf("figure has no %s:\n%s", want, got)
		}
	}
	// A to B and to nobody; then B to A and to nobody.
	if n := strings.Count(got, "p-flow--move"); n != 4 {
		t.Errorf("%d ribbons move, want 4", n)
	}
	if n := strings.Count(got, `class="p-flow"`); n != 4 {
		t.Errorf("%d ribbons stay, want 4: %s", n, got)
	}
}

func TestFlowDrawsNothingOfOneStage(t *testing.T) {
	for name, f := range map[string]FlowOf{
		"none":    {Names: []string{"A"}},
		"one":     {Names: []string{"A"}, Stages: []FlowStage{{[]float64{1}, []bool{false}}}},
		"ragged":  {Names: []string{"A"}, Stages: []FlowStage{{[]float64{1}, []bool{false}}, {[]float64{1, 2}, []bool{false, false}}}},
		"no vote": {Names: []string{"A"}, Stages: []FlowStage{{[]float64{0}, []bool{false}}, {[]float64{0}, []bool{false}}}},
		"broken":  {Names: []string{"A"}, Stages: []FlowStage{{[]float64{math.NaN()}, []bool{false}}, {[]float64{-1}, []bool{false}}}},
	} {
		if got := draw(t, Flow(f)); got != "" {
			t.Errorf("%s: drew %s", name, got)
		}
	}
}

// Whatever moves, the ribbons that leave a column are as thick as its blocks,
// and so are those that arrive: no vote is drawn twice or lost.
func TestFlowKeepsTheSum(t *testing.T) {
	thick := regexp.MustCompile(`v([0-9.]+)C`)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "parties")
		column := func(name string) []float64 {
			cuts := rapid.SliceOfN(rapid.IntRange(1, 100), n, n).Draw(t, name)
			sum, values := 0, make([]float64, n)
			for _, v := range cuts {
				sum += v
			}
			for i, v := range cuts {
				values[i] = float64(v) / float64(sum)
			}
			return values
		}
		names, won := make([]string, n), make([]bool, n)
		got := draw(t, Flow(FlowOf{Names: names, Stages: []FlowStage{{column("before"), won}, {column("after"), won}}}))
		var sum float64
		found := thick.FindAllStringSubmatch(got, -1)
		for _, m := range found {
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		if math.Abs(sum-flowTall) > .06*float64(len(found)) { // written to a tenth
			t.Fatalf("ribbons are %g thick together, want %g", sum, flowTall)
		}
	})
}
