package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"codeberg.org/althing/althing/web/plot"
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

// inks are those of the site's style sheet in print, so that a figure stands
// by itself.
const inks = `<style>text{font:11px sans-serif;fill:#404244}.p-line{fill:none;stroke:#36c;stroke-width:2}.p-line--2{stroke:#a4641c;stroke-dasharray:6 3}` +
	`.p-line--3{stroke:#177860;stroke-dasharray:2 3}.p-grid{stroke:#dadde3}.p-axis{stroke:#72777d}.p-limit{stroke:#202122;stroke-dasharray:5 4}` +
	`.p-dot{fill:#36c}.p-dot--2{fill:#a4641c}.p-dot--3{fill:#177860}.p-end{text-anchor:end}.p-mid{text-anchor:middle}.p-bold{font-weight:700}</style>`

// drawRounds writes accuracy against the logarithm of the round.
func drawRounds(path string, s roundsStudy, curves []curve) error {
	f := plot.LineOf{
		ID: "rounds", Title: "Accuracy by round, FedSGD against FedAvg", Desc: "More local work needs fewer rounds.",
		XLabel: "log₁₀ of the round", YLabel: "Share of next bytes guessed, per cent", Places: 0,
		Limits: []plot.Limit{{Y: 100 * s.target, Name: "target"}},
	}
	for _, c := range curves {
		line := plot.Series{Name: c.arm}
		last := -1.0
		for round, a := range c.accuracy {
			if x := math.Log10(float64(max(round, 1))); round > 0 && (x-last > .02 || round == len(c.accuracy)-1) {
				line.Points, last = append(line.Points, plot.Point{X: x, Y: 100 * a}), x
			}
		}
		f.Series = append(f.Series, line)
	}
	var b bytes.Buffer
	if err := plot.Line(f).Render(context.Background(), &b); err != nil {
		return err
	}
	svg := bytes.Replace(b.Bytes(), []byte("<svg "), []byte(`<svg xmlns="http://www.w3.org/2000/svg" `), 1)
	svg = bytes.Replace(svg, []byte("<title"), []byte(inks+"<title"), 1)
	return os.WriteFile(path, append(svg, '\n'), 0o644)
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
