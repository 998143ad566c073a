package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

func writeRounds(out io.Writer, s roundsStudy, roles int, curves []curve) {
	fmt.Fprintf(out, "%d roles, %d %% of them in a round, target %.0f %% of the next bytes.\n\n", roles, s.share, 100*s.target)
	fmt.Fprintf(out, "| algorithm | rate | rounds to the target | against FedSGD |\n|---|---|---|---|\n")
	for _, c := range curves {
		reached, times := fmt.Sprintf("not in %d (%.1f %%)", len(c.accuracy)-1, 100*c.accuracy[len(c.accuracy)-1]), "–"
		if c.reached > 0 {
			reached = strconv.Itoa(c.reached)
			if first := curves[0].reached; first > 0 {
				times = fmt.Sprintf("%.1f×", float64(first)/float64(c.reached))
			}
		}
		fmt.Fprintf(out, "| %s | %g | %s | %s |\n", c.arm, c.rate, reached, times)
	}
}

// The figure: a drawing of 640 by 360 units with an axis of rounds by powers of
// ten and one of accuracy in per cent.
const (
	left, right, top, bottom = 60.0, 470.0, 20.0, 310.0
	style                    = `text{font:12px sans-serif;fill:#404244}path{fill:none;stroke-width:2}.grid{stroke:#dadde3;stroke-width:1}.c0{stroke:#36c}` +
		`.c1{stroke:#a4641c;stroke-dasharray:6 3}.c2{stroke:#177860;stroke-dasharray:2 3}.limit{stroke:#202122;stroke-width:1;stroke-dasharray:5 4}`
)

// drawRounds writes accuracy against the logarithm of the round, the name of
// each arm at the end of its line.
func drawRounds(path string, s roundsStudy, curves []curve) error {
	decades, most := 1.0, s.target
	for _, c := range curves {
		decades = max(decades, math.Ceil(math.Log10(float64(len(c.accuracy)))))
		most = max(most, c.accuracy[len(c.accuracy)-1])
	}
	x := func(round int) float64 { return left + (right-left)*math.Log10(float64(round))/decades }
	y := func(share float64) float64 { return bottom - (bottom-top)*share/most/1.05 }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" role="img"><title>Accuracy by round, FedSGD against FedAvg</title><style>%s</style>`, style)
	for d := range int(decades) + 1 {
		at := math.Pow10(d)
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fV%.1f"/><text x="%.1f" y="328" text-anchor="middle">%g</text>`, x(int(at)), top, bottom, x(int(at)), at)
	}
	for share := 0.0; share <= most; share += .1 {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %.1fH%.1f"/><text x="52" y="%.1f" text-anchor="end">%.0f %%</text>`, left, y(share), right, y(share)+4, 100*share)
	}
	fmt.Fprintf(&b, `<path class="limit" d="M%.1f %.1fH%.1f"/><text x="%.1f" y="350" text-anchor="middle">round</text>`, left, y(s.target), right, (left+right)/2)
	for i, c := range curves {
		var line strings.Builder
		for round := 1; round < len(c.accuracy); round++ {
			fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(round-1, 1)], x(round), y(c.accuracy[round]))
		}
		last := len(c.accuracy) - 1
		fmt.Fprintf(&b, `<path class="c%d" d="%s"/><text x="%.1f" y="%.1f">%s</text>`, i, line.String(), x(last)+6, y(c.accuracy[last])+14*float64(i), c.arm)
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
