// Package safetensors reads and writes the safetensors file format (Hugging
// Face, 2022): eight bytes of little-endian header length, a JSON header that
// names each tensor with its dtype, shape and byte range, then the raw
// little-endian data.
//
// Two readers, because two kinds of file arrive. An update of a round has
// exactly one legal header, which the server computes from the round's base
// with Header; Receive compares bytes and never parses what a stranger sent.
// A model file from elsewhere has any header; Read parses it within limits.
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// DType is the format's name for how one element is stored.
type DType string

// The element types that Read understands. Header and Write know F32 only:
// updates and checkpoints are float32, so that equal numbers are equal bytes.
const (
	F32  DType = "F32"
	F16  DType = "F16"  // IEEE 754 binary16
	BF16 DType = "BF16" // the upper half of a binary32
)

// size returns the bytes of one element, 0 for a type that is not known.
func (d DType) size() int64 {
	switch d {
	case F32:
		return 4
	case F16, BF16:
		return 2
	}
	return 0
}

// Tensor describes one named array without its data.
type Tensor struct {
	Name  string
	Shape []int // row-major, outermost first; empty for a scalar
	DType DType
}

// Elements returns the product of the shape, 1 for a scalar. It is meant for
// tensors that passed Check; Read multiplies a stranger's shape with care.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Elements returns how many elements the tensors hold together: the length of
// the flat vector whose order is the order of the list.
func Elements(tensors []Tensor) int {
	n := 0
	for _, t := range tensors {
		n += t.Elements()
	}
	return n
}

// At names the tensor, and the position within it, of an element of the flat
// vector, so that a refusal can say more than a number.
func At(tensors []Tensor, element int) (name string, index int) {
	for _, t := range tensors {
		if n := t.Elements(); element < n {
			return t.Name, element
		} else {
			element -= n
		}
	}
	return "", element
}

// maxHeader bounds the JSON of a header, ours or a stranger's. A thousand
// tensors need about 100 KiB.
const maxHeader = 1 << 20

// Check reports the first reason why Header could not describe the tensors:
// no tensor, an empty or repeated name, a dtype that is not F32, a dimension
// below 1, or more data than a file can address.
func Check(tensors []Tensor) error {
	if len(tensors) == 0 {
		return fmt.Errorf("safetensors: no tensors")
	}
	seen := make(map[string]bool, len(tensors))
	total := int64(0)
	for _, t := range tensors {
		switch {
		case t.Name == "" || t.Name == "__metadata__":
			return fmt.Errorf("safetensors: %q is not a tensor name", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("safetensors: tensor %q is named twice", t.Name)
		case t.DType != F32:
			return fmt.Errorf("safetensors: tensor %q is %s, want F32", t.Name, t.DType)
		}
		seen[t.Name] = true
		dims := make([]int64, len(t.Shape))
		for i, d := range t.Shape {
			if d < 1 {
				return fmt.Errorf("safetensors: tensor %q has shape %v, want positive dimensions", t.Name, t.Shape)
			}
			dims[i] = int64(d)
		}
		n, ok := product(dims)
		if !ok || n > (math.MaxInt64-total)/4 {
			return fmt.Errorf("safetensors: tensor %q of shape %v is too large", t.Name, t.Shape)
		}
		total += 4 * n
	}
	return nil
}

// product multiplies dimensions and reports whether it stayed within int64.
func product(dims []int64) (int64, bool) {
	n := int64(1)
	for _, d := range dims {
		if d < 0 || (d > 0 && n > math.MaxInt64/d) {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// Header returns the length word and the one canonical JSON header of a file
// that holds the tensors: keys in the order given, data without holes in the
// same order, no spaces but those at the end that make the data start at a
// multiple of 8. The metadata {"format":"pt"} is there because transformers
// refuses files without it.
//
// The list comes from our own model, so a list that fails Check is our bug and
// panics.
func Header(tensors []Tensor) []byte {
	if err := Check(tensors); err != nil {
		panic(err)
	}
	out := append(make([]byte, 8, 64+96*len(tensors)), `{"__metadata__":{"format":"pt"}`...)
	offset := int64(0)
	for _, t := range tensors {
		name, err := json.Marshal(t.Name)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		out = append(out, ',')
		out = append(out, name...)
		out = append(out, `:{"dtype":"F32","shape":[`...)
		for i, d := range t.Shape {
			if i > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendInt(out, int64(d), 10)
		}
		out = append(out, `],"data_offsets":[`...)
		out = strconv.AppendInt(out, offset, 10)
		offset += 4 * int64(t.Elements())
		out = append(out, ',')
		out = strconv.AppendInt(out, offset, 10)
		out = append(out, `]}`...)
	}
	out = append(out, '}')
	for len(out)%8 != 0 {
		out = append(out, ' ')
	}
	if len(out)-8 > maxHeader {
		panic(fmt.Sprintf("safetensors: header of %d bytes, want at most %d", len(out)-8, maxHeader))
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out
}
