package workers

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/safetensors"
)

// state is what the server's rule keeps from round to round, by name. Its blob
// is a safetensors file of flat tensors in alphabetical order, so that equal
// state is equal bytes:
//
//	center    centered clipping: the last combined update
//	clip      adaptive clipping: the clip norm of the next round, one element
//	control   SCAFFOLD: c
//	moment1   adaptive rules: m
//	moment2   adaptive rules: v
//	momentum  FedAvgM, DiLoCo: v
type state map[string][]float32

// load reads what was kept before the round, once; nothing is an empty state.
func (c *combiner) load(ctx context.Context) error {
	if c.state != nil {
		return nil
	}
	c.state = state{}
	if c.in.ServerBase == nil {
		return nil
	}
	blob, err := c.store.Open(ctx, *c.in.ServerBase)
	if err != nil {
		return fmt.Errorf("open what the server's rule kept: %w", err)
	}
	defer blob.Close()
	tensors, err := safetensors.Read(blobs.Reader(blob), blob.Size())
	if err != nil {
		return fmt.Errorf("read what the server's rule kept: %w", err)
	}
	for _, t := range tensors {
		if len(t.Data) != c.mean.elements && t.Name != "clip" {
			return fmt.Errorf("the server's rule kept %d of %s, the model has %d parameters", len(t.Data), t.Name, c.mean.elements)
		}
		c.state[t.Name] = t.Data
	}
	return nil
}

// save writes the state's blob.
func (c *combiner) save() error {
	var tensors []safetensors.Tensor
	var flat []float32
	for _, name := range slices.Sorted(maps.Keys(c.state)) {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: []int{len(c.state[name])}, DType: safetensors.F32})
		flat = append(flat, c.state[name]...)
	}
	var b bytes.Buffer
	name, err := safetensors.Write(&b, tensors, flat)
	if err != nil {
		return fmt.Errorf("write what the server's rule keeps: %w", err)
	}
	c.mean.Server, c.mean.state = &name, b.Bytes()
	if name != training.DigestOf(c.mean.state) {
		return fmt.Errorf("write what the server's rule keeps: %w", errChanged)
	}
	return nil
}
