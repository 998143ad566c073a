package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func learnt(t testing.TB, merges int) *BPE {
	t.Helper()
	b, err := teach(t, [][]string{{prose}}, merges, 8, 1, 1).BPE()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func words(text string, digits bool) (list []string) {
	pieces(text, digits, func(w string) { list = append(list, w) })
	return list
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"Hello world", []string{"Hello", " world"}},
		{"it's we'll I'd you're 'tis", []string{"it", "'s", " we", "'ll", " I", "'d", " you", "'re", " '", "tis"}},
		{"'", []string{"'"}},
		{"IT'S", []string{"IT", "'", "S"}},
		{"a  b", []string{"a", " ", " b"}},
		{"a \n\tb", []string{"a", " \n", "\t", "b"}},
		{"a\nb", []string{"a", "\n", "b"}},
		{"end  \n", []string{"end", "  \n"}},
		{"x=12.5;", []string{"x", "=", "12", ".", "5", ";"}},
		{" 数学², ", []string{" 数学", "²", ",", " "}},
		{"a\u00a0b", []string{"a", "\u00a0", "b"}},
		{"a\xff\xfeb \xff", []string{"a", "\xff\xfe", "b", " \xff"}},
		{"  'll", []string{" ", " '", "ll"}},
	} {
		if got := words(tt.text, false); !slices.Equal(got, tt.want) {
			t.Errorf("words of %q = %q, want %q", tt.text, got, tt.want)
		}
	}
	if got, want := words("a 12b  3", true), []string{"a", " ", "1", "2", "b", "  ", "3"}; !slices.Equal(got, want) {
		t.Errorf("words with digits = %q, want %q", got, want)
	}
}

// TestHandDerived joins by hand: merges in order are "he", "ll", "hell".
func TestHandDerived(t *testing.T) {
	b, err := FromMerges([]Pair{{'h', 'e'}, {'l', 'l'}, {256, 257}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		want []int32
	}{
		{"hello", []int32{258, 'o'}},
		{"he ll", []int32{256, ' ', 257}}, // " ll" is a word: the blank stays, "ll" joins
		{"heel", []int32{256, 'e', 'l'}},
		{"llll", []int32{257, 257}},
		{"lll", []int32{257, 'l'}}, // the leftmost pair first
		{"hhe", []int32{'h', 256}},
	} {
		if got := b.Encode(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("Encode(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

// TestLibraryAgrees compares with ids that Hugging Face's own JavaScript
// implementation (@huggingface/tokenizers 0.2.0) gave for vocabularies that
// this package learnt and wrote.
func TestLibraryAgrees(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string][]struct {
		Text string
		IDs  []int32
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for name, vectors := range cases {
		f, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(vectors) < 20 {
			t.Errorf("%s: %d vectors", name, len(vectors))
		}
		for _, v := range vectors {
			if got := b.Encode(v.Text); !slices.Equal(got, v.IDs) {
				t.Errorf("%s: Encode(%q) = %v, want %v", name, v.Text, got, v.IDs)
			}
		}
	}
}

// plainJoin is the definition: join the leftmost pair of the lowest rank.
func plainJoin(b *BPE, ids []int32) []int32 {
	ids = slices.Clone(ids)
	for {
		best := -1
		var chosen join
		for i := 1; i < len(ids); i++ {
			if j, ok := b.pairs[Pair{ids[i-1], ids[i]}]; ok && (best < 0 || j.rank < chosen.rank) {
				best, chosen = i-1, j
			}
		}
		if best < 0 {
			return ids
		}
		ids = slices.Replace(ids, best, best+2, chosen.id)
	}
}

func TestJoinsAreTheDefinition(t *testing.T) {
	b := learnt(t, 300)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aehrtuiosn lGrößecafé数学")), 0, 120, -1).Draw(rt, "text")
		ids := Encode(text)
		want := plainJoin(b, ids)
		if got := b.joinLong(slices.Clone(ids)); !slices.Equal(got, want) {
			rt.Fatalf("joinLong(%q) = %v, want %v", text, got, want)
		}
		if len(ids) <= shortWord {
			if got := b.joinShort(slices.Clone(ids)); !slices.Equal(got, want) {
				rt.Fatalf("joinShort(%q) = %v, want %v", text, got, want)
			}
		}
	})
}

func TestTextComesBack(t *testing.T) {
	b := learnt(t, 300)
	e := b.Encoder()
	rapid.Check(t, func(rt *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")) + rapid.String().Draw(rt, "text")
		ids := e.Append(nil, text)
		if got := string(b.AppendBytes(nil, ids)); got != text {
			rt.Fatalf("%q came back as %q", text, got)
		}
		if want := string([]rune(text)); b.Decode(ids) != want {
			rt.Fatalf("Decode of %q = %q, want %q", text, b.Decode(ids), want)
		}
	})
	if ids := b.Encode(prose); len(ids)*2 > len(prose) {
		t.Errorf("%d bytes became %d tokens: nothing was joined", len(prose), len(ids))
	}
}

func TestReadTakesWhatABPEWrites(t *testing.T) {
	b := learnt(t, 100)
	var first, second bytes.Buffer
	if err := b.Write(&first); err != nil {
		t.Fatal(err)
	}
	again, err := Read(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Write(&second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("written again, the file differs")
	}
	if got, want := again.Encode(prose), b.Encode(prose); !slices.Equal(got, want) {
		t.Error("read again, the ids differ")
	}
	if b.IsBytes() || !Bytes().IsBytes() || b.Len() != 356 || len(b.Merges()) != 100 {
		t.Errorf("IsBytes %v, Len %d, %d merges", b.IsBytes(), b.Len(), len(b.Merges()))
	}
}

// foreign is a file as others write it: ids in another order, a mark, pairs as
// lists, single digits.
func foreign() string {
	var b bytes.Buffer
	if err := Write(&b); err != nil {
		panic(err)
	}
	text := strings.Replace(b.String(), `"a": 97`, `"a": 98, "ab": 256, "<|endoftext|>": 257`, 1)
	text = strings.Replace(text, `"b": 98`, `"b": 97`, 1)
	text = strings.Replace(text, `"added_tokens": []`, `"added_tokens": [{"id":257,"content":"<|endoftext|>","special":true}]`, 1)
	text = strings.Replace(text, `"pre_tokenizer": `, `"pre_tokenizer": {"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},`, 1)
	text = strings.Replace(text, `"use_regex":true},`, `"use_regex":true}]},`, 1)
	return strings.Replace(text, `"merges": []`, `"merges": [["a","b"]]`, 1)
}

func TestReadForeign(t *testing.T) {
	b, err := Read(strings.NewReader(foreign()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Encode("abba<|"), []int32{256, 97, 98, '<', '|'}; !slices.Equal(got, want) {
		t.Errorf("Encode = %v, want %v", got, want)
	}
	end, ok := b.Special("<|endoftext|>")
	if !ok || end != 257 || slices.Contains(b.Encode("<|endoftext|>"), end) {
		t.Errorf("the mark is %d, %v, and text must not make it", end, ok)
	}
	if got := b.Decode([]int32{256, 257, 98}); got != "aba" {
		t.Errorf("Decode = %q, want the text without the mark", got)
	}
	if got := b.Decode([]int32{98, 999, -1}); got != "a\ufffd\ufffd" {
		t.Errorf("Decode of no tokens = %q", got)
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := again.Special("<|endoftext|>"); id != 257 || !ok || !again.digits || !slices.Equal(again.Encode("abba 12"), b.Encode("abba 12")) {
		t.Errorf("written and read again: mark %d, digits %v", id, again.digits)
	}
}

func TestReadRefuses(t *testing.T) {
	text := foreign()
	for _, tt := range []struct{ name, old, new string }{
		{"not JSON", "{", ""},
		{"not UTF-8", `"1.0"`, "\"\xff\""},
		{"text after", "\n}\n", "\n} x"},
		{"a key twice", `"version"`, `"model": {}, "version"`},
		{"a byte without entry", `"a": 98,`, ``},
		{"another character", `"a": 98`, `"☃": 98`},
		{"an id twice", `"a": 98`, `"a": 97`},
		{"an entry twice", `"a": 98`, `"a": 98, "a": 98`},
		{"a fraction", `"a": 98`, `"a": 98.5`},
		{"null id", `"a": 98`, `"a": null`},
		{"negative id", `"ab": 256`, `"ab": -1`},
		{"huge id", `"ab": 256`, `"ab": 99999999`},
		{"two ids of a mark", `"<|endoftext|>": 257`, `"<|endoftext|>": 258`},
		{"mark on a token", `"id":257`, `"id":256`},
		{"word pieces", `"BPE"`, `"WordPiece"`},
		{"merge without entry", `["a","b"]`, `["a","c"]`},
		{"merge twice", `["a","b"]`, `["a","b"],"a b"`},
		{"merge of three", `["a","b"]`, `["a","b","a"]`},
		{"merge of blanks", `["a","b"]`, `"a  b"`},
		{"merge of nothing", `["a","b"]`, `["","ab"]`},
		{"ignored merges", `"fuse_unk"`, `"ignore_merges": true, "fuse_unk"`},
		{"byte fallback", `"fuse_unk"`, `"byte_fallback": true, "fuse_unk"`},
		{"prefix space", `"add_prefix_space":false`, `"add_prefix_space":true`},
		{"no words", `"use_regex":true`, `"use_regex":false`},
		{"digits in groups", `"individual_digits":true`, `"individual_digits":false`},
		{"no byte level", `"ByteLevel"`, `"Whitespace"`},
		{"no decoder", `"decoder": {"type":"ByteLevel"`, `"decoder": {"type":"WordPiece"`},
		{"normalizer", `"normalizer": null`, `"normalizer": {"type":"Lowercase"}`},
		{"truncation", `"truncation": null`, `"truncation": {}`},
		{"post-processor", `"post_processor": null`, `"post_processor": {"type":"TemplateProcessing"}`},
		{"plain added token", `"special":true`, `"special":false`},
		{"added token twice", `"added_tokens": [`, `"added_tokens": [{"id":300,"content":"<|endoftext|>","special":true},`},
		{"dropout", `"dropout": null`, `"dropout": 0.1`},
		{"too long", `{`, `{` + strings.Repeat(" ", maxFile)},
	} {
		edited := strings.Replace(text, tt.old, tt.new, 1)
		if edited == text {
			t.Fatalf("%s: nothing to edit", tt.name)
		}
		if _, err := Read(strings.NewReader(edited)); err == nil {
			t.Errorf("%s: Read took it", tt.name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(foreign()), "abba 12")
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{}}}`), "")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		b, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if got := string(b.AppendBytes(nil, b.Encode(text))); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
		var out bytes.Buffer
		if err := b.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out)
		if err != nil {
			t.Fatalf("Read refused what Write wrote: %v", err)
		}
		if !slices.Equal(again.Encode(text), b.Encode(text)) {
			t.Fatalf("%q has other ids after Write and Read", text)
		}
	})
}

func FuzzEncode(f *testing.F) {
	b := learnt(f, 200)
	f.Add("it's \xff  the\n\n Größe")
	f.Fuzz(func(t *testing.T, text string) {
		ids := b.Encode(text)
		if got := string(b.AppendBytes(nil, ids)); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
		var want []int32
		for _, w := range words(text, false) {
			want = append(want, plainJoin(b, Encode(w))...)
		}
		if !slices.Equal(ids, want) {
			t.Fatalf("Encode(%q) = %v, want %v", text, ids, want)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	bpe := learnt(b, 2000)
	for _, tt := range []struct{ name, text string }{
		{"prose", prose}, {"oneWord1MB", strings.Repeat("thereaheiou", 1<<20/11)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.SetBytes(int64(len(tt.text)))
			var ids []int32
			for b.Loop() {
				ids = bpe.Encoder().Append(ids[:0], tt.text)
			}
		})
	}
}
