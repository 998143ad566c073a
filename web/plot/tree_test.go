package plot

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A campaign whose second round a replay goes back to, and what came of both.
func TestTreeOfAReplay(t *testing.T) {
	got := draw(t, Tree(TreeOf{ID: "ln", Title: "Lineage", Desc: "A and B.", Boxes: []Box{
		{Name: "Seed", From: -1, Lines: []string{"imported"}},
		{Name: "One & all of a very long name", From: 0, Kind: "gone", Lines: []string{"campaign 1", "withdrawn"}, Steps: []Step{{Text: "round 1"}, {Text: "round 2: rejected", Refused: "cross"}, {Text: "round 2: abandoned", Refused: "ring"}, {Text: "round 3"}}},
		{Name: "Clean", From: 1, Aside: true, After: 3, Words: "case 1: again from round 3", Kind: "now", Steps: []Step{{Text: "round 3"}}},
		{Name: "Next", From: 2, Kind: "next"},
		{Name: "Given up", From: 3, Kind: "gone"},
	}}))
	for _, want := range []string{
		`<title id="ln-ti">Lineage</title><desc id="ln-de">A and B.</desc>`, `class="p-box p-box--gone"`, `class="p-box p-box--now"`, `class="p-box p-box--next"`,
		`class="p-edge p-edge--gone"`, `class="p-cross"`, `class="p-hollow"`, `>case 1: again from round 3</text>`, `>One &amp; all of a very long n…</text>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("figure has no %s:\n%s", want, got)
		}
	}
	if n := strings.Count(got, `class="p-dot"`); n != 3 {
		t.Errorf("%d rounds are drawn as accepted, want 3", n)
	}
	lines := lineOf.FindAllStringSubmatch(got, -1)
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4: %s", len(lines), got)
	}
	straight, aside := lines[0], lines[1]
	if straight[1] != straight[3] || aside[1] != straight[1] || aside[3] == aside[1] {
		t.Errorf("the campaign goes %v and its replay %v: want straight down, and from there aside", straight[1:], aside[1:])
	}
	if straight[4] != aside[2] || !strings.Contains(got, `class="p-edge p-edge--gone" d="M`+straight[3]+" "+straight[4]+"V") {
		t.Errorf("the line of what is withdrawn is whole to %s and not broken from there on; the replay leaves it at %s", straight[4], aside[2])
	}
	third, fourth := strings.Index(got, "round 2: abandoned"), strings.Index(got, ">round 3<")
	if y := number(t, aside[2]); third > fourth || y <= heightOf(t, got, "round 2: abandoned") || y >= heightOf(t, got, "round 3") {
		t.Errorf("the replay leaves at %g, want after round 2 and before round 3", y)
	}
}

// lineOf finds where a line begins, which column it goes to and where it ends.
var lineOf = regexp.MustCompile(`class="p-edge[^"]*" d="M([0-9.]+) ([0-9.]+)H([0-9.]+)V([0-9.]+)"`)

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// heightOf is where the first text with the words stands.
func heightOf(t *testing.T, svg, words string) float64 {
	t.Helper()
	m := regexp.MustCompile(`y="([0-9.]+)">` + regexp.QuoteMeta(words) + `<`).FindStringSubmatch(svg)
	if m == nil {
		t.Fatalf("no %q in %s", words, svg)
	}
	return number(t, m[1])
}

func TestTreeOfNothing(t *testing.T) {
	if got := draw(t, Tree(TreeOf{})); got != "" {
		t.Errorf("drew %s", got)
	}
	if got := draw(t, Tree(TreeOf{Boxes: []Box{{Name: "A", From: 7}, {Name: "B", From: 1}}})); strings.Count(got, "p-box") != 2 {
		t.Errorf("boxes that descend from nothing are lost: %s", got)
	}
}

// Whatever descends from what: every box is drawn, no two touch, and no line
// goes through a box or crosses another line.
func TestTreeIsReadable(t *testing.T) {
	box := regexp.MustCompile(`class="p-box[^"]*" x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)" height="([0-9.]+)"`)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 14).Draw(rt, "boxes")
		f := TreeOf{ID: "t"}
		for i := range n {
			b := Box{Name: "b", From: rapid.IntRange(-1, i-1).Draw(rt, "from"), Aside: rapid.Bool().Draw(rt, "aside"), After: rapid.IntRange(0, 5).Draw(rt, "after")}
			if i > 0 && b.From < 0 {
				b.From = 0
			}
			b.Steps = make([]Step, rapid.IntRange(0, 4).Draw(rt, "steps"))
			b.Lines = make([]string, rapid.IntRange(0, 2).Draw(rt, "lines"))
			f.Boxes = append(f.Boxes, b)
		}
		got := draw(t, Tree(f))
		boxes, lines := rects(t, box.FindAllStringSubmatch(got, -1)), lineOf.FindAllStringSubmatch(got, -1)
		if len(boxes) != n || len(lines) != n-1 {
			rt.Fatalf("%d boxes and %d lines of %d", len(boxes), len(lines), n)
		}
		for i, a := range boxes {
			for _, b := range boxes[i+1:] {
				if a.meets(b) {
					rt.Fatalf("boxes %v and %v touch", a, b)
				}
			}
		}
		var across, down []rect
		for _, l := range lines {
			x0, y0, x1, y1 := number(t, l[1]), number(t, l[2]), number(t, l[3]), number(t, l[4])
			across, down = append(across, rect{x0 + 1, y0 - .2, x1 - 1, y0 + .2}), append(down, rect{x1 - .2, y0 + .5, x1 + .2, y1 - .5})
		}
		for i, a := range across {
			for j, d := range down {
				if i != j && a.meets(d) {
					rt.Fatalf("line %v crosses %v", a, d)
				}
			}
			for _, b := range boxes {
				if a.meets(b) || down[i].meets(b) {
					rt.Fatalf("line %v, %v goes through the box %v", a, down[i], b)
				}
			}
		}
	})
}

type rect struct{ x0, y0, x1, y1 float64 }

func (a rect) meets(b rect) bool { return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1 }

func rects(t *testing.T, found [][]string) []rect {
	t.Helper()
	var list []rect
	for _, m := range found {
		x, y := number(t, m[1]), number(t, m[2])
		list = append(list, rect{x, y, x + number(t, m[3]), y + number(t, m[4])})
	}
	return list
}
