package compress

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	magic      = "ALTU"
	version    = 1
	headerSize = 36
)

// Header is the fixed beginning of an encoded update, for pages and checks
// that do not need its values.
type Header struct {
	Settings
	Elements int     // d
	Values   int     // k, values that follow
	Scale    float32 // of Sign
}

func (h Header) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, version, byte(h.Codec))
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Share))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Elements))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Values))
	b = binary.LittleEndian.AppendUint64(b, h.Seed)
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(h.Scale))
}

// ReadHeader reads and checks the header of an encoded update. It allocates
// nothing; Elements is what a stranger claims, between 1 and MaxElements.
func ReadHeader(data []byte) (Header, error) {
	var h Header
	if len(data) < headerSize || string(data[:4]) != magic {
		return h, fmt.Errorf("read header of an update: %w", ErrFormat)
	}
	if data[4] != version {
		return h, fmt.Errorf("read header of an update: version %d, this program knows %d: %w", data[4], version, ErrFormat)
	}
	h.Codec = Codec(data[5])
	h.Share = int(binary.LittleEndian.Uint16(data[6:]))
	elements := binary.LittleEndian.Uint64(data[8:])
	values := binary.LittleEndian.Uint64(data[16:])
	h.Seed = binary.LittleEndian.Uint64(data[24:])
	h.Scale = math.Float32frombits(binary.LittleEndian.Uint32(data[32:]))
	if err := h.Check(); err != nil {
		return h, fmt.Errorf("read header of an update: %w: %w", err, ErrFormat)
	}
	if elements < 1 || elements > MaxElements {
		return h, fmt.Errorf("read header of an update: %d parameters: %w", elements, ErrFormat)
	}
	h.Elements = int(elements)
	h.Values = h.kept(h.Elements)
	if values != uint64(h.Values) {
		return h, fmt.Errorf("read header of an update: %d values, %v of %d parameters has %d: %w", values, h.Codec, elements, h.Values, ErrFormat)
	}
	scale := math.Float32bits(h.Scale)
	if h.Codec != Sign && scale != 0 || scale > math.Float32bits(largest) { // above it: negative, too large, infinite, NaN
		return h, fmt.Errorf("read header of an update: scale %v: %w", h.Scale, ErrFormat)
	}
	return h, nil
}

// largest bounds the magnitude of what lossy codecs take, so that sums with a
// residual and scaled values stay finite. It is not a bound on sense: the
// clip norm is.
const largest = 0x1p100

// splitmix is SplitMix64 (Steele, Lea, Flood 2014) as a function of a counter,
// so that element i's chance does not depend on who computed element i-1. The
// seed is mixed first: seeds that lie close give unrelated streams.
type splitmix uint64

func newSplitmix(seed uint64) splitmix { return splitmix(finish(seed ^ 0x616c7468696e6731)) }

func (s splitmix) at(i int) uint64 { return finish(uint64(s) + (uint64(i)+1)*0x9e3779b97f4a7c15) }

func finish(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
