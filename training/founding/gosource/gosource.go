// Package gosource reads the source of the Go standard library as training
// text and says who holds which part of it: each node of the demonstration one
// family of packages, the founding version all the rest. One table decides, so
// that the founding version never saw what a node brings, and a node's
// contribution can be measured against it.
//
// It is on every machine with a Go toolchain, the same to the byte for one
// version of Go, and under a BSD licence, so that a demonstration needs no
// download and no permission.
package gosource

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Licence is the SPDX expression of the text.
const Licence = "BSD-3-Clause"

// Family is what one node of the demonstration holds: the packages at or below
// some import paths.
type Family struct {
	Name  string
	Paths []string
}

// Families returns the families in the order of the nodes. Each is a field
// that one person might know well, about half a million to two million bytes.
func Families() []Family {
	return []Family{
		{"net", []string{"net", "mime"}},
		{"crypto", []string{"crypto", "hash"}},
		{"encoding", []string{"encoding", "compress", "archive", "image"}},
		{"languages", []string{"go", "text", "html", "regexp"}},
		{"files", []string{"os", "io", "bufio", "strings", "bytes", "fmt", "log", "path"}},
	}
}

// File is one source file.
type File struct {
	Path   string // below GOROOT/src, with slashes
	Text   string
	Family string // name of its Family, "" for the founding version's part
}

// Files reads the standard library below goroot in ascending order of path:
// every .go file, whatever its build constraints, but tests, generated files
// (mostly tables, and some differ from build to build), the folders testdata
// and vendor, and the commands.
func Files(goroot string) ([]File, error) {
	root, err := os.OpenRoot(filepath.Join(goroot, "src"))
	if err != nil {
		return nil, fmt.Errorf("read the Go standard library: %w", err)
	}
	defer root.Close()
	var files []File
	walk := func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "cmd" || d.Name() == "testdata" || d.Name() == "vendor"):
			return fs.SkipDir
		case !d.Type().IsRegular() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(root.FS(), name)
		if err == nil && !generated.Match(text) {
			files = append(files, File{name, string(text), Of(path.Dir(name))})
		}
		return err
	}
	if err := fs.WalkDir(root.FS(), ".", walk); err != nil {
		return nil, fmt.Errorf("read the Go standard library: %w", err)
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return files, nil
}

// generated is the line by which Go programs know generated files
// (go.dev/s/generatedcode).
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// Of returns the name of the family that an import path belongs to, "" for
// none.
func Of(importPath string) string {
	for _, f := range Families() {
		for _, p := range f.Paths {
			if importPath == p || strings.HasPrefix(importPath, p+"/") {
				return f.Name
			}
		}
	}
	return ""
}
