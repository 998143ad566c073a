package demo

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func read(t *testing.T, address, source string) *page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &page{http.StatusOK, at, root}
}

const ballotPage = `<!doctype html><title>x</title><form action="/search"><input name="q"><button>Search</button></form>
<h1>Proposal <b>7</b>: Train</h1>
<form method="post" action="ballot?x=1"><input type="hidden" name="op" value="a1">
<input type="radio" name="choice" value="yes"><input type="radio" name="choice" value="no" checked>
<input type="radio" name="choice" value="never" disabled>
<textarea name="reason">
Old
words &amp; more</textarea><input type="checkbox" name="box" value="1" checked><input type="checkbox" name="box" value="2">
<select name="rule"><option value="a">A</option><option selected>B</option></select><input name="n" type="number" value="3">
<button name="do" value="save">Cast <i>ballot</i></button><button name="do" value="drop">Drop</button></form>`

func TestFormSendsWhatABrowserSends(t *testing.T) {
	f, err := read(t, "http://site/proposals/7", ballotPage).form("Cast ballot")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.action.String(), "http://site/proposals/ballot?x=1"; got != want || f.method != http.MethodPost {
		t.Errorf("form: got %s %s, want POST %s", f.method, got, want)
	}
	v, err := f.values("Cast ballot")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Encode(), "box=1&choice=no&do=save&n=3&op=a1&reason=Old%0Awords+%26+more&rule=B"; got != want {
		t.Errorf("values as they came: got %s, want %s", got, want)
	}
	for _, e := range []entry{{"choice", "yes"}, {"reason", "New"}, {"box", "2"}, {"rule", "a"}, {"n", "4"}} {
		if err := f.set(e.name, e.value); err != nil {
			t.Errorf("set %v: %v", e, err)
		}
	}
	if v, err = f.values("Drop"); err != nil {
		t.Fatal(err)
	}
	if got, want := v.Encode(), "box=1&box=2&choice=yes&do=drop&n=4&op=a1&reason=New&rule=a"; got != want {
		t.Errorf("values after filling in: got %s, want %s", got, want)
	}
}

func TestFormRefusesWhatNobodyCouldDo(t *testing.T) {
	p := read(t, "http://site/proposals/7", ballotPage)
	f, err := p.form("Cast ballot")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []entry{{"op", "b2"}, {"choice", "perhaps"}, {"choice", "never"}, {"box", "3"}, {"rule", "c"}, {"missing", "x"}} {
		if err := f.set(e.name, e.value); err == nil {
			t.Errorf("set %v: got no error", e)
		}
	}
	if _, err := p.form("Cast"); err == nil || !strings.Contains(err.Error(), "Drop") {
		t.Errorf("form without such a button: got %v, want an error that lists the buttons", err)
	}
	if _, err := f.values("Save"); err == nil {
		t.Error("press a button of another form: got no error")
	}
}

func TestPageReading(t *testing.T) {
	p := read(t, "http://site/campaigns/3", `<h1>Campaign 3</h1><script>no()</script>
<table><caption>Loss by round <small>x</small></caption><thead><tr><th>Round</th></tr></thead>
<tbody><tr><th scope="row"><a href="/rounds/9">1</a></th><td>2.51</td><td>accepted</td></tr><tr><th>2</th><td>–</td><td>running</td></tr></tbody></table>
<ol><li aria-current="step"><b>Collecting</b><span> (now)</span></li></ol>
<dl><dt>Stage</dt><dd>carried <b>out</b></dd></dl><a href="/rounds/9">again</a><a href="/rounds/new">new</a>`)
	for _, tt := range []struct{ name, got, want string }{
		{"title", p.title(), "Campaign 3"},
		{"table", fmt.Sprint(p.table("Loss by round")), "[[1 2.51 accepted] [2 – running]]"},
		{"no table", fmt.Sprint(p.table("Nodes")), "[]"},
		{"row", fmt.Sprint(p.row("2")), "[2 – running]"},
		{"fact", p.fact("Stage"), "carried out"},
		{"no fact", p.fact("Rule"), ""},
		{"stage", p.now(), "Collecting (now)"},
		{"links", fmt.Sprint(p.links("/rounds/")), "[/rounds/9 /rounds/new]"},
		{"link", p.link("again"), "/rounds/9"},
		{"decimals", fmt.Sprint(decimals("9.94 bits, before; now −1.20 of 10.")), "[9.94 -1.2 10]"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestBrowserKeepsCookiesAndFollows(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: "ketil", Path: "/"})
		fmt.Fprint(w, `<form method="post" action="/name"><input name="name"><button>Go on</button></form>`)
	})
	mux.HandleFunc("POST /name", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("who"); err != nil || c.Value != "ketil" || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			http.Error(w, "no cookie", http.StatusForbidden)
			return
		}
		if r.PostFormValue("name") == "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `<main>long text<div class="cdx-field__validation-message">Please choose a name.</div></main>`)
			return
		}
		http.Redirect(w, r, "/done", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /done", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<h1>Done</h1>") })
	site := httptest.NewServer(mux)
	defer site.Close()
	base, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBrowser(base)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.fill(t.Context(), "/in", "Go on", entry{"name", "Ketil"})
	if err != nil || p.title() != "Done" || p.url.Path != "/done" {
		t.Fatalf("fill in and go on: got %v, %v, want the page after the redirect", p, err)
	}
	var no *refusal
	if _, err = b.fill(t.Context(), "/in", "Go on"); !errors.As(err, &no) || no.status != http.StatusUnprocessableEntity || no.says != "Please choose a name." {
		t.Errorf("send an empty form: got %v, want what the page says", err)
	}
	if _, err = b.open(t.Context(), "/nowhere"); !errors.As(err, &no) || no.status != http.StatusNotFound {
		t.Errorf("open what is not there: got %v, want 404", err)
	}
}

func TestOutcomes(t *testing.T) {
	got, err := outcomes([]byte("round,state,loss_of_campaign_base,loss_after,byte_frequencies\n1,rejected,1.7,1.9,3.6\n1,accepted,1.7,1.6,3.6\n2,collecting,,,\n"))
	if err != nil || len(got) != 1 || got[0] != (outcome{1.7, 1.6, 3.6}) {
		t.Errorf("outcomes: got %v, %v, want the one accepted round", got, err)
	}
	for _, data := range []string{"", "round,state\n1,accepted\n", "state,loss_of_campaign_base,loss_after,byte_frequencies\naccepted,1,–,1\n"} {
		if got, err := outcomes([]byte(data)); err == nil {
			t.Errorf("outcomes of %q: got %v and no error", data, got)
		}
	}
}
