package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// clean is the evidence of a model that remembers nothing.
func clean() Evidence {
	e := Evidence{
		Flips:      &CoinFlips{Won: 33, Pairs: 64},
		Membership: &Membership{AUC: .52, SE: .05, P: .69, Members: 60, Twins: 60},
		Extraction: &Extraction{Tried: 20},
		Strength:   .02,
		Groups:     []Group{{"north", Interval{.01, 0, .02}}, {"south", Interval{-.01, -.02, 0}}},
		Replays:    []Replay{{"a", true}, {"b", true}, {"c", true}},
	}
	for i := range 16 {
		e.Canaries = append(e.Canaries, Exposure{Bits: -math.Log2((float64(i) + .5) / 16), P: (float64(i) + .5) / 16})
	}
	return e
}

func TestJudgeExact(t *testing.T) {
	bits := func(b float64) (out []Exposure) {
		for range 16 {
			out = append(out, Exposure{Bits: b, P: math.Exp2(-b)})
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		edit   func(*Evidence)
		id     string // of the check that must not pass; empty when all must
		passed bool
	}{
		{"clean", func(*Evidence) {}, "", true},
		{"canaries remembered: shown, does not gate", func(e *Evidence) { e.Canaries = bits(9) }, "V1", true},
		{"canaries over-unlearned", func(e *Evidence) { e.Canaries = bits(.1) }, "V1", true},
		{"canaries at p .02 are luck", func(e *Evidence) { e.Canaries = bits(2.2) }, "", true},
		{"too few canaries", func(e *Evidence) { e.Canaries = e.Canaries[:15] }, "V1", true},
		{"coin flips remembered", func(e *Evidence) { e.Flips.Won = 45 }, "V2", false},
		{"coin flips over-unlearned", func(e *Evidence) { e.Flips.Won = 19 }, "V2", false},
		{"coin flips at p .06 two-sided are luck", func(e *Evidence) { e.Flips.Won = 40 }, "", true},
		{"no coin flips", func(e *Evidence) { e.Flips = nil }, "V2", false},
		{"few coin flips", func(e *Evidence) { e.Flips.Pairs = 63 }, "V2", false},
		{"members known", func(e *Evidence) { *e.Membership = Membership{.8, .05, .7, .9, 1e-9, 60, 60} }, "V3", true},
		{"members avoided", func(e *Evidence) { *e.Membership = Membership{.2, .05, .1, .3, 1e-9, 60, 60} }, "V3", true},
		{"membership not measured", func(e *Evidence) { e.Membership = nil }, "V3", true},
		{"one record given away", func(e *Evidence) { e.Extraction.Extracted = []int{3} }, "V5", false},
		{"no extraction tried", func(e *Evidence) { e.Extraction = nil }, "V5", false},
		{"a group three per cent worse", func(e *Evidence) { e.Groups[1].Change = Interval{.03, .02, .04} }, "V10", false},
		{"a group perhaps four per cent worse", func(e *Evidence) { e.Groups[1].Change.High = .04 }, "V10", false},
		{"a group without a value", func(e *Evidence) { e.Groups[1].Change.Value = math.NaN() }, "V10", false},
		{"no groups", func(e *Evidence) { e.Groups = nil }, "V10", false},
		{"one replay differs", func(e *Evidence) { e.Replays = append(e.Replays, Replay{"d", false}) }, "V12", false},
		{"one auditor three times", func(e *Evidence) { e.Replays[1].Auditor, e.Replays[2].Auditor = "a", "a" }, "V12", false},
		{"no replay", func(e *Evidence) { e.Replays = nil }, "V12", false},
	} {
		e := clean()
		tt.edit(&e)
		v := JudgeExact(e, DefaultLimits())
		if v.Passed != tt.passed {
			t.Errorf("%s: passed %v, want %v: %+v", tt.name, v.Passed, tt.passed, v.Checks)
		}
		for _, c := range v.Checks {
			if c.Passed != (c.ID != tt.id) {
				t.Errorf("%s: %s passed %v: %+v", tt.name, c.ID, c.Passed, c)
			}
			if !c.Passed && c.Note == "" {
				t.Errorf("%s: %s failed without a reason", tt.name, c.ID)
			}
		}
	}
}

func TestJudgeExactKnowsTheStrengthBand(t *testing.T) {
	e, l := clean(), DefaultLimits()
	l.MaxStrength = .01
	if v := JudgeExact(e, l); v.Passed {
		t.Error("a strength of .02 passed a band that ends at .01")
	}
}

// An honest exact job fails a gating statistic with chance GateAlpha, not the
// quarter that five tests at 5 % would give.
func TestHonestJobsPass(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	failed := 0
	const jobs = 2000
	for range jobs {
		e := clean()
		for i := range e.Canaries {
			e.Canaries[i].P = float64(1+r.IntN(1024)) / 1024
			e.Canaries[i].Bits = -math.Log2(e.Canaries[i].P)
		}
		e.Flips.Won = 0
		for range e.Flips.Pairs {
			e.Flips.Won += r.IntN(2)
		}
		if !JudgeExact(e, DefaultLimits()).Passed {
			failed++
		}
	}
	if failed > jobs*15/1000 {
		t.Errorf("%d of %d honest jobs failed, want at most 1.5 %%", failed, jobs)
	}
}
