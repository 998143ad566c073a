package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"codeberg.org/althing/althing/training"
)

// Why Receive refuses a file. Ask with errors.Is.
var (
	// ErrHeader says that the file does not begin with the expected bytes.
	ErrHeader = errors.New("header is not the round's header")
	// ErrLength says that the file is shorter or longer than its header says.
	ErrLength = errors.New("wrong length")
	// ErrNotFinite says that an element is NaN or infinite.
	ErrNotFinite = errors.New("not a finite number")
	// ErrNorm says that the L2 norm is above the limit.
	ErrNorm = errors.New("norm above the limit")
)

// ElementError is the refusal of one element; it matches ErrNotFinite.
type ElementError struct {
	Element int     // position in the flat vector, from 0; At names the tensor
	Value   float32 // NaN or an infinity
}

// Error names the element and what it was.
func (e *ElementError) Error() string {
	return fmt.Sprintf("element %d is %v: %v", e.Element, e.Value, ErrNotFinite)
}

// Unwrap lets errors.Is find ErrNotFinite.
func (e *ElementError) Unwrap() error { return ErrNotFinite }

// Limits are what a round asks of a file beyond its form.
type Limits struct {
	MaxNorm float64 // largest L2 norm of all elements; 0 asks nothing
}

// Received is what was learnt about a file while it passed.
type Received struct {
	Digest    training.Digest // SHA-256 of the whole file
	Norm      float64         // L2 norm of all elements, summed in order in float64
	Denormals int             // elements with 0 < |x| < 2^-126: legal, slow, and odd in large numbers
}

// chunk is the buffer of Receive and Write: the only memory they need beside
// dst, whatever the size of the file.
const chunk = 1 << 16

// Receive reads one file whose length word and header must equal header byte
// for byte and which holds exactly elements float32 values after it; one byte
// more or less is refused. Nothing of the file is parsed. While the bytes
// pass they are hashed, every value is checked to be finite, and the norm is
// summed. Values go to dst if it is not nil, which then needs length
// elements; after an error dst holds the part that came. To keep the file, put
// an io.TeeReader before r.
//
// The square of a float32 is exact in float64, so the norm is the same bits on
// a processor that fuses multiply and add.
func Receive(r io.Reader, header []byte, elements int, dst []float32, limits Limits) (Received, error) {
	var got Received
	if dst != nil && len(dst) != elements {
		return got, fmt.Errorf("receive: %d places for %d elements", len(dst), elements)
	}
	hash := sha256.New()
	buf := make([]byte, chunk)
	for done := 0; done < len(header); {
		part := buf[:min(len(header)-done, chunk)]
		n, err := io.ReadFull(r, part)
		if !bytes.Equal(part[:n], header[done:done+n]) {
			return got, fmt.Errorf("receive: %w", ErrHeader)
		}
		if err != nil {
			return got, short(err, int64(done+n))
		}
		hash.Write(part)
		done += n
	}
	sum := 0.0
	for at := 0; at < elements; {
		part := buf[:4*min(elements-at, chunk/4)]
		n, err := io.ReadFull(r, part)
		if err != nil {
			return got, short(err, int64(len(header))+4*int64(at)+int64(n))
		}
		hash.Write(part)
		for i := 0; i < n; i += 4 {
			bits := binary.LittleEndian.Uint32(part[i:])
			v := math.Float32frombits(bits)
			switch exponent := bits >> 23 & 0xff; {
			case exponent == 0xff:
				return got, fmt.Errorf("receive: %w", &ElementError{at + i/4, v})
			case exponent == 0 && bits<<1 != 0:
				got.Denormals++
			}
			sum += float64(v) * float64(v)
			if dst != nil {
				dst[at+i/4] = v
			}
		}
		at += n / 4
	}
	if n, err := io.ReadFull(r, buf[:1]); n > 0 {
		return got, fmt.Errorf("receive: more bytes than the header says: %w", ErrLength)
	} else if err != io.EOF {
		return got, fmt.Errorf("receive: %w", err)
	}
	hash.Sum(got.Digest[:0])
	got.Norm = math.Sqrt(sum)
	if limits.MaxNorm > 0 && got.Norm > limits.MaxNorm {
		return got, fmt.Errorf("receive: norm %g, at most %g: %w", got.Norm, limits.MaxNorm, ErrNorm)
	}
	return got, nil
}

// short turns the end of the input into ErrLength and keeps other failures
// (a deadline, a closed connection) as they are.
func short(err error, at int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("receive: the file ends after %d bytes: %w", at, ErrLength)
	}
	return fmt.Errorf("receive: %w", err)
}

// Write writes the header of the tensors and data, the flat vector in their
// order, and returns the SHA-256 of what it wrote.
func Write(w io.Writer, tensors []Tensor, data []float32) (training.Digest, error) {
	var digest training.Digest
	if err := Check(tensors); err != nil {
		return digest, err
	}
	if n := Elements(tensors); n != len(data) {
		return digest, fmt.Errorf("write safetensors: %d values for %d elements", len(data), n)
	}
	hash := sha256.New()
	out := io.MultiWriter(hash, w)
	if _, err := out.Write(Header(tensors)); err != nil {
		return digest, fmt.Errorf("write safetensors: %w", err)
	}
	buf := make([]byte, 0, chunk)
	for len(data) > 0 {
		n := min(len(data), chunk/4)
		buf = buf[:0]
		for _, v := range data[:n] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := out.Write(buf); err != nil {
			return digest, fmt.Errorf("write safetensors: %w", err)
		}
		data = data[n:]
	}
	hash.Sum(digest[:0])
	return digest, nil
}
