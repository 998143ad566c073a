package tokenizer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// characters is GPT-2's table (Radford et al. 2019, encoder.py,
// bytes_to_unicode) from a byte to the visible character that stands for it in
// a vocabulary file: printable Latin-1 bytes stand for themselves, the other
// 68 take the characters from U+0100 on, in order.
var characters = func() (table [Vocabulary]rune) {
	next := rune(0x100)
	for b := range rune(Vocabulary) {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			table[b] = b
		} else {
			table[b] = next
			next++
		}
	}
	return table
}()

var byteOf = func() map[rune]byte {
	m := make(map[rune]byte, Vocabulary)
	for b, c := range characters {
		m[c] = byte(b)
	}
	return m
}()

// visible writes bytes in the characters of the table.
func visible(token string) string {
	var out strings.Builder
	for i := range len(token) {
		out.WriteRune(characters[token[i]])
	}
	return out.String()
}

// unseen is its inverse; false if a character is not of the table.
func unseen(text string) (string, bool) {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		b, ok := byteOf[c]
		if !ok {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}

// mark is an entry of added_tokens.
type mark struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// Write writes the bytes as tokenizer.json: an encoding without merges.
func Write(w io.Writer) error { return Bytes().Write(w) }

// Write writes tokenizer.json in the form that all releases of Hugging Face's
// library read: entries by id, merges as "left right".
func (b *BPE) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	quote := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		return string(text)
	}
	var marks []mark
	for content, id := range b.special {
		marks = append(marks, mark{ID: id, Content: content, Special: true})
	}
	slices.SortFunc(marks, func(x, y mark) int { return int(x.ID) - int(y.ID) })
	if marks == nil {
		marks = []mark{}
	}
	added, err := json.Marshal(marks)
	if err != nil {
		return fmt.Errorf("write tokenizer: %w", err)
	}
	step := `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`
	before := step
	if b.digits {
		before = `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},` + step + `]}`
	}
	fmt.Fprintf(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": %s,\n", added)
	fmt.Fprintf(out, "  \"normalizer\": null,\n  \"pre_tokenizer\": %s,\n  \"post_processor\": null,\n  \"decoder\": %s,\n", before, step)
	fmt.Fprint(out, "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"+
		"    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n    \"vocab\": {")
	comma := ""
	for id, token := range b.tokens {
		if token != "" && !b.isMark[int32(id)] {
			fmt.Fprintf(out, "%s\n      %s: %d", comma, quote(visible(token)), id)
			comma = ","
		}
	}
	fmt.Fprint(out, "\n    },\n    \"merges\": [")
	for i, p := range b.merges {
		comma = ","
		if i == 0 {
			comma = ""
		}
		fmt.Fprintf(out, "%s\n      %s", comma, quote(visible(b.tokens[p.Left])+" "+visible(b.tokens[p.Right])))
	}
	fmt.Fprint(out, "]\n  }\n}\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write tokenizer: %w", err)
	}
	return nil
}
