package localidp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	site     = "https://althing.test"
	redirect = site + "/sign-in/callback/local"
	verifier = "0123456789012345678901234567890123456789012345"
)

// plain renders forms as JSON.
type plain struct{}

func (plain) SignIn(w http.ResponseWriter, _ *http.Request, status int, f SignInForm) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(f)
}

func (plain) Register(w http.ResponseWriter, _ *http.Request, status int, f RegisterForm) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(f)
}

func (plain) Fail(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(499)
	fmt.Fprintf(w, "kind %d: %v", governance.KindOf(err), err)
}

// world is a site with a provider and browsers.
type world struct {
	*Provider
	router http.Handler
	pool   *pgxpool.Pool
	ahead  atomic.Int64 // seconds of the clock
}

func open(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t)}
	now := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load()) * time.Second) }
	cfg := Config{
		Issuer: site + "/op", RedirectURI: redirect, Secret: sha256.Sum256([]byte(t.Name())),
		Accounts: accounts.New(w.pool, now), Pages: plain{}, Now: now,
		SignInPath:   func(id string) string { return "/local/sign-in?request=" + url.QueryEscape(id) },
		RegisterPath: func(id string) string { return "/local/register?request=" + url.QueryEscape(id) },
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if w.Provider, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Handle(w.Prefix()+"/*", w.Provider)
	router.HandleFunc("/local/sign-in", w.SignIn)
	router.HandleFunc("/local/register", w.Register)
	// A call into the provider from inside a sub-router, as the site makes.
	router.Route("/sub", func(sub chi.Router) {
		sub.Get("/inside", func(rw http.ResponseWriter, r *http.Request) {
			req, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, site+"/op/.well-known/openid-configuration", nil)
			resp, err := w.Client().Do(req)
			if err != nil {
				http.Error(rw, err.Error(), http.StatusInternalServerError)
				return
			}
			defer resp.Body.Close()
			rw.WriteHeader(resp.StatusCode)
			io.Copy(rw, resp.Body)
		})
	})
	w.router = router
	return w
}

type routed struct{ h http.Handler }

func (t routed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.7:1"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &answer{header: http.Header{}}
	t.h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), Request: r}, nil
}

// browser keeps cookies and stops before it leaves for the callback.
func (w *world) browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Transport: routed{w.router}, Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/sign-in/callback/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func authorize(change url.Values) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {ClientID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"st"}, "nonce": {"no"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for k, v := range change {
		q[k] = v
		if v[0] == "" {
			delete(q, k)
		}
	}
	return site + "/op/authorize?" + q.Encode()
}

func do(t *testing.T, b *http.Client, address string, form url.Values) (int, string, *url.URL) {
	t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = b.Get(address)
	} else {
		resp, err = b.PostForm(address, form)
	}
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	at := resp.Request.URL
	if to, err := resp.Location(); err == nil {
		at = to
	}
	return resp.StatusCode, string(body), at
}

// begin opens the sign-in form and returns the id of the pending request.
func (w *world) begin(t *testing.T, b *http.Client) string {
	t.Helper()
	status, body, at := do(t, b, authorize(nil), nil)
	id := at.Query().Get("request")
	if status != 200 || at.Path != "/local/sign-in" || len(id) != 43 {
		t.Fatalf("begin: got %d at %v: %s", status, at, body)
	}
	return id
}

// register makes an account and returns its code.
func (w *world) register(t *testing.T, b *http.Client, name, pass string) string {
	t.Helper()
	form := url.Values{"request": {w.begin(t, b)}, "name": {name}, "password": {pass}, "again": {pass}}
	status, body, at := do(t, b, site+"/local/register", form)
	code := at.Query().Get("code")
	if status != http.StatusFound || code == "" || at.Query().Get("state") != "st" {
		t.Fatalf("register %q: got %d at %v: %s", name, status, at, body)
	}
	return code
}

func (w *world) exchange(t *testing.T, code string, change url.Values) (int, map[string]any) {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "client_id": {ClientID}, "code_verifier": {verifier},
	}
	for k, v := range change {
		form[k] = v
	}
	status, body, _ := do(t, w.Client(), site+"/op/oauth/token", form)
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("token answer %q: %v", body, err)
	}
	return status, out
}

func claims(t *testing.T, token any) map[string]any {
	t.Helper()
	parts := strings.Split(fmt.Sprint(token), ".")
	if len(parts) != 3 {
		t.Fatalf("token %v: want three parts", token)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRegisterThenSignIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.browser()
	status, tokens := w.exchange(t, w.register(t, b, " Ada.L ", "correct horse battery"), nil)
	first := claims(t, tokens["id_token"])
	if status != 200 || first["name"] != "ada.l" || first["nonce"] != "no" || first["iss"] != site+"/op" || first["sub"] == "" || first["auth_time"] == nil || first["at_hash"] == nil {
		t.Errorf("after registration: got %d, %v", status, first)
	}
	form := url.Values{"request": {w.begin(t, b)}, "name": {"ADA.L"}, "password": {"correct horse battery"}}
	_, _, at := do(t, b, site+"/local/sign-in", form)
	_, tokens = w.exchange(t, at.Query().Get("code"), nil)
	second := claims(t, tokens["id_token"])
	if second["sub"] != first["sub"] {
		t.Errorf("subject: got %v, want %v as at registration", second["sub"], first["sub"])
	}
	req, _ := http.NewRequest(http.MethodGet, site+"/op/userinfo", nil)
	req.Header.Set("Authorization", "Bearer "+fmt.Sprint(tokens["access_token"]))
	resp, err := w.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var info map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil || info["sub"] != first["sub"] {
		t.Errorf("userinfo: got %v, %v", info, err)
	}
}

func TestCodeIsUsedOnceByWhoKnowsTheVerifier(t *testing.T) {
	t.Parallel()
	w := open(t)
	for name, tt := range map[string]url.Values{
		"another verifier": {"code_verifier": {strings.Repeat("x", 43)}},
		"no verifier":      {"code_verifier": {""}},
		"another address":  {"redirect_uri": {site + "/elsewhere"}},
		"another client":   {"client_id": {"stranger"}},
	} {
		code := w.register(t, w.browser(), "user"+strings.ReplaceAll(name, " ", ""), "correct horse battery")
		if status, got := w.exchange(t, code, tt); status == 200 {
			t.Errorf("%s: got tokens %v", name, got)
		}
		if status, got := w.exchange(t, code, nil); status != 400 || got["error"] != "invalid_grant" {
			t.Errorf("%s, then right: got %d, %v; want invalid_grant, because the code was shown", name, status, got)
		}
	}
	code := w.register(t, w.browser(), "ada", "correct horse battery")
	if status, got := w.exchange(t, code, nil); status != 200 {
		t.Fatalf("first exchange: got %d, %v", status, got)
	}
	if status, got := w.exchange(t, code, nil); status != 400 || got["error"] != "invalid_grant" {
		t.Errorf("replayed code: got %d, %v; want invalid_grant", status, got)
	}
}

func TestBadAuthorizationRequests(t *testing.T) {
	t.Parallel()
	w := open(t)
	for name, tt := range map[string]url.Values{
		"without PKCE":      {"code_challenge": {""}},
		"PKCE plain":        {"code_challenge_method": {"plain"}},
		"without nonce":     {"nonce": {""}},
		"without state":     {"state": {""}},
		"foreign redirect":  {"redirect_uri": {"https://evil.test/"}},
		"longer redirect":   {"redirect_uri": {redirect + "/x"}},
		"unknown client":    {"client_id": {"stranger"}},
		"implicit flow":     {"response_type": {"id_token"}},
		"silent":            {"prompt": {"none"}},
		"very long request": {"state": {strings.Repeat("s", 17000)}},
	} {
		_, _, at := do(t, w.browser(), authorize(tt), nil)
		if at.Path == "/local/sign-in" || at.Host != "althing.test" || at.Query().Get("code") != "" {
			t.Errorf("%s: got %v, want a refusal", name, at)
		}
	}
}

func TestRequestBelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	w := open(t)
	mallory, victim := w.browser(), w.browser()
	id := w.begin(t, mallory)
	w.begin(t, victim)
	w.register(t, w.browser(), "ada", "correct horse battery")
	form := url.Values{"request": {id}, "name": {"ada"}, "password": {"correct horse battery"}}
	for _, address := range []string{"/local/sign-in?request=" + id, "/local/register?request=" + id, "/op/authorize/callback?id=" + id} {
		if status, body, _ := do(t, victim, site+address, nil); status != 499 || !strings.Contains(body, fmt.Sprintf("kind %d", governance.Forbidden)) {
			t.Errorf("planted %s: got %d %s, want Forbidden", address, status, body)
		}
	}
	if status, body, at := do(t, victim, site+"/local/sign-in", form); status != 499 || at.Query().Get("code") != "" {
		t.Errorf("password typed into a planted form: got %d at %v: %s", status, at, body)
	}
	if status, _, at := do(t, mallory, site+"/op/authorize/callback?id="+id, nil); at.Query().Get("code") != "" {
		t.Errorf("callback before any password: got %d at %v", status, at)
	}
}

func TestWrongPasswordSaysNothingMore(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.browser()
	w.register(t, b, "ada", "correct horse battery")
	answers := map[string]bool{}
	for _, tt := range []struct{ name, pass string }{{"ada", "wrong horse battery"}, {"nobody", "correct horse battery"}, {"ada", ""}, {"", ""}} {
		form := url.Values{"request": {w.begin(t, b)}, "name": {tt.name}, "password": {tt.pass}}
		status, body, at := do(t, b, site+"/local/sign-in", form)
		if status != 422 || at.Query().Get("code") != "" || tt.pass != "" && strings.Contains(body, tt.pass) || !strings.Contains(body, `"Name":"`+tt.name+`"`) {
			t.Errorf("%q, %q: got %d %s; want 422 with the name and without the password", tt.name, tt.pass, status, body)
		}
		answers[body[strings.Index(body, `"Problem"`):]] = true
	}
	if len(answers) != 1 {
		t.Errorf("wrong name and wrong password are told apart: %v", answers)
	}
	form := url.Values{"request": {w.begin(t, b)}, "name": {"ada"}, "password": {"wrong horse battery"}}
	limited := 0
	for range 25 {
		if status, _, _ := do(t, b, site+"/local/sign-in", form); status == 429 {
			limited++
		}
	}
	if limited < 5 {
		t.Errorf("29 wrong tries: %d refused as too many, want at least 5", limited)
	}
}

func TestRegistrationProblemsStandBesideTheirField(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.browser()
	w.register(t, b, "taken", "correct horse battery")
	id := w.begin(t, b)
	for _, tt := range []struct{ name, pass, again, field string }{
		{"", "correct horse battery", "correct horse battery", "NameWrong"},
		{"42", "correct horse battery", "correct horse battery", "NameWrong"},
		{"аda", "correct horse battery", "correct horse battery", "NameWrong"}, // Cyrillic
		{"a/b", "correct horse battery", "correct horse battery", "NameWrong"},
		{strings.Repeat("a", 41), "correct horse battery", "correct horse battery", "NameWrong"},
		{"TAKEN", "correct horse battery", "correct horse battery", "NameWrong"},
		{"ada", "", "", "PasswordWrong"},
		{"ada", "ninechars", "ninechars", "PasswordWrong"},
		{"ada", "aaaaaaaaaaaa", "aaaaaaaaaaaa", "PasswordWrong"},
		{"adalovelace", "adalovelace1", "adalovelace1", "PasswordWrong"},
		{"ada", strings.Repeat("long ", 300), strings.Repeat("long ", 300), "PasswordWrong"},
		{"ada", "correct horse battery", "correct horse", "AgainWrong"},
	} {
		typed := url.Values{"request": {id}, "name": {tt.name}, "password": {tt.pass}, "again": {tt.again}}
		status, body, at := do(t, b, site+"/local/register", typed)
		if status != 422 || at.Query().Get("code") != "" {
			t.Errorf("%+v: got %d at %v, want 422", tt, status, at)
			continue
		}
		var form RegisterForm
		if err := json.Unmarshal([]byte(body), &form); err != nil {
			t.Fatal(err)
		}
		wrong := map[string]string{"NameWrong": form.NameWrong, "PasswordWrong": form.PasswordWrong, "AgainWrong": form.AgainWrong}
		for field, text := range wrong {
			if (text != "") != (field == tt.field) {
				t.Errorf("%+v: %s says %q", tt, field, text)
			}
		}
		if form.Name != tt.name || tt.pass != "" && strings.Contains(body, tt.pass) {
			t.Errorf("%+v: the name must stay and the password go: %s", tt, body)
		}
	}
	form := url.Values{"request": {id}, "name": {"ada"}, "password": {"pässwörter-lang"}, "again": {"pa\u0308sswo\u0308rter-lang"}}
	if status, body, at := do(t, b, site+"/local/register", form); at.Query().Get("code") == "" {
		t.Errorf("the same password composed and decomposed: got %d %s", status, body)
	}
}

func TestPendingRequestExpires(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.browser()
	id := w.begin(t, b)
	w.ahead.Store(int64(requestLife.Seconds()) - 2)
	if status, body, _ := do(t, b, site+"/local/sign-in?request="+id, nil); status != 200 {
		t.Errorf("before the end: got %d %s", status, body)
	}
	w.ahead.Store(int64(requestLife.Seconds()) + 1)
	if status, body, _ := do(t, b, site+"/local/sign-in?request="+id, nil); status != 499 || !strings.Contains(body, "begin again") {
		t.Errorf("after the end: got %d %s", status, body)
	}
}

func TestOnlySixEndpointsAnswer(t *testing.T) {
	t.Parallel()
	w := open(t)
	for path, want := range map[string]int{
		"/.well-known/openid-configuration": 200, "/keys": 200,
		"/oauth/introspect": 404, "/revoke": 404, "/end_session": 404, "/device_authorization": 404, "/healthz": 404, "/ready": 404, "/": 404,
	} {
		if status, body, _ := do(t, w.Client(), site+"/op"+path, nil); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, body, want)
		}
	}
	if status, body, _ := do(t, w.browser(), site+"/sub/inside", nil); status != 200 || !strings.Contains(body, `"issuer":"`+site+`/op"`) {
		t.Errorf("discovery from inside a routed request: got %d %s", status, body)
	}
	_, body, _ := do(t, w.Client(), site+"/op/keys", nil)
	if strings.Contains(body, `"d"`) || !strings.Contains(body, `"ES256"`) {
		t.Errorf("keys: got %s, want one public ES256 key", body)
	}
}

// TestSecretsAreNotKeptOrLogged signs in and looks for the password and the
// code in the database and in what was logged.
func TestSecretsAreNotKeptOrLogged(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	w := open(t)
	b := w.browser()
	const pass = "canary horse battery"
	code := w.register(t, b, "ada", pass)
	var rows string
	const all = `select coalesce((select string_agg(a::text, ' ') from accounts a), '') || coalesce((select string_agg(c::text || encode(request, 'escape'), ' ') from sign_in_codes c), '')`
	if err := w.pool.QueryRow(t.Context(), all).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	w.exchange(t, code, nil)
	w.exchange(t, code, nil) // refused, and the refusal is logged
	for name, secret := range map[string]string{"password": pass, "code": code, "verifier": verifier} {
		if strings.Contains(rows, secret) {
			t.Errorf("%s is in the database: %s", name, rows)
		}
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log: %s", name, log.String())
		}
	}
	if !strings.Contains(rows, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("password hash: got %s", rows)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := newHasher()
	a, err := h.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := h.hash(t.Context(), "correct horse battery")
	if a == b {
		t.Error("two hashes of one password are equal: the salt is missing")
	}
	for _, tt := range []struct {
		typed, hashed string
		want, fails   bool
	}{
		{"correct horse battery", a, true, false},
		{"correct horse batterz", a, false, false},
		{"", nobody, false, false},
		{"x", "$argon2id$v=19$m=1$x", false, true},
		{"x", "plain", false, true},
		{"x", strings.Replace(a, "v=19", "v=16", 1), false, true},
	} {
		got, err := h.matches(t.Context(), tt.typed, tt.hashed)
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("matches(%q, %q) = %v, %v; want %v, failure %v", tt.typed, tt.hashed, got, err, tt.want, tt.fails)
		}
	}
}

func TestKeysFollowTheSecret(t *testing.T) {
	t.Parallel()
	a, errA := deriveKeys([32]byte{1})
	again, errB := deriveKeys([32]byte{1})
	b, errC := deriveKeys([32]byte{2})
	if errA != nil || errB != nil || errC != nil {
		t.Fatal(errA, errB, errC)
	}
	if a.id != again.id || !a.signing.Equal(again.signing) || a.seal != again.seal {
		t.Error("the same secret gives other keys")
	}
	if a.id == b.id || a.signing.Equal(b.signing) || a.seal == b.seal {
		t.Error("another secret gives the same keys")
	}
}
