package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxFile bounds what Read takes: a vocabulary of 128,000 has about 9 MB.
const maxFile = 16 << 20

// Read reads a tokenizer.json from anywhere and refuses what would give other
// ids or other text than its author's library gives: another model than
// byte-level BPE, a normaliser, other words than GPT-2's (single digits cut out
// before are known), ids added to every text, entries that cannot be reached,
// keys that come twice. Marks must be special; Encode does not look for them
// in text.
func Read(r io.Reader) (*BPE, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read tokenizer: more than %d bytes", maxFile)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("read tokenizer: not UTF-8")
	}
	b, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	return b, nil
}

// object is one JSON object with exact keys, none twice: package json would
// take keys in any case and let the last of two equal ones win.
type object map[string]json.RawMessage

func parseObject(raw json.RawMessage) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("want an object")
	}
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if _, twice := o[key]; twice || !ok {
			return nil, fmt.Errorf("key %v comes twice", t)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		o[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the object")
	}
	return o, nil
}

// absent reports whether a key is missing, null, or one of the values that
// mean the same.
func (o object) absent(key string, same ...string) bool {
	raw := string(bytes.TrimSpace(o[key]))
	for _, s := range same {
		if raw == s {
			return true
		}
	}
	return raw == "" || raw == "null"
}

// text returns a string, "" if it is none.
func (o object) text(key string) (s string) {
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// list returns an array, nil if there is none.
func (o object) list(key string) ([]json.RawMessage, error) {
	if o.absent(key) {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(o[key], &list); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return list, nil
}

func parse(data []byte) (*BPE, error) {
	file, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"truncation", "padding", "normalizer"} {
		if !file.absent(key) {
			return nil, fmt.Errorf("%s would change the ids", key)
		}
	}
	b := &BPE{special: map[string]int32{}, isMark: map[int32]bool{}}
	if b.digits, err = parseWords(file["pre_tokenizer"]); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if step, err := parseObject(file["decoder"]); err != nil || step.text("type") != "ByteLevel" {
		return nil, fmt.Errorf("want the ByteLevel decoder")
	}
	if !file.absent("post_processor") {
		if step, err := parseObject(file["post_processor"]); err != nil || step.text("type") != "ByteLevel" {
			return nil, fmt.Errorf("a post_processor would add ids")
		}
	}
	marks, err := file.list("added_tokens")
	if err != nil {
		return nil, err
	}
	if err := b.parseMarks(marks); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	if err := b.parseModel(file["model"]); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return b, nil
}

// parseWords knows ByteLevel, and Digits before it.
func parseWords(raw json.RawMessage) (digits bool, err error) {
	step, err := parseObject(raw)
	if err != nil {
		return false, err
	}
	if step.text("type") == "Sequence" {
		list, err := step.list("pretokenizers")
		if err != nil || len(list) != 2 {
			return false, fmt.Errorf("a sequence other than Digits, ByteLevel")
		}
		first, err := parseObject(list[0])
		if err != nil || first.text("type") != "Digits" || !bytes.Equal(first["individual_digits"], []byte("true")) {
			return false, fmt.Errorf("a sequence other than single Digits, ByteLevel")
		}
		if step, err = parseObject(list[1]); err != nil {
			return false, err
		}
		digits = true
	}
	if step.text("type") != "ByteLevel" || !step.absent("add_prefix_space", "false") || !step.absent("use_regex", "true") {
		return false, fmt.Errorf("want ByteLevel with GPT-2's words and without a prefix space")
	}
	return digits, nil
}

func (b *BPE) parseMarks(list []json.RawMessage) error {
	if len(list) > 1<<12 {
		return fmt.Errorf("%d, want at most %d", len(list), 1<<12)
	}
	for _, raw := range list {
		if _, err := parseObject(raw); err != nil {
			return err
		}
		var m mark
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		if !m.Special || m.Content == "" || len(m.Content) > maxToken || m.ID < 0 || m.ID >= MaxVocabulary {
			return fmt.Errorf("%q with id %d is not a special token of at most %d bytes", m.Content, m.ID, maxToken)
		}
		if _, twice := b.special[m.Content]; twice || b.isMark[m.ID] {
			return fmt.Errorf("%q with id %d comes twice", m.Content, m.ID)
		}
		b.special[m.Content], b.isMark[m.ID] = m.ID, true
	}
	return nil
}

func (b *BPE) parseModel(raw json.RawMessage) error {
	model, err := parseObject(raw)
	if err != nil {
		return err
	}
	if model.text("type") != "BPE" || !model.absent("dropout") || !model.absent("continuing_subword_prefix", `""`) ||
		!model.absent("end_of_word_suffix", `""`) || !model.absent("byte_fallback", "false") || !model.absent("ignore_merges", "false") {
		return fmt.Errorf("%q with options, want plain BPE", model.text("type"))
	}
	ids, err := b.parseVocabulary(model["vocab"])
	if err != nil {
		return fmt.Errorf("vocab: %w", err)
	}
	merges, err := model.list("merges")
	if err != nil {
		return err
	}
	b.pairs = make(map[Pair]join, len(merges))
	for rank, raw := range merges {
		left, right, err := parseMerge(raw)
		if err != nil {
			return fmt.Errorf("merge %d: %w", rank, err)
		}
		l, ok1 := ids[left]
		r, ok2 := ids[right]
		id, ok3 := ids[left+right]
		p := Pair{l, r}
		if _, twice := b.pairs[p]; twice || !ok1 || !ok2 || !ok3 || left == "" || right == "" {
			return fmt.Errorf("merge %d of %q and %q comes twice or has no entry", rank, left, right)
		}
		b.merges = append(b.merges, p)
		b.pairs[p] = join{int32(rank), id}
	}
	return nil
}

// parseVocabulary fills tokens and bytes and returns the ids by bytes.
func (b *BPE) parseVocabulary(raw json.RawMessage) (map[string]int32, error) {
	entries, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(entries))
	place := func(id int32, token string) error {
		if id < 0 || id >= MaxVocabulary {
			return fmt.Errorf("id %d of %q, want 0 to %d", id, token, MaxVocabulary-1)
		}
		for len(b.tokens) <= int(id) {
			b.tokens = append(b.tokens, "")
		}
		if b.tokens[id] != "" {
			return fmt.Errorf("id %d is given twice", id)
		}
		b.tokens[id] = token
		return nil
	}
	for content, id := range b.special {
		if err := place(id, content); err != nil {
			return nil, err
		}
	}
	for text, value := range entries {
		var id int32
		if err := json.Unmarshal(value, &id); err != nil || string(value) == "null" {
			return nil, fmt.Errorf("%q has no number", text)
		}
		if mark, ok := b.special[text]; ok {
			if mark != id {
				return nil, fmt.Errorf("the mark %q has two ids, %d and %d", text, id, mark)
			}
			continue
		}
		token, ok := unseen(text)
		if !ok || token == "" || len(token) > maxToken {
			return nil, fmt.Errorf("%q is not 1 to %d bytes in GPT-2's characters", text, maxToken)
		}
		if err := place(id, token); err != nil {
			return nil, err
		}
		ids[token] = id
	}
	for i := range b.bytes {
		id, ok := ids[string([]byte{byte(i)})]
		if !ok {
			return nil, fmt.Errorf("byte %#02x, written %q, has no entry", i, characters[i])
		}
		b.bytes[i] = id
	}
	return ids, nil
}

// parseMerge reads "left right" or ["left","right"], the two forms in use.
func parseMerge(raw json.RawMessage) (left, right string, err error) {
	var both []string
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", "", err
		}
		both = strings.Split(text, " ")
	} else if err := json.Unmarshal(raw, &both); err != nil {
		return "", "", err
	}
	if len(both) != 2 {
		return "", "", fmt.Errorf("%d parts, want 2", len(both))
	}
	left, ok := unseen(both[0])
	right, fine := unseen(both[1])
	if !ok || !fine {
		return "", "", fmt.Errorf("%q is not in GPT-2's characters", both)
	}
	return left, right, nil
}
