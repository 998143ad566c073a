package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/training/founding/gosource"
)

// How much text a node gets. A record is a file here; of 400, about 40 become
// validation records, of which a measurement needs 20: by chance fewer come out
// once in some thousand nodes. Of the 800 of the last node about 40 become
// twins, and 20 of them are needed too. All of it is measured within seconds.
const (
	recordsPerNode = 400
	recordBytes    = 160 // of a record at least, and at most three times as many
	leaverRecords  = 2 * recordsPerNode
)

// library is the text of one node, a record each.
type library struct {
	name    string
	licence string // SPDX; "" when it is not known
	records []string
}

// goLibraries splits the Go standard library on this machine by family.
func goLibraries(random *rand.Rand) ([]library, error) {
	root, err := gosource.Root()
	if err != nil {
		return nil, err
	}
	files, err := gosource.Files(root)
	if err != nil {
		return nil, err
	}
	var list []library
	for _, family := range gosource.Families() {
		l := library{name: family.Name, licence: gosource.Licence}
		for _, f := range files {
			if f.Family == family.Name {
				l.records = append(l.records, cut(afterHeader(f.Text))...)
			}
		}
		list = append(list, l)
	}
	return list, choose(list, random)
}

// afterHeader leaves out what stands before the package clause: the same lines
// in every file, which would be most of what a model learns.
func afterHeader(source string) string {
	if at := strings.Index(source, "\npackage "); at >= 0 {
		return source[at+1:]
	}
	return source
}

// folderLibraries splits the text of a folder, file by file in the order of
// names, among five nodes.
func folderLibraries(ctx context.Context, dir string, random *rand.Rand) ([]library, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read the text for the demonstration: %w", err)
	}
	defer root.Close()
	list := make([]library, len(gosource.Families()))
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := fs.ReadFile(root.FS(), name)
		if err == nil && utf8.Valid(data) && !strings.ContainsRune(string(data), 0) {
			at := n % len(list)
			list[at].records = append(list[at].records, cut(string(data))...)
			n++
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the text for the demonstration: %w", err)
	}
	for i := range list {
		list[i].name = fmt.Sprintf("part-%d", i+1)
	}
	return list, choose(list, random)
}

// cut splits a text at empty lines into records of about recordBytes. What is
// far longer, a table say, is left out.
func cut(source string) []string {
	var list []string
	var b strings.Builder
	for _, paragraph := range strings.SplitAfter(source, "\n\n") {
		b.WriteString(paragraph)
		if b.Len() < recordBytes {
			continue
		}
		if b.Len() <= 3*recordBytes {
			list = append(list, b.String())
		}
		b.Reset()
	}
	return list
}

// choose draws the records of each library. The last node, whose text is
// forgotten later, holds twice as many as another and so weighs twice as much
// in a round: what it knows arrives in the model after four rounds.
func choose(list []library, random *rand.Rand) error {
	for i := range list {
		l, want := &list[i], recordsPerNode
		if i == len(list)-1 {
			want = leaverRecords
		}
		random.Shuffle(len(l.records), func(a, b int) { l.records[a], l.records[b] = l.records[b], l.records[a] })
		if len(l.records) < want/2 {
			return fmt.Errorf("the demonstration needs more text: node %s has %d records of %d bytes, want at least %d", l.name, len(l.records), recordBytes, want/2)
		}
		l.records = l.records[:min(len(l.records), want)]
	}
	return nil
}

// write puts the records into a folder, a file each. The extension tells the
// node program the language.
func (l library) write(dir string) error {
	extension := ".txt"
	if l.licence != "" {
		extension = ".go"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the text of node %s: %w", l.name, err)
	}
	for i, record := range l.records {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d%s", i, extension)), []byte(record), 0o644); err != nil {
			return fmt.Errorf("write the text of node %s: %w", l.name, err)
		}
	}
	return nil
}
