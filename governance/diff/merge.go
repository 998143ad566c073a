package diff

import (
	"slices"
	"strings"

	znkr "znkr.io/diff"
)

// change replaces the lines [from, to) of the base.
type change struct {
	from, to int
	lines    []string
}

// Merge3 joins two edits of the same base, as in diff3. It answers ok = false
// when they touch the same line or neighbouring lines and are not the same
// edit, or when a text is too large: then a person has to decide.
func Merge3(base, mine, theirs string) (merged string, ok bool) {
	switch { // whole texts first: an empty text has no line that could be shared
	case mine == theirs, theirs == base:
		return mine, true
	case mine == base:
		return theirs, true
	}
	b, err1 := split(base)
	m, err2 := split(mine)
	t, err3 := split(theirs)
	if err1 != nil || err2 != nil || err3 != nil {
		return "", false
	}
	left, right := changes(b, m), changes(b, t)
	var out []string
	at := 0
	for len(left) > 0 || len(right) > 0 {
		var c change
		switch {
		case len(left) > 0 && len(right) > 0 && left[0].from <= right[0].to && right[0].from <= left[0].to:
			if left[0].from != right[0].from || left[0].to != right[0].to || !slices.Equal(left[0].lines, right[0].lines) {
				return "", false
			}
			c, left, right = left[0], left[1:], right[1:]
		case len(right) == 0 || len(left) > 0 && left[0].from < right[0].from:
			c, left = left[0], left[1:]
		default:
			c, right = right[0], right[1:]
		}
		out = append(out, b[at:c.from]...)
		out = append(out, c.lines...)
		at = c.to
	}
	out = append(out, b[at:]...)
	return strings.Join(out, "\n"), true
}

func changes(base, other []string) []change {
	var list []change
	at, inside := 0, false
	for _, e := range znkr.Edits(base, other) {
		if e.Op == znkr.Match {
			at, inside = at+1, false
			continue
		}
		if !inside {
			list, inside = append(list, change{from: at, to: at}), true
		}
		c := &list[len(list)-1]
		if e.Op == znkr.Delete {
			at++
			c.to = at
		} else {
			c.lines = append(c.lines, e.Y)
		}
	}
	return list
}
