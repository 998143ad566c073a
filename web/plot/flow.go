package plot

import (
	"html"
	"math"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// FlowOf is how a fixed sum moves between parties from stage to stage, as the
// votes of a transferable count: a column of blocks per stage, ribbons between.
type FlowOf struct {
	ID     string
	Title  string
	Desc   string
	Names  []string    // of the parties, from the top; the last may be a remainder
	Stages []FlowStage // each with as many values as there are names
}

// FlowStage is one column.
type FlowStage struct {
	Values []float64
	Won    []bool // drawn in the strong ink from this stage on
}

// What a Flow is measured in: the drawing is 700 units wide and a block is 15.
const (
	flowWidth, flowBlock = 700.0, 15.0
	flowLeft, flowRight  = 98.0, 92.0 // room for names
	flowTop, flowTall    = 26.0, 195.0
	flowGap              = 7.0
)

// Flow draws the figure. What a party loses between two stages goes to those
// that gain, in proportion to what each gains: exact where one party loses, as
// in every stage of a transferable count.
func Flow(f FlowOf) templ.Component {
	var c canvas
	n, stages := len(f.Names), f.columns()
	var most float64
	for _, s := range stages {
		most = math.Max(most, total(s.Values))
	}
	if len(stages) < 2 || most == 0 {
		return templ.NopComponent
	}
	height := flowTop + flowTall + flowGap*float64(n)
	id := html.EscapeString(f.ID)
	c.add(`<svg class="flow" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-ti %s-de">`, num(flowWidth), num(height), id, id)
	c.add(`<title id="%s-ti">%s</title><desc id="%s-de">%s</desc>`, id, html.EscapeString(f.Title), id, html.EscapeString(f.Desc))
	x := scale(0, float64(len(stages)-1), flowLeft, flowWidth-flowRight-flowBlock)
	size := func(v float64) float64 { return v / most * flowTall }
	tops := make([][]float64, len(stages))
	for i, s := range stages {
		tops[i] = make([]float64, n)
		y := flowTop
		for j, v := range s.Values {
			tops[i][j] = y
			if v > 0 {
				y += size(v) + flowGap
			}
		}
	}
	for i := 1; i < len(stages); i++ {
		ribbons(&c, x(float64(i-1))+flowBlock, x(float64(i)), stages[i-1].Values, stages[i].Values, tops[i-1], tops[i], size)
	}
	c.text("p-end p-bold", flowLeft-6, 13, "Stage")
	for i, s := range stages {
		c.text("p-mid p-bold", x(float64(i))+flowBlock/2, 13, short(float64(i+1)))
		for j, v := range s.Values {
			if v <= 0 {
				continue
			}
			class := "p-run"
			if s.Won[j] {
				class = "p-seat"
			} else if j == n-1 {
				class = "p-rest"
			}
			c.add(`<rect class="%s" x="%s" y="%s" width="15" height="%s"></rect>`, class, num(x(float64(i))), num(tops[i][j]), num(math.Max(size(v), .5)))
		}
	}
	names(&c, f.Names, stages[0].Values, tops[0], "p-end p-strong", flowLeft-6, size)
	last := len(stages) - 1
	names(&c, f.Names, stages[last].Values, tops[last], "p-strong", flowWidth-flowRight+5, size)
	c.add(`</svg>`)
	return templ.Raw(c.String())
}

// columns are the stages that can be drawn: complete, with values of 0 or more.
func (f FlowOf) columns() []FlowStage {
	var kept []FlowStage
	for _, s := range f.Stages {
		if len(s.Values) != len(f.Names) || len(s.Won) != len(f.Names) {
			continue
		}
		good := true
		for _, v := range s.Values {
			good = good && v >= 0 && v <= largest
		}
		if good {
			kept = append(kept, s)
		}
	}
	return kept
}

// ribbons draws what stays and what moves between two columns. Within a block
// what stays comes first, then what moves, in the order of the names.
func ribbons(c *canvas, from, to float64, before, after, leftTop, rightTop []float64, size func(float64) float64) {
	var gained float64
	left, right := make([]float64, len(before)), make([]float64, len(after))
	for j := range before {
		kept := math.Min(before[j], after[j])
		gained += after[j] - kept
		left[j], right[j] = leftTop[j]+size(kept), rightTop[j]+size(kept)
		ribbon(c, "p-flow", from, to, leftTop[j], rightTop[j], size(kept))
	}
	for i := range before {
		lost := before[i] - after[i]
		for j := range after {
			gain := after[j] - before[j]
			if lost <= 0 || gain <= 0 {
				continue
			}
			thick := size(lost * gain / gained)
			ribbon(c, "p-flow p-flow--move", from, to, left[i], right[j], thick)
			left[i], right[j] = left[i]+thick, right[j]+thick
		}
	}
}

func ribbon(c *canvas, class string, from, to, left, right, thick float64) {
	if thick <= 0 {
		return
	}
	mid := num((from + to) / 2)
	c.add(`<path class="%s" d="M%s %sC%s %s %s %s %s %sv%sC%s %s %s %s %s %sz"></path>`, class, num(from), num(left),
		mid, num(left), mid, num(right), num(to), num(right), num(thick), mid, num(right+thick), mid, num(left+thick), num(from), num(left+thick))
}

// names writes the parties of a column beside their blocks, and leaves out one
// that would stand upon the name above it: the table has it.
func names(c *canvas, all []string, values, tops []float64, class string, x float64, size func(float64) float64) {
	free := 0.0
	for j, name := range all {
		y := tops[j] + size(values[j])/2 + 4
		if values[j] <= 0 || y < free {
			continue
		}
		c.text(class, x, y, cut(name, 14))
		free = y + 11
	}
}

// cut shortens a name to at most n letters.
func cut(name string, n int) string {
	if utf8.RuneCountInString(name) <= n {
		return name
	}
	return string([]rune(name)[:n-1]) + "…"
}

func total(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum
}
