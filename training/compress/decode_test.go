package compress

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

func sum(data []byte) []byte {
	full := sha256.Sum256(data)
	return full[:8]
}

// goldenDigests are of the bytes and of the decoded values, in the order of
// every; they are the same on every processor.
var goldenDigests = []string{
	"9c715a8ae5e9c45c 1fc30b59bafb7b8c", "1e1003ac9f7b164a 11722d54143afaf2", "f499a761217d5041 b887bb7e88083a9b",
	"d79f69fb58a6f847 e4a0f843de136a13", "922cc7add645fa17 a73c96841ceb436a", "e70bf2928b1b4e1a 9ecfb5bef723f5ca",
}

func TestDecodeRefusesWhatWasNotAgreed(t *testing.T) {
	update := normal(1, 40, 1)
	for _, s := range every {
		data, err := Encode(update, residualOf(s, len(update)), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range append(every, Settings{Codec: Int8, Seed: 8}, Settings{Codec: Mask, Share: 101, Seed: 7}, Settings{Codec: TopK, Share: 21}) {
			if err := Decode(make([]float32, 40), data, other); (err == nil) != (other == s) {
				t.Errorf("Decode(%v) as %v = %v", s, other, err)
			}
		}
		for _, n := range []int{0, 39, 41, 80} {
			if err := Decode(make([]float32, n), data, s); !errors.Is(err, ErrExpected) {
				t.Errorf("Decode(%v) to %d places = %v, want ErrExpected", s, n, err)
			}
		}
		for cut := range data {
			if Decode(make([]float32, 40), data[:cut], s) == nil {
				t.Errorf("%v: %d of %d bytes were taken", s, cut, len(data))
			}
		}
		if err := Decode(make([]float32, 40), append(slices.Clone(data), 0), s); !errors.Is(err, ErrFormat) {
			t.Errorf("%v with a byte more: %v, want ErrFormat", s, err)
		}
	}
}

func TestDecodeRefusesMalformed(t *testing.T) {
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for _, tt := range []struct {
		name string
		s    Settings
		n    int
		at   int // in the encoding
		put  []byte
		want error
	}{
		{"magic", Settings{Codec: None}, 2, 0, []byte("X"), ErrFormat},
		{"version", Settings{Codec: None}, 2, 4, []byte{2}, ErrFormat},
		{"codec", Settings{Codec: None}, 2, 5, []byte{9}, ErrFormat},
		{"no parameters", Settings{Codec: None}, 2, 8, make([]byte, 8), ErrFormat},
		{"2⁶³ parameters", Settings{Codec: None}, 2, 15, []byte{0x80}, ErrFormat},
		{"count of values", Settings{Codec: None}, 2, 16, []byte{1}, ErrFormat},
		{"scale of none", Settings{Codec: None}, 2, 32, []byte{1}, ErrFormat},
		{"scale NaN", Settings{Codec: Sign}, 2, 32, nan, ErrFormat},
		{"scale below 0", Settings{Codec: Sign}, 2, 32, []byte{0, 0, 0x80, 0xbf}, ErrFormat},
		{"none NaN", Settings{Codec: None}, 2, 40, nan, ErrNotFinite},
		{"bf16 Inf", Settings{Codec: BF16}, 2, 36, []byte{0x80, 0x7f}, ErrNotFinite},
		{"int8 scale NaN", Settings{Codec: Int8}, 2, 36, nan, ErrNotFinite},
		{"int8 -128", Settings{Codec: Int8}, 2, 40, []byte{0x80}, ErrFormat},
		{"int8 without scale", Settings{Codec: Int8}, 2, 36, make([]byte, 4), ErrFormat},
		{"sign spare bits", Settings{Codec: Sign}, 2, 36, []byte{0x84}, ErrFormat},
		{"top index beyond", Settings{Codec: TopK, Share: 400}, 2, 36, []byte{2}, ErrFormat},
		{"top long varint", Settings{Codec: TopK, Share: 10}, 1000, 36, []byte{0x80, 0}, ErrFormat},
		{"top NaN", Settings{Codec: TopK, Share: 400}, 2, 37, nan, ErrNotFinite},
		{"mask NaN", Settings{Codec: Mask, Share: 400}, 2, 36, nan, ErrNotFinite},
		{"mask beyond float32 when scaled", Settings{Codec: Mask, Share: 400}, 2, 36, []byte{0xff, 0xff, 0x7f, 0x7f}, ErrNotFinite},
	} {
		update := normal(2, tt.n, 1)
		data, err := Encode(update, residualOf(tt.s, tt.n), tt.s)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[tt.at:], tt.put)
		if err := Decode(make([]float32, tt.n), data, tt.s); !errors.Is(err, tt.want) {
			t.Errorf("%s: Decode = %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	update := normal(4, 5000, 1)
	dst := make([]float32, len(update))
	for _, s := range every {
		data, err := Encode(update, residualOf(s, len(update)), s)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(5, func() { err = Decode(dst, data, s) }); n > 2 || err != nil {
			t.Errorf("Decode(%v) allocates %v times (%v), want at most twice for the closure", s, n, err)
		}
	}
}

// FuzzDecode gives strangers' bytes to every reader. What is taken is finite
// and is the only encoding of what it holds: written again from the same
// values, the bytes are the same (TopK and lossy codecs as far as their
// values determine them).
func FuzzDecode(f *testing.F) {
	update := normal(6, 300, 1)
	for _, s := range every {
		data, err := Encode(update, residualOf(s, len(update)), s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	delta, err := Delta(update, normal(7, 300, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(delta)
	f.Fuzz(func(t *testing.T, data []byte) {
		dst := make([]float32, len(update))
		if err := Apply(dst, update, data); err == nil {
			if _, next, _ := DeltaOf(data); ValuesDigest(dst) != next {
				t.Fatal("Apply made another vector than the delta says")
			}
		}
		h, err := ReadHeader(data)
		if err != nil || h.Elements > 1<<16 {
			return
		}
		dst = make([]float32, h.Elements)
		if err := Decode(dst, data, h.Settings); err != nil {
			return
		}
		for i, v := range dst {
			if !finite(v) {
				t.Fatalf("element %d is %v", i, v)
			}
		}
		if h.Codec == None || h.Codec == BF16 {
			again, err := Encode(dst, nil, h.Settings)
			if h.Codec == None && err != nil || err == nil && !slices.Equal(again, data) {
				t.Fatalf("%v: %x was taken, is written as %x (%v)", h.Codec, data, again, err)
			}
		}
	})
}
