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
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// ErrNoText says that nothing was found that could be trained on.
var ErrNoText = errors.New("no readable text")

// Options say what of a folder is read. The zero value reads everything that
// is text, within the default bounds.
type Options struct {
	Include   []string // patterns of names, as "*.go"; empty takes all
	Licence   string   // SPDX expression for files that state none; "" leaves it open
	ScrubMail bool     // take mail addresses out as well
	Bounds    Bounds
}

// Scan reads one folder of which its owner said that it may be trained on,
// whatever its licence: Read with a source that has no name.
func Scan(ctx context.Context, dir string, o Options) ([]Piece, Report, error) {
	report := Report{Held: map[string]int{}}
	for _, pattern := range o.Include {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, report, fmt.Errorf("scan %s: pattern %q: %w", dir, pattern, err)
		}
	}
	source := Source{Kind: Folder, Path: dir, Include: o.Include, Licence: o.Licence, Mails: o.ScrubMail}
	pieces, err := readSource(ctx, source, o.Bounds, nil, &report)
	if err != nil {
		return nil, report, fmt.Errorf("scan %s: %w", dir, err)
	}
	if len(pieces) == 0 {
		return nil, report, fmt.Errorf("scan %s: %w in %d files, %d left out", dir, ErrNoText, report.Files, len(report.Skipped))
	}
	return pieces, report, nil
}

// walk gives the files of a source to take, in the order of their names. Names
// that begin with a dot, links and devices are left out, and nothing outside
// the folder is ever opened (os.Root). What take cannot read is a line of the
// report and not a failure. A path that is a file is that file alone.
func (r *reading) walk(take func(root *os.Root, name string) error) error {
	dir, only := r.source.Path, ""
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	if !info.IsDir() {
		dir, only = filepath.Split(dir)
		dir = filepath.Clean(dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer root.Close()
	if only != "" {
		return take(root, only)
	}
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case r.ended() != nil:
			return r.ended()
		case err != nil:
			r.skip(name, reason(err))
		case name != "." && strings.HasPrefix(d.Name(), "."):
			r.skip(name, "hidden")
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
		case !isLicence(name) && !r.source.admits(name):
		case !d.Type().IsRegular():
			r.skip(name, "not a regular file")
		default:
			return take(root, name)
		}
		return nil
	})
}

// textFile takes a file of a folder.
func (r *reading) textFile(root *os.Root, name string) error {
	data, err := read(root, name, r.bounds.File)
	if err != nil {
		r.skip(name, reason(err))
		return nil
	}
	return r.file(name, data)
}

// file takes the bytes of a file, or what it says of licences.
func (r *reading) file(name string, data []byte) error {
	if why := notText(data); why != "" {
		r.skip(name, why)
		return nil
	}
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case strings.HasSuffix(name, companion):
		r.beside[strings.TrimSuffix(name, companion)] = licenceOf(text)
		return nil
	case isLicence(name):
		r.folders[path.Dir(name)] = licenceByText(text)
		return nil
	}
	return r.text(name, text, domainOf(name))
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
