package torch

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/safetensors"
)

// result is result.json. Nothing in it is believed that can be computed.
type result struct {
	Version       int       `json:"version"`
	Kind          string    `json:"kind"`
	Digest        string    `json:"digest"` // SHA-256 of the file of tensors, hexadecimal
	Bytes         int64     `json:"bytes"`
	Steps         int       `json:"steps"`
	Losses        []float64 `json:"losses"`
	Halved        int       `json:"halved"`
	AtOnce        int       `json:"sequences_at_once"`
	Start         float64   `json:"start_seconds"`
	Speed         float64   `json:"tokens_per_second"`
	Deterministic bool      `json:"deterministic"`
	Info
}

func (r result) done() Done {
	return Done{r.Info, r.Losses, r.Speed, r.Start, r.Halved, r.AtOnce, r.Deterministic}
}

// maxResult bounds result.json: a million losses need 20 MB.
const maxResult = 64 << 20

// open opens a file of a job's folder that must be a plain file: not a link
// to another one, not a pipe that never ends.
func open(dir, name string) (*os.File, int64, error) {
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w: it left no file %s", ErrLied, name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s: %w", ErrLied, name, err)
	}
	return f, info.Size(), nil
}

func readResult(dir, kind string) (result, error) {
	var r result
	f, size, err := open(dir, resultFile)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if size > maxResult {
		return r, fmt.Errorf("%w: %s has %d bytes", ErrLied, resultFile, size)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxResult))
	if err != nil {
		return r, fmt.Errorf("%w: %s: %w", ErrLied, resultFile, err)
	}
	return parseResult(data, kind)
}

// parseResult reads what a program says of its job.
func parseResult(data []byte, kind string) (result, error) {
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %s: %w", ErrLied, resultFile, err)
	}
	r.Info = r.printable()
	if r.Version != Version || r.Kind != kind || r.Trainer == "" || r.Device == "" {
		return r, fmt.Errorf("%w: version %d, kind %q, trainer %q on %q; want version %d and %q", ErrLied, r.Version, r.Kind, r.Trainer, r.Device, Version, kind)
	}
	for i, loss := range r.Losses {
		if !(loss >= 0 && loss < 1e6) { // no JSON number is NaN
			return r, fmt.Errorf("%w: the loss of step %d is %g", ErrLied, i+1, loss)
		}
	}
	if !(r.Speed >= 0 && r.Start >= 0) || r.Halved < 0 || r.AtOnce < 0 {
		return r, fmt.Errorf("%w: %g tokens per second after %g seconds", ErrLied, r.Speed, r.Start)
	}
	return r, nil
}

// output reads the tensors that a job left: exactly those wanted, finite, and
// in a file whose digest is the one that the program told. The digest is
// computed while the values pass, so that both are of the same bytes.
func output(dir string, r result, want []safetensors.Tensor) ([]float32, error) {
	f, size, err := open(dir, outFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	elements := safetensors.Elements(want)
	if most := int64(4*elements) + 8 + 1<<20; size != r.Bytes || size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes; it said %d, and %d values need at most %d", ErrLied, outFile, size, r.Bytes, elements, most)
	}
	hash := sha256.New()
	tensors, err := safetensors.Read(io.TeeReader(f, hash), size)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLied, outFile, err)
	}
	if got := training.Digest(hash.Sum(nil)); got.Hex() != r.Digest {
		return nil, fmt.Errorf("%w: the digest of %s is %s, it said %q", ErrLied, outFile, got.Hex(), printable(r.Digest, 64))
	}
	if len(tensors) != len(want) {
		return nil, fmt.Errorf("%w: %d tensors, want %d", ErrLied, len(tensors), len(want))
	}
	byName := make(map[string]safetensors.Loaded, len(tensors))
	for _, t := range tensors {
		byName[t.Name] = t
	}
	out := make([]float32, 0, elements)
	for _, w := range want {
		t := byName[w.Name]
		if t.DType != safetensors.F32 || !slices.Equal(t.Shape, w.Shape) {
			return nil, fmt.Errorf("%w: tensor %q is %s of shape %v, want F32 of shape %v", ErrLied, w.Name, t.DType, t.Shape, w.Shape)
		}
		for i, v := range t.Data {
			if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
				return nil, fmt.Errorf("%w: element %d of tensor %q is %v", ErrLied, i, w.Name, v)
			}
		}
		out = append(out, t.Data...)
	}
	return out, nil
}
