// Package plot draws figures as SVG on the server: lines, bars, flows and sparks, in
// the inks of the style sheet, so that dark mode and print follow.
//
// Colour never stands alone: series differ by dash and marker, limits are
// dashed lines with a name, a target is a dashed area. Every figure has a title
// and a description for those who do not see it, and the page puts the values
// in a table beside it. Coordinates are numbers and all words are escaped, so
// the result is safe whatever a member wrote.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Point is a value at a place on the x axis.
type Point struct{ X, Y float64 }

// SparkOf is a small line without axes: the first and last value are written.
type SparkOf struct {
	Label  string // what it shows, in words, for those who do not see it
	Points []Point
	Until  float64 // right end of the x axis when more is to come; 0 is the last point
	Places int     // decimals of the written values
}

// canvas collects elements. Its methods write coordinates to a tenth of a
// unit, enough at any zoom and short enough to read in a golden file.
type canvas struct{ strings.Builder }

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.Builder, format, args...) }

func (c *canvas) text(class string, x, y float64, words string) {
	if class != "" {
		c.add(`<text class="%s" x="%s" y="%s">%s</text>`, class, num(x), num(y), html.EscapeString(words))
		return
	}
	c.add(`<text x="%s" y="%s">%s</text>`, num(x), num(y), html.EscapeString(words))
}

// num writes a coordinate; what is not a number becomes 0, so that a broken
// value cannot break the picture.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// short writes a value of an axis with at most six digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// path joins points to a line; x and y map values to coordinates.
func path(points []Point, x, y func(float64) float64) string {
	var b strings.Builder
	for i, p := range points {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		b.WriteString(letter + num(x(p.X)) + " " + num(y(p.Y)))
	}
	return b.String()
}

// scale maps [from, to] to [lo, hi]; an empty range maps to the middle.
func scale(from, to, lo, hi float64) func(float64) float64 {
	return func(v float64) float64 {
		if to == from {
			return (lo + hi) / 2
		}
		return lo + (v-from)/(to-from)*(hi-lo)
	}
}

// largest is the greatest magnitude that is drawn; beyond it sums overflow and
// a figure says nothing.
const largest = 1e12

// finite leaves out points that cannot be drawn.
func finite(points []Point) []Point {
	kept := make([]Point, 0, len(points))
	for _, p := range points {
		if math.Abs(p.X) <= largest && math.Abs(p.Y) <= largest {
			kept = append(kept, p)
		}
	}
	return kept
}

// Spark draws a small line for a box.
func Spark(s SparkOf) templ.Component {
	var c canvas
	c.add(`<svg class="spark" viewBox="0 0 240 74" role="img" aria-label="%s">`, html.EscapeString(s.Label))
	points := finite(s.Points)
	if len(points) > 0 {
		first, last := points[0], points[len(points)-1]
		lo, hi := first.Y, first.Y
		for _, p := range points {
			lo, hi = math.Min(lo, p.Y), math.Max(hi, p.Y)
		}
		end := math.Max(s.Until, last.X)
		x, y := scale(first.X, end, 6, 194), scale(lo, hi, 46, 10)
		c.add(`<path class="p-grid" d="M6 %sH194M6 %sH194"></path>`, num(y(first.Y)), num(y(last.Y)))
		c.add(`<path class="p-axis" d="M6 58H194"></path>`)
		c.add(`<path class="p-line" d="%s"></path>`, path(points, x, y))
		c.add(`<circle class="p-dot" cx="%s" cy="%s" r="3"></circle>`, num(x(last.X)), num(y(last.Y)))
		c.text("", 198, y(last.Y)+4, strconv.FormatFloat(last.Y, 'f', s.Places, 64))
		if math.Abs(y(first.Y)-y(last.Y)) >= 12 {
			c.text("", 198, y(first.Y)+4, strconv.FormatFloat(first.Y, 'f', s.Places, 64))
		}
		c.text("", 6, 71, strconv.FormatFloat(first.X, 'f', -1, 64))
		if end > last.X && x(last.X) > 40 && x(last.X) < 160 {
			c.text("p-mid", x(last.X), 71, strconv.FormatFloat(last.X, 'f', -1, 64))
		}
		if end > first.X {
			c.text("p-end", 194, 71, strconv.FormatFloat(end, 'f', -1, 64))
		}
	}
	c.add(`</svg>`)
	return templ.Raw(c.String())
}
