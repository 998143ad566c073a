package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
)

const base = "https://althing.test"

type ctx = context.Context

// site is the part of the server that signing in needs.
type site struct {
	*Gate
	*audittest.Bench
	members *members.Store
	errors  bytes.Buffer // what an operator would find in the log
}

func open(t *testing.T, b *audittest.Bench, change func(*Config), providers ...*hostile) *site {
	t.Helper()
	s := &site{Bench: b, members: members.New(b.Trail, b.Pool, b.Now)}
	cfg := Config{
		Base: base, Callback: "/sign-in/callback", Join: "/join", Members: s.members, Now: b.Now,
		Sessions: accounts.NewSessions(b.Pool, b.Now, Idle, Lifetime), Fail: s.fail,
		Welcome: func(ctx ctx, n Newcomer) (governance.MemberID, error) {
			return s.members.Join(ctx, members.Joining{Identity: n.Identity, Name: n.Name})
		},
	}
	for i, h := range providers {
		cfg.Issuers = append(cfg.Issuers, Issuer{
			Name: fmt.Sprint("p", i+1), Title: fmt.Sprint("Provider ", i+1), URL: h.URL, ClientID: "site", ClientSecret: h.secret,
		})
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if s.Gate, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) fail(w http.ResponseWriter, _ *http.Request, err error) {
	fmt.Fprintln(&s.errors, err)
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, "kind %d", governance.KindOf(err))
}

func (s *site) handler() http.Handler {
	answer := func(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				s.fail(w, r, err)
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in/{issuer}", answer(func(w http.ResponseWriter, r *http.Request) error {
		return s.Begin(w, r, r.PathValue("issuer"), r.FormValue("next"), r.FormValue("again") != "")
	}))
	mux.HandleFunc("GET /sign-in/callback/{issuer}", answer(func(w http.ResponseWriter, r *http.Request) error {
		return s.Callback(w, r, r.PathValue("issuer"))
	}))
	mux.HandleFunc("POST /join", answer(func(w http.ResponseWriter, r *http.Request) error {
		n, _ := Pending(r)
		id, err := s.members.Join(r.Context(), members.Joining{Identity: n.Identity, Name: r.FormValue("name")})
		if err != nil {
			return err
		}
		next, err := s.Admit(r, id)
		if err == nil {
			http.Redirect(w, r, next, http.StatusSeeOther)
		}
		return err
	}))
	mux.HandleFunc("POST /sign-out", answer(func(_ http.ResponseWriter, r *http.Request) error { return s.SignOut(r) }))
	mux.HandleFunc("POST /sign-out-everywhere", answer(func(_ http.ResponseWriter, r *http.Request) error { return s.SignOutEverywhere(r) }))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		id, _ := Member(r)
		n, pending := Pending(r)
		fmt.Fprintf(w, "%s member %d via %s fresh %v pending %v %q", r.URL.RequestURI(), id, Via(r), Fresh(r, FreshFor), pending, n.Name)
	})
	return s.Middleware(mux)
}

// browser has cookies of its own. The site is called within the process, the
// providers over the network.
type browser struct {
	*http.Client
	jar *cookiejar.Jar
}

type network struct{ site http.Handler }

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "althing.test" {
		return http.DefaultTransport.RoundTrip(r)
	}
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI = "192.0.2.7:1", r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	n.site.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{&http.Client{Transport: network{s.handler()}, Jar: jar}, jar}
}

func (b *browser) cookie(name string) string {
	u, _ := url.Parse(base)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	u, _ := url.Parse(base)
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

func (b *browser) do(t *testing.T, method, address string, form url.Values) (int, string) {
	t.Helper()
	req, _ := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func (b *browser) signIn(t *testing.T, issuer, next string) (int, string) {
	t.Helper()
	return b.do(t, http.MethodPost, base+"/sign-in/"+issuer, url.Values{"next": {next}})
}

// stopBefore lets the browser end just before it follows to a path, and
// returns the address it would have gone to.
func (b *browser) stopBefore(t *testing.T, issuer, path string) *url.URL {
	t.Helper()
	var at *url.URL
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, path) {
			at = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	b.signIn(t, issuer, "/")
	b.CheckRedirect = nil
	if at == nil {
		t.Fatalf("sign-in at %s never reached %s", issuer, path)
	}
	return at
}

func (s *site) sessions(t *testing.T) (n int) {
	t.Helper()
	if err := s.Pool.QueryRow(t.Context(), `select count(*) from sessions`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	s := open(t, b, nil, h)
	ada, visitor := s.browser(), s.browser()
	status, body := ada.signIn(t, "p1", "/proposals/7?x=1#top")
	if status != 200 || !strings.HasPrefix(body, "/proposals/7?x=1 member 1 via p1 fresh true") {
		t.Fatalf("signed in: got %d %q", status, body)
	}
	if _, body := visitor.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 0 via  fresh false") {
		t.Errorf("another browser: got %q", body)
	}
	if n := s.sessions(t); n != 1 {
		t.Errorf("sessions: got %d, want 1: visitors have none", n)
	}
	if c := ada.cookie("__Host-sign-in"); c != "" {
		t.Errorf("the sign-in cookie is still there: %q", c)
	}
	again := s.browser()
	if _, body := again.signIn(t, "p1", ""); !strings.HasPrefix(body, "/ member 1 ") {
		t.Errorf("second sign-in: got %q, want the same member", body)
	}
	ada.do(t, "POST", base+"/sign-out", nil)
	if _, body := ada.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 0") {
		t.Errorf("after signing out: got %q", body)
	}
	if _, body := again.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 1") {
		t.Errorf("the other browser after signing out here: got %q", body)
	}
	third := s.browser()
	third.signIn(t, "p1", "")
	third.do(t, "POST", base+"/sign-out-everywhere", nil)
	if _, body := again.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 0") {
		t.Errorf("after signing out everywhere: got %q", body)
	}
	if n := s.sessions(t); n != 0 {
		t.Errorf("sessions at the end: got %d, want 0", n)
	}
}

func TestNewcomerFillsInTheFormFirst(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	for _, tt := range []struct {
		name    string
		welcome func(ctx, Newcomer) (governance.MemberID, error)
	}{
		{"always", nil},
		{"policy refuses", func(ctx, Newcomer) (governance.MemberID, error) {
			return 0, governance.Errorf(governance.Invalid, "By invitation.")
		}},
	} {
		h.subject = "newcomer " + tt.name
		s := open(t, b, func(c *Config) { c.Welcome = tt.welcome }, h)
		ada := s.browser()
		if _, body := ada.signIn(t, "p1", "/polls/3"); !strings.Contains(body, `/join member 0 via p1 fresh false pending true "Ada"`) {
			t.Errorf("%s: got %q, want the page for joining", tt.name, body)
		}
		before := ada.cookie("__Host-session")
		if _, body := ada.do(t, "POST", base+"/join", url.Values{"name": {"Ada " + strings.ReplaceAll(tt.name, " ", "")}}); !strings.HasPrefix(body, "/polls/3 member ") || strings.Contains(body, "member 0") || !strings.Contains(body, "fresh true pending false") {
			t.Errorf("%s, joined: got %q, want to be where Ada wanted to go", tt.name, body)
		}
		if ada.cookie("__Host-session") == before {
			t.Errorf("%s: the token of the session stayed the same when joining", tt.name)
		}
	}
	s := open(t, b, nil, h)
	r := httptest.NewRequest("POST", "/join", nil)
	if _, err := s.Admit(r, 1); !governance.Is(err, governance.Unauthenticated) {
		t.Errorf("admit a stranger: got %v, want Unauthenticated", err)
	}
}

func TestEqualMailAtTwoIssuersIsTwoMembers(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	one, two := newHostile(t, b.Now), newHostile(t, b.Now)
	two.claims = func(c map[string]any) { c["name"] = "Ada's other self" }
	s := open(t, b, nil, one, two)
	if _, body := s.browser().signIn(t, "p1", ""); !strings.Contains(body, "member 1 via p1") {
		t.Errorf("first issuer: got %q", body)
	}
	if _, body := s.browser().signIn(t, "p2", ""); !strings.Contains(body, "member 2 via p2") {
		t.Errorf("second issuer, same subject and mail: got %q", body)
	}
	if n, err := s.members.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("members: got %d, %v; want 2", n, err)
	}
}

func TestSessionTableOpensNothing(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	s := open(t, b, nil, newHostile(t, b.Now))
	ada := s.browser()
	ada.signIn(t, "p1", "")
	cookie := ada.cookie("__Host-session")
	var rows, token string
	if err := s.Pool.QueryRow(t.Context(), `select token, s::text || encode(data, 'escape') from sessions s`).Scan(&token, &rows); err != nil {
		t.Fatal(err)
	}
	if cookie == "" || strings.Contains(rows, cookie) || strings.Contains(rows, "canary") {
		t.Errorf("row %q holds the cookie %q or a token", rows, cookie)
	}
	thief := s.browser()
	thief.setCookie("__Host-session", token)
	if _, body := thief.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 0") {
		t.Errorf("with the stored token as cookie: got %q", body)
	}
}

func TestFixation(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	s := open(t, b, nil, h)
	mallory, victim := s.browser(), s.browser()
	mallory.signIn(t, "p1", "")
	planted := mallory.cookie("__Host-session")
	victim.setCookie("__Host-session", planted)
	h.mu.Lock()
	h.subject, h.claims = "victim", func(c map[string]any) { c["name"] = "Victim" }
	h.mu.Unlock()
	if _, body := victim.signIn(t, "p1", ""); !strings.Contains(body, "member 2") {
		t.Fatalf("victim: got %q", body)
	}
	if victim.cookie("__Host-session") == planted {
		t.Error("the planted token became the victim's session")
	}
	if _, body := mallory.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 0") {
		t.Errorf("mallory with the planted token: got %q, want nobody", body)
	}
	garbage := s.browser()
	garbage.setCookie("__Host-session", "chosen-by-mallory")
	garbage.signIn(t, "p1", "")
	if garbage.cookie("__Host-session") == "chosen-by-mallory" {
		t.Error("a token that was never given out became a session")
	}
}

func TestSessionsEndByTheClock(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	s := open(t, b, nil, newHostile(t, b.Now))
	ada := s.browser()
	ada.signIn(t, "p1", "")
	signedIn := func() bool {
		_, body := ada.do(t, "GET", base+"/", nil)
		return strings.Contains(body, "member 1")
	}
	b.Travel(Idle - 10*time.Second)
	if !signedIn() {
		t.Error("shortly before the idle limit: signed out")
	}
	b.Travel(Idle + time.Second)
	if signedIn() {
		t.Error("after the idle limit: signed in")
	}
	ada.signIn(t, "p1", "")
	for range 13 {
		b.Travel(Idle - time.Minute)
		if !signedIn() {
			t.Fatal("used daily: signed out")
		}
	}
	b.Travel(12 * time.Hour)
	signedIn()
	b.Travel(12*time.Hour + 14*time.Minute)
	if signedIn() {
		t.Error("after fourteen days: signed in")
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	s := open(t, b, nil, h)
	ada := s.browser()
	again := func() string {
		_, body := ada.do(t, "POST", base+"/sign-in/p1", url.Values{"again": {"yes"}})
		return body
	}
	ada.signIn(t, "p1", "")
	b.Travel(FreshFor - 10*time.Second)
	if _, body := ada.do(t, "GET", base+"/", nil); !strings.Contains(body, "fresh true") {
		t.Errorf("shortly before the limit: got %q", body)
	}
	b.Travel(20 * time.Second)
	if _, body := ada.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 1 via p1 fresh false") {
		t.Errorf("after the limit: got %q", body)
	}
	var asked url.Values
	h.answer = func(url.Values) {
		for _, q := range h.codes {
			asked = q
		}
	}
	if body := again(); !strings.Contains(body, "fresh true") || asked.Get("max_age") != "0" || asked.Get("prompt") != "login" {
		t.Errorf("typed again: got %q after asking %v", body, asked)
	}
	b.Travel(FreshFor + time.Minute)
	for name, change := range map[string]func(map[string]any){
		"an old time": func(c map[string]any) { c["auth_time"] = b.Now().Add(-time.Hour).Unix() },
		"no time":     func(c map[string]any) { delete(c, "auth_time") },
	} {
		h.claims = change
		if body := again(); body != fmt.Sprintf("kind %d", governance.Forbidden) {
			t.Errorf("again, but the provider says %s: got %q, want Forbidden", name, body)
		}
	}
	h.claims = func(c map[string]any) { delete(c, "auth_time") }
	if _, body := ada.signIn(t, "p1", ""); !strings.Contains(body, "member 1 via p1 fresh false") {
		t.Errorf("plain sign-in without a time: got %q, want signed in and not fresh", body)
	}
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	up, down := newHostile(t, b.Now), newHostile(t, b.Now)
	s := open(t, b, nil, up, down)
	ada := s.browser()
	ada.signIn(t, "p1", "")
	up.Close()
	down.Close()
	if _, body := ada.do(t, "GET", base+"/", nil); !strings.Contains(body, "member 1") {
		t.Errorf("session while the provider is down: got %q", body)
	}
	for range 3 {
		if _, body := s.browser().signIn(t, "p2", ""); body != fmt.Sprintf("kind %d", governance.Unavailable) {
			t.Errorf("sign in at a provider that is down: got %q, want Unavailable", body)
		}
	}
	if text := s.errors.String(); !strings.Contains(text, "Provider 2 does not answer") {
		t.Errorf("the error does not name the provider: %q", text)
	}
	ada.do(t, "POST", base+"/sign-out", nil)
	if n := s.sessions(t); n != 0 {
		t.Errorf("sign out while the provider is down: %d sessions left", n)
	}
}
