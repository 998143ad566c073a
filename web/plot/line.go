package plot

import (
	"html"
	"math"
	"slices"
	"strconv"

	"github.com/a-h/templ"
)

// LineOf is a figure with two axes. Series are told apart by dash and marker
// (solid with circles, dashed with squares, dotted with triangles) and by a
// label at their end, never by colour alone.
type LineOf struct {
	ID     string // unique on the page; names the title and the description
	Title  string
	Desc   string // what the figure shows, in words
	XLabel string // with its unit: "Round"
	YLabel string // with its unit: "Bits per byte, mean of five languages"
	Places int    // decimals of the y axis and of the label of the last value
	Until  float64
	Series []Series
	Limits []Limit
	Target *Area
	Cross  []Cross // x positions where there is no value, and why
}

// Series is one line, or a cloud of points when Scatter is set.
type Series struct {
	Name    string // at the end of the line; "" writes the last value instead
	Points  []Point
	Scatter bool
}

// Limit is a level with a name, drawn dashed.
type Limit struct {
	Y    float64
	Name string
}

// Area is the part of the plane that a result should fall into.
type Area struct {
	X0, X1, Y0, Y1 float64
	Name           string
}

// Cross marks an x where the value was refused.
type Cross struct {
	X    float64
	Name string
}

// the drawing's frame, in units of its view box
const (
	left, right   = 44.0, 360.0
	top, bottom   = 26.0, 190.0
	width, height = 440.0, 230.0
)

// Line draws the figure.
func Line(f LineOf) templ.Component {
	x0, x1, y0, y1 := f.bounds()
	ticks := niceTicks(y0, y1, 5)
	if len(ticks) > 1 {
		y0, y1 = math.Min(y0, ticks[0]), math.Max(y1, ticks[len(ticks)-1])
	}
	x, y := scale(x0, x1, left, right), scale(y0, y1, bottom, top)

	var c canvas
	id := html.EscapeString(f.ID)
	c.add(`<svg viewBox="0 0 %s %s" role="img" aria-labelledby="%s-ti %s-de">`, num(width), num(height), id, id)
	c.add(`<title id="%s-ti">%s</title><desc id="%s-de">%s</desc>`, id, html.EscapeString(f.Title), id, html.EscapeString(f.Desc))
	f.axes(&c, x, y, x0, x1, ticks)
	if a := f.Target; a != nil {
		c.add(`<rect class="p-band" x="%s" y="%s" width="%s" height="%s"></rect>`,
			num(x(a.X0)), num(y(a.Y1)), num(x(a.X1)-x(a.X0)), num(y(a.Y0)-y(a.Y1)))
		c.text("p-mid", (x(a.X0)+x(a.X1))/2, y(a.Y1)+13, a.Name)
	}
	var ends []label
	for _, l := range f.Limits {
		c.add(`<path class="p-limit" d="M%s %sH%s"></path>`, num(left), num(y(l.Y)), num(right))
		ends = append(ends, label{y: y(l.Y), words: l.Name})
	}
	for _, k := range f.Cross {
		cx, cy := num(x(k.X)), num(bottom-10)
		c.add(`<path class="p-axis" d="M%s %sv10M%s %sh10" transform="rotate(45 %s %s)"></path>`,
			cx, num(bottom-15), num(x(k.X)-5), cy, cx, cy)
		c.text("p-mid", x(k.X), bottom-20, k.Name)
	}
	for i, s := range f.Series {
		ends = append(ends, s.draw(&c, i, x, y, f.Places)...)
	}
	for _, e := range spread(ends, 12) {
		c.text(e.class, right+8, e.y+4, e.words)
	}
	c.add(`</svg>`)
	return templ.Raw(c.String())
}

// axes draws the grid, the ticks and what they measure.
func (f LineOf) axes(c *canvas, x, y func(float64) float64, x0, x1 float64, ticks []float64) {
	for _, t := range ticks {
		c.add(`<path class="p-grid" d="M%s %sH%s"></path>`, num(left), num(y(t)), num(right))
		c.text("p-end", left-6, y(t)+4, strconv.FormatFloat(t, 'f', f.Places, 64))
	}
	c.add(`<path class="p-axis" d="M%s %sH%s"></path>`, num(left), num(bottom), num(right))
	for _, t := range niceTicks(x0, x1, 6) {
		if t < x0 || t > x1 || f.whole() && t != math.Trunc(t) {
			continue
		}
		c.add(`<path class="p-axis" d="M%s %sv4"></path>`, num(x(t)), num(bottom))
		c.text("p-mid", x(t), bottom+17, short(t))
	}
	c.text("p-mid", (left+right)/2, bottom+35, f.XLabel)
	c.text("", 2, 9, f.YLabel)
}

// whole says whether x counts things, as rounds, so that 130.5 is no place.
func (f LineOf) whole() bool {
	for _, s := range f.Series {
		for _, p := range s.Points {
			if p.X != math.Trunc(p.X) {
				return false
			}
		}
	}
	return true
}

// bounds answers the extent of all that is drawn, with room to breathe.
func (f LineOf) bounds() (x0, x1, y0, y1 float64) {
	x0, y0 = math.Inf(1), math.Inf(1)
	x1, y1 = math.Inf(-1), math.Inf(-1)
	grow := func(p Point) {
		x0, x1 = math.Min(x0, p.X), math.Max(x1, p.X)
		y0, y1 = math.Min(y0, p.Y), math.Max(y1, p.Y)
	}
	for _, s := range f.Series {
		for _, p := range finite(s.Points) {
			grow(p)
		}
	}
	if math.IsInf(x0, 1) {
		x0, x1, y0, y1 = 0, 1, 0, 1
	}
	for _, l := range f.Limits {
		y0, y1 = math.Min(y0, l.Y), math.Max(y1, l.Y)
	}
	if a := f.Target; a != nil {
		grow(Point{a.X0, a.Y0})
		grow(Point{a.X1, a.Y1})
	}
	if f.Until > x1 {
		x1 = f.Until
	}
	if x0 == x1 {
		x1 = x0 + 1
	}
	if y0 == y1 {
		y0, y1 = y0-1, y1+1
	}
	return x0, x1, y0, y1
}

// crowd is the number of points beyond which a line has a marker at its end
// only: more would hide the line.
const crowd = 30

// draw adds the i-th series and answers the labels at its end.
func (s Series) draw(c *canvas, i int, x, y func(float64) float64, places int) []label {
	points := finite(s.Points)
	if len(points) == 0 {
		return nil
	}
	style := min(i, 2) + 1
	suffix := ""
	if style > 1 {
		suffix = " p-line--" + strconv.Itoa(style)
	}
	if !s.Scatter {
		c.add(`<path class="p-line%s" d="%s"></path>`, suffix, path(points, x, y))
	}
	for i, p := range points {
		if s.Scatter || len(points) <= crowd || i == len(points)-1 {
			marker(c, style, x(p.X), y(p.Y))
		}
	}
	last := points[len(points)-1]
	words := strconv.FormatFloat(last.Y, 'f', places, 64)
	if s.Name != "" {
		words = s.Name
	}
	if s.Scatter || x(last.X) < right-40 {
		if x(last.X) > (left+right)/2 && s.Scatter {
			c.text("p-strong p-end", x(last.X)-7, y(last.Y)-5, words)
		} else {
			c.text("p-strong", x(last.X)+7, y(last.Y)-5, words)
		}
		return nil
	}
	return []label{{y: y(last.Y), words: words, class: "p-strong"}}
}

// marker draws the point of a series: circle, square or triangle.
func marker(c *canvas, style int, x, y float64) {
	switch style {
	case 1:
		c.add(`<circle class="p-dot" cx="%s" cy="%s" r="3"></circle>`, num(x), num(y))
	case 2:
		c.add(`<rect class="p-dot p-dot--2" x="%s" y="%s" width="7" height="7"></rect>`, num(x-3.5), num(y-3.5))
	default:
		c.add(`<path class="p-dot p-dot--3" d="M%s %sl4.5 8h-9z"></path>`, num(x), num(y-5))
	}
}

// label stands at the right end of the plane.
type label struct {
	y            float64
	words, class string
}

// spread moves labels apart so that each has gap units of its own.
func spread(labels []label, gap float64) []label {
	slices.SortStableFunc(labels, func(a, b label) int {
		switch {
		case a.y < b.y:
			return -1
		case a.y > b.y:
			return 1
		}
		return 0
	})
	for i := 1; i < len(labels); i++ {
		if labels[i].y-labels[i-1].y < gap {
			labels[i].y = labels[i-1].y + gap
		}
	}
	return labels
}

// niceTicks answers about n round numbers that span [lo, hi]: steps of 1, 2 or
// 5 times a power of ten (Heckbert, Nice Numbers for Graph Labels, 1990).
func niceTicks(lo, hi float64, n int) []float64 {
	span := hi - lo
	if !(span > 0) || math.IsInf(span, 0) {
		return []float64{lo}
	}
	raw := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*power {
			step = m * power
			break
		}
	}
	first, last := math.Floor(lo/step+1e-9), math.Ceil(hi/step-1e-9)
	if last-first > 4*float64(n) || power == 0 {
		return []float64{lo, hi}
	}
	var ticks []float64
	for k := first; k <= last; k++ {
		ticks = append(ticks, k*step)
	}
	return ticks
}
