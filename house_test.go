// The house test reads the whole tree and holds it to its rules: who may
// import whom, where a transaction begins, who writes which table, how long a
// file is. ARCHITECTURE.md says what the rules are for; here each one carries
// its reason, which is printed when it fails. A rule is a function over a
// tree, and a tree is any fs.FS, so house_plants_test.go shows every rule a
// tree in which it is broken.
package main_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "codeberg.org/althing/althing"

// TestHouse holds this tree to every rule.
func TestHouse(t *testing.T) {
	t.Parallel()
	tree, err := read(os.DirFS("."))
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	if len(tree.packages) < 10 {
		t.Fatalf("found %d packages; the house is larger than that", len(tree.packages))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range r.findings(tree) {
				t.Errorf("%s: %s\n\twhy: %s", f.at, f.what, r.why)
			}
		})
	}
}

// rule is one thing that the house insists on, and the reason.
type rule struct {
	name, why string
	check     func(*house) []finding
}

// findings returns what breaks the rule, in the order of the places.
func (r rule) findings(h *house) []finding {
	list := r.check(h)
	slices.SortFunc(list, func(a, b finding) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.what, b.what)) })
	return slices.Compact(list)
}

// finding is one place where a rule is broken.
type finding struct{ at, what string }

func found(at, format string, args ...any) finding { return finding{at, fmt.Sprintf(format, args...)} }

// rules is everything that the house test checks.
var rules = slices.Concat(arrowRules, libraryRules, codeRules, sqlRules, pageRules, paperRules)

// house is a tree as the rules see it: without nested modules, test data,
// vendored files and hidden folders.
type house struct {
	root     fs.FS
	fset     *token.FileSet
	files    []*file             // every text file that rules look at, by path
	packages map[string][]*file  // Go files by folder, "." for the root
	folders  map[string]struct{} // every folder that was seen
}

// file is one file of the tree.
type file struct {
	path, dir string
	text      string
	go_       *ast.File // nil for what is not Go
	test      bool      // *_test.go
	generated bool
}

// suffixes are the kinds of file that people write here.
var suffixes = []string{".go", ".templ", ".css", ".js", ".sql", ".py", ".s", ".h", ".md"}

func read(root fs.FS) (*house, error) {
	h := &house{root: root, fset: token.NewFileSet(), packages: map[string][]*file{}, folders: map[string]struct{}{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return h.enter(name)
		}
		if !slices.Contains(suffixes, path.Ext(name)) {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return h.add(name, string(text))
	})
	return h, err
}

// enter decides whether a folder belongs to the house.
func (h *house) enter(name string) error {
	base := path.Base(name)
	hidden := strings.HasPrefix(base, ".") && name != "."
	if hidden || base == "testdata" || base == "node_modules" || name == "static/vendor" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(h.root, path.Join(name, "go.mod")); err == nil && name != "." {
		return fs.SkipDir // a nested module has a house of its own
	}
	h.folders[name] = struct{}{}
	return nil
}

func (h *house) add(name, text string) error {
	f := &file{path: name, dir: path.Dir(name), text: text}
	h.files = append(h.files, f)
	if path.Ext(name) != ".go" {
		return nil
	}
	var err error
	if f.go_, err = parser.ParseFile(h.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return err
	}
	f.test = strings.HasSuffix(name, "_test.go")
	f.generated = ast.IsGenerated(f.go_)
	h.packages[f.dir] = append(h.packages[f.dir], f)
	return nil
}

// folderNames returns the folders that hold Go files, sorted.
func (h *house) folderNames() []string {
	var dirs []string
	for dir := range h.packages {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// goFiles returns the Go files that fit, in the order of their paths.
func (h *house) goFiles(fits func(*file) bool) []*file {
	var list []*file
	for _, f := range h.files {
		if f.go_ != nil && fits(f) {
			list = append(list, f)
		}
	}
	return list
}

// code is what runs in production: no tests and no support of tests.
func code(f *file) bool { return !f.test && !supports(f.dir) }

// written is code that a person wrote.
func written(f *file) bool { return code(f) && !f.generated }

func tests(f *file) bool { return f.test || supports(f.dir) }

// supports reports whether a package exists for tests only, as net/http/httptest does.
func supports(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") && path.Base(dir) != "test"
}

// imports returns the import paths of a file.
func (f *file) imports() []string {
	var list []string
	for _, s := range f.go_.Imports {
		if name, err := strconv.Unquote(s.Path.Value); err == nil {
			list = append(list, name)
		}
	}
	return list
}

// under reports whether a folder or import path is the other or lies in it.
func under(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }

// ours returns the folder of a package of this module.
func ours(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// at names a place in a file for a finding.
func (h *house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// each calls do on every node of a kind.
func each[N ast.Node](f *file, do func(N)) {
	ast.Inspect(f.go_, func(n ast.Node) bool {
		if n, ok := n.(N); ok {
			do(n)
		}
		return true
	})
}

// selects reports whether an expression is pkg.name for an imported package.
func (f *file) selects(e *ast.SelectorExpr, imported, name string) bool {
	x, ok := e.X.(*ast.Ident)
	if !ok || e.Sel.Name != name {
		return false
	}
	for _, s := range f.go_.Imports {
		if v, _ := strconv.Unquote(s.Path.Value); v == imported {
			local := path.Base(imported)
			if s.Name != nil {
				local = s.Name.Name
			}
			return x.Name == local
		}
	}
	return false
}

// sorted returns the keys of a map in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// lineOf returns the line of an offset, from 1.
func lineOf(text string, offset int) int { return 1 + strings.Count(text[:offset], "\n") }
