package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// writeRounds writes the table of the arms and that of the rates tried.
func writeRounds(out io.Writer, s roundsStudy, roles []role, all [][]curve) {
	fmt.Fprintf(out, "%d roles with %d characters to train on, %d %% of the roles in a round, target %g %% of %d held-out characters.\n\n", len(roles), len(together(roles).tokens), s.share, 100*s.target, len(tests(roles, s.tested).tokens))
	fmt.Fprintf(out, "| algorithm | rate | rounds to the target | against FedSGD | paper, rounds to 54 %% | paper, against FedSGD |\n|---|---|---|---|---|---|\n")
	base := fastest(all[0])
	for i, curves := range all {
		c, paper := fastest(curves), arms()[i].paper
		fmt.Fprintf(out, "| %s | %g | %s | %s | %d | %.1f× |\n", c.Arm, c.Rate, reached(c), times(base, c), paper, float64(arms()[0].paper)/float64(paper))
	}
	fmt.Fprintf(out, "\n| algorithm | rates tried: rounds to the target |\n|---|---|\n")
	for _, curves := range all {
		var tried []string
		for _, c := range slices.SortedFunc(slices.Values(curves), func(a, b curve) int { return cmp.Compare(a.Rate, b.Rate) }) {
			tried = append(tried, fmt.Sprintf("%g: %s", c.Rate, reached(c)))
		}
		fmt.Fprintf(out, "| %s | %s |\n", curves[0].Arm, strings.Join(tried, "; "))
	}
}

// reached says in words at which round a curve met the target.
func reached(c curve) string {
	switch {
	case c.Reached > 0:
		return fmt.Sprintf("%.1f", c.Reached)
	case c.GaveUp:
		return fmt.Sprintf("given up at %d (%.1f %%)", c.Rounds, 100*c.best())
	case c.Broke != "":
		return fmt.Sprintf("broke in round %d", c.Rounds+1)
	}
	return fmt.Sprintf("> %d (%.1f %%)", c.Rounds, 100*c.best())
}

// times is how many times fewer rounds a curve took than FedSGD did.
func times(base, c curve) string {
	switch {
	case c.Reached == 0:
		return "–"
	case base.Reached == 0:
		return fmt.Sprintf("> %.1f×", float64(base.Rounds)/c.Reached)
	}
	return fmt.Sprintf("%.1f×", base.Reached/c.Reached)
}

// The figure: a drawing of 640 by 380 units with an axis of rounds by powers of
// ten and one of accuracy in per cent, on a ground of its own, light or dark as
// the reader's screen is.
const (
	left, right, top, bottom = 56.0, 616.0, 44.0, 326.0
	style                    = `svg{background:#fff}rect{fill:#fff}text{font:13px sans-serif;fill:#202122}path{fill:none;stroke-width:2.5}.grid{stroke:#dadde3;stroke-width:1}` +
		`.limit{stroke:#54595d;stroke-width:1.5;stroke-dasharray:6 4}.c0{stroke:#36c}.c1{stroke:#a4641c;stroke-dasharray:9 3}.c2{stroke:#177860;stroke-dasharray:2 3}` +
		`text.c0,text.c1,text.c2{stroke:none}text.c0{fill:#36c}text.c1{fill:#8a5316}text.c2{fill:#177860}` +
		`@media (prefers-color-scheme:dark){svg{background:#101418}rect{fill:#101418}text{fill:#eaecf0}.grid{stroke:#3a3f45}.limit{stroke:#a2a9b1}` +
		`.c0{stroke:#88a3e8}.c1{stroke:#d9a25a}.c2{stroke:#4cc2a0}text.c0{fill:#88a3e8}text.c1{fill:#d9a25a}text.c2{fill:#4cc2a0}}`
)

// drawRounds writes the best accuracy so far against the logarithm of the
// round, for the best rate of every arm, with its name where its line ends.
func drawRounds(path string, s roundsStudy, all [][]curve) error {
	last, most := 10, s.target
	var words []string
	for _, curves := range all {
		c := fastest(curves)
		last, most = max(last, c.Points[len(c.Points)-1].Round), max(most, c.best())
		words = append(words, fmt.Sprintf("%s %s", c.Arm, reached(c)))
	}
	low := .1
	x := func(round float64) float64 {
		return left + (right-left)*math.Log10(round)/math.Log10(float64(last)*1.15)
	}
	y := func(share float64) float64 { return bottom - (bottom-top)*(max(share, low)-low)/(most-low)/1.06 }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 380" role="img" aria-labelledby="rounds-title rounds-desc"><title id="rounds-title">Accuracy by round: FedSGD against FedAvg</title>`)
	fmt.Fprintf(&b, `<desc id="rounds-desc">The best share of next characters so far against the round on a logarithmic axis. Rounds to %g %%: %s.</desc><style>%s</style><rect width="640" height="380"/>`, 100*s.target, strings.Join(words, "; "), style)
	for round := 1; round <= last; round *= 10 {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fV%.1f"/><text x="%.1f" y="345" text-anchor="middle">%d</text>`, x(float64(round)), top, bottom, x(float64(round)), round)
	}
	for share := low; share <= most; share += .1 {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fH%.1f"/><text x="48" y="%.1f" text-anchor="end">%.0f %%</text>`, left, y(share), right, y(share)+4, 100*share)
	}
	fmt.Fprintf(&b, `<path class="limit" d="M%.1f %.1fH%.1f"/><text x="%.1f" y="%.1f">target %g %%</text>`, left, y(s.target), right, left+6, y(s.target)-7, 100*s.target)
	fmt.Fprintf(&b, `<text x="%.1f" y="368" text-anchor="middle">round</text><text x="8" y="18">accuracy, best so far; E: local epochs of FedAvg, B = 10; rounds to the target</text>`, (left+right)/2)
	for i, curves := range all {
		c := fastest(curves)
		var line strings.Builder
		for k, p := range c.Points[1:] {
			fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(k, 1)], x(float64(p.Round)), y(p.Accuracy))
		}
		end := c.Points[len(c.Points)-1]
		fmt.Fprintf(&b, `<path class="c%d" d="%s"/><text class="c%d" x="%.1f" y="%.1f" text-anchor="end">%s: %s</text>`, i, line.String(), i, x(float64(end.Round))+10, y(max(end.Accuracy, s.target))-8, arms()[i].short, reached(c))
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func writeHostile(out io.Writer, s hostileStudy, clean outcome, under []outcome) {
	fmt.Fprintf(out, "%d of %d nodes hostile, %d rounds of %d steps after %d on other text; without an attack %.4f nats per byte under “hostile weather”, %.4f under the mean.\n\n", hostile, cohort, s.rounds, s.steps, s.before, clean.trimmed, clean.mean)
	fmt.Fprintf(out, "| attack | source | hostile weather | change | mean |\n|---|---|---|---|---|\n")
	for _, o := range under {
		mean := fmt.Sprintf("%.4f", o.mean)
		if o.mean == broken {
			mean = "no model left"
		}
		fmt.Fprintf(out, "| %s | %s | %.4f | %+.2f %% | %s |\n", o.attack, o.source, o.trimmed, 100*(o.trimmed/clean.trimmed-1), mean)
	}
}
