package compress

import (
	"errors"
	"fmt"
	"slices"
)

// Codec says how an update is written. The number stands in the header of
// every encoded update and is kept for ever.
type Codec uint8

// The codecs; the package comment tells them apart.
const (
	None Codec = 1 + iota // float32 as it is
	BF16                  // the upper half of each float32, to nearest even
	Int8                  // blocks of 256 with a scale each, rounded by chance
	Sign                  // one bit each and one scale, with error feedback
	TopK                  // the largest by magnitude, with error feedback
	Mask                  // a share drawn by the seed, scaled up
)

var names = []string{"", "none", "bf16", "int8", "sign", "topk", "mask"}

// Parse returns the codec of a name in a recipe.
func Parse(name string) (Codec, error) {
	if i := slices.Index(names, name); i > 0 {
		return Codec(i), nil
	}
	return 0, fmt.Errorf("codec %q is not known; want one of %q", name, names[1:])
}

// String returns the name that recipes use.
func (c Codec) String() string {
	if c >= None && c <= Mask {
		return names[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// Feedback reports whether a node must keep a residual between rounds.
func (c Codec) Feedback() bool { return c == Sign || c == TopK }

// Unbiased reports whether the mean over seeds is the update itself, so that
// nodes that appear once do no harm.
func (c Codec) Unbiased() bool { return c == None || c == Int8 || c == Mask }

func (c Codec) seeded() bool { return c == Int8 || c == Mask }
func (c Codec) shared() bool { return c == TopK || c == Mask }

// Settings are what a recipe and an assignment say about an update's form.
// The recipe fixes codec and share, the server deals the seed.
type Settings struct {
	Codec Codec
	Share int    // thousandths of the parameters that are sent: 1 to 999 for TopK and Mask, else 0
	Seed  uint64 // for Int8 and Mask, else 0; another one for each node and round
}

// Check reports what does not fit together.
func (s Settings) Check() error {
	switch {
	case s.Codec < None || s.Codec > Mask:
		return fmt.Errorf("compress: %v is not known", s.Codec)
	case s.Codec.shared() && (s.Share < 1 || s.Share > 999):
		return fmt.Errorf("compress: %v sends 1 to 999 thousandths, not %d", s.Codec, s.Share)
	case !s.Codec.shared() && s.Share != 0:
		return fmt.Errorf("compress: %v sends everything; a share of %d means nothing", s.Codec, s.Share)
	case !s.Codec.seeded() && s.Seed != 0:
		return fmt.Errorf("compress: %v uses no chance; a seed means nothing", s.Codec)
	}
	return nil
}

// kept returns k: how many of d parameters are sent, at least one.
func (s Settings) kept(d int) int {
	if !s.Codec.shared() {
		return d
	}
	return max(1, int((int64(d)*int64(s.Share)+999)/1000))
}

// MaxElements is the longest update that the format takes.
const MaxElements = 1<<31 - 1

// RawBytes is what d parameters weigh as float32: the "raw" beside the "sent"
// (the length of an encoded update) on pages about bytes.
func RawBytes(d int) int64 { return 4 * int64(d) }

// LargestBytes returns the most that an encoding of d parameters can weigh, so
// that a server can refuse a longer upload before reading it. It is exact for
// every codec but TopK, whose indices take between one and five bytes each.
func (s Settings) LargestBytes(d int) int64 {
	k := int64(s.kept(d))
	switch s.Codec {
	case BF16:
		return headerSize + 2*k
	case Int8:
		return headerSize + k + 4*((k+block-1)/block)
	case Sign:
		return headerSize + (k+7)/8
	case TopK:
		// A gap needs b+1 bytes only from 2^(7b) on, and all gaps together are
		// less than d, so few can be long.
		index := k
		for b := 7; b <= 28; b += 7 {
			index += min(k, int64(d)>>b)
		}
		return headerSize + index + 4*k
	}
	return headerSize + 4*k
}

// Why Decode, Apply and Encode refuse. Ask with errors.Is.
var (
	// ErrFormat says that the bytes are not what the format allows.
	ErrFormat = errors.New("not a well-formed encoding")
	// ErrExpected says that the header is legal but not what was agreed.
	ErrExpected = errors.New("not the agreed encoding")
	// ErrNotFinite says that a value is NaN or infinite, or so large that a
	// scaled one would be.
	ErrNotFinite = errors.New("not a finite number of sensible size")
	// ErrBase says that a delta belongs to another checkpoint.
	ErrBase = errors.New("delta of another checkpoint")
)
