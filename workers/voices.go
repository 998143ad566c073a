package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/training/rounds"
)

// voice is what one member says in a round: the mean of the updates of the
// member's nodes by their weights.
type voice struct {
	owner   governance.MemberID
	updates []rounds.Update
}

// voices groups the updates that count by their members, ascending.
func (c *combiner) voices() []voice {
	byOwner := map[governance.MemberID][]rounds.Update{}
	for _, u := range c.in.Updates {
		if c.mean.Counted[u.Node] > 0 {
			byOwner[u.Owner] = append(byOwner[u.Owner], u)
		}
	}
	var list []voice
	for o, us := range byOwner {
		list = append(list, voice{o, us})
	}
	slices.SortFunc(list, func(a, b voice) int { return cmp.Compare(a.owner, b.owner) })
	return list
}

// hear sets dst to a member's voice. Where the recipe counts by steps it is
// the change of one step.
func (c *combiner) hear(ctx context.Context, v voice, dst []float32) error {
	change := dst
	var sum []float64
	if len(v.updates) > 1 || c.in.Recipe.Normalised() {
		change, sum = make([]float32, len(dst)), make([]float64, len(dst))
	}
	total := 0.0
	for _, u := range v.updates {
		if err := c.read(ctx, u, change, nil); err != nil {
			return err
		}
		if sum == nil {
			return nil
		}
		w := float64(c.mean.Counted[u.Node])
		total += w
		if c.in.Recipe.Normalised() {
			norm, err := c.normalised(u)
			if err != nil {
				return err
			}
			w /= norm
		}
		fedavg.Accumulate(sum, change, w)
	}
	for i, s := range sum {
		dst[i] = float32(s / total)
	}
	return nil
}

// usual is the number of steps of a usual node: what the combined change of
// one step is multiplied by.
func (c *combiner) usual(list []voice) (float32, error) {
	if !c.in.Recipe.Normalised() {
		return 1, nil
	}
	total, steps := 0.0, 0.0
	for _, v := range list {
		for _, u := range v.updates {
			w := float64(c.mean.Counted[u.Node])
			norm, err := c.normalised(u)
			if err != nil {
				return 0, err
			}
			total, steps = total+w, steps+float64(w*norm)
		}
	}
	return float32(steps / total), nil
}

// robust combines members by the recipe's rule, each clipped to the median
// norm of the round before.
func (c *combiner) robust(ctx context.Context) (err error) {
	list := c.voices()
	f, ok := c.in.Recipe.Robust.Byzantine, true
	if c.in.Replay || c.without {
		f, ok = c.in.Recipe.Bearable(len(list))
	}
	if !ok {
		return fmt.Errorf("%s among %d members: %w", c.in.Recipe.Robust.Name(), len(list), robust.ErrTooFew)
	}
	c.mean.Byzantine = f
	heard, norms, err := c.write(ctx, list)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, heard.Close()) }()
	limit, err := fedavg.MedianNorm(norms)
	if err != nil {
		return err
	}
	factors := make([]float64, len(norms))
	for i, n := range norms {
		factors[i] = fedavg.ClipFactor(n, limit)
	}
	c.mean.Clip = strconv.FormatFloat(limit, 'f', 6, 64)
	cohort, err := robust.Scaled(heard, factors)
	if err != nil {
		return err
	}
	groups := make([][]int, len(list))
	for i := range groups {
		groups[i] = []int{i}
	}
	if size := c.in.Recipe.Robust.Bucket; size > 1 {
		if cohort, groups, err = robust.Bucketed(cohort, size, c.in.Seed); err != nil {
			return err
		}
	}
	choice, err := c.rule(ctx, cohort, f)
	if err != nil {
		return err
	}
	for _, place := range choice.Chosen {
		for _, member := range groups[place] {
			for _, u := range list[member].updates {
				c.mean.Chosen = append(c.mean.Chosen, u.Node)
			}
		}
	}
	slices.Sort(c.mean.Chosen)
	usual, err := c.usual(list)
	for i := range c.change {
		c.change[i] *= usual
	}
	return err
}

func (c *combiner) rule(ctx context.Context, cohort robust.Cohort, f int) (robust.Choice, error) {
	r := c.in.Recipe.Robust
	n, _ := cohort.Size()
	iterations := r.Iterations
	if iterations == 0 {
		iterations = 4
	}
	switch r.Rule {
	case protocol.Median:
		return robust.Choice{}, robust.Median(c.change, cohort, f)
	case protocol.Trimmed:
		return robust.Choice{}, robust.TrimmedMean(c.change, cohort, f)
	case protocol.Krum:
		return robust.Krum(c.change, cohort, f)
	case protocol.MultiKrum:
		return robust.MultiKrum(c.change, cohort, f, n-f-2)
	case protocol.Bulyan:
		return robust.Bulyan(c.change, cohort, f)
	case protocol.GeoMedian:
		_, err := robust.GeometricMedian(c.change, cohort, slices.Repeat([]int64{1}, n), f, 1e-6, iterations)
		return robust.Choice{}, err
	case protocol.Centered:
		if err := c.load(ctx); err != nil {
			return robust.Choice{}, err
		}
		_, err := robust.CenteredClip(c.change, cohort, c.state["center"], f, protocol.Number(r.Radius, 0), iterations)
		if err == nil {
			c.state["center"] = slices.Clone(c.change)
		}
		return robust.Choice{}, err
	}
	return robust.Choice{}, fmt.Errorf("the robust rule %q is not known", r.Rule)
}

// write lays the members' voices into a private file that has no name, and
// returns their norms.
func (c *combiner) write(ctx context.Context, list []voice) (*Spool, []float64, error) {
	s, err := NewSpool(len(list), c.mean.elements)
	if err != nil {
		return nil, nil, err
	}
	norms, dst := make([]float64, len(list)), make([]float32, c.mean.elements)
	for i, v := range list {
		err := c.hear(ctx, v, dst)
		if err == nil {
			norms[i] = fedavg.Norm(dst)
			err = s.Set(i, dst)
		}
		if err != nil {
			return nil, nil, errors.Join(err, s.Close())
		}
	}
	return s, norms, nil
}
