package cli

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// form finds the form of the present page that writes and whose action
// contains a text; nil if the page offers none.
func (p *person) form(action string) *html.Node {
	for n := range p.page.Descendants() {
		if n.Data == "form" && attr(n, "method") == "post" && strings.Contains(attr(n, "action"), action) {
			return n
		}
	}
	return nil
}

// post sends a form that the page does not offer, as a retry or a stranger would.
func (p *person) post(path string, values url.Values) *person {
	p.t.Helper()
	return p.submit(p.site.url+path, values)
}

// submit sends values as a form of the site does.
func (p *person) submit(to string, values url.Values) *person {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(values.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.site.url)
	return p.do(req)
}

// mark is what the model added on the present page.
func (p *person) mark() string {
	for n := range p.page.Descendants() {
		if n.Data == "mark" && n.FirstChild != nil {
			return n.FirstChild.Data
		}
	}
	return ""
}

// begin founds the community with rules of one's own.
func (s *site) begin(t *testing.T, founder *person, rules url.Values) {
	t.Helper()
	link, err := s.foundingLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{"name": {"The Skald community"}, "purpose": {"To test."}, "model": {"Skald"}}
	for name, v := range rules {
		values[name] = v
	}
	founder.get("/founding?secret="+founding.FindStringSubmatch(link)[1]).send("/founding", values).want(http.StatusOK, "The Skald community")
	s.until(t, s.visitor(t), "/versions", "in use")
}

// until reads a page again and again until it says something.
func (s *site) until(t *testing.T, p *person, path, text string) {
	t.Helper()
	for !strings.Contains(p.get(path).body, text) {
		if t.Context().Err() != nil {
			t.Fatalf("%s never says %q: %s", path, text, p.words())
		}
	}
}

// carry has a draft sponsored, tabled and voted for by both.
func (s *site) carry(t *testing.T, author, other *person, proposal string) {
	t.Helper()
	other.get(proposal).send(proposal+"/sponsors", nil)
	author.get(proposal)
	if author.form(proposal+"/state") != nil {
		author.send(proposal+"/state", url.Values{"do": {"table"}})
	}
	for _, p := range []*person{author, other} {
		s.until(t, p, proposal, `name="choice"`)
		p.send(proposal+"/ballot", url.Values{"choice": {"yes"}}).want(http.StatusOK, "Your ballot")
	}
}

// event returns the first server-sent event of a stream.
func (s *site) event(t *testing.T, path string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var event strings.Builder
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && lines.Text() != "" {
		event.WriteString(lines.Text() + "\n")
	}
	return event.String()
}
