package main_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var codeRules = []rule{
	{"package comments", "package comments are the manual: a reader learns from them what a package is for before reading any code", checkPackageComments},
	{"exported comments", "an exported name is a promise to other packages; the comment says why, units, shapes and who owns what", checkExportedComments},
	{"file length", "a file over 500 lines is several files; half of them should be under 150", checkLength},
	{"no Get", "the package is part of the name: members.ByID, not GetMemberByID, and no Manager, Service or Impl", checkGetters},
	{"no sleeps", "a test that sleeps is slow when it passes and wrong when the machine is busy; wait for the event, or use testing/synctest", checkSleeps},
	{"injected time", "time is a parameter, so that a term of four years can be tested in a second; the wall clock is read only where the list in house_code_test.go says", checkClock},
	{"no context in structs", "a context belongs to one call", checkContext},
	{"skips", "a skipped test is a hole that nobody sees; only a missing browser (which ALTHING_REQUIRE_BROWSER turns into a failure), a missing PyTorch (ALTHING_TORCH=require), a missing s3rver (ALTHING_S3RVER=require) and missing ../shared/data may skip", checkSkips},
	{"no stubs", "unfinished work is finished or left out; what is known and open is an issue with a number", checkStubs},
}

func checkPackageComments(h *house) (list []finding) {
	for _, dir := range h.folderNames() {
		files := slices.DeleteFunc(slices.Clone(h.packages[dir]), func(f *file) bool { return f.test })
		if len(files) == 0 {
			continue
		}
		documented := slices.ContainsFunc(files, func(f *file) bool {
			if f.go_.Doc == nil {
				return false
			}
			text := f.go_.Doc.Text()
			return f.go_.Name.Name == "main" || strings.HasPrefix(text, "Package "+f.go_.Name.Name+" ")
		})
		if !documented {
			list = append(list, found(dir, `has no comment "Package %s …"`, files[0].go_.Name.Name))
		}
	}
	return list
}

func checkExportedComments(h *house) (list []finding) {
	for _, f := range h.goFiles(func(f *file) bool { return !f.test && !f.generated }) {
		for _, d := range f.go_.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && !promised(d) && receiverExported(d) && d.Doc == nil {
					list = append(list, found(h.at(d), "%s has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				list = append(list, h.uncommented(d)...)
			}
		}
	}
	return list
}

// uncommented finds exported names of one declaration; a comment on a group
// speaks for the whole group.
func (h *house) uncommented(d *ast.GenDecl) (list []finding) {
	if d.Tok == token.IMPORT || d.Doc != nil {
		return nil
	}
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil {
				list = append(list, found(h.at(s), "%s has no comment", s.Name.Name))
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil {
				list = append(list, found(h.at(s), "%s has no comment", s.Names[0].Name))
			}
		}
	}
	return list
}

// promised reports whether a method is one whose meaning its interface says:
// those of fmt, errors and governance/audit.Event.
func promised(d *ast.FuncDecl) bool {
	names := []string{"String", "Error", "Unwrap", "Is", "Kind", "Subject", "Sentence", "About", "Held", "Replay"}
	return d.Recv != nil && slices.Contains(names, d.Name.Name)
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func checkLength(h *house) (list []finding) {
	for _, f := range h.files {
		if n := strings.Count(f.text, "\n"); n > 500 && !f.generated && path.Ext(f.path) != ".md" {
			list = append(list, found(f.path, "has %d lines", n))
		}
	}
	return list
}

func checkGetters(h *house) (list []finding) {
	bad := regexp.MustCompile(`^Get[A-Z]|(Manager|Service|Impl)$`)
	for _, f := range h.goFiles(written) {
		if f.dir == "handlers/localidp" {
			continue // the interfaces of the OpenID library say Get
		}
		each(f, func(d *ast.FuncDecl) {
			if bad.MatchString(d.Name.Name) {
				list = append(list, found(h.at(d), "%s", d.Name.Name))
			}
		})
		each(f, func(s *ast.TypeSpec) {
			if bad.MatchString(s.Name.Name) {
				list = append(list, found(h.at(s), "%s", s.Name.Name))
			}
		})
	}
	return list
}

func checkSleeps(h *house) (list []finding) {
	for _, f := range h.goFiles(tests) {
		if slices.Contains(f.imports(), "testing/synctest") {
			continue // a sleep in a bubble takes no time
		}
		each(f, func(s *ast.SelectorExpr) {
			if f.selects(s, "time", "Sleep") {
				list = append(list, found(h.at(s), "time.Sleep"))
			}
		})
	}
	return list
}

// clocks are the files and packages that read this machine's clock, with the reason.
var clocks = map[string]string{
	"governance/pg/embedded/files.go": "waits for another process, which has no clock of ours",
	"training/rounds/store.go":        "the default of an injected clock",
	"handlers/session/gate.go":        "the default of an injected clock",
	"workers/demo":                    "plays in real time, from outside, and says how long things took",
	"workers/agent/run.go":            "the default of an injected clock",
	"handlers/nodeapi/signed.go":      "deadlines of a connection are in the machine's time",
	"handlers/nodeapi/tasks.go":       "deadlines of a connection are in the machine's time",
	"handlers/nodeapi/transfer.go":    "deadlines of a connection are in the machine's time",
}

func checkClock(h *house) (list []finding) {
	for _, f := range h.goFiles(written) {
		if clocks[f.path] != "" || clocks[f.dir] != "" || f.go_.Name.Name == "main" || f.dir == "handlers/cli" {
			continue // programs hand the clock to what they wire
		}
		each(f, func(s *ast.SelectorExpr) {
			for _, name := range []string{"Now", "Since", "Until"} {
				if f.selects(s, "time", name) {
					list = append(list, found(h.at(s), "time.%s", name))
				}
			}
		})
	}
	return list
}

func checkContext(h *house) (list []finding) {
	exempt := map[string]string{
		"training/blobs/folder.go":      "io.Reader has no context; the reader lives for one call",
		"governance/audit/sequencer.go": "tlog.HashReader has no context; the reader lives for one call",
		"governance/audit/log.go":       "tlog.HashReader has no context; the reader lives for one call",
	}
	for _, f := range h.goFiles(written) {
		if exempt[f.path] != "" {
			continue
		}
		each(f, func(s *ast.StructType) {
			for _, field := range s.Fields.List {
				if t, ok := field.Type.(*ast.SelectorExpr); ok && f.selects(t, "context", "Context") {
					list = append(list, found(h.at(field), "keeps a context"))
				}
			}
		})
	}
	return list
}

// checkSkips asks every file that skips for one of the excuses.
func checkSkips(h *house) (list []finding) {
	excused := regexp.MustCompile(`ALTHING_REQUIRE_BROWSER|ALTHING_TORCH|ALTHING_S3RVER|shared/data`)
	for _, f := range h.goFiles(tests) {
		each(f, func(c *ast.CallExpr) {
			s, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) {
				return
			}
			if x, ok := s.X.(*ast.Ident); ok && len(x.Name) <= 2 && !excused.MatchString(f.text) {
				list = append(list, found(h.at(c), "skips"))
			}
		})
		each(f, func(s *ast.SelectorExpr) {
			if f.selects(s, "testing", "Short") {
				list = append(list, found(h.at(s), "has a short version"))
			}
		})
	}
	return list
}

// todo is built from two halves, so that it does not find itself.
var todo = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X)\b(\(#\d+\))?`)

func checkStubs(h *house) (list []finding) {
	for _, f := range h.files {
		if f.generated || path.Ext(f.path) == ".md" {
			continue
		}
		for _, m := range todo.FindAllStringSubmatchIndex(f.text, -1) {
			if m[2] < 0 {
				list = append(list, found(f.path+":"+strconv.Itoa(lineOf(f.text, m[0])), "%s without the number of an issue", f.text[m[0]:m[1]]))
			}
		}
	}
	return list
}
