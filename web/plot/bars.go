package plot

import (
	"html"
	"math"

	"github.com/a-h/templ"
)

// BarsOf is a row of horizontal bars from zero, each with its name and value
// in words, and at most one level that they are measured against.
type BarsOf struct {
	ID    string
	Title string
	Desc  string
	Bars  []Bar
	Mark  float64 // the level, as a quota; 0 draws none
	Name  string  // of the level
}

// Bar is one bar; Text is the value as it should be read.
type Bar struct {
	Name  string
	Value float64
	Text  string
	Won   bool // drawn in the strong ink; the words say it as well
}

// Bars draws the figure. Names stand above their bars, so that long ones fit
// on a telephone.
func Bars(f BarsOf) templ.Component {
	most := f.Mark
	for _, b := range f.Bars {
		if b.Value > most && b.Value <= largest {
			most = b.Value
		}
	}
	x := scale(0, math.Max(most, 1e-9), 4, 396)
	const row = 34.0
	head := 16.0
	tall := head + row*float64(len(f.Bars)) + 4

	var c canvas
	id := html.EscapeString(f.ID)
	c.add(`<svg viewBox="0 0 400 %s" role="img" aria-labelledby="%s-ti %s-de">`, num(tall), id, id)
	c.add(`<title id="%s-ti">%s</title><desc id="%s-de">%s</desc>`, id, html.EscapeString(f.Title), id, html.EscapeString(f.Desc))
	for i, b := range f.Bars {
		y := head + row*float64(i)
		class := "p-run"
		if b.Won {
			class = "p-seat"
		}
		c.text("p-strong", 4, y+11, b.Name+": "+b.Text)
		c.add(`<rect class="%s" x="4" y="%s" width="%s" height="12"></rect>`, class, num(y+15), num(x(math.Min(math.Max(b.Value, 0), most))-4))
	}
	if f.Mark > 0 {
		for i := range f.Bars {
			// only across the bars, never across the words
			c.add(`<path class="p-limit" d="M%s %sv16"></path>`, num(x(f.Mark)), num(head+row*float64(i)+13))
		}
		anchor := "p-mid"
		if x(f.Mark) > 330 {
			anchor = "p-end"
		}
		c.text(anchor, x(f.Mark), 10, f.Name+" "+short(f.Mark))
	}
	c.add(`</svg>`)
	return templ.Raw(c.String())
}
