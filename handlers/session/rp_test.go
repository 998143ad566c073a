package session

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"github.com/coreos/go-oidc/v3/oidc"
)

// module is one module of the OpenID Foundation's conformance suite for
// relying parties, rebuilt: what the provider does, and whether the person
// may be signed in.
type module struct {
	name   string
	lie    func(t *testing.T, b *audittest.Bench, h *hostile)
	accept bool
}

func claim(key string, value any) func(*testing.T, *audittest.Bench, *hostile) {
	return func(_ *testing.T, _ *audittest.Bench, h *hostile) {
		h.claims = func(c map[string]any) {
			if value == nil {
				delete(c, key)
			} else {
				c[key] = value
			}
		}
	}
}

func runModules(t *testing.T, modules []module) {
	b := audittest.New(t)
	for _, m := range modules {
		t.Run(m.name, func(t *testing.T) {
			h := newHostile(t, b.Now)
			h.subject = m.name
			if m.lie != nil {
				m.lie(t, b, h)
			}
			welcomed := ""
			s := open(t, b, func(c *Config) {
				c.Welcome = func(_ ctx, n Newcomer) (governance.MemberID, error) {
					welcomed = n.Name
					return 0, governance.Errorf(governance.Invalid, "form first")
				}
			}, h)
			before := s.sessions(t)
			_, body := s.browser().signIn(t, "p1", "")
			if in := strings.Contains(body, "pending true"); in != m.accept {
				t.Errorf("signed in: %v, want %v (%s %s)", in, m.accept, body, s.errors.String())
			}
			if m.accept && welcomed == "" {
				t.Error("the newcomer has no name")
			}
			if n := s.sessions(t) - before; (n == 1) != m.accept {
				t.Errorf("%d new sessions", n)
			}
			if text := s.errors.String(); strings.Contains(text, "canary") || !m.accept && text == "" {
				t.Errorf("the operator's log says %q: want a cause and no token", text)
			}
		})
	}
}

// TestRP_Basic are the 14 modules of the plan "Basic Relying Party".
func TestRP_Basic(t *testing.T) {
	t.Parallel()
	noName := func(c map[string]any) { delete(c, "name") }
	runModules(t, []module{
		{"client-test", nil, true},
		{"idtoken-sig-rs256", func(t *testing.T, _ *audittest.Bench, h *hostile) { h.useRSA(t) }, true},
		{"client-secret-basic", func(t *testing.T, _ *audittest.Bench, h *hostile) {
			t.Cleanup(func() {
				if h.auth != "basic" || h.exchange != 1 {
					t.Errorf("client authenticated by %q in %d exchanges, want basic in 1", h.auth, h.exchange)
				}
			})
		}, true},
		{"nonce-invalid", claim("nonce", "another"), false},
		{"invalid-iss", claim("iss", "https://evil.test"), false},
		{"invalid-aud", claim("aud", "another"), false},
		{"missing-iat", claim("iat", nil), false},
		{"missing-sub", claim("sub", nil), false},
		{"kid-absent-single-jwks", func(_ *testing.T, _ *audittest.Bench, h *hostile) { h.noKid = true }, true},
		{"kid-absent-multiple-jwks", func(t *testing.T, _ *audittest.Bench, h *hostile) {
			first := h.public
			h.rotate(t, "key-2")
			h.public, h.noKid = append(first, h.public...), true
		}, true},
		{"invalid-sig-rs256", func(t *testing.T, _ *audittest.Bench, h *hostile) {
			h.useRSA(t)
			h.token = broken
		}, false},
		{"idtoken-sig-none", func(_ *testing.T, _ *audittest.Bench, h *hostile) { h.token = unsigned }, false},
		{"scope-userinfo-claims", func(_ *testing.T, _ *audittest.Bench, h *hostile) {
			h.claims, h.info = noName, map[string]any{"sub": h.subject, "preferred_username": "ada"}
		}, true},
		{"userinfo-invalid-sub", func(_ *testing.T, _ *audittest.Bench, h *hostile) {
			h.claims, h.info = noName, map[string]any{"sub": "somebody else", "name": "Ada"}
		}, false},
		// Beyond the plan.
		{"missing-aud", claim("aud", nil), false},
		{"expired", claim("exp", 1), false},
		{"invalid-sig-es256", func(_ *testing.T, _ *audittest.Bench, h *hostile) { h.token = broken }, false},
		{"no-idtoken", func(_ *testing.T, _ *audittest.Bench, h *hostile) { h.token = func(string) string { return "" } }, false},
	})
}

// TestRP_Config are the 6 modules of the plan "Configuration Relying Party".
func TestRP_Config(t *testing.T) {
	t.Parallel()
	runModules(t, []module{
		{"discovery-openid-config", nil, true},
		{"discovery-jwks-uri-keys", func(t *testing.T, _ *audittest.Bench, h *hostile) {
			t.Cleanup(func() {
				if h.fetches != 1 {
					t.Errorf("keys were fetched %d times, want once from where discovery says", h.fetches)
				}
			})
		}, true},
		{"discovery-issuer-mismatch", func(_ *testing.T, _ *audittest.Bench, h *hostile) {
			h.metadata = func(m map[string]any) { m["issuer"] = h.URL + "/" }
		}, false},
		{"idtoken-sig-none", func(_ *testing.T, _ *audittest.Bench, h *hostile) { h.token = unsigned }, false},
		{"signing-key-rotation-just-before-signing", func(t *testing.T, _ *audittest.Bench, h *hostile) {
			h.answer = func(url.Values) { h.rotate(t, "key-2") }
		}, true},
	})
	t.Run("signing-key-rotation", func(t *testing.T) {
		b := audittest.New(t)
		h := newHostile(t, b.Now)
		s := open(t, b, nil, h)
		s.browser().signIn(t, "p1", "")
		h.rotate(t, "key-2")
		b.Travel(keysInterval + time.Second)
		if _, body := s.browser().signIn(t, "p1", ""); !strings.Contains(body, "member 1") || h.fetches != 2 {
			t.Errorf("after rotation: got %q with %d fetches, want signed in with 2", body, h.fetches)
		}
	})
}

// TestCheckIDToken: each of the six checks refuses one thing that nothing else
// refuses, so that removing a check fails one subtest.
func TestCheckIDToken(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	h := newHostile(t, func() time.Time { return now })
	keys := &oidc.StaticKeySet{}
	for _, k := range h.public {
		keys.PublicKeys = append(keys.PublicKeys, k.Key)
	}
	verifier := oidc.NewVerifier(h.URL, keys, &oidc.Config{
		ClientID: "site", SupportedSigningAlgs: []string{"ES256"}, Now: func() time.Time { return now },
	})
	check := func(change map[string]any, info *claims) error {
		h.claims = func(c map[string]any) {
			for k, v := range change {
				if v == nil {
					delete(c, k)
				} else {
					c[k] = v
				}
			}
		}
		token, err := verifier.Verify(t.Context(), h.idToken("nonce", "access"))
		if err != nil {
			t.Fatalf("%v: go-oidc refused it before us: %v", change, err)
		}
		var c claims
		if err := token.Claims(&c); err != nil {
			t.Fatal(err)
		}
		return checkIDToken(now, "site", "nonce", token, c, "access", info)
	}
	at := func(d time.Duration) map[string]any { return map[string]any{"iat": now.Add(d).Unix()} }
	for _, tt := range []struct {
		name string
		bad  []map[string]any
		info *claims
		good []map[string]any
	}{
		{"sub", []map[string]any{{"sub": nil}, {"sub": ""}, {"sub": strings.Repeat("x", 256)}, {"sub": "ä"}, {"sub": "a\nb"}}, nil,
			[]map[string]any{{"sub": "x"}, {"sub": strings.Repeat("x", 255)}}},
		{"iat", []map[string]any{{"iat": nil}, at(-oldest - time.Second), at(ahead + time.Second)}, nil,
			[]map[string]any{at(-oldest), at(ahead)}},
		{"nonce", []map[string]any{{"nonce": nil}, {"nonce": ""}, {"nonce": "Nonce"}}, nil, []map[string]any{{}}},
		{"azp", []map[string]any{{"aud": []string{"site", "other"}}, {"azp": "other"}, {"aud": []string{"site", "other"}, "azp": "other"}}, nil,
			[]map[string]any{{"azp": "site"}, {"aud": []string{"site", "other"}, "azp": "site"}}},
		{"at_hash", []map[string]any{{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, nil, []map[string]any{{"at_hash": nil}}},
		{"userinfo", []map[string]any{{}}, &claims{Subject: "somebody else"}, nil},
		{"userinfo of the same", nil, &claims{Subject: "subject-1"}, []map[string]any{{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, change := range tt.bad {
				if err := check(change, tt.info); err == nil {
					t.Errorf("%v was accepted", change)
				}
			}
			for _, change := range tt.good {
				if err := check(change, tt.info); err != nil {
					t.Errorf("%v: got %v, want it accepted", change, err)
				}
			}
		})
	}
}

// refused asserts that a browser's callback signs nobody in.
func (s *site) refused(t *testing.T, name string, who *browser, address string) {
	t.Helper()
	before := s.sessions(t)
	status, body := who.do(t, "GET", address, nil)
	if status != 400 || s.sessions(t) != before {
		t.Errorf("%s: got %d %q and %d new sessions, want a refusal and none", name, status, body, s.sessions(t)-before)
	}
}

func TestSwapCodesBetweenBrowsers(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	s := open(t, b, nil, h)
	mallory, victim := s.browser(), s.browser()
	stolen := victim.stopBefore(t, "p1", "/sign-in/callback")
	own := mallory.stopBefore(t, "p1", "/sign-in/callback")
	s.refused(t, "victim's link in another browser", mallory, stolen.String())
	s.refused(t, "mallory's link in the victim's browser", victim, own.String())

	mixed := func(code, state string) string {
		return base + "/sign-in/callback/p1?" + url.Values{"code": {code}, "state": {state}}.Encode()
	}
	for _, state := range []string{"", "guessed"} {
		own = mallory.stopBefore(t, "p1", "/sign-in/callback")
		s.refused(t, "own code with the state "+state, mallory, mixed(own.Query().Get("code"), state))
	}
	own = mallory.stopBefore(t, "p1", "/sign-in/callback")
	stolen = victim.stopBefore(t, "p1", "/sign-in/callback")
	s.refused(t, "stolen code with own state (PKCE)", mallory, mixed(stolen.Query().Get("code"), own.Query().Get("state")))
	s.refused(t, "without any cookie", s.browser(), stolen.String())

	ok := s.browser()
	at := ok.stopBefore(t, "p1", "/sign-in/callback")
	cookie := ok.cookie("__Host-sign-in")
	if status, body := ok.do(t, "GET", at.String(), nil); status != 200 || !strings.Contains(body, "member 1") {
		t.Fatalf("the honest way: got %d %q", status, body)
	}
	s.refused(t, "the same link again", ok, at.String())
	ok.setCookie("__Host-sign-in", cookie)
	s.refused(t, "the same link again with its cookie put back", ok, at.String())
	for name, value := range map[string]string{"no base64": "!", "no JSON": "AAAA", "empty": "e30"} {
		ok.setCookie("__Host-sign-in", value)
		s.refused(t, name, ok, at.String())
	}
	late := s.browser()
	at = late.stopBefore(t, "p1", "/sign-in/callback")
	b.Travel(flowLife + 2*time.Second)
	s.refused(t, "after ten minutes", late, at.String())
}

func TestMixUp(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	honest, evil := newHostile(t, b.Now), newHostile(t, b.Now)
	s := open(t, b, nil, honest, evil)
	ada := s.browser()
	at := ada.stopBefore(t, "p1", "/sign-in/callback")
	exchanges := evil.exchange
	s.refused(t, "the honest provider's code at the other's address", ada, base+"/sign-in/callback/p2?"+at.RawQuery)
	if evil.exchange != exchanges {
		t.Error("the code was sent to the other provider")
	}
	for name, iss := range map[string][]string{"another issuer": {evil.URL}, "two issuers": {honest.URL, evil.URL}, "empty issuer": {""}} {
		at := ada.stopBefore(t, "p1", "/sign-in/callback")
		q := at.Query()
		q["iss"] = iss
		s.refused(t, name, ada, base+"/sign-in/callback/p1?"+q.Encode())
	}
	at = ada.stopBefore(t, "p1", "/sign-in/callback")
	if _, body := ada.do(t, "GET", at.String()+"&iss="+url.QueryEscape(honest.URL), nil); !strings.Contains(body, "member 1") {
		t.Errorf("right issuer: got %q", body)
	}
	honest.metadata = func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true }
	strict := open(t, b, nil, honest)
	ada = strict.browser()
	strict.refused(t, "no issuer from a provider that always sends it", ada, ada.stopBefore(t, "p1", "/sign-in/callback").String())
	for name, q := range map[string]string{"unknown issuer": "/sign-in/callback/p9?x", "no code": "", "denied": "&error=access_denied", "failed": "&error=server_error"} {
		address := base + q
		if !strings.HasPrefix(q, "/") {
			at := ada.stopBefore(t, "p1", "/sign-in/callback")
			values := at.Query()
			values.Set("iss", honest.URL)
			values.Del("code")
			address = base + at.Path + "?" + values.Encode() + q
		}
		strict.refused(t, name, ada, address)
	}
}

func TestUnknownKeysAreNotFetchedForEveryToken(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	s := open(t, b, nil, h)
	s.browser().signIn(t, "p1", "")
	p := s.provider("p1")
	d, err := p.discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		h.kid = fmt.Sprint("unknown ", i)
		if _, err := d.verifier.Verify(p.context(t.Context()), h.sign(map[string]any{"iss": h.URL, "aud": "site", "exp": b.Now().Add(time.Hour).Unix()})); err == nil {
			t.Fatalf("token %d with an unknown key id was accepted", i)
		}
		if i%200 == 199 {
			b.Travel(keysInterval + time.Second)
		}
	}
	if h.fetches > 10 || h.fetches < 2 {
		t.Errorf("1,000 unknown key ids in five minutes: %d fetches, want 2 to 10", h.fetches)
	}
}

// TestEndlessReply measures the heap, so nothing runs beside it.
func TestEndlessReply(t *testing.T) {
	b := audittest.New(t)
	endless := func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for {
			if _, err := w.Write(chunk); err != nil {
				return true
			}
		}
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/keys", "/token", "/userinfo"} {
		h := newHostile(t, b.Now)
		h.info = map[string]any{"sub": "subject-1"}
		h.claims = func(c map[string]any) { delete(c, "name") }
		reached, done := false, make(chan struct{})
		h.handle = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			reached = true
			defer close(done)
			return endless(w)
		}
		s := open(t, b, nil, h)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, body := s.browser().signIn(t, "p1", ""); !strings.HasPrefix(body, "kind ") || body == "kind 0" {
			t.Errorf("%s: got %q, want a refusal for people", path, body)
		}
		runtime.ReadMemStats(&after)
		if !reached {
			t.Fatalf("%s was never asked", path)
		}
		<-done // the server noticed that nobody reads on
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%s: the heap grew by %d bytes", path, grown)
		}
		h.Close()
	}
	// What was read, apart from what the kernel's buffers took.
	g := &guarded{base: reader{}, scheme: "https", now: time.Now}
	resp, err := g.RoundTrip(httptest.NewRequest("GET", "https://a.test/", nil))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for buf := make([]byte, 4096); err == nil; {
		var k int
		k, err = resp.Body.Read(buf)
		n += k
	}
	var tooLarge *http.MaxBytesError
	if n != replySize || !errors.As(err, &tooLarge) {
		t.Errorf("read %d bytes until %v, want %d and an error", n, err, replySize)
	}
}

// reader answers without end.
type reader struct{}

func (reader) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: reader{}}, nil
}
func (reader) Read(p []byte) (int, error) { return len(p), nil }
func (reader) Close() error               { return nil }

// TestMetadata: what a discovery document must not say, and how the client
// authenticates by it.
func TestMetadata(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	for name, change := range map[string]map[string]any{
		"no authorization endpoint": {"authorization_endpoint": ""},
		"script as endpoint":        {"authorization_endpoint": "javascript:alert(1)"},
		"no keys":                   {"jwks_uri": ""},
		"file as keys":              {"jwks_uri": "file:///etc/passwd"},
		"no token endpoint":         {"token_endpoint": ""},
		"odd user info":             {"userinfo_endpoint": "gopher://a.test/"},
	} {
		h := newHostile(t, b.Now)
		h.metadata = func(m map[string]any) { maps.Copy(m, change) }
		s := open(t, b, nil, h)
		if _, body := s.browser().signIn(t, "p1", ""); body != fmt.Sprintf("kind %d", governance.Unavailable) {
			t.Errorf("%s: got %q, want Unavailable", name, body)
		}
	}
	h := newHostile(t, b.Now)
	h.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }
	s := open(t, b, nil, h)
	if _, body := s.browser().signIn(t, "p1", ""); !strings.Contains(body, "member 1") || h.auth != "post" || h.exchange != 1 {
		t.Errorf("client_secret_post: got %q by %q in %d exchanges", body, h.auth, h.exchange)
	}
	if p := s.provider("p1"); p.transport.checkScheme(&url.URL{Scheme: "https"}) != nil {
		t.Error("an issuer on http may not use https")
	}
	secure := &guarded{scheme: "https"}
	if secure.checkScheme(&url.URL{Scheme: "http"}) == nil {
		t.Error("an issuer on https may use http")
	}
}

// TestMetadataIsKeptAndRenewed: known metadata outlives the provider's absence.
func TestMetadataIsKeptAndRenewed(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	asked, broken := 0, false
	h.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/.well-known/openid-configuration" {
			return false
		}
		asked++
		if broken {
			w.WriteHeader(http.StatusBadGateway)
		}
		return broken
	}
	p := open(t, b, nil, h).provider("p1")
	for _, step := range []struct {
		after  time.Duration
		broken bool
		known  bool
		asked  int
	}{
		{0, true, false, 1},
		{retryAfter - time.Second, true, false, 1},
		{2 * time.Second, false, true, 2},
		{keepMetadata - time.Minute, false, true, 2},
		{2 * time.Minute, true, true, 3},
		{time.Minute, true, true, 3},
		{time.Hour, false, true, 4},
	} {
		b.Travel(step.after)
		broken = step.broken
		_, err := p.discover(t.Context())
		if (err == nil) != step.known || asked != step.asked {
			t.Errorf("%+v: got %v after %d questions", step, err, asked)
		}
	}
}
