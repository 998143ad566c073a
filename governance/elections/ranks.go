package elections

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/tally"
)

// ParseRanks reads a ballot of number fields: for each candidate's number what
// was written beside the name. An empty field does not rank. Numbers may have
// gaps and are used once. The error says which field is wrong without saying
// anything of the others; it is for the voter's own page.
func ParseRanks(typed map[int]string) ([]int, error) {
	type place struct{ candidate, rank int }
	var places []place
	for candidate, text := range typed {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		rank, err := strconv.Atoi(text)
		if err != nil || rank < 1 || rank > tally.MaxCandidates {
			return nil, governance.FieldErrorf("ranking", "Write whole numbers from 1 on: 1 beside your first choice, 2 beside your second.")
		}
		places = append(places, place{candidate, rank})
	}
	if len(places) == 0 {
		return nil, governance.FieldErrorf("ranking", "The ballot is empty. Give at least one candidate a number.")
	}
	slices.SortFunc(places, func(a, b place) int { return a.rank - b.rank })
	ranking := make([]int, len(places))
	for i, p := range places {
		if i > 0 && places[i-1].rank == p.rank {
			return nil, governance.FieldErrorf("ranking", "You used the number %d twice. Use each number once.", p.rank)
		}
		ranking[i] = p.candidate
	}
	return ranking, nil
}

// WriteBLT writes the published ballots as the file that other count programs
// read, in the order of the list, with the title and the candidates' names.
func (c Count) WriteBLT(w io.Writer, title string, names []string) error {
	if err := tally.WriteBLT(w, c.Manifest.Profile(title, names, c.Rankings())); err != nil {
		return fmt.Errorf("write ballots of an election: %w", err)
	}
	return nil
}

// Find returns the line of a tracker in the published list, from 1; 0 when it
// is not there.
func (c Count) Find(tracker string) int {
	tracker = strings.TrimRight(strings.TrimSpace(tracker), "=")
	return 1 + slices.IndexFunc(c.Lines, func(line string) bool {
		found, _, _ := strings.Cut(line, " ")
		return found == tracker
	})
}
