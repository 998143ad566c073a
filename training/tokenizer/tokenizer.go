// Package tokenizer turns text into the ids that a model reads, and back.
//
// The smallest vocabulary is the 256 bytes, and the id of a token is the value
// of its byte: no file to agree on, no text that cannot be written, and a loss
// per token that is a loss per byte. Encode, Decode and Append speak it.
//
// A BPE is a larger one, byte-level byte-pair encoding as GPT-2's: ids 0 to 255
// are still the bytes of our own, every merge adds one, and any bytes come back
// as they were. Words and Learner make one from text that stays on the nodes.
// Read and Write speak Hugging Face's tokenizer.json, so that other programs
// run our models and this one runs theirs.
package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Vocabulary is V, the number of ids.
const Vocabulary = 256

// EndOfText is the id that stands between two records of a training stream and
// at which sampling stops. Byte 0 does not occur in text that a node reads.
const EndOfText int32 = 0

// Encode returns the ids of text: its bytes.
func Encode(text string) []int32 {
	return Append(make([]int32, 0, len(text)), text)
}

// Append appends the ids of text to dst, so that a long stream is one slice.
func Append(dst []int32, text string) []int32 {
	for i := range len(text) {
		dst = append(dst, int32(text[i]))
	}
	return dst
}

// Decode returns the text of ids as valid UTF-8: what is no character becomes
// U+FFFD, and so does an id outside the vocabulary. A model is free to write
// half a character; a page is not.
func Decode(ids []int32) string {
	var d Decoder
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(d.Next(id))
	}
	b.WriteString(d.Rest())
	return b.String()
}

// Decoder decodes one id at a time and holds back a character until its last
// byte came, so that sampled text can be shown while it grows. The zero value
// is ready and decodes bytes.
type Decoder struct {
	BPE  *BPE // nil where ids are bytes
	held [utf8.UTFMax]byte
	n    int
}

// Next takes one id and returns the characters that it completes, often none.
func (d *Decoder) Next(id int32) string {
	var out []byte
	switch {
	case d.BPE != nil && id >= 0 && int(id) < d.BPE.Len():
		text := d.BPE.text(id)
		for i := range len(text) {
			out = d.push(out, text[i])
		}
	case d.BPE == nil && id >= 0 && id < Vocabulary:
		out = d.push(out, byte(id))
	default:
		return d.Rest() + string(utf8.RuneError)
	}
	return string(out)
}

// push takes a byte and appends the characters that are complete.
func (d *Decoder) push(out []byte, b byte) []byte {
	d.held[d.n] = b
	d.n++
	for d.n > 0 && utf8.FullRune(d.held[:d.n]) {
		r, size := utf8.DecodeRune(d.held[:d.n]) // (RuneError, 1) for a byte that fits nowhere
		out = utf8.AppendRune(out, r)
		d.n = copy(d.held[:], d.held[size:d.n])
	}
	return out
}

// Rest ends the text: bytes still held back are no character and become one
// U+FFFD each.
func (d *Decoder) Rest() string {
	n := d.n
	d.n = 0
	return strings.Repeat(string(utf8.RuneError), n)
}
