package localdata

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training"
	"golang.org/x/mod/sumdb/tlog"
)

// Part is what a record is used for, for ever: it follows from its text and
// the community's key.
type Part string

// The parts, by bucket (see the package comment).
const (
	Twin     Part = "twin"     // bucket 0: never trained on, so that membership can be tested
	Validate Part = "validate" // buckets 1 and 2: measured, never trained on
	Train    Part = "train"    // the other 17 of 20
)

// PartOf returns the part of a text in normal form under a community's key.
func PartOf(key []byte, text string) Part {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	switch binary.BigEndian.Uint64(mac.Sum(nil)) % 20 {
	case 0:
		return Twin
	case 1, 2:
		return Validate
	}
	return Train
}

// Record is a text of this node with what is known about it.
type Record struct {
	ID       training.Digest  // SHA-256 of the node's salt and the text: equal texts of two nodes have two ids
	Text     string           // in normal form, without secrets
	Part     Part             //
	Licence  string           // SPDX expression, "" when none was stated
	Language string           // by the extension of its file
	Tokens   int              // of Text, without the end mark
	FirstUse training.RoundID // round that first trained on it, 0 for never
	Domain   string           // of protocol.Domains; "" in a replay, which does not need it
	From     []Origin         // where this text was found; nil in a replay. It never leaves the machine
}

// Origin is a place within a source where a text was found.
type Origin struct {
	Source string `json:"source"`
	Path   string `json:"path"`
	Author string `json:"author,omitempty"` // as Piece.Author
}

// Entry is what may leave the machine of a record.
type Entry struct {
	ID       training.Digest
	Part     Part
	Licence  string
	Language string
	Tokens   int
	FirstUse training.RoundID
}

// Manifest describes the records of a node without their text, in ascending
// order of id. Its root commits a node, before a round, to what it trains on:
// an unlearning case later asks it for first uses, and auditors for proof.
type Manifest struct{ Entries []Entry }

// manifestHeader is the first line of the encoding.
const manifestHeader = "althing manifest 1\n"

// line is the canonical form of an entry: its fields between tabs.
func (e Entry) line() string {
	return strings.Join([]string{
		e.ID.Hex(), string(e.Part), e.Licence, e.Language, strconv.Itoa(e.Tokens), e.FirstUse.String(),
	}, "\t")
}

// Encode returns the canonical bytes: a header line, then a line per entry.
func (m Manifest) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(manifestHeader)
	for _, e := range m.Entries {
		b.WriteString(e.line())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Root returns the root of the Merkle tree of RFC 6962, Section 2.1, whose
// leaves are the lines of the entries; the hash of nothing for no entries.
func (m Manifest) Root() training.Digest {
	if len(m.Entries) == 0 {
		return training.DigestOf(nil)
	}
	return training.Digest(treeHash(m.Entries))
}

// treeHash splits at the largest power of two below the number of leaves.
func treeHash(entries []Entry) tlog.Hash {
	if len(entries) == 1 {
		return tlog.RecordHash([]byte(entries[0].line()))
	}
	k := 1
	for 2*k < len(entries) {
		k *= 2
	}
	return tlog.NodeHash(treeHash(entries[:k]), treeHash(entries[k:]))
}

// Tokens returns the tokens of the records of a part.
func (m Manifest) Tokens(part Part) int {
	n := 0
	for _, e := range m.Entries {
		if e.Part == part {
			n += e.Tokens
		}
	}
	return n
}

// Fields of an entry that came from elsewhere: the closed forms that this
// package writes.
var (
	licenceForm  = regexp.MustCompile(`^(?:[A-Za-z0-9.-]{1,40}(?: (?:AND|OR) [A-Za-z0-9.-]{1,40}){0,2})?$`)
	languageForm = regexp.MustCompile(`^[a-z+#]{1,20}$`)
)

// ParseManifest reads what Encode wrote, and nothing else: entries in order
// and once, numbers in their shortest form.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	rest, ok := strings.CutPrefix(string(data), manifestHeader)
	if !ok {
		return m, fmt.Errorf("parse manifest: the first line is not %q", strings.TrimSpace(manifestHeader))
	}
	for n := 1; rest != ""; n++ {
		line, after, ok := strings.Cut(rest, "\n")
		e, err := parseEntry(line)
		switch {
		case !ok:
			return m, fmt.Errorf("parse manifest: entry %d has no end", n)
		case err != nil:
			return m, fmt.Errorf("parse manifest: entry %d: %w", n, err)
		case len(m.Entries) > 0 && compareIDs(m.Entries[len(m.Entries)-1].ID, e.ID) >= 0:
			return m, fmt.Errorf("parse manifest: entry %d is out of order", n)
		}
		m.Entries = append(m.Entries, e)
		rest = after
	}
	return m, nil
}

func parseEntry(line string) (Entry, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 6 {
		return Entry{}, fmt.Errorf("%d fields, want 6", len(fields))
	}
	id, err := training.ParseDigest(fields[0])
	if err != nil {
		return Entry{}, err
	}
	tokens, err := strconv.Atoi(fields[4])
	if err != nil {
		return Entry{}, err
	}
	first, err := strconv.ParseInt(fields[5], 10, 64)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{id, Part(fields[1]), fields[2], fields[3], tokens, training.RoundID(first)}
	known := e.Part == Train || e.Part == Validate || e.Part == Twin
	if !known || !licenceForm.MatchString(e.Licence) || !languageForm.MatchString(e.Language) || tokens < 0 || first < 0 || e.line() != line {
		return Entry{}, fmt.Errorf("%q is not in canonical form", line)
	}
	return e, nil
}

func compareIDs(a, b training.Digest) int { return bytes.Compare(a[:], b[:]) }

// Corpus is what a node has, each text once, in ascending order of id.
type Corpus struct {
	Records    []Record
	Duplicates int // pieces left out because their text was there already
}

// Manifest describes the corpus.
func (c Corpus) Manifest() Manifest { return manifestOf(c.Records) }

// Of returns the records of one part.
func (c Corpus) Of(part Part) []Record {
	var out []Record
	for _, r := range c.Records {
		if r.Part == part {
			out = append(out, r)
		}
	}
	return out
}

func manifestOf(records []Record) Manifest {
	m := Manifest{Entries: make([]Entry, len(records))}
	for i, r := range records {
		m.Entries[i] = Entry{r.ID, r.Part, r.Licence, r.Language, r.Tokens, r.FirstUse}
	}
	slices.SortFunc(m.Entries, func(a, b Entry) int { return compareIDs(a.ID, b.ID) })
	return m
}
