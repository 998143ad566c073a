package diff

import (
	"errors"
	"strings"

	znkr "znkr.io/diff"
)

// MaxBytes and MaxLines bound each of the texts, so that no page can keep a
// server busy. They are limits of the machine, not policies.
const (
	MaxBytes = 1 << 20
	MaxLines = 20_000
)

// ErrTooLarge is returned for texts beyond MaxBytes or MaxLines.
var ErrTooLarge = errors.New("the texts are too large to compare")

// Kind says what happened to a line.
type Kind int

const (
	// Equal: the line stands in both texts.
	Equal Kind = iota
	// Removed: only in the old text.
	Removed
	// Added: only in the new text.
	Added
	// Changed: an old and a new line that share enough words to stand side by side.
	Changed
)

// String returns the word for a class name.
func (k Kind) String() string {
	switch k {
	case Equal:
		return "equal"
	case Removed:
		return "removed"
	case Added:
		return "added"
	}
	return "changed"
}

// Segment is a piece of a line. Marked pieces are deleted words in an old
// line and inserted words in a new one.
type Segment struct {
	Text   string
	Marked bool
}

// Row is one row of the table with two columns.
type Row struct {
	Kind    Kind
	OldLine int       // from 1; 0 if the old text has no such line
	NewLine int       // from 1; 0 if the new text has no such line
	Old     []Segment // the old line in pieces; nil if there is none or it is empty
	New     []Segment // the new line in pieces
}

// Diff is a comparison of two texts.
type Diff struct {
	Rows     []Row // every line of both, in order
	OldBytes int
	NewBytes int
	Removed  int // old lines that are removed or changed
	Added    int // new lines that are added or changed
}

// Delta is the change in bytes that recent changes show: "(−486)".
func (d Diff) Delta() int { return d.NewBytes - d.OldBytes }

// Lines compares text a, the older, with text b.
func Lines(a, b string) (Diff, error) {
	x, err := split(a)
	if err != nil {
		return Diff{}, err
	}
	y, err := split(b)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{OldBytes: len(a), NewBytes: len(b)}
	// i and j count the lines that have been consumed; a block is a run of
	// edits without a match, which pairs removed lines with added ones.
	i, j, fromX, fromY := 0, 0, 0, 0
	flush := func() {
		d.block(x[fromX:i], y[fromY:j], fromX, fromY)
		fromX, fromY = i, j
	}
	for _, e := range znkr.Edits(x, y) {
		switch e.Op {
		case znkr.Delete:
			i++
		case znkr.Insert:
			j++
		case znkr.Match:
			flush()
			i, j = i+1, j+1
			line := whole(e.X, false)
			d.Rows = append(d.Rows, Row{Equal, i, j, line, line})
			fromX, fromY = i, j
		}
	}
	flush()
	return d, nil
}

// split cuts a text into lines; see the package comment.
func split(text string) ([]string, error) {
	if len(text) > MaxBytes || strings.Count(text, "\n") >= MaxLines {
		return nil, ErrTooLarge
	}
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// block turns a run of removed and added lines into rows.
func (d *Diff) block(old, added []string, fromX, fromY int) {
	d.Removed += len(old)
	d.Added += len(added)
	i, j := 0, 0
	only := func(untilI, untilJ int) {
		for ; i < untilI; i++ {
			d.Rows = append(d.Rows, Row{Kind: Removed, OldLine: fromX + i + 1, Old: whole(old[i], true)})
		}
		for ; j < untilJ; j++ {
			d.Rows = append(d.Rows, Row{Kind: Added, NewLine: fromY + j + 1, New: whole(added[j], true)})
		}
	}
	for _, p := range pair(old, added) {
		only(p[0], p[1])
		left, right := words(old[i], added[j])
		d.Rows = append(d.Rows, Row{Changed, fromX + i + 1, fromY + j + 1, left, right})
		i, j = i+1, j+1
	}
	only(len(old), len(added))
}

func whole(line string, marked bool) []Segment {
	if line == "" {
		return nil
	}
	return []Segment{{line, marked}}
}

// New returns the new text from the rows alone.
func (d Diff) New() string { return d.text(func(r Row) (int, []Segment) { return r.NewLine, r.New }) }

// Old returns the old text from the rows alone.
func (d Diff) Old() string { return d.text(func(r Row) (int, []Segment) { return r.OldLine, r.Old }) }

func (d Diff) text(side func(Row) (int, []Segment)) string {
	var b strings.Builder
	for _, r := range d.Rows {
		line, segments := side(r)
		if line > 1 {
			b.WriteByte('\n')
		}
		for _, s := range segments {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}
