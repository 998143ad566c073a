package demo

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// form is a form of a page as a browser would send it: hidden fields, what is
// typed in already, what is chosen. Only fields that are there can be filled
// in, and only with choices that are offered.
type form struct {
	method  string
	action  *url.URL
	fields  []*field
	buttons []button
}

type field struct {
	name    string
	kind    string // of an input; "textarea" or "select"
	value   string
	sent    bool     // false for a box that is not ticked
	choices []string // of a select
}

type button struct{ label, name, value string }

// form returns the form with a button of this label.
func (p *page) form(label string) (*form, error) {
	var labels []string
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.Form {
			continue
		}
		f, err := p.parse(n)
		if err != nil {
			return nil, err
		}
		for _, b := range f.buttons {
			if b.label == label {
				return f, nil
			}
			labels = append(labels, b.label)
		}
	}
	return nil, fmt.Errorf("%s (%s) has no button “%s”, only %q", p.url.Path, p.title(), label, labels)
}

func (p *page) parse(n *html.Node) (*form, error) {
	f := &form{method: strings.ToUpper(attribute(n, "method"))}
	if f.method == "" {
		f.method = http.MethodGet
	}
	to, err := url.Parse(attribute(n, "action"))
	if err != nil {
		return nil, fmt.Errorf("%s has a form with the action %q: %w", p.url.Path, attribute(n, "action"), err)
	}
	f.action = p.url.ResolveReference(to)
	if attribute(n, "action") == "" {
		f.action = p.url
	}
	for d := range n.Descendants() {
		if _, disabled := lookup(d, "disabled"); disabled {
			continue
		}
		switch d.DataAtom {
		case atom.Input:
			f.input(d)
		case atom.Textarea:
			f.fields = append(f.fields, &field{name: attribute(d, "name"), kind: "textarea", value: strings.TrimPrefix(raw(d), "\n"), sent: true})
		case atom.Select:
			f.choice(d)
		case atom.Button:
			f.buttons = append(f.buttons, button{text(d), attribute(d, "name"), attribute(d, "value")})
		}
	}
	return f, nil
}

func (f *form) input(n *html.Node) {
	in := &field{name: attribute(n, "name"), kind: attribute(n, "type"), value: attribute(n, "value"), sent: true}
	switch in.kind {
	case "submit":
		f.buttons = append(f.buttons, button{in.value, in.name, in.value})
		return
	case "checkbox", "radio":
		_, in.sent = lookup(n, "checked")
	}
	if in.name != "" {
		f.fields = append(f.fields, in)
	}
}

// choice reads a select: the chosen option, or the first as browsers do.
func (f *form) choice(n *html.Node) {
	in := &field{name: attribute(n, "name"), kind: "select"}
	for d := range n.Descendants() {
		if d.DataAtom != atom.Option {
			continue
		}
		value, ok := lookup(d, "value")
		if !ok {
			value = text(d)
		}
		if _, chosen := lookup(d, "selected"); chosen || len(in.choices) == 0 {
			in.value, in.sent = value, true
		}
		in.choices = append(in.choices, value)
	}
	f.fields = append(f.fields, in)
}

// set fills in a field, or chooses among radios, boxes or options.
func (f *form) set(name, value string) error {
	var offered []string
	done := false
	for _, in := range f.fields {
		if in.name != name {
			continue
		}
		switch in.kind {
		case "hidden":
			return fmt.Errorf("the field %q is hidden; nobody types into it", name)
		case "radio":
			in.sent = in.value == value
			offered, done = append(offered, in.value), done || in.sent
		case "checkbox":
			if in.value == value {
				in.sent, done = true, true
			}
			offered = append(offered, in.value)
		case "select":
			if slices.Contains(in.choices, value) {
				in.value, in.sent, done = value, true, true
			}
			offered = in.choices
		default:
			in.value, done = value, true
		}
	}
	if !done && offered != nil {
		return fmt.Errorf("the field %q of %s offers %q, not %q", name, f.action.Path, offered, value)
	}
	if !done {
		return fmt.Errorf("the form of %s has no field %q, only %q", f.action.Path, name, f.names())
	}
	return nil
}

// has reports whether there is a field that can be filled in.
func (f *form) has(name string) bool {
	return slices.ContainsFunc(f.fields, func(in *field) bool { return in.name == name && in.kind != "hidden" })
}

// names lists the fields, each once.
func (f *form) names() []string {
	var list []string
	for _, in := range f.fields {
		if !slices.Contains(list, in.name) {
			list = append(list, in.name)
		}
	}
	return list
}

// first chooses the first choice of a field where none is made yet.
func (f *form) first(name string) {
	for _, in := range f.fields {
		if in.name == name && in.sent {
			return
		}
	}
	for _, in := range f.fields {
		if in.name == name {
			in.sent = true
			return
		}
	}
}

// values is what pressing a button sends.
func (f *form) values(label string) (url.Values, error) {
	at := slices.IndexFunc(f.buttons, func(b button) bool { return b.label == label })
	if at < 0 {
		return nil, fmt.Errorf("the form of %s has no button “%s”", f.action.Path, label)
	}
	v := url.Values{}
	for _, in := range f.fields {
		if in.sent && in.name != "" {
			v.Add(in.name, in.value)
		}
	}
	if b := f.buttons[at]; b.name != "" {
		v.Set(b.name, b.value)
	}
	return v, nil
}
