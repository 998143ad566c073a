package compress

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// step returns base after one round: weights of 0.02 and changes of about rate.
func step(base []float32, rate float64) []float32 {
	r := rand.New(rand.NewPCG(9, 9))
	next := slices.Clone(base)
	for i := range next {
		next[i] += float32(r.NormFloat64() * rate)
	}
	return next
}

func TestDeltaIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := drawUpdate(t)
		next := slices.Clone(base)
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			next[rapid.IntRange(0, len(next)-1).Draw(t, "at")] = rapid.Float32().Draw(t, "to")
		}
		delta, err := Delta(base, next)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, len(base))
		if err := Apply(dst, base, delta); err != nil || !sameBits(dst, next) {
			t.Fatalf("Apply(Delta(%v, %v)) = %v, %v", base, next, dst, err)
		}
		from, to, err := DeltaOf(delta)
		if err != nil || from != ValuesDigest(base) || to != ValuesDigest(dst) {
			t.Fatalf("DeltaOf = %v, %v, %v", from, to, err)
		}
		if err := Apply(base, base, delta); err != nil || !sameBits(base, next) {
			t.Fatalf("Apply in place: %v", err)
		}
	})
}

func TestDeltaIsSmaller(t *testing.T) {
	base := normal(1, 200_000, 0.02)
	for _, tt := range []struct {
		rate float64
		most float64 // of raw
	}{{0, 0.01}, {1e-6, 0.45}, {1e-4, 0.70}} {
		delta, err := Delta(base, step(base, tt.rate))
		if err != nil {
			t.Fatal(err)
		}
		if share := float64(len(delta)) / float64(RawBytes(len(base))); share > tt.most {
			t.Errorf("a delta of steps of %g is %.3f of the raw bytes, want at most %.2f", tt.rate, share, tt.most)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	base := normal(1, 1000, 1)
	next := step(base, 1e-3)
	good, err := Delta(base, next)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(base []float32, delta []byte) error { return Apply(make([]float32, len(base)), base, delta) }
	if err := apply(next, good); !errors.Is(err, ErrBase) {
		t.Errorf("another base: %v, want ErrBase", err)
	}
	if err := apply(base[:999], good); !errors.Is(err, ErrExpected) {
		t.Errorf("a shorter base: %v, want ErrExpected", err)
	}
	for cut := range good {
		if apply(base, good[:cut]) == nil {
			t.Fatalf("%d of %d bytes were taken", cut, len(good))
		}
	}
	if err := apply(base, append(slices.Clone(good), 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("a byte more: %v, want ErrFormat", err)
	}
	for at := range good {
		bad := slices.Clone(good)
		bad[at] ^= 0x10
		dst := make([]float32, len(base))
		if err := Apply(dst, base, bad); err == nil && !sameBits(dst, next) {
			t.Fatalf("byte %d changed: another vector was taken", at)
		}
	}
	// A plane that unpacks to more than it should: the longer delta's planes
	// under the shorter one's header.
	longer, err := Delta(normal(1, 2000, 1), normal(2, 2000, 1))
	if err != nil {
		t.Fatal(err)
	}
	mixed := append(slices.Clone(good[:80]), longer[80:]...)
	if err := apply(base, mixed); !errors.Is(err, ErrFormat) {
		t.Errorf("planes that are too long: %v, want ErrFormat", err)
	}
	huge := slices.Clone(good)
	binary.LittleEndian.PutUint64(huge[80:], math.MaxUint64)
	if err := apply(base, huge); !errors.Is(err, ErrFormat) {
		t.Errorf("a plane of 2⁶⁴-1 bytes: %v, want ErrFormat", err)
	}
	if _, err := Delta(base, next[:5]); err == nil {
		t.Error("Delta of vectors of different lengths was made")
	}
	if _, err := Delta([]float32{1}, []float32{float32(math.NaN())}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("Delta to NaN: %v, want ErrNotFinite", err)
	}
}

const million = 1_000_000

func BenchmarkEncode(b *testing.B) {
	update := normal(1, million, 1e-3)
	for _, s := range every {
		residual := residualOf(s, million)
		b.Run(s.Codec.String()+"/1M", func(b *testing.B) {
			b.SetBytes(RawBytes(million))
			for b.Loop() {
				data, err := Encode(update, residual, s)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(data)), "sent-bytes")
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	update, dst := normal(1, million, 1e-3), make([]float32, million)
	for _, s := range every {
		data, err := Encode(update, residualOf(s, million), s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.Codec.String()+"/1M", func(b *testing.B) {
			b.SetBytes(RawBytes(million))
			for b.Loop() {
				if err := Decode(dst, data, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDelta(b *testing.B) {
	base := normal(1, million, 0.02)
	for _, rate := range []struct {
		name string
		rate float64
	}{{"step1e-4", 1e-4}, {"step1e-5", 1e-5}, {"step1e-6", 1e-6}} {
		next, dst := step(base, rate.rate), make([]float32, million)
		var delta []byte
		b.Run(rate.name+"/1M", func(b *testing.B) {
			b.SetBytes(RawBytes(million))
			for b.Loop() {
				var err error
				if delta, err = Delta(base, next); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(delta))/float64(RawBytes(million)), "share")
		})
		b.Run(rate.name+"/apply/1M", func(b *testing.B) {
			b.SetBytes(RawBytes(million))
			for b.Loop() {
				if err := Apply(dst, base, delta); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
