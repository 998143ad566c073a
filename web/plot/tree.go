package plot

import (
	"html"
	"math"
	"slices"

	"github.com/a-h/templ"
)

// TreeOf is what descends from what, from the top to the bottom: boxes joined
// by lines, with marks for the steps on a line. A line may leave another one
// between two of its steps, as a replay leaves a campaign at the round that it
// goes back to.
type TreeOf struct {
	ID    string
	Title string
	Desc  string
	Boxes []Box // each after the one that it descends from
}

// Box is one thing of a tree, with the line that leads to it.
type Box struct {
	Name  string
	Lines []string // below the name
	Kind  string   // "", "now" in use, "gone" withdrawn or given up, "next" not there yet
	From  int      // the box that it descends from, -1 for none
	Aside bool     // its line leaves the line of that box, and not the box itself
	After int      // how many steps of that line come before the place
	Words string   // at the place
	Steps []Step   // of its own line, from the top
}

// Step is a mark on a line.
type Step struct {
	Text    string
	Refused string // "" taken; "cross" judged and refused, "ring" given up
}

// What a tree is measured in.
const (
	boxWide, boxHead, boxLine = 180.0, 24.0, 15.0
	treePitch, treeEdge       = 204.0, 4.0
	trunk                     = 22.0 // from the left of a box to the line that leads to it: words stand right of it
	stepTall, turnTall        = 16.0, 22.0
	lineHead, lineFoot        = 14.0, 12.0
	treeZoom                  = 1.15   // CSS pixels of a unit, as in other figures
	mostNames, mostWords      = 27, 30 // letters that fit a box and the space beside a line
)

// Tree draws the figure in its natural size; the page lets it scroll in its
// box. Nothing crosses: the straight line goes on below, and what leaves it
// later stands nearer to it.
func Tree(f TreeOf) templ.Component {
	t := tree{boxes: slices.Clone(f.Boxes), kids: make([][]int, len(f.Boxes)), turns: make([][]int, len(f.Boxes)), placed: make([]place, len(f.Boxes)), column: -1}
	for i, b := range f.Boxes {
		switch {
		case b.From < 0 || b.From >= i:
			t.roots = append(t.roots, i)
		case b.Aside && !slices.Contains(t.roots, b.From): // no line leads to a root
			t.turns[b.From] = append(t.turns[b.From], i)
		default:
			t.boxes[i].Aside = false
			t.kids[b.From] = append(t.kids[b.From], i)
		}
	}
	for _, r := range t.roots {
		t.column++
		t.below(r, t.column, treeEdge)
	}
	if len(f.Boxes) == 0 {
		return templ.NopComponent
	}
	wide, tall := float64(t.column+1)*treePitch+treeEdge, t.tall+treeEdge
	var c canvas
	id := html.EscapeString(f.ID)
	c.add(`<svg class="tree" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-ti %s-de">`,
		num(wide*treeZoom), num(tall*treeZoom), num(wide), num(tall), id, id)
	c.add(`<title id="%s-ti">%s</title><desc id="%s-de">%s</desc>`, id, html.EscapeString(f.Title), id, html.EscapeString(f.Desc))
	for i := range f.Boxes {
		t.line(&c, i)
	}
	for i, b := range f.Boxes {
		b.draw(&c, t.placed[i])
	}
	c.add(`</svg>`)
	return templ.Raw(c.String())
}

// tree is a layout while it is made.
type tree struct {
	boxes  []Box
	roots  []int
	kids   [][]int // by box: what descends from it
	turns  [][]int // by box: what leaves the line to it
	placed []place
	column int     // the last one in use
	tall   float64 // so far
}

// place is where a box and its line stand.
type place struct {
	column         int
	fromX, fromY   float64   // where the line begins; fromY < 0 for none
	top            float64   // of the box
	steps          []float64 // height of each mark
	turned, worded float64   // height at which the line was left, and of the words there
	living         float64   // height down to which something that is not gone has its line from this one
}

func (b Box) tall() float64 { return boxHead + boxLine*float64(len(b.Lines)) }

// trunkOf is where the lines to the boxes of a column are.
func trunkOf(column int) float64 { return treeEdge + float64(column)*treePitch + trunk }

// below puts a box into a column under y, with all that descends from it.
func (t *tree) below(i, column int, y float64) {
	b, p := t.boxes[i], &t.placed[i]
	p.column = column
	root := slices.Contains(t.roots, i)
	var leave []int // boxes whose lines leave this one, from the top
	at := func(after int, list []int) {
		for _, j := range list {
			if t.boxes[j].Aside && min(max(t.boxes[j].After, 0), len(b.Steps)) != after {
				continue
			}
			q := &t.placed[j]
			q.worded, q.turned = y+9, y+turnTall-8
			q.fromX, q.fromY = trunkOf(column), q.turned
			y += turnTall
			leave = append(leave, j)
			if t.boxes[j].Kind != "gone" {
				p.living = q.turned
			}
		}
	}
	if root {
		p.fromY = -1
	} else {
		y += lineHead
		if !b.Aside && t.kids[b.From][0] == i { // straight on, and its sisters leave its line
			p.fromX, p.fromY = trunkOf(column), y-lineHead
			at(0, t.kids[b.From][1:])
		}
		for k := range b.Steps {
			at(k, t.turns[i])
			p.steps = append(p.steps, y+stepTall/2)
			y += stepTall
		}
		at(len(b.Steps), t.turns[i])
		y += lineFoot
	}
	p.top = y
	foot := y + b.tall()
	t.tall = math.Max(t.tall, foot)
	if len(t.kids[i]) > 0 {
		t.below(t.kids[i][0], column, foot)
	}
	slices.Reverse(leave)
	for _, j := range leave {
		t.column++
		t.below(j, t.column, t.placed[j].turned)
	}
}

// line draws what leads to a box.
func (t *tree) line(c *canvas, i int) {
	b, p := t.boxes[i], t.placed[i]
	if p.fromY < 0 {
		return
	}
	x := trunkOf(p.column)
	switch {
	case b.Kind != "gone":
		c.add(`<path class="p-edge" d="M%s %sH%sV%s"></path>`, num(p.fromX), num(p.fromY), num(x), num(p.top))
	case p.living > 0:
		c.add(`<path class="p-edge" d="M%s %sH%sV%s"></path>`, num(p.fromX), num(p.fromY), num(x), num(p.living))
		c.add(`<path class="p-edge p-edge--gone" d="M%s %sV%s"></path>`, num(x), num(p.living), num(p.top))
	default:
		c.add(`<path class="p-edge p-edge--gone" d="M%s %sH%sV%s"></path>`, num(p.fromX), num(p.fromY), num(x), num(p.top))
	}
	if p.fromX != x && b.Words != "" {
		c.text("", p.fromX+9, p.worded, cut(b.Words, mostWords))
	}
	for k, s := range b.Steps {
		y := p.steps[k]
		switch s.Refused {
		case "cross":
			c.add(`<path class="p-cross" d="M%s %sl8 8m0 -8l-8 8"></path>`, num(x-4), num(y-4))
		case "ring":
			c.add(`<circle class="p-hollow" cx="%s" cy="%s" r="3.5"></circle>`, num(x), num(y))
		default:
			c.add(`<circle class="p-dot" cx="%s" cy="%s" r="3.5"></circle>`, num(x), num(y))
		}
		c.text("", x+9, y+4, cut(s.Text, mostWords))
	}
}

func (b Box) draw(c *canvas, p place) {
	class := "p-box"
	switch b.Kind {
	case "now", "gone", "next":
		class += " p-box--" + b.Kind
	}
	x := trunkOf(p.column) - trunk
	c.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="2"></rect>`, class, num(x), num(p.top), num(boxWide), num(b.tall()-2))
	c.text("p-bold", x+8, p.top+16, cut(b.Name, mostNames))
	for k, words := range b.Lines {
		c.text("", x+8, p.top+16+boxLine*float64(k+1), cut(words, mostWords))
	}
}
