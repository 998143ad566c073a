// Package wikitext turns what members write (CommonMark with tables) into HTML
// that is safe to show: no scripts, no styles, no images, no foreign frames,
// links marked as not ours. It is pure; a text is rendered once, when it is
// saved.
package wikitext

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// MaxSize is the largest text in bytes that is rendered.
const MaxSize = 512 << 10

var (
	markdown = goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Footnote),
		goldmark.WithParserOptions(
			parser.WithAutoHeadingID(),
			parser.WithASTTransformers(util.Prioritized(lowerHeadings{}, 100)),
		),
	)
	policy = newPolicy()
)

// newPolicy allows what an article needs. Everything else is taken out, also
// what a future version of the renderer might let through.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "sup", "sub", "h2", "h3", "h4", "h5", "h6")
	p.AllowElements("table", "thead", "tbody", "tr")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements("th", "td")
	p.AllowElements("th", "td")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^[a-z0-9:_-]{1,80}$`)).OnElements("h2", "h3", "h4", "h5", "h6", "li", "sup")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	return p
}

// lowerHeadings keeps the first rank for the page's own title.
type lowerHeadings struct{}

// Transform makes headings of the first rank ones of the second.
func (lowerHeadings) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering && h.Level == 1 {
			h.Level = 2
		}
		return ast.WalkContinue, nil
	})
}

// Render returns safe HTML, or an Invalid error that names what cannot be
// rendered.
func Render(source string) (string, error) {
	switch {
	case len(source) > MaxSize:
		return "", governance.Errorf(governance.Invalid, "The text has %d bytes; a page takes %d. Split it into several pages.", len(source), MaxSize)
	case !utf8.ValidString(source):
		return "", governance.Errorf(governance.Invalid, "The text is not valid UTF-8.")
	case strings.ContainsRune(source, 0):
		return "", governance.Errorf(governance.Invalid, "The text contains a zero byte, which cannot be stored.")
	}
	var out bytes.Buffer
	if err := markdown.Convert([]byte(source), &out); err != nil {
		return "", fmt.Errorf("render text: %w", err)
	}
	return framed(policy.SanitizeReader(&out).String()), nil
}

// framed makes what scrolls sideways reachable by keyboard: each table in a
// frame, each listing by itself. It runs behind the sanitiser, so every such
// tag is the renderer's.
func framed(html string) string {
	tables, listings := 0, 0
	return wide.ReplaceAllStringFunc(html, func(tag string) string {
		switch tag {
		case "</table>":
			return tag + "</div>"
		case "<pre>":
			listings++
			return fmt.Sprintf(`<pre role="region" aria-label="Listing %d" tabindex="0">`, listings)
		}
		tables++
		return fmt.Sprintf(`<div class="table-scroll" role="region" aria-label="Table %d" tabindex="0"><table class="table">`, tables)
	})
}

var wide = regexp.MustCompile(`</?table>|<pre>`)

// Heading is an entry of a contents list.
type Heading struct {
	ID    string
	Text  string
	Level int // 2 to 6
}

var heading = regexp.MustCompile(`(?s)<h([2-6]) id="([a-z0-9:_-]{1,80})">(.*?)</h[2-6]>`)
var tag = regexp.MustCompile(`<[^>]*>`)

// Contents lists the headings of rendered HTML. Their texts are HTML-escaped
// as they stand in it.
func Contents(html string) []Heading {
	var list []Heading
	for _, m := range heading.FindAllStringSubmatch(html, -1) {
		list = append(list, Heading{ID: m[2], Text: tag.ReplaceAllString(m[3], ""), Level: int(m[1][0] - '0')})
	}
	return list
}
