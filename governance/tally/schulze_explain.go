package tally

import (
	"fmt"
	"strings"
)

// Path returns a strongest path from a to b with both ends, nil if there is
// none. It needs a result that a count made, not one read back from JSON.
func (r SchulzeResult) Path(a, b int) []int {
	if a == b || a >= len(r.via) || b >= len(r.via) || r.Paths[a][b].Win == 0 {
		return nil
	}
	mid := r.via[a][b]
	if mid < 0 {
		return []int{a, b}
	}
	return append(r.Path(a, mid), r.Path(mid, b)[1:]...)
}

// Explain says why the winners win, one comparison per line.
func (r SchulzeResult) Explain(names []string) []string {
	var lines []string
	winners := r.Winners()
	switch {
	case len(winners) == 0:
		return []string{"Nobody stands."}
	case r.Condorcet >= 0:
		lines = append(lines, fmt.Sprintf("%s wins against every other candidate in pairs.", nameOf(names, r.Condorcet)))
	default:
		lines = append(lines, fmt.Sprintf("Nobody wins against all others in pairs. Nobody outside wins against %s (the Schwartz set), so the strongest chains of wins decide.", nameList(names, r.Schwartz)))
	}
	if len(winners) > 1 {
		lines = append(lines, nameList(names, winners)+" are tied for the first place.")
	}
	w := winners[0]
	for _, group := range r.Ranking[1:] {
		for _, c := range group {
			if r.Paths[w][c].Win == 0 {
				lines = append(lines, fmt.Sprintf("No chain of wins joins %s and %s.", nameOf(names, w), nameOf(names, c)))
				continue
			}
			lines = append(lines, fmt.Sprintf("%s; %s.", r.chain(w, c, names), r.back(c, w, names)))
		}
	}
	return lines
}

func (r SchulzeResult) chain(a, b int, names []string) string {
	path := r.Path(a, b)
	words := make([]string, len(path))
	for i, c := range path {
		words[i] = nameOf(names, c)
	}
	s := r.Paths[a][b]
	return fmt.Sprintf("%s holds with %s to %s ballots at its weakest link", strings.Join(words, " → "), thousands(s.Win), thousands(s.Lose))
}

func (r SchulzeResult) back(a, b int, names []string) string {
	if r.Paths[a][b].Win == 0 {
		return "no chain leads back"
	}
	return "the best chain back, " + r.chain(a, b, names)
}
