package session

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/audit/audittest"
)

func TestCookiesAreBound(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	h := newHostile(t, b.Now)
	for _, tt := range []struct{ base, prefix, secure string }{
		{"https://althing.test", "__Host-", "; Secure"},
		{"http://localhost:8080", "", ""},
	} {
		s := open(t, b, func(c *Config) { c.Base = tt.base }, h)
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest("POST", "/sign-in/p1", nil))
		got := w.Header().Get("Set-Cookie")
		want := tt.prefix + "sign-in="
		if !strings.HasPrefix(got, want) || !strings.Contains(got, "Path=/; Max-Age=600; HttpOnly"+tt.secure+"; SameSite=Lax") || strings.Contains(got, "Domain") {
			t.Errorf("%s: got %q, want %s…, whole site, ten minutes, HttpOnly, Lax%s", tt.base, got, want, tt.secure)
		}
	}
}

func TestTooManySignIns(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	s := open(t, b, nil, newHostile(t, b.Now))
	h := s.Limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	from := func(address string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/sign-in/p1", nil)
		r.RemoteAddr = address
		h.ServeHTTP(w, r)
		return w.Code
	}
	refused := 0
	for i := range 150 {
		if from(fmt.Sprintf("192.0.2.7:%d", i)) != 204 {
			refused++
		}
	}
	if refused < 30 {
		t.Errorf("150 requests of one address: %d refused, want at least 30", refused)
	}
	if code := from("192.0.2.8:1"); code != 204 {
		t.Errorf("another address: got %d, want 204", code)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Issuer{Name: "a", URL: "https://a.test", ClientID: "site"}
	for name, cfg := range map[string]Config{
		"no base":        {},
		"base with path": {Base: "https://a.test/x"},
		"no name":        {Base: base, Issuers: []Issuer{{URL: "https://a.test", ClientID: "site"}}},
		"name with path": {Base: base, Issuers: []Issuer{{Name: "a/b", URL: "https://a.test", ClientID: "site"}}},
		"twice":          {Base: base, Issuers: []Issuer{good, good}},
		"no URL":         {Base: base, Issuers: []Issuer{{Name: "a", ClientID: "site"}}},
		"ftp":            {Base: base, Issuers: []Issuer{{Name: "a", URL: "ftp://a.test", ClientID: "site"}}},
		"no client":      {Base: base, Issuers: []Issuer{{Name: "a", URL: "https://a.test"}}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	g, err := New(Config{Base: base, Issuers: []Issuer{{Name: "a", URL: "https://a.test/x/", ClientID: "site", ClientSecret: "s"}, {Name: "b", URL: "https://a.test/y", ClientID: "site"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.FormAction(); len(got) != 1 || got[0] != "https://a.test" {
		t.Errorf("form-action: got %v, want the one origin", got)
	}
	if got := g.Issuers(); len(got) != 2 || got[0].ClientSecret != "" || got[0].Name != "a" {
		t.Errorf("issuers: got %+v, want both without secrets", got)
	}
}
