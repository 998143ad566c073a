package workers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/serveropt"
)

// Mean is the result of a round, computed and not yet stored.
type Mean struct {
	form
	weights []float32
	Digest  training.Digest
	Counted map[governance.NodeID]int64
	Norms   map[governance.NodeID]float64

	Server    *training.Digest    // of what the server's rule keeps; nil for nothing
	Byzantine int                 // hostile members that the robust rule was asked to withstand
	Chosen    []governance.NodeID // whom a rule of distances believed, ascending
	Clip      string              // norm to which each member was clipped, decimal; "" for none
	Epsilon   string              // largest ε of any member, decimal; "" without privacy
	Raw       int64               // bytes of the updates as float32
	Delta     *training.Digest    // of the blob that makes the checkpoint of the base

	BeforeNoise bool // a private round, computed again as far as anyone can: there is no checkpoint

	Verdicts map[governance.NodeID]rounds.Verdict // of the checks, sketches bare; nil where there were none
	Moved    []byte                               // sketch of what the round changed; nil where nobody looked
	TooFew   string                               // why what the checks left is no round; then nothing else is computed

	state, delta []byte // the blobs of Server and Delta
}

// ComputeMean computes the checkpoint of a round from its inputs: the updates
// combined as the recipe's robust and private parts say, then the step of its
// server rule. Of the plain recipe it is
//
//	w'[i] = w[i] + float32(Σ n_k·u_k[i] / Σ n_k)
//
// with the sum in float64 over the updates in ascending order of node id, one
// rounding to float32, and one float32 addition. Whoever may read the updates
// gets the same bytes. Updates are decrypted one by one or, for the checks and
// for rules that look at single ones, one per processor; where they would take
// more than inMemory together they lie in a private file meanwhile. So memory
// does not grow with the number of nodes.
func ComputeMean(ctx context.Context, store blobs.Store, ring *keys.Ring, in rounds.Inputs) (*Mean, error) {
	return computeMean(ctx, store, ring, Sealed{store, ring}, in)
}

// RecomputeMean computes a round again from updates that are opened elsewhere: the
// store needs no more than the base and what the server's rule kept before. Of
// a private round everything up to the noise is done again, and BeforeNoise is
// set: the noise is a secret of the platform.
func RecomputeMean(ctx context.Context, store blobs.Store, from Opener, in rounds.Inputs) (*Mean, error) {
	return computeMean(ctx, store, nil, from, in)
}

func computeMean(ctx context.Context, store blobs.Store, ring *keys.Ring, from Opener, in rounds.Inputs) (_ *Mean, err error) {
	c, err := newCombiner(ctx, store, from, in)
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", in.Round, err)
	}
	c.ring = ring
	defer func() { err = errors.Join(err, c.held.Close()) }()
	if err := c.examine(ctx); err != nil {
		return nil, fmt.Errorf("round %d: check: %w", in.Round, err)
	}
	switch {
	case c.mean.TooFew != "":
		c.spots()
		return c.mean, nil
	case in.Recipe.Privacy.On():
		err = c.private(ctx)
	case in.Recipe.Robust.Rule != "":
		err = c.robust(ctx)
	default:
		err = c.average(ctx)
	}
	if err == nil && !c.mean.BeforeNoise {
		err = c.step(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", in.Round, err)
	}
	c.spots()
	return c.mean, nil
}

// combiner is one round's work.
type combiner struct {
	store blobs.Store
	ring  *keys.Ring // nil for who computes a round again
	open  Opener     // of the updates
	in    rounds.Inputs
	mean  *Mean

	change []float32 // what the updates became together, to move the weights by
	state  state     // of the server's rule

	held      *updates // read once for the checks; nil where nobody looked
	looked    bool
	decisions map[governance.NodeID]decision // of the checks; none where there were none
	without   bool                           // some updates are left out
}

func newCombiner(ctx context.Context, store blobs.Store, open Opener, in rounds.Inputs) (*combiner, error) {
	counted, err := Weigh(in.Updates, in.MaxShare)
	if err != nil {
		return nil, fmt.Errorf("weigh: %w", err)
	}
	base, err := store.Open(ctx, in.Base)
	if err != nil {
		return nil, fmt.Errorf("open base: %w", err)
	}
	defer base.Close()
	f, err := formOf(base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	m := &Mean{form: f, Counted: counted, Norms: map[governance.NodeID]float64{}, Raw: compress.RawBytes(f.elements) * int64(len(in.Updates))}
	if in.Recipe.Server.Rule == protocol.Scaffold {
		m.Raw *= 2
	}
	return &combiner{store: store, open: open, in: in, mean: m, change: make([]float32, f.elements)}, nil
}

// each reads the updates one after the other in ascending order of node id and
// hands them on, to be looked at only; both slices are overwritten by the next.
func (c *combiner) each(ctx context.Context, visit func(u rounds.Update, change, control []float32) error) error {
	change := make([]float32, c.mean.elements)
	var control []float32
	if c.in.Recipe.Server.Rule == protocol.Scaffold {
		control = make([]float32, c.mean.elements)
	}
	for _, u := range c.in.Updates {
		read := change
		if row := c.row(u.Node); row != nil && control == nil {
			read = row
		} else if err := c.read(ctx, u, change, control); err != nil {
			return err
		}
		if err := visit(u, read, control); err != nil {
			return fmt.Errorf("update of node %d: %w", u.Node, err)
		}
	}
	return nil
}

// row returns an update that is in memory as it counts, or nil.
func (c *combiner) row(node governance.NodeID) []float32 {
	if c.held == nil || c.held.rows == nil {
		return nil
	}
	if d, ok := c.decisions[node]; ok && d.scale != 1 {
		return nil
	}
	return c.held.rows[c.held.place[node]]
}

// rows returns what counts in the mean, with its weights, where all of it is in
// memory as it counts; else nil.
func (c *combiner) rows() (rows [][]float32, weights []int64) {
	if c.in.Recipe.Server.Rule == protocol.Scaffold {
		return nil, nil
	}
	for _, u := range c.in.Updates {
		weight := c.mean.Counted[u.Node]
		if c.decisions[u.Node].excluded || weight == 0 {
			continue
		}
		row := c.row(u.Node)
		if row == nil {
			return nil, nil
		}
		rows, weights = append(rows, row), append(weights, weight)
	}
	return rows, weights
}

func (c *combiner) read(ctx context.Context, u rounds.Update, change, control []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.held != nil && control == nil {
		if err := c.held.copy(change, u.Node); err != nil {
			return err
		}
		c.scaled(u.Node, change)
		return nil
	}
	got, err := readUpdate(ctx, c.open, c.in, u, c.mean.form, change, control)
	if err != nil {
		return fmt.Errorf("update of node %d: %w", u.Node, err)
	}
	c.mean.Norms[u.Node] = got.norm
	c.scaled(u.Node, change)
	return nil
}

// average is the mean by examples, and by steps where the recipe says so.
func (c *combiner) average(ctx context.Context) error {
	var sum interface{ Into([]float32) error }
	mean, nova, controls := (*fedavg.Mean)(nil), (*serveropt.Nova)(nil), (*serveropt.Control)(nil)
	var limits map[governance.NodeID]float64
	if c.in.Recipe.Normalised() {
		var err error
		if limits, err = c.shorten(ctx); err != nil {
			return err
		}
		nova = serveropt.NewNova(c.mean.elements)
		sum = nova
	} else if rows, weights := c.rows(); rows != nil {
		return fedavg.Average(c.change, rows, weights)
	} else {
		mean = fedavg.NewMean(c.mean.elements)
		sum = mean
	}
	if c.in.Recipe.Server.Rule == protocol.Scaffold {
		controls = serveropt.NewControl(c.mean.elements, max(c.in.Present, len(c.in.Updates)))
	}
	err := c.each(ctx, func(u rounds.Update, change, control []float32) error {
		if c.decisions[u.Node].excluded {
			return nil
		}
		if controls != nil {
			if err := controls.Add(control); err != nil {
				return err
			}
		}
		weight := c.mean.Counted[u.Node]
		switch {
		case weight == 0:
			return nil
		case mean != nil:
			return mean.Add(change, weight)
		}
		norm, err := c.normalised(u)
		if err != nil {
			return err
		}
		if limit := limits[u.Node]; limit > 0 {
			change = slices.Clone(change)
			fedavg.Clip(change, limit)
		}
		return nova.Add(change, weight, norm)
	})
	if err == nil && controls != nil {
		err = c.scaffold(ctx, controls)
	}
	if err != nil {
		return err
	}
	return sum.Into(c.change)
}

// step moves the weights and writes what the rule keeps.
func (c *combiner) step(ctx context.Context) error {
	base, err := c.store.Open(ctx, c.in.Base)
	if err != nil {
		return fmt.Errorf("open base: %w", err)
	}
	defer base.Close()
	m := c.mean
	m.weights = make([]float32, m.elements)
	if _, err := safetensors.Receive(blobs.Reader(base), m.header, m.elements, m.weights, safetensors.Limits{}); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	var before []float32
	if c.in.Recipe.Down.Delta {
		before = append(before, m.weights...)
	}
	moved := checks.NewSketcher(sketchSeed(c.in.Campaign))
	if c.looked {
		moved.Add(0, m.weights, -1)
	}
	if err := c.serve(ctx, m.weights); err != nil {
		return err
	}
	if c.looked {
		moved.Add(0, m.weights, 1)
		s := moved.Sketch()
		m.Moved = s.Bytes()
	}
	for i, w := range m.weights {
		if v := float64(w); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("parameter %d is %v after the step", i, v)
		}
	}
	if before != nil {
		if m.delta, err = compress.Delta(before, m.weights); err != nil {
			return err
		}
		d := training.DigestOf(m.delta)
		m.Delta = &d
	}
	m.Digest, err = digestOf(m.reader())
	return err
}

// Store puts the checkpoint among the blobs, and what belongs to it.
func (m *Mean) Store(ctx context.Context, store blobs.Store) error {
	for _, part := range []struct {
		name *training.Digest
		data []byte
	}{{m.Server, m.state}, {m.Delta, m.delta}} {
		if part.name == nil {
			continue
		}
		if err := store.Put(ctx, *part.name, int64(len(part.data)), bytes.NewReader(part.data)); err != nil {
			return err
		}
	}
	return store.Put(ctx, m.Digest, m.Size(), m.reader())
}

// Size returns the bytes of the checkpoint's file.
func (m *Mean) Size() int64 { return m.size() }

func (m *Mean) reader() io.Reader { return &fileReader{head: m.header, values: m.weights} }

// result is what the act of the round records.
func (m *Mean) result(epoch int) rounds.Result {
	return rounds.Result{
		Epoch: epoch, Checkpoint: m.Digest, Size: m.Size(), Weights: m.Counted, Norms: m.Norms, Server: m.Server, Byzantine: m.Byzantine,
		Chosen: m.Chosen, Clip: m.Clip, Epsilon: m.Epsilon, Raw: m.Raw, Delta: m.Delta,
		Verdicts: m.Verdicts, Change: m.Moved, TooFew: m.TooFew,
	}
}

func newHash() hash.Hash { return sha256.New() }
