package ui

import "strconv"

// Table is tabular data. The first cell of each row is its heading.
type Table struct {
	ID      string // also names the caption: ID + "-cap"
	Caption string
	Note    string // small, after the caption
	Class   string // an extra class, as count-sheet
	Cols    []Col
	Rows    []Row
	Foot    []Row
	Full    bool // as wide as the text
	Stack   bool // rows become cards on a telephone, for cells with sentences
}

// Col is the heading of a column.
type Col struct {
	Label string
	Note  string // under the label
	Num   bool   // numbers: at the end, tabular
	Wrap  bool   // a numeric heading that may break
}

// Row is a line of a table; Mine tints what belongs to the reader.
type Row struct {
	Cells []Cell
	Mine  bool
}

// Cell holds words, a state, a share as a bar, or a button that sends a form
// around the table.
type Cell struct {
	Text   Rich
	Chip   Chip
	Meter  bool
	Share  int // of the meter, 0 to 100
	Button Action
}

// Cells makes plain cells of words.
func Cells(words ...string) []Cell {
	cells := make([]Cell, 0, len(words))
	for _, w := range words {
		cells = append(cells, Cell{Text: Plain(w)})
	}
	return cells
}

func (t Table) class() string {
	class := "table"
	if t.Full {
		class += " table--full"
	}
	if t.Stack {
		class += " table--stack"
	}
	if t.Class != "" {
		class += " " + t.Class
	}
	return class
}

// col answers the i-th column, or an unlabelled one for a cell too many.
func (t Table) col(i int) Col {
	if i < len(t.Cols) {
		return t.Cols[i]
	}
	return Col{}
}

func (c Col) class() string {
	switch {
	case c.Num && c.Wrap:
		return "num wrapnum"
	case c.Num:
		return "num"
	}
	return ""
}

func share(percent int) string { return strconv.Itoa(min(max(percent, 0), 100)) }
