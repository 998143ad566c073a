package session

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// hostile is an OpenID provider that signs in whoever comes, and lies in the
// way that a test wants.
type hostile struct {
	*httptest.Server
	now    func() time.Time
	secret string

	mu       sync.Mutex
	signing  jose.SigningKey
	public   []jose.JSONWebKey
	kid      string
	noKid    bool
	codes    map[string]url.Values // code → authorization request
	fetches  int                   // of keys
	exchange int
	auth     string // how the client authenticated last: "basic" or "post"
	subject  string

	metadata func(map[string]any)
	claims   func(map[string]any)   // changes the ID token
	token    func(id string) string // replaces the signed token
	info     map[string]any         // user info; nil has no such endpoint
	answer   func(q url.Values)     // changes what the browser brings back
	handle   func(http.ResponseWriter, *http.Request) bool
}

func newHostile(t *testing.T, now func() time.Time) *hostile {
	t.Helper()
	h := &hostile{now: now, codes: map[string]url.Values{}, secret: "the secret of the client", subject: "subject-1"}
	h.rotate(t, "key-1")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", h.discovery)
	mux.HandleFunc("/keys", h.keys)
	mux.HandleFunc("/authorize", h.authorize)
	mux.HandleFunc("/token", h.tokens)
	mux.HandleFunc("/userinfo", h.userinfo)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.handle == nil || !h.handle(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// rotate replaces the signing key.
func (h *hostile) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.signing, h.kid = jose.SigningKey{Algorithm: jose.ES256, Key: key}, kid
	h.public = []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"}}
}

// useRSA signs with RS256, which every provider must offer.
func (h *hostile) useRSA(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h.signing = jose.SigningKey{Algorithm: jose.RS256, Key: key}
	h.public = []jose.JSONWebKey{{Key: key.Public(), KeyID: h.kid, Algorithm: "RS256", Use: "sig"}}
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func (h *hostile) discovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": h.URL, "authorization_endpoint": h.URL + "/authorize", "token_endpoint": h.URL + "/token", "jwks_uri": h.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "none"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	}
	if h.info != nil {
		doc["userinfo_endpoint"] = h.URL + "/userinfo"
	}
	if h.metadata != nil {
		h.metadata(doc)
	}
	reply(w, doc)
}

func (h *hostile) keys(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fetches++
	reply(w, jose.JSONWebKeySet{Keys: h.public})
}

func (h *hostile) authorize(w http.ResponseWriter, r *http.Request) {
	code := randomText()
	h.mu.Lock()
	h.codes[code] = r.URL.Query()
	h.mu.Unlock()
	q := url.Values{"code": {code}, "state": {r.URL.Query().Get("state")}}
	if h.answer != nil {
		h.answer(q)
	}
	http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+q.Encode(), http.StatusFound)
}

func (h *hostile) tokens(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.exchange++
	client, secret, basic := r.BasicAuth()
	h.auth = "basic"
	if !basic {
		client, secret, h.auth = r.FormValue("client_id"), r.FormValue("client_secret"), "post"
	} else {
		client, _ = url.QueryUnescape(client)
		secret, _ = url.QueryUnescape(secret)
	}
	asked, ok := h.codes[r.FormValue("code")]
	delete(h.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || client != "site" || secret != h.secret || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
		asked.Get("redirect_uri") != r.FormValue("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, map[string]any{"error": "invalid_grant", "error_description": "canary " + r.FormValue("code")})
		return
	}
	access := "access-token-canary"
	id := h.idToken(asked.Get("nonce"), access)
	if h.token != nil {
		id = h.token(id)
	}
	reply(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": id})
}

// idToken signs a good token, or one that claims has changed. The lock is held.
func (h *hostile) idToken(nonce, access string) string {
	now := h.now()
	hash := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": h.URL, "sub": h.subject, "aud": "site", "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "auth_time": now.Unix(),
		"nonce": nonce, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "name": "Ada", "email": "ada@example.test",
	}
	if h.claims != nil {
		h.claims(claims)
	}
	return h.sign(claims)
}

func (h *hostile) sign(claims map[string]any) string {
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if !h.noKid {
		opts = opts.WithHeader("kid", h.kid)
	}
	signer, err := jose.NewSigner(h.signing, opts)
	if err != nil {
		panic(err)
	}
	payload, _ := json.Marshal(claims)
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func (h *hostile) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer access-token-canary" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	reply(w, maps.Clone(h.info))
}

// unsigned rewrites a token with another header and no signature.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
}

// broken changes one bit of a token's signature.
func broken(token string) string {
	parts := strings.Split(token, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sig[10] ^= 1
	return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(sig)
}
