package compress

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"codeberg.org/althing/althing/training"
)

const (
	deltaMagic  = "ALTD"
	deltaHeader = 4 + 4 + 8 + 32 + 32 + 4*8
	planes      = 4
)

// ValuesDigest is the SHA-256 of the values as little-endian float32 in order:
// what a checkpoint's file holds after its header.
func ValuesDigest(values []float32) training.Digest {
	hash := sha256.New()
	var buf [1 << 12]byte
	for len(values) > 0 {
		part := values[:min(len(values), len(buf)/4)]
		for i, v := range part {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
		}
		hash.Write(buf[:4*len(part)])
		values = values[len(part):]
	}
	return training.Digest(hash.Sum(nil))
}

// Delta writes next as its exact difference from base. Of each parameter the
// bits are subtracted as whole numbers and the result is folded so that small
// steps of either sign are small (0, −1, 1, −2 … become 0, 1, 2, 3 …); after a
// round of training the upper bytes are then nearly all zero. The four bytes
// of all differences are put in four planes, the highest first, each deflated
// by itself (RFC 1951), with repeats or by frequency alone, whichever is
// smaller: the upper planes are runs of zeros, the middle ones a few values
// without order, the lowest noise.
//
// After the magic and version come d, the digests of both vectors and the
// lengths of the four planes. The deflated bytes may differ between releases
// of the compressor; the reconstruction cannot, and carries its digest.
func Delta(base, next []float32) ([]byte, error) {
	if len(base) != len(next) || len(base) < 1 || len(base) > MaxElements {
		return nil, fmt.Errorf("delta: %d parameters from %d", len(next), len(base))
	}
	for i, v := range next {
		if !finite(v) {
			return nil, fmt.Errorf("delta: %w", notFinite(i, v))
		}
	}
	from, to := ValuesDigest(base), ValuesDigest(next)
	head := append(make([]byte, 0, deltaHeader), deltaMagic...)
	head = append(head, version, 0, 0, 0)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(next)))
	head = append(append(head, from[:]...), to[:]...)
	var body []byte
	for p := range planes {
		var best bytes.Buffer
		if err := deflate(&best, base, next, 24-8*p, flate.BestSpeed); err != nil {
			return nil, fmt.Errorf("delta: %w", err)
		}
		var other bytes.Buffer
		if err := deflate(&other, base, next, 24-8*p, flate.HuffmanOnly); err != nil {
			return nil, fmt.Errorf("delta: %w", err)
		}
		if other.Len() < best.Len() {
			best = other
		}
		head = binary.LittleEndian.AppendUint64(head, uint64(best.Len()))
		body = append(body, best.Bytes()...)
	}
	return append(head, body...), nil
}

// deflate writes one plane: the byte at shift of every folded difference.
func deflate(w io.Writer, base, next []float32, shift, level int) error {
	z, err := flate.NewWriter(w, level)
	if err != nil {
		return err
	}
	buf := make([]byte, 1<<15)
	for at := 0; at < len(next); at += len(buf) {
		part := buf[:min(len(buf), len(next)-at)]
		for i := range part {
			step := int32(math.Float32bits(next[at+i]) - math.Float32bits(base[at+i]))
			part[i] = byte(uint32(step<<1^step>>31) >> shift)
		}
		if _, err := z.Write(part); err != nil {
			return err
		}
	}
	return z.Close()
}

// DeltaOf reports between which vectors a delta lies, by ValuesDigest, without
// unpacking it.
func DeltaOf(delta []byte) (base, next training.Digest, err error) {
	if len(delta) < deltaHeader || string(delta[:4]) != deltaMagic || [4]byte(delta[4:8]) != [4]byte{version} {
		return base, next, fmt.Errorf("read delta: %w", ErrFormat)
	}
	copy(base[:], delta[16:])
	copy(next[:], delta[48:])
	return base, next, nil
}

// Apply writes to dst the vector that delta makes of base. It unpacks exactly
// d bytes per plane whatever the delta holds, refuses what is not finite, and
// in the end compares the digest, so that a node trains from the right
// checkpoint or not at all. dst may be base; after an error dst holds no
// meaning.
func Apply(dst, base []float32, delta []byte) error {
	from, to, err := DeltaOf(delta)
	if err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint64(delta[8:]); n != uint64(len(base)) || len(dst) != len(base) || n == 0 {
		return fmt.Errorf("apply delta of %d parameters to %d: %w", n, len(base), ErrExpected)
	}
	if ValuesDigest(base) != from {
		return fmt.Errorf("apply delta to another base than %v: %w", from, ErrBase)
	}
	body := delta[deltaHeader:]
	var streams [planes]*bytes.Reader
	var unpack [planes]io.Reader
	for p := range planes {
		length := binary.LittleEndian.Uint64(delta[80+8*p:])
		if length > uint64(len(body)) {
			return fmt.Errorf("apply delta: plane %d of %d bytes, %d are left: %w", p, length, len(body), ErrFormat)
		}
		streams[p] = bytes.NewReader(body[:length])
		unpack[p] = flate.NewReader(streams[p])
		body = body[length:]
	}
	if len(body) != 0 {
		return fmt.Errorf("apply delta: %d bytes after the last plane: %w", len(body), ErrFormat)
	}
	var bufs [planes][1 << 14]byte
	for at := 0; at < len(base); at += len(bufs[0]) {
		n := min(len(bufs[0]), len(base)-at)
		for p := range planes {
			if _, err := io.ReadFull(unpack[p], bufs[p][:n]); err != nil {
				return fmt.Errorf("apply delta: plane %d: %w: %w", p, err, ErrFormat)
			}
		}
		for i := range n {
			folded := uint32(bufs[0][i])<<24 | uint32(bufs[1][i])<<16 | uint32(bufs[2][i])<<8 | uint32(bufs[3][i])
			step := folded>>1 ^ -(folded & 1)
			v := math.Float32frombits(math.Float32bits(base[at+i]) + step)
			if !finite(v) {
				return fmt.Errorf("apply delta: %w", notFinite(at+i, v))
			}
			dst[at+i] = v
		}
	}
	for p := range planes {
		if n, err := io.ReadFull(unpack[p], bufs[p][:1]); n != 0 || err != io.EOF || streams[p].Len() != 0 {
			return fmt.Errorf("apply delta: plane %d is longer than %d: %w", p, len(base), ErrFormat)
		}
	}
	if got := ValuesDigest(dst); got != to {
		return fmt.Errorf("apply delta: the result is %v, not %v: %w", got, to, ErrFormat)
	}
	return nil
}
