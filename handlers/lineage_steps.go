package handlers

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/plot"
)

// A line of a lineage has a mark for each round where that stays readable:
// longer runs of rounds that ended alike are one mark, and a line that would
// still have more marks than mostSteps has one for all between two branches.
const longRun, mostSteps = 3, 24

// stretch is one mark: rounds in a row that ended alike.
type stretch struct {
	first, last int
	refused     string // as in plot.Step
	ended       string // rejected, abandoned; "" for accepted
	attempts    int
	bad         int // of a stretch of all that lies between two branches
}

// stepsOf makes the marks of a campaign's line, and a function that answers
// how many of them come before a round. Replays leave the line before the
// rounds of left, so that no mark reaches over them.
func stepsOf(outcomes []rounds.Outcome, left []int) ([]plot.Step, func(int) int) {
	list := stretches(outcomes, left, false)
	if len(list) > mostSteps {
		list = stretches(outcomes, left, true)
	}
	steps := make([]plot.Step, len(list))
	for i, s := range list {
		steps[i] = plot.Step{Text: s.text(), Refused: s.refused}
	}
	return steps, func(number int) int {
		return len(slices.DeleteFunc(slices.Clone(list), func(s stretch) bool { return s.first >= number }))
	}
}

// stretches groups attempts: by how they ended, or all of them.
func stretches(outcomes []rounds.Outcome, left []int, all bool) []stretch {
	var list, run []stretch
	flush := func() {
		if len(run) <= longRun && !all {
			list = append(list, run...)
		} else if len(run) > 0 {
			whole := run[0]
			whole.last, whole.attempts, whole.bad = run[len(run)-1].last, len(run), 0
			for _, s := range run {
				whole.bad += s.bad
			}
			list = append(list, whole)
		}
		run = nil
	}
	for _, o := range outcomes {
		s := single(o)
		if s.attempts == 0 {
			continue // it runs still
		}
		if n := len(run); n > 0 && (slices.ContainsFunc(left, func(at int) bool { return run[n-1].last < at && s.first >= at }) || !all && run[n-1].ended != s.ended) {
			flush()
		}
		if all {
			s.refused, s.ended = "", ""
		}
		run = append(run, s)
	}
	flush()
	return list
}

func single(o rounds.Outcome) stretch {
	s := stretch{first: o.Number, last: o.Number, attempts: 1}
	switch o.State {
	case rounds.Accepted:
	case rounds.Rejected:
		s.refused, s.ended, s.bad = "cross", o.State, 1
	case rounds.Abandoned:
		s.refused, s.ended, s.bad = "ring", o.State, 1
	default:
		s.attempts = 0
	}
	return s
}

func (s stretch) text() string {
	name := fmt.Sprintf("round %d", s.first)
	if s.last > s.first {
		name = fmt.Sprintf("rounds %d–%d", s.first, s.last)
	}
	switch {
	case s.ended != "" && s.attempts > 1 && s.first == s.last:
		return fmt.Sprintf("%s: %s %d times", name, s.ended, s.attempts)
	case s.ended != "":
		return name + ": " + s.ended
	case s.bad > 0:
		return fmt.Sprintf("%s, %d not accepted", name, s.bad)
	}
	return name
}
