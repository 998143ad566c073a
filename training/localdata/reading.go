package localdata

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// Piece is a part of a file or message, in normal form and without secrets.
// All but licence and language stays on the machine.
type Piece struct {
	Path     string // within the source
	Text     string
	Licence  string
	Language string // of a human, where the text is prose and long enough to tell; else by the file's extension
	Domain   string // one of protocol.Domains
	Source   string // its name; "" for a folder that was given alone
	Author   string // of a message: the first 16 hex digits of its author's HMAC-SHA256 under the node's salt
}

// Skip says what was left out and why.
type Skip struct{ Path, Reason string }

// Report is what the owner of the text is told. It names files, so it stays
// on the machine.
type Report struct {
	Files    int   // files and messages that were read
	Bytes    int64 // of these
	Skipped  []Skip
	Findings []Finding
	Held     map[string]int // pieces that their licence holds back, by reason
	Asked    int            // of these, pieces whose licence the owner is asked for
	Out      []string       // sources that the owner opted out
}

// ByKind counts the findings of each kind, for a summary line.
func (r Report) ByKind() map[string]int {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[f.Kind]++
	}
	return counts
}

// errEnough ends a source when a bound is reached. What came before is kept.
var errEnough = errors.New("enough")

// Read reads all sources that are not out, in their order, each in an order of
// its own that is the same every time. A source that cannot be read is a line
// of the report, unless it is the only one; no text at all is ErrNoText. salt
// hides authors.
func Read(ctx context.Context, s Sources, salt []byte) ([]Piece, Report, error) {
	report := Report{Held: map[string]int{}}
	if err := s.Check(); err != nil {
		return nil, report, err
	}
	var all []Piece
	for _, source := range s.Sources {
		if source.Out {
			report.Out = append(report.Out, source.Name)
			continue
		}
		pieces, err := readSource(ctx, source, s.Bounds, salt, &report)
		switch {
		case ctx.Err() != nil:
			return nil, report, ctx.Err()
		case err != nil && len(s.Sources) == 1:
			return nil, report, err
		case err != nil:
			report.Skipped = append(report.Skipped, Skip{source.Name, err.Error()})
		}
		all = append(all, pieces...)
	}
	all = s.permit(all, &report)
	if len(all) == 0 {
		return nil, report, fmt.Errorf("read sources: %w in %d files, %d left out, %d pieces held back", ErrNoText, report.Files, len(report.Skipped), sum(report.Held))
	}
	return all, report, nil
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// permit holds back what the owner's settings of licences do not allow.
func (s Sources) permit(pieces []Piece, report *Report) []Piece {
	return slices.DeleteFunc(pieces, func(p Piece) bool {
		why := s.refuses(p.Licence)
		if why == "" {
			return false
		}
		report.Held[why]++
		if p.Licence == "" || p.Licence == unknownLicence {
			if s.Unknown != Leave {
				report.Asked++
			}
		}
		return true
	})
}

// refuses says why a licence is not trained on, or "".
func (s Sources) refuses(licence string) string {
	if licence == "" || licence == unknownLicence {
		switch {
		case s.Unknown == Take:
			return ""
		case licence == "":
			return "no licence is stated"
		}
		return "the licence that is stated is not known here"
	}
	if len(s.Licences) == 0 || allows(s.Licences, licence) {
		return ""
	}
	return licence + " is not among the licences that you allow"
}

// allows reads an expression as SPDX does, AND before OR: one of the choices
// must be allowed whole.
func allows(list []string, expression string) bool {
	return slices.ContainsFunc(strings.Split(expression, " OR "), func(choice string) bool {
		return !slices.ContainsFunc(strings.Split(choice, " AND "), func(l string) bool { return !slices.Contains(list, l) })
	})
}

// reading collects the pieces of one source.
type reading struct {
	ended  func() error // of the caller's context
	source Source
	bounds Bounds
	salt   []byte
	report *Report
	pieces []Piece

	folders map[string]string // licence of a folder, by the text of its licence file
	beside  map[string]string // licence of a file, by the file .license beside it (REUSE 3.3)
}

func readSource(ctx context.Context, source Source, bounds Bounds, salt []byte, report *Report) ([]Piece, error) {
	r := &reading{
		ended: ctx.Err, source: source, bounds: bounds.withDefaults(), salt: salt, report: report,
		folders: map[string]string{}, beside: map[string]string{},
	}
	var err error
	switch source.Kind {
	case Git:
		err = r.repository(ctx)
	case Folder:
		err = r.walk(r.textFile)
	case Mail:
		err = r.walk(r.mailbox)
	default:
		err = r.walk(r.export)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	for i := range r.pieces {
		if p := &r.pieces[i]; p.Licence == "" {
			p.Licence = r.licence(p.Path)
		}
	}
	return r.pieces, err
}

// licence is that of a file which states none itself.
func (r *reading) licence(name string) string {
	name = r.source.fileOf(name)
	if l, ok := r.beside[name]; ok {
		return l
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if l, ok := r.folders[dir]; ok && (l != unknownLicence || r.source.Licence == "") {
			return l
		}
		if dir == "." || dir == "/" {
			break
		}
	}
	if r.source.Licence != "" {
		return knownLicence(r.source.Licence)
	}
	return ""
}

// label is how the owner's report names a file.
func (r *reading) label(name string) string {
	if r.source.Name == "" {
		return name
	}
	return r.source.Name + ": " + name
}

func (r *reading) skip(name, reason string) {
	r.report.Skipped = append(r.report.Skipped, Skip{r.label(name), reason})
}

// room counts a file or message of n bytes, or says that a bound is reached.
func (r *reading) room(name string, n int) error {
	switch {
	case r.ended() != nil:
		return r.ended()
	case r.report.Files >= r.bounds.Files:
		r.skip(name, fmt.Sprintf("more than %d files", r.bounds.Files))
		return errEnough
	case r.report.Bytes+int64(n) > r.bounds.Total:
		r.skip(name, fmt.Sprintf("more than %d bytes together", r.bounds.Total))
		return errTooMuch
	}
	r.report.Files++
	r.report.Bytes += int64(n)
	return nil
}

// errTooMuch leaves one file out; a smaller one may still fit.
var errTooMuch = errors.New("too much together")

// text takes the text of a file.
func (r *reading) text(name, text, domain string) error {
	if err := r.room(name, len(text)); err != nil {
		if errors.Is(err, errTooMuch) {
			return nil
		}
		return err
	}
	r.cut(name, text, Piece{Domain: domain, Language: languageOf(name)}, r.source.Mails)
	return nil
}

// message is what somebody wrote in an export, a mail or a commit.
type message struct{ id, author, title, body, domain string }

// say takes a message: its title, an empty line, its body. Mail addresses are
// always taken out: others wrote here.
func (r *reading) say(file string, m message) error {
	name := file + "#" + m.id
	if m.title = strings.TrimSpace(m.title); m.title != "" {
		m.body = m.title + "\n\n" + m.body
	}
	switch {
	case r.source.left(m.author):
		r.skip(name, "by somebody whose words you leave out")
		return nil
	case strings.TrimSpace(m.body) == "":
		return nil
	case int64(len(m.body)) > r.bounds.File:
		r.skip(name, fmt.Sprintf("%v of %d bytes", errTooLong, r.bounds.File))
		return nil
	}
	if why := notText([]byte(m.body)); why != "" {
		r.skip(name, why)
		return nil
	}
	if err := r.room(name, len(m.body)); err != nil {
		if errors.Is(err, errTooMuch) {
			return nil
		}
		return err
	}
	r.cut(name, m.body, Piece{Domain: m.domain, Language: "text", Author: author(r.salt, m.author)}, true)
	return nil
}

// author hides a name. Without the node's salt the hash cannot be compared
// with those of names.
func author(salt []byte, name string) string {
	if name == "" {
		return ""
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte("author\x00" + strings.ToLower(strings.TrimPrefix(name, "@"))))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// cut turns a text into pieces like the given one. Secrets go before the cut,
// which might fall into one; line ends are made equal before that, which keeps
// the numbers of lines.
func (r *reading) cut(name, text string, like Piece, mails bool) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text, findings := scrub(r.label(name), text, mails)
	r.report.Findings = append(r.report.Findings, findings...)
	like.Path, like.Source, like.Licence = name, r.source.Name, licenceOf(text)
	if r.source.Domain != "" {
		like.Domain = r.source.Domain
	}
	if like.Domain != protocol.Code {
		if tongue := Tongue(text); tongue != "" {
			like.Language = tongue
		}
	}
	for _, part := range split(Normalise(text), r.bounds.Record) {
		if part = Normalise(part); part != "" {
			like.Text = part
			r.pieces = append(r.pieces, like)
		}
	}
}
