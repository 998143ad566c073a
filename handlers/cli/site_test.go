package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"
)

// site is a whole platform that answers on a port of its own.
type site struct {
	*platform
	url string
}

// newSite opens a platform on a database of its own and serves it until the
// test ends, when its trail is verified.
func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteOn(t, pgtest.URL(t), slog.New(slog.DiscardHandler))
}

// newSiteOn is newSite on a database and with a log of the test's own.
func newSiteOn(t testing.TB, database string, logger *slog.Logger) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := settings{Dir: t.TempDir(), Addr: l.Addr().String(), Database: database}
	if err := s.complete(); err != nil {
		t.Fatal(err)
	}
	p, err := open(t.Context(), s, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := audit.Verify(context.Background(), p.pool); err != nil {
			t.Error(err)
		}
		if err := p.close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &site{p, s.URL}
}

// person is a browser without script: cookies, links and forms.
type person struct {
	t      testing.TB
	site   *site
	client *http.Client
	at     *url.URL
	status int
	body   string
	page   *html.Node
}

func (s *site) visitor(t testing.TB) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, site: s, client: &http.Client{Jar: jar}}
}

func (p *person) do(req *http.Request) *person {
	p.t.Helper()
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.at, p.status, p.body = res.Request.URL, res.StatusCode, string(data)
	markup := p.body
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		markup = "" // a file
	}
	if p.page, err = html.Parse(strings.NewReader(markup)); err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *person) get(path string) *person {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.site.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(req)
}

// send fills in the form whose action contains a text, and sends it.
func (p *person) send(action string, fill url.Values) *person {
	p.t.Helper()
	form := p.form(action)
	if form == nil {
		p.t.Fatalf("%s has no form to %q: %s", p.at, action, p.words())
	}
	values := fieldsOf(form)
	for name, v := range fill {
		values[name] = v
	}
	to, err := p.at.Parse(attr(form, "action"))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.submit(to.String(), values)
}

// words is the text of the page's main part, shortened, for messages.
func (p *person) words() string {
	var out strings.Builder
	for n := range p.page.Descendants() {
		if n.Data != "main" {
			continue
		}
		for m := range n.Descendants() {
			if m.Type == html.TextNode {
				out.WriteString(strings.Join(strings.Fields(m.Data), " ") + " ")
			}
		}
	}
	text := out.String()
	return text[:min(len(text), 1200)]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// fieldsOf is what a browser would send of a form as it stands.
func fieldsOf(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if name == "" {
			continue
		}
		switch {
		case n.Data == "textarea" && n.FirstChild != nil:
			values.Set(name, n.FirstChild.Data)
		case n.Data == "textarea":
			values.Set(name, "")
		case n.Data == "select":
			for o := range n.Descendants() {
				if o.Data == "option" && (!values.Has(name) || slices.ContainsFunc(o.Attr, func(a html.Attribute) bool { return a.Key == "selected" })) {
					values.Set(name, attr(o, "value"))
				}
			}
		case n.Data != "input":
		case attr(n, "type") == "radio" || attr(n, "type") == "checkbox":
			if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" }) {
				values.Add(name, attr(n, "value"))
			}
		default:
			values.Set(name, attr(n, "value"))
		}
	}
	return values
}

func (p *person) want(status int, text string) *person {
	p.t.Helper()
	if p.status != status || !strings.Contains(html.UnescapeString(p.body), text) {
		p.t.Fatalf("%s: got status %d, want %d with %q in: %s", p.at, p.status, status, text, p.words())
	}
	return p
}

// join makes an account and becomes a member.
func (s *site) join(t testing.TB, name string) *person {
	t.Helper()
	p := s.visitor(t)
	p.get("/sign-in").send("/sign-in/local", nil)
	register := regexp.MustCompile(`href="(/local/register[^"]*)"`).FindStringSubmatch(p.body)
	if register == nil {
		t.Fatalf("no way to register on %s", p.at)
	}
	p.get(html.UnescapeString(register[1])).send("/local/register", url.Values{
		"name": {name}, "password": {"correct horse battery"}, "again": {"correct horse battery"},
	})
	return p.want(http.StatusOK, name)
}

var founding = regexp.MustCompile(`secret=([A-Za-z0-9_-]+)`)

// found founds the community with short periods, by its first member.
func (s *site) found(t testing.TB, founder *person) {
	t.Helper()
	s.foundWith(t, founder, nil)
}

// foundWith founds the community with other values for some policies.
func (s *site) foundWith(t testing.TB, founder *person, more url.Values) {
	t.Helper()
	link, err := s.foundingLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{
		"name": {"The Skald community"}, "purpose": {"To test."}, "model": {"Skald"},
		"class.2.discussion": {"0"}, "class.2.voting": {"3600"}, "class.2.waiting": {"0"}, "proposals.sponsors": {"1"},
	}
	for name, v := range more {
		values[name] = v
	}
	founder.get("/founding?secret="+founding.FindStringSubmatch(link)[1]).send("/founding", values).want(http.StatusOK, "The Skald community")
	for s.visitor(t).get("/wiki/Help").status != http.StatusOK { // a job writes the first pages
		if t.Context().Err() != nil {
			t.Fatal("the first pages were never written")
		}
	}
}

// routesOf lists every route of the site.
func routesOf(t *testing.T, s *site, visit func(method, path string)) {
	t.Helper()
	router, ok := s.handler.(chi.Routes)
	if !ok {
		t.Fatalf("the site's handler is a %T", s.handler)
	}
	if err := chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		for _, placeholder := range regexp.MustCompile(`\{[a-z]+\}`).FindAllString(route, -1) {
			value := "1"
			if placeholder == "{title}" || placeholder == "{name}" {
				value = "Help"
			}
			route = strings.Replace(route, placeholder, value, 1)
		}
		visit(method, strings.ReplaceAll(route, "*", ""))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// elsewhere are the routes that programs use; they sign or need no session.
var elsewhere = regexp.MustCompile(`^/(node|op|static|log/tile|healthz|log/checkpoint|log/log.pub|v1)`)

func TestCSRFEveryRoute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	tried := 0
	routesOf(t, s, func(method, path string) {
		if elsewhere.MatchString(path) || method != http.MethodPost {
			return
		}
		for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site"}} {
			req, err := http.NewRequest(method, s.url+path, strings.NewReader("op=aaaaaaaaaaaa&choice=yes"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(header[0], header[1])
			if got := asta.do(req).status; got != http.StatusForbidden {
				t.Errorf("%s %s with %s: %s: got %d, want 403", method, path, header[0], header[1], got)
			}
			tried++
		}
	})
	if tried < 20 {
		t.Errorf("only %d requests were tried; the walk does not see the routes", tried)
	}
}

func TestHeadersEveryRoute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	routesOf(t, s, func(method, path string) {
		if method != http.MethodGet || elsewhere.MatchString(path) || strings.HasSuffix(path, "/events") {
			return
		}
		req, err := http.NewRequest(method, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Jar: asta.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode >= 500 {
			t.Errorf("GET %s: %s", path, res.Status)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := res.Header.Get(name); !strings.Contains(got, want) {
				t.Errorf("GET %s: %s is %q, want %q in it", path, name, got, want)
			}
		}
	})
}

// TestGETIsPure compares every table before and after every page was read.
func TestGETIsPure(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	asta.get("/edit/Help").send("/edit/Help", url.Values{"text": {"# Help\n\nAsk."}}).want(http.StatusOK, "Ask.")
	before := s.tables(t)
	routesOf(t, s, func(method, path string) {
		if method == http.MethodGet && !elsewhere.MatchString(path) && !strings.HasSuffix(path, "/events") {
			asta.get(path)
		}
	})
	if after := s.tables(t); after != before {
		t.Errorf("reading pages changed the database:\n%s\n%s", before, after)
	}
}

// tables is a digest of each table that a reader must not change. Sessions
// note their last use; the log's own rows follow acts.
func (s *site) tables(t *testing.T) string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `
		select table_name from information_schema.tables
		where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not like 'river%' and table_name not like 'audit%'
		and table_name not in ('sessions', 'sign_in_codes', 'heartbeats') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if rows.Err() != nil || len(names) < 10 {
		t.Fatalf("tables: %v, %v", names, rows.Err())
	}
	var out strings.Builder
	for _, name := range names {
		var all string
		if err := s.pool.QueryRow(t.Context(), fmt.Sprintf(`select coalesce(string_agg(x::text, '|' order by x::text), '') from %q x`, name)).Scan(&all); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %x\n", name, sha256.Sum256([]byte(all)))
	}
	return out.String()
}

func TestFoundingLinkFoundsOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta, bera := s.join(t, "asta"), s.join(t, "bera")
	link, err := s.foundingLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secret := founding.FindStringSubmatch(link)[1]
	bera.get("/founding?secret=wrong").want(http.StatusForbidden, "not the last one")
	asta.get("/founding?secret="+secret).send("/founding", url.Values{"name": {"A"}, "purpose": {"B"}, "model": {"C"}, "class.1.voting": {"soon"}}).
		want(http.StatusUnprocessableEntity, `not "soon"`)
	asta.send("/founding", url.Values{"class.1.voting": {"60"}}).want(http.StatusOK, "Welcome")
	bera.get("/founding?secret="+secret).want(http.StatusConflict, "founded already")
}
