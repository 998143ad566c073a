package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"
)

// ErrFormat says that a model file breaks the format or a limit of Read.
var ErrFormat = errors.New("not a safetensors file that can be read")

// Loaded is one tensor of a model file with its values as float32. Tensor.DType
// is what the file held.
type Loaded struct {
	Tensor
	Data []float32
}

// maxTensors bounds how many tensors a file may name.
const maxTensors = 1 << 16

// entry is one tensor of a parsed header.
type entry struct {
	Tensor
	elements   int64
	begin, end int64
}

// Read reads a model file of exactly size bytes: tensors in the order of their
// data, F16 and BF16 widened to float32. It refuses a header over 1 MiB, names
// that repeat, keys in another case, ranges that overlap, leave a hole, or do
// not match dtype and shape, and data that is shorter or longer than the
// header says. Memory is bounded by size (twice that for half precision)
// before anything is allocated, so size must be the real one: of the open
// file, or of a body that was counted. NaN and infinities are kept: whether
// they matter is for the caller.
func Read(r io.Reader, size int64) ([]Loaded, error) {
	var out []Loaded
	err := ReadInto(r, size, func(t Tensor) ([]float32, error) {
		out = append(out, Loaded{t, make([]float32, t.Elements())})
		return out[len(out)-1].Data, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReadInto is Read into memory that the caller has: place is called for each
// tensor in the order of the data. The header has been checked as a whole by
// then.
func ReadInto(r io.Reader, size int64, place Place) error {
	var word [8]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return formatError("read the length word: %v", err)
	}
	length := binary.LittleEndian.Uint64(word[:])
	if length < 2 || length > maxHeader || int64(length) > size-8 {
		return formatError("header of %d bytes, want 2 to %d within the file's %d", length, maxHeader, size)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return formatError("read the header: %v", err)
	}
	entries, err := parse(header, size-8-int64(length))
	if err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for _, e := range entries {
		dst, err := place(e.Tensor)
		if err != nil {
			return err
		}
		if dst != nil && int64(len(dst)) != e.elements {
			return fmt.Errorf("read tensor %q: %d places for %d elements", e.Name, len(dst), e.elements)
		}
		if err := load(r, e, buf, dst); err != nil {
			return formatError("read tensor %q: %v", e.Name, err)
		}
	}
	if n, _ := io.ReadFull(r, buf[:1]); n > 0 {
		return formatError("bytes after the last tensor")
	}
	return nil
}

// load reads the values of e, whose range was checked, into dst, or passes
// over them if it is nil.
func load(r io.Reader, e entry, buf []byte, dst []float32) error {
	for left := e.end - e.begin; left > 0; {
		part := buf[:min(left, int64(len(buf)))]
		if _, err := io.ReadFull(r, part); err != nil {
			return err
		}
		left -= int64(len(part))
		if dst == nil {
			continue
		}
		n := len(part) / int(e.DType.size())
		switch e.DType {
		case F32:
			for i := range dst[:n] {
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))
			}
		case BF16:
			for i := range dst[:n] {
				dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(part[2*i:])) << 16)
			}
		case F16:
			for i := range dst[:n] {
				dst[i] = widen(binary.LittleEndian.Uint16(part[2*i:]))
			}
		}
		dst = dst[n:]
	}
	return nil
}

// widen converts an IEEE 754 binary16 to float32; every half is a float32.
func widen(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero or subnormal: fraction · 2^-24
		v := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// parse reads a header whose data is dataSize bytes long and returns its
// tensors in the order of their data. encoding/json alone would let the last
// of two equal keys win and would match keys in any case, so the keys are
// walked here.
func parse(header []byte, dataSize int64) ([]entry, error) {
	if header[0] != '{' || !utf8.Valid(header) {
		return nil, formatError("the header is not a JSON object in UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	var entries []entry
	err := object(dec, func(name string) error {
		if name == "__metadata__" {
			return object(dec, func(string) error {
				var value *string
				if err := dec.Decode(&value); err != nil || value == nil {
					return errors.New("metadata is not a string")
				}
				return nil
			})
		}
		if len(entries) == maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		e, err := parseEntry(dec, name)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, formatError("header: %v", err)
	}
	if rest := bytes.TrimRight(header[dec.InputOffset():], " "); len(rest) > 0 {
		return nil, formatError("header: text after the object")
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return nil, formatError("tensor %q begins at byte %d, want %d: a hole or an overlap", e.Name, e.begin, at)
		}
		at = e.end
	}
	if at != dataSize {
		return nil, formatError("the tensors need %d bytes of data, the file has %d", at, dataSize)
	}
	return entries, nil
}

// parseEntry reads the object that describes one tensor.
func parseEntry(dec *json.Decoder, name string) (entry, error) {
	e := entry{Tensor: Tensor{Name: name}}
	var dims, offsets []int64
	err := object(dec, func(key string) error {
		switch key {
		case "dtype":
			return dec.Decode(&e.DType)
		case "shape":
			return dec.Decode(&dims)
		case "data_offsets":
			return dec.Decode(&offsets)
		}
		return fmt.Errorf("unknown key %q", key)
	})
	if err != nil {
		return e, err
	}
	if name == "" || dims == nil || len(dims) > 8 || len(offsets) != 2 || e.DType.size() == 0 {
		return e, fmt.Errorf("dtype %q, shape %v, offsets %v: want F32, F16 or BF16, at most 8 dimensions, two offsets", e.DType, dims, offsets)
	}
	e.begin, e.end = offsets[0], offsets[1]
	n, ok := product(dims)
	if !ok || n > math.MaxInt64/4 || e.begin < 0 || e.end < e.begin || e.end-e.begin != n*e.DType.size() {
		return e, fmt.Errorf("bytes %d to %d do not hold %s of shape %v", e.begin, e.end, e.DType, dims)
	}
	e.elements = n
	e.Shape = make([]int, len(dims))
	for i, d := range dims {
		e.Shape[i] = int(d)
	}
	return e, nil
}

// object walks a JSON object; value must consume the value of each key. A key
// that comes twice is an error.
func object(dec *json.Decoder, value func(key string) error) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want an object (%v)", err)
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok || seen[key] {
			return fmt.Errorf("key %v is not a string or comes twice", t)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// formatError wraps ErrFormat with what is wrong.
func formatError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}
