package localdata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// ErrNoText says that a folder holds nothing that could be trained on.
var ErrNoText = errors.New("no readable text")

// Options say what of a folder is read. The zero value reads everything that
// is text, within the limits below.
type Options struct {
	Include   []string // patterns of path.Match for base names, as "*.go"; empty takes all
	Licence   string   // SPDX expression for files that state none; "" leaves it open
	ScrubMail bool     // take mail addresses out as well
	MaxFile   int64    // bytes of one file; 0 is 16 MiB
	MaxTotal  int64    // bytes of all files; 0 is 256 MiB
	MaxFiles  int      // 0 is 100,000
	MaxRecord int      // bytes of one record; 0 is 64 KiB
}

// withDefaults fills the limits that were left open.
func (o Options) withDefaults() Options {
	if o.MaxFile == 0 {
		o.MaxFile = 16 << 20
	}
	if o.MaxTotal == 0 {
		o.MaxTotal = 256 << 20
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 100_000
	}
	if o.MaxRecord == 0 {
		o.MaxRecord = 64 << 10
	}
	return o
}

// Piece is a part of a file, in normal form and without secrets.
type Piece struct {
	Path     string // within the folder; never leaves the machine
	Text     string
	Licence  string
	Language string
}

// Skip says which file was left out and why.
type Skip struct{ Path, Reason string }

// Report is what the owner of the folder is told. It names files, so it stays
// on the machine.
type Report struct {
	Files    int   // read
	Bytes    int64 // of these files
	Skipped  []Skip
	Findings []Finding
}

// ByKind counts the findings of each kind, for a summary line.
func (r Report) ByKind() map[string]int {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[f.Kind]++
	}
	return counts
}

// Scan reads the text of a folder, in the order of its names. Names that begin
// with a dot, links and devices are left out, and nothing outside the folder
// is ever opened (os.Root). A file that cannot be read, is binary or is not
// UTF-8 is a line of the report and not a failure; a folder without any text
// is ErrNoText.
func Scan(ctx context.Context, dir string, options Options) ([]Piece, Report, error) {
	o := options.withDefaults()
	var pieces []Piece
	var report Report
	for _, pattern := range o.Include {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, report, fmt.Errorf("scan %s: pattern %q: %w", dir, pattern, err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, report, fmt.Errorf("scan folder: %w", err)
	}
	defer root.Close()
	skip := func(name, reason string) { report.Skipped = append(report.Skipped, Skip{name, reason}) }
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil:
			skip(name, reason(err))
			return nil
		case name != "." && strings.HasPrefix(d.Name(), "."):
			skip(name, "hidden")
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !included(o.Include, d.Name()):
			return nil
		case !d.Type().IsRegular():
			skip(name, "not a regular file")
			return nil
		case report.Files == o.MaxFiles:
			skip(name, fmt.Sprintf("more than %d files", o.MaxFiles))
			return fs.SkipAll
		}
		data, err := read(root, name, o.MaxFile)
		if err != nil {
			skip(name, reason(err))
			return nil
		}
		if why := notText(data); why != "" {
			skip(name, why)
			return nil
		}
		if report.Bytes+int64(len(data)) > o.MaxTotal {
			skip(name, fmt.Sprintf("more than %d bytes together", o.MaxTotal))
			return nil
		}
		report.Files++
		report.Bytes += int64(len(data))
		found, secrets := cut(name, string(bytes.TrimPrefix(data, []byte("\ufeff"))), o)
		pieces = append(pieces, found...)
		report.Findings = append(report.Findings, secrets...)
		return nil
	})
	if err != nil {
		return nil, report, fmt.Errorf("scan %s: %w", dir, err)
	}
	if len(pieces) == 0 {
		return nil, report, fmt.Errorf("scan %s: %w in %d files, %d left out", dir, ErrNoText, report.Files, len(report.Skipped))
	}
	return pieces, report, nil
}

// cut turns the text of one file into pieces. Secrets go before the cut, which
// might fall into one; line ends are made equal before that, which keeps the
// numbers of lines.
func cut(name, text string, o Options) ([]Piece, []Finding) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text, findings := scrub(name, text, o.ScrubMail)
	licence := licenceOf(text)
	if licence == "" && o.Licence != "" {
		licence = knownLicence(o.Licence)
	}
	var pieces []Piece
	for _, part := range split(Normalise(text), o.MaxRecord) {
		if part = Normalise(part); part != "" {
			pieces = append(pieces, Piece{name, part, licence, languageOf(name)})
		}
	}
	return pieces, findings
}

func included(patterns []string, base string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, base); ok {
			return true
		}
	}
	return len(patterns) == 0
}

// errTooLong is the reason for a file above the limit.
var errTooLong = errors.New("longer than the limit")

// read reads a file of at most limit bytes, counted while reading: a file can
// grow, and some say they are empty and are not.
func read(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w of %d bytes", errTooLong, limit)
	}
	return data, err
}

// reason is the error without the path, which the report names already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return "cannot be read: " + err.Error()
}

// notText returns why data is no text, or "".
func notText(data []byte) string {
	switch {
	case len(data) == 0:
		return "empty"
	case bytes.IndexByte(data, 0) >= 0:
		return "binary"
	case !utf8.Valid(data):
		return "not UTF-8"
	}
	return ""
}
