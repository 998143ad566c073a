package tokenizer

import (
	"bytes"
	"slices"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEncodeIsTheBytes(t *testing.T) {
	if got, want := Encode("aé\n"), []int32{97, 195, 169, 10}; !slices.Equal(got, want) {
		t.Errorf("Encode = %v, want %v", got, want)
	}
	if got := Encode(""); len(got) != 0 {
		t.Errorf("Encode of nothing = %v", got)
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name string
		ids  []int32
		want string
	}{
		{"nothing", nil, ""},
		{"two bytes", []int32{195, 169}, "é"},
		{"half a character", []int32{97, 195}, "a�"},
		{"half, then a letter", []int32{195, 97}, "�a"},
		{"four bytes cut at three", []int32{0xf0, 0x9f, 0x98}, "���"},
		{"cut character before a whole one", []int32{0xf0, 0x9f, 195, 169}, "��é"},
		{"continuation alone", []int32{0x80, 0x80}, "��"},
		{"surrogate", []int32{0xed, 0xa0, 0x80}, "���"},
		{"outside", []int32{97, 256, -1, 98}, "a��b"},
		{"outside within a character", []int32{195, 300, 169}, "���"},
	} {
		if got := Decode(tt.ids); got != tt.want {
			t.Errorf("%s: Decode(%v) = %q, want %q", tt.name, tt.ids, got, tt.want)
		}
	}
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if got := Decode(Encode(text)); got != text {
			t.Fatalf("Decode(Encode(%q)) = %q", text, got)
		}
	})
}

func TestDecodeIsLikeGoOnAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		got := Decode(Encode(string(raw)))
		if want := string([]rune(string(raw))); got != want {
			t.Fatalf("Decode(%x) = %q, want %q", raw, got, want)
		}
	})
}

func TestCharactersAreGPT2s(t *testing.T) {
	for b, want := range map[byte]rune{0: 'Ā', '\n': 'Ċ', ' ': 'Ġ', '!': '!', '~': '~', 0x7f: 'ġ', 0xa0: 'ł', 0xad: 'Ń', 0xff: 'ÿ'} {
		if got := characters[b]; got != want {
			t.Errorf("byte %#02x is written %q, want %q", b, got, want)
		}
	}
	seen := map[rune]bool{}
	for b, c := range characters {
		if seen[c] {
			t.Errorf("byte %#02x shares %q", b, c)
		}
		seen[c] = true
	}
}

func TestWriteIsTheBytes(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(&b); err != nil || !read.IsBytes() {
		t.Errorf("Read of Write: %v, want the bytes", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xf0\x9f\x98a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := Decode(Encode(string(data))); !utf8.ValidString(got) {
			t.Fatalf("Decode(%x) = %q", data, got)
		}
	})
}
