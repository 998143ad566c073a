package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// byteLevel is how the format describes both the step that maps bytes to the
// characters of the table and the step that maps them back.
type byteLevel struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       bool   `json:"use_regex"`
}

// bpe is the model part of the format. Merges is a list of pairs, in either of
// the two forms that the format knows; here it is empty.
type bpe struct {
	Type   string            `json:"type"`
	Drop   *float64          `json:"dropout"`
	Unk    *string           `json:"unk_token"`
	Prefix *string           `json:"continuing_subword_prefix"`
	Suffix *string           `json:"end_of_word_suffix"`
	Fuse   bool              `json:"fuse_unk"`
	Vocab  map[string]int    `json:"vocab"`
	Merges []json.RawMessage `json:"merges"`
}

// file is a tokenizer.json. The parts that change text are kept as they came
// until Check has seen that they are absent.
type file struct {
	Version       string            `json:"version"`
	Truncation    json.RawMessage   `json:"truncation"`
	Padding       json.RawMessage   `json:"padding"`
	AddedTokens   []json.RawMessage `json:"added_tokens"`
	Normalizer    json.RawMessage   `json:"normalizer"`
	PreTokenizer  *byteLevel        `json:"pre_tokenizer"`
	PostProcessor json.RawMessage   `json:"post_processor"`
	Decoder       *byteLevel        `json:"decoder"`
	Model         bpe               `json:"model"`
}

// Write writes the vocabulary as tokenizer.json: byte-level BPE without
// merges, where the id of each entry is its byte.
func Write(w io.Writer) error {
	step := &byteLevel{Type: "ByteLevel", TrimOffsets: true}
	f := file{
		Version:      "1.0",
		AddedTokens:  []json.RawMessage{},
		PreTokenizer: step,
		Decoder:      step,
		Model:        bpe{Type: "BPE", Vocab: make(map[string]int, Vocabulary), Merges: []json.RawMessage{}},
	}
	for b, c := range characters {
		f.Model.Vocab[string(c)] = b
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(f)
}

// maxFile bounds what Read takes: the file above has about 6 KB; the
// vocabularies of large models, which Read refuses by content, have megabytes.
const maxFile = 1 << 20

// Read reports whether a tokenizer.json describes this vocabulary, so that a
// model from elsewhere can be run with Encode and Decode: nil if it does, else
// the first difference that would give other ids or other text.
func Read(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return fmt.Errorf("read tokenizer: %w", err)
	}
	if len(data) > maxFile {
		return fmt.Errorf("read tokenizer: more than %d bytes, a vocabulary other than the 256 bytes", maxFile)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("read tokenizer: %w", err)
	}
	null := func(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }
	switch m := f.Model; {
	case m.Type != "BPE" || m.Drop != nil || m.Prefix != nil && *m.Prefix != "" || m.Suffix != nil && *m.Suffix != "":
		return fmt.Errorf("read tokenizer: model %q with options, want plain BPE", m.Type)
	case len(m.Merges) > 0:
		return fmt.Errorf("read tokenizer: %d merges, want none", len(m.Merges))
	case len(m.Vocab) != Vocabulary:
		return fmt.Errorf("read tokenizer: %d entries, want %d", len(m.Vocab), Vocabulary)
	case f.PreTokenizer == nil || f.PreTokenizer.Type != "ByteLevel" || f.PreTokenizer.AddPrefixSpace:
		return fmt.Errorf("read tokenizer: want the ByteLevel pre-tokenizer without a prefix space")
	case f.Decoder == nil || f.Decoder.Type != "ByteLevel":
		return fmt.Errorf("read tokenizer: want the ByteLevel decoder")
	case !null(f.Normalizer) || !null(f.Truncation) || !null(f.Padding) || len(f.AddedTokens) > 0:
		return fmt.Errorf("read tokenizer: a normalizer, truncation, padding or added tokens would change the ids")
	case !null(f.PostProcessor) && !strings.Contains(string(f.PostProcessor), `"ByteLevel"`):
		return fmt.Errorf("read tokenizer: a post-processor would add ids")
	}
	for b, c := range characters {
		if id, ok := f.Model.Vocab[string(c)]; !ok || id != b {
			return fmt.Errorf("read tokenizer: byte %#02x, written %q, has id %d, want %d", b, c, id, b)
		}
	}
	return nil
}
