package diff

// Hunk is a run of rows around changes. Between hunks equal lines are left out.
type Hunk struct {
	OldLine int // first line of each text in the hunk, from 1; 0 if it has none
	NewLine int
	Rows    []Row
}

// Hunks cuts the rows down to the changes and so many equal lines around
// them. Texts without a difference have no hunk.
func (d Diff) Hunks(context int) []Hunk {
	context = max(context, 0)
	keep := make([]bool, len(d.Rows))
	last := -1 - context // row of the latest change seen
	for i, r := range d.Rows {
		if r.Kind != Equal {
			last = i
		}
		keep[i] = i-last <= context && last >= 0
	}
	next := len(d.Rows) + context + 1
	for i := len(d.Rows) - 1; i >= 0; i-- {
		if d.Rows[i].Kind != Equal {
			next = i
		}
		keep[i] = keep[i] || next-i <= context
	}
	var hunks []Hunk
	for i, r := range d.Rows {
		switch {
		case !keep[i]:
			continue
		case i == 0 || !keep[i-1]:
			hunks = append(hunks, Hunk{})
		}
		h := &hunks[len(hunks)-1]
		h.Rows = append(h.Rows, r)
		if h.OldLine == 0 {
			h.OldLine = r.OldLine
		}
		if h.NewLine == 0 {
			h.NewLine = r.NewLine
		}
	}
	return hunks
}
