package cli

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// form finds the form of the present page whose action contains a text.
func (p *person) form(action string) *html.Node {
	for n := range p.page.Descendants() {
		if n.Data == "form" && strings.Contains(attr(n, "action"), action) {
			return n
		}
	}
	return nil
}

// post sends a form that the page does not offer, as a retry or a stranger would.
func (p *person) post(path string, values url.Values) *person {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.site.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.site.url)
	return p.do(req)
}
