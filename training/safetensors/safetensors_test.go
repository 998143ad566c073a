package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"pgregory.net/rapid"
)

var two = []Tensor{{"embed", []int{3, 2}, F32}, {"norm", []int{5}, F32}}

func file(t testing.TB, tensors []Tensor, data []float32) []byte {
	t.Helper()
	var b bytes.Buffer
	digest, err := Write(&b, tensors, data)
	if err != nil {
		t.Fatal(err)
	}
	if want := training.DigestOf(b.Bytes()); digest != want {
		t.Fatalf("Write returned %v, the bytes have %v", digest, want)
	}
	return b.Bytes()
}

func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i) - 4.5
	}
	return v
}

// raw joins a length word, a header and data, as a stranger would.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestHeaderIsCanonical(t *testing.T) {
	h := Header(two)
	want := `{"__metadata__":{"format":"pt"},"embed":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},` +
		`"norm":{"dtype":"F32","shape":[5],"data_offsets":[24,44]}}`
	if got := strings.TrimRight(string(h[8:]), " "); got != want {
		t.Errorf("Header = %s, want %s", got, want)
	}
	if len(h)%8 != 0 || binary.LittleEndian.Uint64(h) != uint64(len(h)-8) {
		t.Errorf("header of %d bytes says %d", len(h), binary.LittleEndian.Uint64(h))
	}
	if !bytes.Equal(h, Header(two)) {
		t.Error("two calls, two headers")
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		tensors []Tensor
	}{
		{"none", nil},
		{"no name", []Tensor{{"", []int{1}, F32}}},
		{"metadata", []Tensor{{"__metadata__", []int{1}, F32}}},
		{"twice", []Tensor{{"a", []int{1}, F32}, {"a", []int{1}, F32}}},
		{"half", []Tensor{{"a", []int{1}, F16}}},
		{"zero dimension", []Tensor{{"a", []int{0}, F32}}},
		{"too large", []Tensor{{"a", []int{math.MaxInt, 2}, F32}}},
		{"too large together", []Tensor{{"a", []int{1 << 60}, F32}, {"b", []int{1 << 60}, F32}}},
	} {
		if Check(tt.tensors) == nil {
			t.Errorf("%s: Check(%v) = nil", tt.name, tt.tensors)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: Header did not panic", tt.name)
				}
			}()
			Header(tt.tensors)
		}()
	}
}

func TestAt(t *testing.T) {
	for _, tt := range []struct {
		element, index int
		name           string
	}{{0, 0, "embed"}, {5, 5, "embed"}, {6, 0, "norm"}, {10, 4, "norm"}, {11, 0, ""}} {
		if name, index := At(two, tt.element); name != tt.name || index != tt.index {
			t.Errorf("At(%d) = %q %d, want %q %d", tt.element, name, index, tt.name, tt.index)
		}
	}
}

func TestReceive(t *testing.T) {
	data := ramp(11)
	data[3] = math.SmallestNonzeroFloat32
	f := file(t, two, data)
	dst := make([]float32, 11)
	got, err := Receive(bytes.NewReader(f), Header(two), 11, dst, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range data {
		sum += float64(v) * float64(v)
	}
	want := Received{training.DigestOf(f), math.Sqrt(sum), 1}
	if got != want || !slices.Equal(dst, data) {
		t.Errorf("Receive = %+v %v, want %+v %v", got, dst, want, data)
	}
	if again, err := Receive(bytes.NewReader(f), Header(two), 11, nil, Limits{MaxNorm: got.Norm}); err != nil || again != want {
		t.Errorf("Receive without dst = %+v %v, want %+v", again, err, want)
	}
	if _, err := Receive(bytes.NewReader(f), Header(two), 11, nil, Limits{MaxNorm: got.Norm * 0.999}); !errors.Is(err, ErrNorm) {
		t.Errorf("norm above the limit: %v", err)
	}
	if _, err := Receive(bytes.NewReader(f), Header(two), 11, dst[:10], Limits{}); err == nil {
		t.Error("a short dst was taken")
	}
}

func TestReceiveRefuses(t *testing.T) {
	header := Header(two)
	good := file(t, two, ramp(11))
	edit := func(at int, b byte) []byte { f := slices.Clone(good); f[at] = b; return f }
	huge := slices.Clone(good)
	binary.LittleEndian.PutUint64(huge, 100<<20)
	for _, tt := range []struct {
		name string
		file []byte
		want error
	}{
		{"empty", nil, ErrLength},
		{"half a length word", good[:4], ErrLength},
		{"header cut", good[:20], ErrLength},
		{"one byte less", good[:len(good)-1], ErrLength},
		{"one byte more", append(slices.Clone(good), 0), ErrLength},
		{"100 MB length word", huge, ErrHeader},
		{"2^64-1 length word", append(bytes.Repeat([]byte{0xff}, 8), good[8:]...), ErrHeader},
		{"other case", edit(bytes.Index(good, []byte("dtype")), 'D'), ErrHeader},
		{"other dtype", edit(bytes.Index(good, []byte("F32")), 'I'), ErrHeader},
		{"tab for padding", edit(len(header)-1, '\t'), ErrHeader},
		{"duplicate key", raw(`{"embed":{},"embed":{}}`, 44), ErrHeader},
	} {
		if _, err := Receive(bytes.NewReader(tt.file), header, 11, nil, Limits{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	broken := io.MultiReader(bytes.NewReader(good[:50]), errReader{})
	if _, err := Receive(broken, header, 11, nil, Limits{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken connection gave %v, want its own error", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReceiveRefusesNotFinite(t *testing.T) {
	n := chunk/4 + 7 // across two buffers
	tensors := []Tensor{{"w", []int{n}, F32}}
	for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0xffc12345)} {
		for _, at := range []int{0, n / 2, chunk / 4, n - 1} {
			data := ramp(n)
			data[at] = v
			_, err := Receive(bytes.NewReader(file(t, tensors, data)), Header(tensors), n, nil, Limits{})
			var e *ElementError
			if !errors.As(err, &e) || !errors.Is(err, ErrNotFinite) || e.Element != at {
				t.Errorf("%v at %d: %v", v, at, err)
			}
		}
	}
}

func TestReceiveNeverTakesAFlippedBit(t *testing.T) {
	good := file(t, two, ramp(11))
	want := training.DigestOf(good)
	for bit := range len(good) * 8 {
		f := slices.Clone(good)
		f[bit/8] ^= 1 << (bit % 8)
		if got, err := Receive(bytes.NewReader(f), Header(two), 11, nil, Limits{}); err == nil && got.Digest == want {
			t.Errorf("bit %d flipped: same digest", bit)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReceiveNeedsLittleMemory(t *testing.T) {
	n := 8 << 20 // 32 MiB of data
	tensors := []Tensor{{"w", []int{n}, F32}}
	header := Header(tensors)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Receive(io.MultiReader(bytes.NewReader(header), io.LimitReader(zeros{}, 4*int64(n))), header, n, nil, Limits{})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("allocated %d bytes, want at most 1 MiB", got)
	}
	if _, err := Receive(io.MultiReader(bytes.NewReader(header), zeros{}), header, n, nil, Limits{}); !errors.Is(err, ErrLength) {
		t.Errorf("endless body: %v", err)
	}
}

func TestReadRefusesHostileHeaders(t *testing.T) {
	t1 := `{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, tt := range []struct {
		name, header string
		data         int
	}{
		{"not an object", `[1]`, 0},
		{"empty key", `{"":` + t1 + `}`, 8},
		{"duplicate names", `{"a":` + t1 + `,"a":` + t1 + `}`, 8},
		{"duplicate through an escape", `{"a":` + t1 + `,"\u0061":` + t1 + `}`, 8},
		{"duplicate dtype", `{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8},
		{"odd case", `{"a":{"DType":"F32","shape":[2],"data_offsets":[0,8]}}`, 8},
		{"unknown key", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8},
		{"unknown dtype", `{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4},
		{"2^63 shape", `{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`, 8},
		{"2^63-1 shape", `{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}}`, 8},
		{"wrapping shape", `{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,0]}}`, 0},
		{"wrapping size", `{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0},
		{"negative shape", `{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}`, 8},
		{"float shape", `{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8},
		{"nine dimensions", `{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}`, 8},
		{"off by one", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}`, 7},
		{"backwards", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8},
		{"negative offset", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8},
		{"three offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8},
		{"overlap", `{"a":` + t1 + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12},
		{"same bytes", `{"a":` + t1 + `,"b":` + t1 + `}`, 8},
		{"hole", `{"a":` + t1 + `,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16},
		{"hole at the start", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12},
		{"data missing", `{"a":` + t1 + `}`, 7},
		{"data left over", `{"a":` + t1 + `}`, 9},
		{"second object", `{"a":` + t1 + `}{}`, 8},
		{"cut", `{"a":` + t1, 8},
		{"bad UTF-8", "{\"\xff\":" + t1 + `}`, 8},
		{"metadata not strings", `{"__metadata__":{"x":1},"a":` + t1 + `}`, 8},
		{"metadata null", `{"__metadata__":{"x":null},"a":` + t1 + `}`, 8},
		{"deep", strings.Repeat(`{"a":`, 50_000), 0},
		{"over 1 MiB", `{"a":` + t1 + `}` + strings.Repeat(" ", maxHeader), 8},
	} {
		f := raw(tt.header, tt.data)
		if got, err := Read(bytes.NewReader(f), int64(len(f))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: Read = %v, %v, want ErrFormat", tt.name, got, err)
		}
	}
	for _, word := range []uint64{0, 1, 100 << 20, 1 << 63, math.MaxUint64} {
		f := append(binary.LittleEndian.AppendUint64(nil, word), `{}`...)
		if _, err := Read(bytes.NewReader(f), int64(len(f))); !errors.Is(err, ErrFormat) {
			t.Errorf("length word %d: %v, want ErrFormat", word, err)
		}
	}
}

func TestReadTakesAnyOrderAndHalves(t *testing.T) {
	header := `{"b":{"data_offsets":[4,8],"shape":[2],"dtype":"BF16"},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},` +
		`"s":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[12,12]}}   `
	f := raw(header, 0)
	for _, h := range []uint16{0x3c00, 0x8001, 0x3f80, 0xc000} { // half 1, half -2^-24, bf16 1, bf16 -2
		f = binary.LittleEndian.AppendUint16(f, h)
	}
	f = binary.LittleEndian.AppendUint32(f, math.Float32bits(7))
	got, err := Read(bytes.NewReader(f), int64(len(f)))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{{a [2 1] F16} [1 -5.9604645e-08]} {{b [2] BF16} [1 -2]} {{s [] F32} [7]} {{e [0 3] F32} []}]`
	if s := fmt.Sprint(got); s != want {
		t.Errorf("Read = %s, want %s", s, want)
	}
}

func TestWidenEveryHalf(t *testing.T) {
	for h := range 1 << 16 {
		got := float64(widen(uint16(h)))
		exponent, fraction := h>>10&0x1f, float64(h&0x3ff)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch exponent {
		case 0:
			want = math.Ldexp(fraction, -24)
		case 31:
			want = math.Inf(1)
			if fraction != 0 {
				want = math.NaN()
			}
		}
		if h>>15 == 1 {
			want = -want
		}
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != (h>>15 == 1) {
			t.Errorf("widen(%#04x) = %v, want %v", h, got, want)
		}
	}
}

func TestReadGivesWhatWriteWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), 1, 5, rapid.ID[string]).Draw(t, "names")
		var tensors []Tensor
		for _, name := range names {
			shape := rapid.SliceOfN(rapid.IntRange(1, 4), 0, 3).Draw(t, "shape")
			tensors = append(tensors, Tensor{name, shape, F32})
		}
		n := Elements(tensors)
		data := rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "data")
		var b bytes.Buffer
		digest, err := Write(&b, tensors, data)
		if err != nil {
			t.Fatal(err)
		}
		f := b.Bytes()
		loaded, err := Read(bytes.NewReader(f), int64(len(f)))
		if err != nil {
			t.Fatal(err)
		}
		var flat []float32
		for i, l := range loaded {
			if l.Name != names[i] || !slices.Equal(l.Shape, tensors[i].Shape) {
				t.Fatalf("tensor %d is %v, want %v", i, l.Tensor, tensors[i])
			}
			flat = append(flat, l.Data...)
		}
		if !slices.Equal(flat, data) {
			t.Fatalf("values %v, want %v", flat, data)
		}
		if got, err := Receive(bytes.NewReader(f), Header(tensors), n, nil, Limits{}); err != nil || got.Digest != digest {
			t.Fatalf("Receive = %v %v, want digest %v", got, err, digest)
		}
	})
}

func FuzzReceive(f *testing.F) {
	good := file(f, two, ramp(11))
	f.Add(good)
	f.Add(good[:30])
	f.Add(raw(`{"embed":{},"embed":{}}`, 44))
	header := Header(two)
	f.Fuzz(func(t *testing.T, b []byte) {
		dst := make([]float32, 11)
		got, err := Receive(bytes.NewReader(b), header, 11, dst, Limits{MaxNorm: 100})
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, header) || len(b) != len(header)+44 || got.Digest != training.DigestOf(b) || !(got.Norm <= 100) {
			t.Fatalf("took %q: %+v", b, got)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, two, ramp(11)))
	f.Add(raw(`{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}`, 4))
	f.Add(raw(`{}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		loaded, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		total := int64(0)
		names := map[string]bool{}
		for _, l := range loaded {
			if names[l.Name] || len(l.Data) != l.Elements() {
				t.Fatalf("tensor %v with %d values", l.Tensor, len(l.Data))
			}
			names[l.Name] = true
			total += int64(len(l.Data)) * l.DType.size()
		}
		if want := int64(len(b)) - 8 - int64(binary.LittleEndian.Uint64(b)); total != want {
			t.Fatalf("read %d bytes of data, the file has %d", total, want)
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{1 << 20, 25 << 20} {
		tensors := []Tensor{{"w", []int{n}, F32}}
		f := file(b, tensors, make([]float32, n))
		header := Header(tensors)
		b.Run(fmt.Sprintf("%dMi", n>>20), func(b *testing.B) {
			b.SetBytes(int64(len(f)))
			for b.Loop() {
				if _, err := Receive(bytes.NewReader(f), header, n, nil, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
