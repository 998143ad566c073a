package demo

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// page is an answer of the site as a browser has it.
type page struct {
	status int
	url    *url.URL // after redirects
	root   *html.Node
}

// refusal is an answer that says no, with what the page says about it.
type refusal struct {
	status int
	path   string
	says   string
}

// Error tells where the site said what.
func (r *refusal) Error() string {
	return fmt.Sprintf("%s answered %d %s: %s", r.path, r.status, http.StatusText(r.status), r.says)
}

// check returns the refusal that a page is, or nil. What is wrong with a field
// stands below it; what is wrong with the whole in a message.
func (p *page) check() error {
	if p.status < 400 {
		return nil
	}
	var says []string
	for n := range p.root.Descendants() {
		if class := attribute(n, "class"); strings.Contains(class, "validation-message") || strings.Contains(class, "cdx-message--error") {
			says = append(says, text(n))
		}
	}
	if len(says) == 0 {
		says = append(says, p.words())
	}
	line := strings.Join(says, " ")
	return &refusal{p.status, p.url.Path, line[:min(len(line), 400)]}
}

// title returns the page's heading.
func (p *page) title() string {
	for n := range p.root.Descendants() {
		if n.DataAtom == atom.H1 {
			return text(n)
		}
	}
	return ""
}

// words returns what can be read on the page, on one line, without the frame
// that is the same on every page.
func (p *page) words() string {
	if main := p.find(atom.Main, ""); main != nil {
		return text(main)
	}
	return text(p.root)
}

// find returns the first element of a kind with a class, nil if there is none.
func (p *page) find(kind atom.Atom, class string) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == kind && (class == "" || hasClass(n, class)) {
			return n
		}
	}
	return nil
}

// link returns where the first link with this text leads, "" if there is none.
func (p *page) link(label string) string {
	for n := range p.root.Descendants() {
		if n.DataAtom == atom.A && text(n) == label {
			return attribute(n, "href")
		}
	}
	return ""
}

// links returns where links lead whose path begins with prefix, each once, in
// the order of the page.
func (p *page) links(prefix string) []string {
	var list []string
	seen := map[string]bool{}
	for n := range p.root.Descendants() {
		if to := attribute(n, "href"); n.DataAtom == atom.A && strings.HasPrefix(to, prefix) && !seen[to] {
			seen[to] = true
			list = append(list, to)
		}
	}
	return list
}

// items returns where links lead whose path is prefix and a number.
func (p *page) items(prefix string) []string {
	var list []string
	for _, to := range p.links(prefix) {
		if rest := strings.TrimPrefix(to, prefix); rest != "" && strings.Trim(rest, "0123456789") == "" {
			list = append(list, to)
		}
	}
	return list
}

// table returns the rows of the table whose caption begins with a text, without
// its head; each cell is its text.
func (p *page) table(caption string) [][]string {
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.Caption || !strings.HasPrefix(text(n), caption) {
			continue
		}
		var rows [][]string
		for tr := range n.Parent.Descendants() {
			if tr.DataAtom != atom.Tr || tr.Parent.DataAtom != atom.Tbody {
				continue
			}
			var cells []string
			for c := range tr.ChildNodes() {
				if c.DataAtom == atom.Td || c.DataAtom == atom.Th {
					cells = append(cells, text(c))
				}
			}
			rows = append(rows, cells)
		}
		return rows
	}
	return nil
}

// row returns the first row of any table whose first cell has these words, nil
// if there is none.
func (p *page) row(words string) []string {
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.Tr {
			continue
		}
		var cells []string
		for c := range n.ChildNodes() {
			if c.DataAtom == atom.Td || c.DataAtom == atom.Th {
				cells = append(cells, text(c))
			}
		}
		if len(cells) > 0 && strings.Contains(strings.ToLower(cells[0]), words) {
			return cells
		}
	}
	return nil
}

// now returns the stage that the page's tracker stands at, "" without one.
func (p *page) now() string {
	for n := range p.root.Descendants() {
		if attribute(n, "aria-current") == "step" {
			return text(n)
		}
	}
	return ""
}

// fact returns the value beside a label, in an infobox or a list of facts, ""
// if the label is not there.
func (p *page) fact(label string) string {
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.Th && n.DataAtom != atom.Dt || text(n) != label {
			continue
		}
		for next := n.NextSibling; next != nil; next = next.NextSibling {
			if next.DataAtom == atom.Td || next.DataAtom == atom.Dd {
				return text(next)
			}
		}
	}
	return ""
}

// text returns the readable text below a node with single spaces, without
// scripts and styles.
func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		case n.DataAtom == atom.Script, n.DataAtom == atom.Style:
			return
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if n.Type == html.ElementNode && !inline[n.DataAtom] {
			b.WriteByte(' ')
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// inline are the elements after which no space is read.
var inline = map[atom.Atom]bool{
	atom.A: true, atom.B: true, atom.Code: true, atom.Em: true, atom.I: true, atom.Mark: true, atom.Span: true, atom.Strong: true, atom.Time: true,
}

// raw returns the text below a node as it stands.
func raw(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func attribute(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func hasClass(n *html.Node, class string) bool {
	for _, c := range strings.Fields(attribute(n, "class")) {
		if c == class {
			return true
		}
	}
	return false
}
