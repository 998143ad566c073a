package workers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/training/rounds"
	"filippo.io/age"
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

// inMemory is how many bytes of updates are checked without a file.
const inMemory = 64 << 20

// updates are those of a round in the order of nodes, read once.
type updates struct {
	robust.Cohort
	place map[governance.NodeID]int
	rows  [][]float32 // in memory, or nil
	file  *spool      // else
}

// gather reads the updates once, into memory or, where they are too many, into
// a private file. As many are decrypted at once as there are processors, and as
// fit into the memory for them.
func (c *combiner) gather(ctx context.Context) (_ *updates, err error) {
	n, dim := len(c.in.Updates), c.mean.elements
	u := &updates{place: make(map[governance.NodeID]int, n)}
	if int64(n)*int64(dim)*4 > inMemory {
		file, err := os.CreateTemp("", "updates-*")
		if err != nil {
			return nil, err
		}
		_ = os.Remove(file.Name()) // where an open file cannot be removed Close does it
		u.file = &spool{file: file, n: n, dim: dim}
		u.Cohort = u.file
		defer func() {
			if err != nil {
				err = errors.Join(err, u.Close())
			}
		}()
	} else {
		u.rows = make([][]float32, n)
		u.Cohort = robust.Memory(u.rows)
	}
	norms, failed := make([]float64, n), make([]error, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(1, min(runtime.GOMAXPROCS(0), n, inMemory/(4*max(1, dim)))) {
		wait.Go(func() {
			var change []float32
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if u.file == nil || change == nil {
					change = make([]float32, dim)
				}
				if norms[i], failed[i] = c.take(ctx, u, i, change); failed[i] != nil {
					next.Store(int64(n)) // what is left need not be read
				}
			}
		})
	}
	wait.Wait()
	for i, up := range c.in.Updates {
		if failed[i] != nil {
			return nil, fmt.Errorf("update of node %d: %w", up.Node, failed[i])
		}
		u.place[up.Node], c.mean.Norms[up.Node] = i, norms[i]
	}
	return u, nil
}

// take reads one update into its place, through change, and returns its norm.
func (c *combiner) take(ctx context.Context, u *updates, i int, change []float32) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	got, err := readUpdate(ctx, c.open, c.in, c.in.Updates[i], c.mean.form, change, nil)
	switch {
	case err != nil:
		return 0, err
	case u.file == nil:
		u.rows[i] = change
		return got.norm, nil
	}
	_, err = io.Copy(io.NewOffsetWriter(u.file.file, 4*int64(i)*int64(len(change))), &fileReader{values: change})
	return got.norm, err
}

// copy sets dst to the update of a node.
func (u *updates) copy(dst []float32, node governance.NodeID) error {
	i, ok := u.place[node]
	switch {
	case !ok:
		return fmt.Errorf("no update of node %d was read", node)
	case u.file == nil:
		copy(dst, u.rows[i])
		return nil
	}
	raw := make([]byte, 4*min(span, len(dst)))
	for from := 0; from < len(dst); from += span {
		part := dst[from:min(from+span, len(dst))]
		if _, err := u.file.file.ReadAt(raw[:4*len(part)], 4*(int64(i)*int64(len(dst))+int64(from))); err != nil {
			return err
		}
		for k := range part {
			part[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
		}
	}
	return nil
}

// Close forgets the updates.
func (u *updates) Close() error {
	if u == nil || u.file == nil {
		return nil
	}
	return u.file.Close()
}

// openSketches decrypts what is remembered of the nodes of a round. What no key
// opens any more is forgotten.
func openSketches(ring *keys.Ring, in rounds.Inputs) (rounds.Inputs, error) {
	known := make(map[governance.NodeID]rounds.Fact, len(in.Facts))
	for _, u := range in.Updates {
		f := in.Facts[u.Node]
		if f.Past != nil {
			identity, err := ring.Contributor(int64(u.Owner))
			if err != nil {
				return in, err
			}
			plain, err := age.Decrypt(bytes.NewReader(f.Past), identity)
			if err != nil {
				f.Past = nil
			} else if f.Past, err = io.ReadAll(io.LimitReader(plain, checks.Size+1)); err != nil {
				return in, fmt.Errorf("read sketch of node %d: %w", u.Node, err)
			}
		}
		known[u.Node] = f
	}
	in.Facts = known
	return in, nil
}

// sealSketches encrypts what is remembered of nodes to their owners' keys.
func sealSketches(ring *keys.Ring, in rounds.Inputs, verdicts map[governance.NodeID]rounds.Verdict) error {
	for _, u := range in.Updates {
		v, ok := verdicts[u.Node]
		if !ok || v.Sketch == nil {
			continue
		}
		identity, err := ring.Contributor(int64(u.Owner))
		if err != nil {
			return err
		}
		var sealed bytes.Buffer
		to, err := age.Encrypt(&sealed, identity.Recipient())
		if err == nil {
			_, err = to.Write(v.Sketch)
		}
		if err == nil {
			err = to.Close()
		}
		if err != nil {
			return fmt.Errorf("seal sketch of node %d: %w", u.Node, err)
		}
		v.Sketch = sealed.Bytes()
		verdicts[u.Node] = v
	}
	return nil
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
