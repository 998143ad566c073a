package localidp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/handlers/localidp"
	"codeberg.org/althing/althing/handlers/session"
	"github.com/go-chi/chi/v5"
)

const site = "https://althing.test"

// forms shows the id of the request, which the browser sends back.
type forms struct{}

func (forms) SignIn(w http.ResponseWriter, _ *http.Request, status int, f localidp.SignInForm) {
	w.WriteHeader(status)
	fmt.Fprint(w, "request="+f.Request)
}

func (forms) Register(w http.ResponseWriter, _ *http.Request, status int, f localidp.RegisterForm) {
	w.WriteHeader(status)
	fmt.Fprint(w, "request="+f.Request)
}

func (forms) Fail(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusBadRequest)
}

type inside struct{ http.Handler }

func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.7:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	t.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// TestSignInAtTheServersOwnProvider walks the whole way as a browser does:
// the site, the provider in the same router, and go-oidc between them.
func TestSignInAtTheServersOwnProvider(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	store := members.New(b.Trail, b.Pool, b.Now)
	idp, err := localidp.New(localidp.Config{
		Issuer: site + "/op", RedirectURI: site + "/sign-in/callback/local", Secret: [32]byte{1},
		Accounts: accounts.New(b.Pool, b.Now), Pages: forms{}, Now: b.Now,
		SignInPath:   func(id string) string { return "/local/sign-in?request=" + id },
		RegisterPath: func(id string) string { return "/local/register?request=" + id },
	})
	if err != nil {
		t.Fatal(err)
	}
	fail := func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	gate, err := session.New(session.Config{
		Base: site, Callback: "/sign-in/callback", Join: "/join", Members: store, Now: b.Now, Fail: fail,
		Sessions: accounts.NewSessions(b.Pool, b.Now, session.Idle, session.Lifetime),
		Issuers:  []session.Issuer{{Name: "local", Title: "This server", URL: site + "/op", ClientID: localidp.ClientID, Local: true, Client: idp.Client()}},
		Welcome: func(ctx context.Context, n session.Newcomer) (governance.MemberID, error) {
			return store.Join(ctx, members.Joining{Identity: n.Identity, Name: n.Name})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(gate.Middleware)
	router.Handle(idp.Prefix()+"/*", idp)
	router.HandleFunc("/local/sign-in", idp.SignIn)
	router.HandleFunc("/local/register", idp.Register)
	router.Post("/sign-in/{issuer}", func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Begin(w, r, chi.URLParam(r, "issuer"), r.FormValue("next"), false); err != nil {
			fail(w, r, err)
		}
	})
	router.Get("/sign-in/callback/{issuer}", func(w http.ResponseWriter, r *http.Request) {
		if err := gate.Callback(w, r, chi.URLParam(r, "issuer")); err != nil {
			fail(w, r, err)
		}
	})
	router.Get("/polls/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := session.Member(r)
		fmt.Fprintf(w, "poll %s, member %d, fresh %v", chi.URLParam(r, "id"), id, session.Fresh(r, session.FreshFor))
	})
	post := func(browser *http.Client, path string, form url.Values) string {
		t.Helper()
		resp, err := browser.PostForm(site+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	walk := func(form string, typed url.Values) string {
		t.Helper()
		jar, _ := cookiejar.New(nil)
		browser := &http.Client{Transport: inside{router}, Jar: jar}
		shown := post(browser, "/sign-in/local", url.Values{"next": {"/polls/3"}})
		id, ok := strings.CutPrefix(shown, "request=")
		if !ok {
			t.Fatalf("sign-in form: got %q", shown)
		}
		typed.Set("request", id)
		return post(browser, form, typed)
	}
	const pass = "correct horse battery"
	want := "poll 3, member 1, fresh true"
	if got := walk("/local/register", url.Values{"name": {"Ada"}, "password": {pass}, "again": {pass}}); got != want {
		t.Errorf("new account: got %q, want %q", got, want)
	}
	if got := walk("/local/sign-in", url.Values{"name": {"ada"}, "password": {pass}}); got != want {
		t.Errorf("later: got %q, want %q", got, want)
	}
	if got := walk("/local/sign-in", url.Values{"name": {"ada"}, "password": {"wrong"}}); !strings.HasPrefix(got, "request=") {
		t.Errorf("wrong password: got %q, want the form again", got)
	}
	m, err := store.ByID(t.Context(), 1)
	if err != nil || m.Name != "ada" {
		t.Errorf("member: got %+v, %v", m, err)
	}
}
