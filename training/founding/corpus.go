package founding

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/founding/gosource"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Corpus is the text of the founding version: the files of the Go standard
// library that no node of the demonstration holds, in ascending order of path,
// each in the normal form that nodes train on.
type Corpus struct {
	Go    string // version, "go1.26.8"
	Files []gosource.File
}

// ReadCorpus reads the corpus of the Go toolchain at goroot.
func ReadCorpus(goroot string) (Corpus, error) {
	version, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return Corpus{}, fmt.Errorf("read which Go is at %s: %w", goroot, err)
	}
	name, _, _ := strings.Cut(string(version), "\n")
	files, err := gosource.Files(goroot)
	if err != nil {
		return Corpus{}, err
	}
	c := Corpus{Go: name}
	for _, f := range files {
		if f.Family == "" {
			f.Text = localdata.Normalise(f.Text)
			c.Files = append(c.Files, f)
		}
	}
	return c, nil
}

// text joins the files as training reads them.
func (c Corpus) text() string {
	var b strings.Builder
	for _, f := range c.Files {
		b.WriteString(f.Text)
		b.WriteByte(byte(tokenizer.EndOfText))
	}
	return b.String()
}

// Digest returns the SHA-256 of the text with byte 0 after each file, and the
// number of bytes.
func (c Corpus) Digest() (training.Digest, int) {
	text := c.text()
	return training.DigestOf([]byte(text)), len(text)
}

// Check reports whether this is the corpus of the recipe, and which Go has it
// if it is not.
func (c Corpus) Check(r Recipe) error {
	if got, _ := c.Digest(); got != r.Corpus {
		return fmt.Errorf("the standard library of %s is not the text of the founding version: its digest is %v, want %v; install %s and name it by GOROOT", c.Go, got, r.Corpus, r.Go)
	}
	return nil
}

// stream lays the corpus out for drawing batches.
func (c Corpus) stream() *localdata.Stream {
	records := make([]localdata.Record, len(c.Files))
	for i, f := range c.Files {
		records[i].Text = f.Text
	}
	return localdata.NewStream(records)
}
