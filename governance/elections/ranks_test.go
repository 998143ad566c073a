package elections

import (
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
)

func TestParseRanks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		typed map[int]string
		want  []int // nil: refused
	}{
		{"in order", map[int]string{1: "1", 2: "2"}, []int{1, 2}},
		{"crossed, with a gap and blanks", map[int]string{1: " 7 ", 2: "", 3: "2", 4: "  "}, []int{3, 1}},
		{"nothing", map[int]string{1: "", 2: " "}, nil},
		{"twice", map[int]string{1: "1", 2: "1"}, nil},
		{"zero", map[int]string{1: "0"}, nil},
		{"negative", map[int]string{1: "-1"}, nil},
		{"a word", map[int]string{1: "first"}, nil},
		{"a fraction", map[int]string{1: "1.5"}, nil},
		{"too large", map[int]string{1: "99999999999999999999"}, nil},
	} {
		got, err := ParseRanks(tt.typed)
		if !slices.Equal(got, tt.want) || (tt.want == nil) != governance.Is(err, governance.Invalid) {
			t.Errorf("%s: ParseRanks(%v) = %v, %v; want %v", tt.name, tt.typed, got, err, tt.want)
		}
	}
}
