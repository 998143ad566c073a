package plot

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"pgregory.net/rapid"
)

// draw renders a figure and fails unless it is well-formed.
func draw(t interface{ Fatalf(string, ...any) }, c templ.Component) string {
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatalf("render: %v", err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return b.String()
		} else if err != nil {
			t.Fatalf("not well-formed: %v in %s", err, b.String())
		}
	}
}

func TestLineNamesWhatItShows(t *testing.T) {
	got := draw(t, Line(LineOf{
		ID: "loss", Title: "Validation loss by round", Desc: "It falls.", XLabel: "Round", YLabel: "Bits per byte", Places: 2, Until: 142,
		Series: []Series{
			{Points: []Point{{118, 1.365}, {119, 1.369}, {130, 1.329}}},
			{Name: "reference", Points: []Point{{118, 1.36}, {142, 1.33}}},
		},
		Limits: []Limit{{1.365, "Skald 1.3"}},
		Target: &Area{120, 140, 1.32, 1.33, "target"},
		Cross:  []Cross{{125, "125 rejected"}},
	}))
	for _, want := range []string{
		`aria-labelledby="loss-ti loss-de"`, `<title id="loss-ti">Validation loss by round</title>`, `>Skald 1.3</text>`, `>target</text>`,
		`class="p-line p-line--2"`, `class="p-dot p-dot--2"`, `>125 rejected</text>`, `>Round</text>`, `>Bits per byte</text>`, `>1.33</text>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("figure has no %s:\n%s", want, got)
		}
	}
}

func TestWordsAreEscaped(t *testing.T) {
	bad := `"><script>alert(1)</script>`
	for name, c := range map[string]templ.Component{
		"line":  Line(LineOf{ID: bad, Title: bad, Desc: bad, XLabel: bad, YLabel: bad, Series: []Series{{Name: bad, Points: []Point{{1, 1}}}}, Limits: []Limit{{1, bad}}}),
		"bars":  Bars(BarsOf{ID: bad, Title: bad, Desc: bad, Name: bad, Mark: 1, Bars: []Bar{{Name: bad, Text: bad, Value: 1}}}),
		"flow":  Flow(FlowOf{ID: bad, Title: bad, Desc: bad, Names: []string{bad}, Stages: []FlowStage{{[]float64{1}, []bool{true}}, {[]float64{1}, []bool{true}}}}),
		"spark": Spark(SparkOf{Label: bad, Points: []Point{{1, 1}, {2, 3}}}),
	} {
		if got := draw(t, c); strings.Contains(got, "<script") {
			t.Errorf("%s lets markup through: %s", name, got)
		}
	}
}

// TestAnyNumbersDraw holds that no value, however odd, breaks a picture.
func TestAnyNumbersDraw(t *testing.T) {
	value := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1e300, -1e-300}))
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
			return Point{value.Draw(t, "x"), value.Draw(t, "y")}
		}), 0, 6).Draw(t, "points")
		for _, c := range []templ.Component{
			Line(LineOf{Series: []Series{{Points: points}, {Points: points, Scatter: true}}}),
			Spark(SparkOf{Points: points}),
			Bars(BarsOf{Bars: []Bar{{Value: value.Draw(t, "bar")}}, Mark: 3}),
		} {
			if got := draw(t, c); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
				t.Fatalf("picture of %v holds what is not a number: %s", points, got)
			}
		}
	})
}

func TestNiceTicks(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		want   int
		step   float64
	}{{1.329, 1.369, 5, 0.01}, {0, 100, 6, 20}, {118, 142, 6, 5}, {3, 3, 1, 0}} {
		got := niceTicks(tt.lo, tt.hi, 5)
		if len(got) < 1 || len(got) > 2*5 {
			t.Errorf("niceTicks(%v, %v) = %v: too many or none", tt.lo, tt.hi, got)
		}
		if len(got) > 1 && math.Abs(got[1]-got[0]-tt.step) > 1e-9 {
			t.Errorf("niceTicks(%v, %v) steps %v, want %v", tt.lo, tt.hi, got[1]-got[0], tt.step)
		}
		if len(got) > 1 && (got[0] > tt.lo || got[len(got)-1] < tt.hi) {
			t.Errorf("niceTicks(%v, %v) = %v does not span", tt.lo, tt.hi, got)
		}
	}
}
