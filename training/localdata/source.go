package localdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// The kinds of sources.
const (
	Folder = "folder" // files of text and code
	Git    = "git"    // a repository: its files, and the messages of its history
	Issues = "issues" // JSON of an issue tracker
	Chat   = "chat"   // JSON of a chat
	Mail   = "mail"   // mbox, or a folder of .eml files
)

// How much of a repository's history is read.
const (
	Messages = ""     // the files of HEAD, and what commits say
	Versions = "all"  // and every version of every file, deleted ones too
	NoPast   = "none" // the files of HEAD alone
)

// What becomes of records whose licence is not known.
const (
	Ask   = "ask"   // they are held back, and the owner is asked
	Take  = "train" // their owner says that they may be trained on
	Leave = "leave" // they are held back, and nobody asks
)

// Source is a place on this machine that text is read from.
type Source struct {
	Name    string   `json:"name"` // the owner's; it never leaves the machine
	Kind    string   `json:"kind"`
	Path    string   `json:"path"`              // of a folder, or of one file
	Include []string `json:"include,omitempty"` // patterns; empty takes all
	Exclude []string `json:"exclude,omitempty"` // patterns; they win
	Without []string `json:"without,omitempty"` // people, as the export or the commit names them, whose words are left out
	Licence string   `json:"licence,omitempty"` // SPDX expression for what states none
	Domain  string   `json:"domain,omitempty"`  // one of protocol.Domains, instead of the one that the file suggests
	History string   `json:"history,omitempty"` // Git: Messages, Versions or NoPast
	Mails   bool     `json:"scrub_mail,omitempty"`
	Out     bool     `json:"out,omitempty"` // opted out: nothing of it is read, and what was trained on is suppressed
}

// Bounds are what the owner reads at most; a zero stands for its default.
type Bounds struct {
	File   int64 `json:"file,omitempty"`   // bytes of one file or message; 16 MiB
	Export int64 `json:"export,omitempty"` // bytes of one export; 1 GiB. It is read as it streams
	Total  int64 `json:"total,omitempty"`  // bytes of all text; 256 MiB
	Files  int   `json:"files,omitempty"`  // files and messages; 100,000
	Record int   `json:"record,omitempty"` // bytes of one record; 64 KiB
}

func (b Bounds) withDefaults() Bounds {
	if b.File == 0 {
		b.File = 16 << 20
	}
	if b.Export == 0 {
		b.Export = 1 << 30
	}
	if b.Total == 0 {
		b.Total = 256 << 20
	}
	if b.Files == 0 {
		b.Files = 100_000
	}
	if b.Record == 0 {
		b.Record = 64 << 10
	}
	return b
}

// Sources is what a node's owner lets it read: the file sources.json in the
// node's folder.
type Sources struct {
	Sources  []Source `json:"sources"`
	Licences []string `json:"licences,omitempty"` // identifiers that may be trained on; empty is every known one
	Unknown  string   `json:"unknown,omitempty"`  // Ask ("" as well), Take or Leave
	Region   string   `json:"region,omitempty"`   // one of protocol.Regions, as the owner likes to say; "" is not said
	Bounds   Bounds   `json:"bounds,omitzero"`
}

// SourcesFile is its name in the node's folder.
const SourcesFile = "sources.json"

// ReadSources reads the file strictly: a misspelt “exclude” must not be read
// as none.
func ReadSources(name string) (Sources, error) {
	f, err := os.Open(name)
	if err != nil {
		return Sources{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return Sources{}, err
	}
	s, err := ParseSources(data)
	if err != nil {
		return Sources{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// ParseSources is ReadSources of bytes.
func ParseSources(data []byte) (Sources, error) {
	var s Sources
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("sources: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("sources: something follows after the end")
	}
	return s, s.Check()
}

var sourceName = regexp.MustCompile(`^[\pL\pN][\pL\pN ._-]{0,49}$`)

// Check reports the first setting that cannot be followed.
func (s Sources) Check() error {
	for i, one := range s.Sources {
		if err := one.check(); err != nil {
			return fmt.Errorf("source %d, “%s”: %w", i+1, one.Name, err)
		}
		if slices.ContainsFunc(s.Sources[:i], func(o Source) bool { return o.Name == one.Name }) {
			return fmt.Errorf("two sources are named “%s”", one.Name)
		}
	}
	for _, l := range s.Licences {
		if !slices.Contains(licences, l) {
			return fmt.Errorf("sources: the licence %q is not known here; it is one identifier of the SPDX list, as CC-BY-4.0", l)
		}
	}
	if !slices.Contains([]string{"", Ask, Take, Leave}, s.Unknown) {
		return fmt.Errorf("sources: unknown is %q; want ask, train or leave", s.Unknown)
	}
	if s.Region != "" && !slices.Contains(protocol.Regions, s.Region) {
		return fmt.Errorf("sources: region %q; want one of %s, or nothing", s.Region, strings.Join(protocol.Regions, ", "))
	}
	if b := s.Bounds; b.File < 0 || b.Export < 0 || b.Total < 0 || b.Files < 0 || b.Record < 0 || b.Record > 0 && b.Record < 64 {
		return errors.New("sources: a bound is below zero, or records of fewer than 64 bytes")
	}
	return nil
}

func (s Source) check() error {
	switch {
	case !sourceName.MatchString(s.Name):
		return errors.New("a name has 1 to 50 letters, digits, blanks and . _ -")
	case !slices.Contains([]string{Folder, Git, Issues, Chat, Mail}, s.Kind):
		return fmt.Errorf("kind %q; want folder, git, issues, chat or mail", s.Kind)
	case s.Path == "":
		return errors.New("the path is missing")
	case s.Domain != "" && !slices.Contains(protocol.Domains, s.Domain):
		return fmt.Errorf("domain %q; want one of %s", s.Domain, strings.Join(protocol.Domains, ", "))
	case !slices.Contains([]string{Messages, Versions, NoPast}, s.History):
		return fmt.Errorf("history %q; want all, none, or nothing", s.History)
	case s.Licence != "" && knownLicence(s.Licence) == unknownLicence:
		return fmt.Errorf("the licence %q is not known here; it is an identifier of the SPDX list, or several joined by AND or OR", s.Licence)
	}
	for _, pattern := range slices.Concat(s.Include, s.Exclude) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return nil
}

// admits reports whether a file of a source is read by its patterns.
func (s Source) admits(name string) bool {
	return !matchesAny(s.Exclude, name) && (len(s.Include) == 0 || matchesAny(s.Include, name))
}

// left reports whether somebody's words are left out.
func (s Source) left(author string) bool {
	same := func(name string) bool {
		return strings.EqualFold(strings.TrimPrefix(name, "@"), strings.TrimPrefix(author, "@"))
	}
	return author != "" && slices.ContainsFunc(s.Without, same)
}

// matchesAny matches a name within a source. A pattern without “/” is for the
// last element ("*.go"), one that ends in “/**” for all below a folder, any
// other for the whole name.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if dir, ok := strings.CutSuffix(p, "/**"); ok {
			return strings.HasPrefix(name, dir+"/")
		}
		whole := name
		if !strings.Contains(p, "/") {
			whole = path.Base(name)
		}
		ok, _ := path.Match(p, whole)
		return ok
	})
}

// fileOf is the file that a piece came from: its path, or for a message the
// part before the last “#”. A commit comes from none.
func (s Source) fileOf(name string) string {
	if s.Kind == Folder || s.Kind == Git {
		if s.Kind == Git && strings.HasPrefix(name, history+"#") {
			return ""
		}
		return name
	}
	return name[:max(0, strings.LastIndexByte(name, '#'))]
}
