package compress

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encode writes an update. The update is not changed.
//
// For a codec with feedback residual is what earlier calls kept back, zeros at
// first, as long as the update; Encode sends of p = update + residual and
// leaves p − sent in residual, exactly: sent + residual is p to the last bit
// (for Sign, p is first rounded to a grid of 2⁻²⁴ of its largest element, a
// rounding like that of the sum). When Encode fails the residual is unchanged.
// The caller keeps the new residual only if the server took the update, else a
// retry would count it twice. Every other codec wants nil.
func Encode(update, residual []float32, s Settings) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(update) < 1 || len(update) > MaxElements {
		return nil, fmt.Errorf("encode update: %d parameters, want 1 to %d", len(update), MaxElements)
	}
	if s.Codec.Feedback() && len(residual) != len(update) || !s.Codec.Feedback() && residual != nil {
		return nil, fmt.Errorf("encode update: a residual of %d for %v of %d parameters", len(residual), s.Codec, len(update))
	}
	p := update
	limit := float32(largest)
	if s.Codec == None {
		limit = math.MaxFloat32
	}
	if s.Codec.Feedback() {
		p = make([]float32, len(update))
		for i, u := range update {
			p[i] = u + residual[i]
		}
	}
	for i, v := range p {
		if !(v <= limit && v >= -limit) {
			return nil, fmt.Errorf("encode update: element %d is %v: %w", i, v, ErrNotFinite)
		}
	}
	h := Header{Settings: s, Elements: len(p), Values: s.kept(len(p))}
	out := make([]byte, 0, s.LargestBytes(len(p)))
	switch s.Codec {
	case None:
		return appendFloats(h.append(out), p), nil
	case BF16:
		return appendHalves(h.append(out), p), nil
	case Int8:
		return appendBlocks(h.append(out), p, newSplitmix(s.Seed)), nil
	case Sign:
		return appendSigns(out, h, p, residual), nil
	case TopK:
		return appendTop(h.append(out), h.Values, p, residual), nil
	}
	return appendMasked(h.append(out), h.Values, p, newSplitmix(s.Seed)), nil
}

// Decode writes the update in data to dst, of the length that the round's
// model has. It refuses everything but one well-formed encoding of exactly
// those settings and that length, allocates nothing, and works in one pass
// over data and dst. After an error dst holds no meaning.
func Decode(dst []float32, data []byte, want Settings) error {
	if err := want.Check(); err != nil {
		return err
	}
	h, err := ReadHeader(data)
	if err != nil {
		return err
	}
	if h.Settings != want || h.Elements != len(dst) {
		return fmt.Errorf("decode update: %v, share %d, seed %d, %d parameters; want %v, %d, %d, %d: %w",
			h.Codec, h.Share, h.Seed, h.Elements, want.Codec, want.Share, want.Seed, len(dst), ErrExpected)
	}
	body := data[headerSize:]
	if exact := want.LargestBytes(len(dst)); int64(len(data)) > exact || want.Codec != TopK && int64(len(data)) < exact {
		return fmt.Errorf("decode update: %d bytes, want %d: %w", len(data), exact, ErrFormat)
	}
	switch h.Codec {
	case None:
		err = readFloats(dst, body)
	case BF16:
		err = readHalves(dst, body)
	case Int8:
		err = readBlocks(dst, body)
	case Sign:
		err = readSigns(dst, body, h.Scale)
	case TopK:
		err = readTop(dst, body, h.Values)
	case Mask:
		err = readMasked(dst, body, h.Values, newSplitmix(h.Seed))
	}
	if err != nil {
		return fmt.Errorf("decode update: %w", err)
	}
	return nil
}

func finite(v float32) bool { return math.Float32bits(v)>>23&0xff != 0xff }

func notFinite(i int, v float32) error {
	return fmt.Errorf("element %d is %v: %w", i, v, ErrNotFinite)
}

func appendFloats(b []byte, values []float32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func readFloats(dst []float32, body []byte) error {
	for i := range dst {
		v := math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
		if !finite(v) {
			return notFinite(i, v)
		}
		dst[i] = v
	}
	return nil
}

// appendHalves rounds to bfloat16: nearest, ties to even.
func appendHalves(b []byte, values []float32) []byte {
	for _, v := range values {
		bits := math.Float32bits(v)
		bits += 0x7fff + bits>>16&1
		b = binary.LittleEndian.AppendUint16(b, uint16(bits>>16))
	}
	return b
}

func readHalves(dst []float32, body []byte) error {
	for i := range dst {
		v := math.Float32frombits(uint32(binary.LittleEndian.Uint16(body[2*i:])) << 16)
		if !finite(v) {
			return notFinite(i, v)
		}
		dst[i] = v
	}
	return nil
}
