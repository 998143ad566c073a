package checks

import (
	"errors"
	"fmt"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/robust"
)

// Layer is one tensor of the model in the flat order of an update.
type Layer struct {
	Name string
	Len  int
	Cols int // of a row where rows are looked at one by one (an embedding); 0 elsewhere
}

// Update is what is known of an update beside its numbers.
type Update struct {
	Digest   training.Digest
	Owner    int64           // member
	Earlier  training.Digest // of the node's update in the round before; zero for none
	Past     *Sketch         // of it; nil for none
	Examples int64           // that the node says it has
	Weight   int64           // that they count for after the cap
	Filtered int64           // records that the node's own filter kept back; below 0 where it does not say
}

// Round is what the checks of a round are given, beside the updates' numbers.
type Round struct {
	Updates   []Update // in the order of the cohort
	Layers    []Layer  // cover the parameters in their order
	Limits    Limits
	Byzantine int      // hostile updates of the recipe, for Krum's score; 0 for as many as the cohort bears
	MaxShare  int64    // of one member, thousandths
	Seed      [32]byte // of the sketches: one for a campaign
	Last      *Sketch  // of what the last round changed; nil for none
	Noise     string   // multiplier of the recipe; "" for none
}

// Verdict is what the checks say of one update together.
type Verdict struct {
	Findings []Finding // in a fixed order
	Outcome  Outcome   // the worst of them
	Scale    float64   // to multiply the update by: below 1 where it is clipped
	Divisor  int64     // to divide its weight by, 1 or more
	Sketch   Sketch
}

// errRound says that what came with the updates does not fit them.
var errRound = errors.New("checks")

// Run checks the updates of a round. It reads the cohort once, in pieces of a
// megabyte, and keeps no vector of the size of the model: for each update a
// sketch, a count of its coordinates by size and the norm of each layer and of
// each row of the embedding, and for each pair one number.
func Run(c robust.Cohort, r Round) ([]Verdict, error) {
	n, dim := c.Size()
	covered := 0
	for _, l := range r.Layers {
		if l.Len < 1 || l.Cols < 0 || l.Cols > 0 && l.Len%l.Cols != 0 {
			return nil, fmt.Errorf("%w: layer %q has %d parameters in rows of %d", errRound, l.Name, l.Len, l.Cols)
		}
		covered += l.Len
	}
	if len(r.Updates) != n || covered != dim {
		return nil, fmt.Errorf("%w: %d updates of %d parameters, facts of %d and layers of %d", errRound, n, dim, len(r.Updates), covered)
	}
	m, err := measure(c, r, exactly)
	if err != nil {
		return nil, fmt.Errorf("check updates: %w", err)
	}
	verdicts := make([]Verdict, n)
	for i := range verdicts {
		verdicts[i] = m.judge(i)
	}
	return verdicts, nil
}

// Unmeasured is the verdict on an update at whose numbers nobody may look,
// because the recipe promises that only their noisy sum is told, or that came
// in a campaign older than the checks.
func Unmeasured(r Round, i int, why string) Verdict {
	m := &measured{Round: r}
	for _, u := range r.Updates {
		m.total += u.Weight
	}
	v := Verdict{Outcome: Pass, Scale: 1, Divisor: 1}
	v.Findings = append(v.Findings, door())
	for _, f := range looked {
		v.Findings = append(v.Findings, Finding{f.number, f.name, "", "", NotRun, why})
	}
	v.Findings = append(v.Findings, m.share(i), m.noise(), m.filter(i))
	return v
}
