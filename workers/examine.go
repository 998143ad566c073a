package workers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/rounds"
)

// examine checks the updates before they are combined, and takes what they
// count for from that: those that are held or rejected for nothing, the others
// as if those had not come. Of a round that was aggregated before it takes what
// was decided then, so that computing it again needs no sketches.
func (c *combiner) examine(ctx context.Context) error {
	if !c.in.Checkpoint.IsZero() {
		return c.recall()
	}
	if c.in.Limits == (rounds.CheckLimits{}) {
		return nil
	}
	r, err := c.checksOf()
	if err != nil {
		return err
	}
	list := make([]checks.Verdict, len(c.in.Updates))
	c.looked = !c.in.Recipe.Privacy.On()
	if c.looked {
		if c.held, err = c.gather(ctx); err != nil {
			return err
		}
		if list, err = checks.Run(c.held, r); err != nil {
			return err
		}
	} else {
		for i := range list {
			list[i] = checks.Unmeasured(r, i, "the recipe promises that only the noisy sum of the updates is told; clipping bounds each of them")
		}
	}
	c.mean.Verdicts = map[governance.NodeID]rounds.Verdict{}
	for i, u := range c.in.Updates {
		v := c.verdict(u, list[i])
		c.mean.Verdicts[u.Node] = v
		c.decided(u, list[i].Outcome.Excludes(), list[i].Scale, list[i].Divisor)
	}
	return c.reweigh()
}

// recall takes what the checks decided when the round was aggregated.
func (c *combiner) recall() error {
	for _, u := range c.in.Updates {
		scale, err := u.Factor()
		if err != nil {
			return fmt.Errorf("factor of node %d: %w", u.Node, err)
		}
		c.decided(u, rounds.Excluded(u.Outcome), scale, max(1, u.Divisor))
	}
	return c.reweigh()
}

// decision is what the checks leave of an update.
type decision struct {
	excluded bool
	scale    float64
	divisor  int64
}

func (c *combiner) decided(u rounds.Update, excluded bool, scale float64, divisor int64) {
	if c.decisions == nil {
		c.decisions = map[governance.NodeID]decision{}
	}
	c.decisions[u.Node] = decision{excluded, scale, divisor}
}

// reweigh counts what is left, and says where that is too little for a round.
func (c *combiner) reweigh() error {
	var left []rounds.Update
	out, in := map[governance.MemberID]bool{}, map[governance.MemberID]bool{}
	for _, u := range c.in.Updates {
		if c.decisions[u.Node].excluded {
			out[u.Owner] = true
			continue
		}
		left, in[u.Owner] = append(left, u), true
	}
	if len(left) < len(c.in.Updates) {
		c.without = true
		if c.mean.TooFew = c.tooFew(len(left), len(in), len(out)); c.mean.TooFew != "" {
			return nil
		}
		counted, err := Weigh(left, c.in.MaxShare)
		if err != nil {
			return fmt.Errorf("weigh: %w", err)
		}
		for _, u := range c.in.Updates {
			c.mean.Counted[u.Node] = counted[u.Node]
		}
	}
	for _, u := range left {
		if d := c.decisions[u.Node].divisor; d > 1 && c.mean.Counted[u.Node] > 0 {
			c.mean.Counted[u.Node] = max(1, c.mean.Counted[u.Node]/d)
		}
	}
	return nil
}

// tooFew says why what the checks left is no round, or "". A robust rule has
// to bear as many hostile members as the recipe says, less those that the
// checks found.
func (c *combiner) tooFew(updates, members, found int) string {
	recipe := c.in.Recipe
	left := fmt.Sprintf("the checks left %d of %d updates", updates, len(c.in.Updates))
	switch bears, _ := recipe.Bearable(members); {
	case members < 2:
		return left + ", of fewer than two members, and their mean would show one"
	case recipe.PerMember() && !c.in.Replay && bears < recipe.Robust.Byzantine-found:
		return fmt.Sprintf("%s, too few for %s to bear %d hostile members", left, recipe.Robust.Name(), max(0, recipe.Robust.Byzantine-found))
	case !recipe.PerMember() && !c.in.Replay && updates < recipe.MinReports:
		return fmt.Sprintf("%s, and %d are needed", left, recipe.MinReports)
	}
	return ""
}

// checksOf is what the checks are told beside the numbers.
func (c *combiner) checksOf() (checks.Round, error) {
	l := c.in.Limits
	r := checks.Round{
		Limits: checks.Limits{
			Least: int(l.Least), Duplicate: l.Duplicate, Norm: l.Norm, Rows: l.Rows, Sparse: l.Sparse, Against: l.Against,
			Cluster: l.Cluster, Divide: l.Divide,
		},
		Byzantine: c.in.Recipe.Robust.Byzantine, MaxShare: c.in.MaxShare, Seed: sketchSeed(c.in.Campaign), Noise: c.in.Recipe.Privacy.Noise,
	}
	var err error
	if r.Layers, err = layersOf(c.mean.header); err != nil {
		return r, err
	}
	if c.in.Last != nil {
		if r.Last, err = checks.ParseSketch(c.in.Last); err != nil {
			return r, err
		}
	}
	for _, u := range c.in.Updates {
		known := c.in.Facts[u.Node]
		facts := checks.Update{Digest: u.Digest, Owner: int64(u.Owner), Examples: u.Examples, Weight: c.mean.Counted[u.Node], Filtered: known.Filtered}
		if known.Earlier != nil {
			facts.Earlier = *known.Earlier
		}
		if known.Past != nil {
			if facts.Past, err = checks.ParseSketch(known.Past); err != nil {
				return r, fmt.Errorf("sketch of node %d: %w", u.Node, err)
			}
		}
		r.Updates = append(r.Updates, facts)
	}
	return r, nil
}

// sketchSeed makes the sketches of one campaign comparable, and those of two not.
func sketchSeed(campaign training.CampaignID) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "althing sketch v1\n%d", campaign))
}

// layersOf reads the tensors of a file from its header, in the order of the
// data. Rows of an embedding are looked at one by one.
func layersOf(header []byte) ([]checks.Layer, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(header[8:], &all); err != nil {
		return nil, fmt.Errorf("read layers: %w", err)
	}
	type tensor struct {
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	var list []checks.Layer
	from := map[string]int64{}
	for name, raw := range all {
		if name == "__metadata__" {
			continue
		}
		var t tensor
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("read layer %q: %w", name, err)
		}
		l := checks.Layer{Name: name, Len: int(t.Offsets[1]-t.Offsets[0]) / 4}
		if len(t.Shape) == 2 && strings.Contains(name, "embed") {
			l.Cols = t.Shape[1]
		}
		list, from[name] = append(list, l), t.Offsets[0]
	}
	slices.SortFunc(list, func(a, b checks.Layer) int { return cmp.Compare(from[a.Name], from[b.Name]) })
	return list, nil
}

// verdict is what the round keeps of one.
func (c *combiner) verdict(u rounds.Update, v checks.Verdict) rounds.Verdict {
	out := rounds.Verdict{Outcome: string(v.Outcome), Divisor: v.Divisor, Looked: c.looked}
	if v.Scale != 1 {
		out.Scale = strconv.FormatFloat(v.Scale, 'g', -1, 64)
	}
	for _, f := range v.Findings {
		out.Checks = append(out.Checks, rounds.Check{
			Node: u.Node, Number: f.Number, Name: f.Name, Value: f.Value, Threshold: f.Threshold, Outcome: string(f.Outcome), Note: f.Note,
		})
	}
	if c.looked && !v.Outcome.Excludes() {
		out.Sketch = v.Sketch.Bytes()
	}
	return out
}

// scaled multiplies a clipped update, rounding to float32.
func (c *combiner) scaled(node governance.NodeID, change []float32) {
	d, ok := c.decisions[node]
	if !ok || d.scale == 1 {
		return
	}
	for i, v := range change {
		change[i] = float32(d.scale * float64(v))
	}
}
