package main_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/a-h/templ/generator"
	parser "github.com/a-h/templ/parser/v2"
)

var pageRules = []rule{
	{"unescaped HTML", "templ.Raw is how a page would run a stranger's script; only what governance/wikitext sanitised and what web/plot escaped itself may go through it, each place listed in house_pages_test.go", checkRaw},
	{"generated pages", "a page that was edited and not generated is not the page that people see: run go tool templ generate", checkGenerated},
	{"no inline script or style", "the content security policy forbids both, and a page works without script", checkInline},
	{"links from href", "every address is written once, in web/href, so that a page can move", checkLinks},
	{"layers", "a style that shouts is answered by a louder one; use the layers", checkImportant},
	{"short handlers", "a handler parses, does one act or some reads, and answers; what is longer than 40 lines decides something, and decisions live in the domain", checkHandlers},
}

// raw lists every place where HTML goes in unescaped, and where it comes from.
var raw = map[string][]string{
	"web/pages/article.templ":       {"p.HTML"},
	"web/pages/edit.templ":          {"p.Preview"},
	"web/pages/members.templ":       {"p.HTML"},
	"web/pages/policies.templ":      {"p.HTML"},
	"web/pages/proposal.templ":      {"p.HTML", "o.Text", "o.Answer"},
	"web/pages/proposal_form.templ": {"p.Preview"},
	"web/pages/signin.templ":        {"p.Agreement"},
	"web/pages/talk.templ":          {"c.HTML", `"#c" + strconv.FormatInt(c.ID, 10)`},
	"web/pages/versions.templ":      {"p.HTML"},
	"web/plot/bars.go":              {"c.String()"},
	"web/plot/flow.go":              {"c.String()"},
	"web/plot/line.go":              {"c.String()"},
	"web/plot/plot.go":              {"c.String()"},
	"web/plot/tree.go":              {"c.String()"},
}

var rawCall = regexp.MustCompile(`templ\.(?:Raw|JSUnsafeFuncCall|JSExpression|SafeURL|SafeCSS|SafeScript\w*)\(((?:[^()]|\([^()]*\))*)\)`)

func checkRaw(h *house) (list []finding) {
	for _, f := range h.files {
		if f.generated || f.test || path.Ext(f.path) != ".templ" && path.Ext(f.path) != ".go" {
			continue
		}
		for _, m := range rawCall.FindAllStringSubmatchIndex(f.text, -1) {
			if arg := f.text[m[2]:m[3]]; !slices.Contains(raw[f.path], arg) {
				list = append(list, found(f.path+":"+strconv.Itoa(lineOf(f.text, m[0])), "%s", f.text[m[0]:m[1]]))
			}
		}
	}
	return list
}

// checkGenerated writes every page again, in memory, as the command does.
func checkGenerated(h *house) (list []finding) {
	for _, f := range h.files {
		if path.Ext(f.path) != ".templ" {
			continue
		}
		want, err := generate(f)
		if err != nil {
			list = append(list, found(f.path, "%v", err))
			continue
		}
		name := strings.TrimSuffix(f.path, ".templ") + "_templ.go"
		i := slices.IndexFunc(h.files, func(g *file) bool { return g.path == name })
		if i < 0 || h.files[i].text != want {
			list = append(list, found(name, "is not what the generator writes"))
		}
	}
	return list
}

func generate(f *file) (string, error) {
	page, err := parser.ParseString(f.text)
	if err != nil {
		return "", err
	}
	page.Filepath = f.path
	var b bytes.Buffer
	if _, err := generator.Generate(page, &b, generator.WithFileName(f.path), generator.WithVersion(templ.Version())); err != nil {
		return "", err
	}
	out, err := format.Source(b.Bytes())
	return string(out), err
}

func checkInline(h *house) (list []finding) {
	inline := regexp.MustCompile(`<style\b|\sstyle=|\son[a-z]+=["{]|<script\b[^>]*>[^<\s]`)
	for _, f := range h.files {
		if path.Ext(f.path) != ".templ" {
			continue
		}
		for _, m := range inline.FindAllStringIndex(f.text, -1) {
			list = append(list, found(f.path+":"+strconv.Itoa(lineOf(f.text, m[0])), "%q", f.text[m[0]:m[1]]))
		}
	}
	return list
}

func checkLinks(h *house) (list []finding) {
	link := regexp.MustCompile(`\b(?:href|action|src|formaction)="/[^"]*"`)
	for _, f := range h.files {
		if path.Ext(f.path) != ".templ" {
			continue
		}
		for _, m := range link.FindAllStringIndex(f.text, -1) {
			list = append(list, found(f.path+":"+strconv.Itoa(lineOf(f.text, m[0])), "%s", f.text[m[0]:m[1]]))
		}
	}
	return list
}

func checkImportant(h *house) (list []finding) {
	for _, f := range h.files {
		if i := strings.Index(f.text, "!important"); path.Ext(f.path) == ".css" && i >= 0 {
			list = append(list, found(f.path+":"+strconv.Itoa(lineOf(f.text, i)), "!important"))
		}
	}
	return list
}

func checkHandlers(h *house) (list []finding) {
	for _, f := range h.goFiles(written) {
		if f.dir != "handlers" {
			continue
		}
		each(f, func(d *ast.FuncDecl) {
			if n := 1 + h.fset.Position(d.End()).Line - h.fset.Position(d.Pos()).Line; n > 40 {
				list = append(list, found(h.at(d), "%s has %d lines", d.Name.Name, n))
			}
		})
	}
	return list
}
