package localidp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// ClientID is the one relying party that the provider knows: the site.
const ClientID = "althing"

// requestLife is how long somebody may take over the forms.
const requestLife = 30 * time.Minute

// Config of the provider.
type Config struct {
	Issuer      string   // URL with a path and without a trailing slash: "https://althing.example/op"
	RedirectURI string   // where the site takes codes, verbatim
	Secret      [32]byte // all keys are derived from it; keep it outside the database
	Accounts    *accounts.Store
	Pages       Renderer
	Now         func() time.Time

	// Address says which network a request comes from, as rate limits count.
	// The zero value takes the peer of the connection; behind a proxy the
	// caller knows which header to trust.
	Address func(*http.Request) string

	AccountsPerHour int // that one address may make; 10 if 0

	// SignInPath and RegisterPath are where SignIn and Register are mounted,
	// for a pending request.
	SignInPath, RegisterPath func(request string) string
}

// Renderer writes the provider's pages in the site's look.
type Renderer interface {
	// SignIn writes the form for name and password.
	SignIn(w http.ResponseWriter, r *http.Request, status int, form SignInForm)
	// Register writes the form for a new account.
	Register(w http.ResponseWriter, r *http.Request, status int, form RegisterForm)
	// Fail writes a page that says what went wrong; err is a governance.Error
	// or a fault of ours.
	Fail(w http.ResponseWriter, r *http.Request, err error)
}

// Provider answers at its issuer's path and on the two pages.
type Provider struct {
	cfg    Config
	keys   keys
	op     http.Handler
	prefix string // path of the issuer: "/op"
	secure bool   // served over https
	hasher hasher

	attempts *httprate.RateLimiter // by name and by address
	made     *httprate.RateLimiter // accounts by address
}

// New returns the provider of an issuer.
func New(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || len(u.Path) < 2 || strings.HasSuffix(u.Path, "/") {
		return nil, fmt.Errorf("local provider: issuer %q must be a URL with a path and no slash at its end", cfg.Issuer)
	}
	if cfg.Address == nil {
		cfg.Address = peer
	}
	if cfg.AccountsPerHour == 0 {
		cfg.AccountsPerHour = 10
	}
	p := &Provider{
		cfg: cfg, prefix: u.Path, secure: u.Scheme == "https", hasher: newHasher(),
		attempts: httprate.NewRateLimiter(20, 10*time.Minute),
		made:     httprate.NewRateLimiter(cfg.AccountsPerHour, time.Hour),
	}
	if p.keys, err = deriveKeys(cfg.Secret); err != nil {
		return nil, fmt.Errorf("local provider: %w", err)
	}
	opts := []op.Option{op.WithCORSOptions(nil)} // no page of another origin may call it
	if !p.secure {
		opts = append(opts, op.WithAllowInsecure())
	}
	config := &op.Config{CryptoKey: p.keys.seal, CryptoKeyId: p.keys.id, CodeMethodS256: true}
	inner, err := op.NewProvider(config, &storage{p}, op.StaticIssuer(cfg.Issuer), opts...)
	if err != nil {
		return nil, fmt.Errorf("local provider: %w", err)
	}
	p.op = http.StripPrefix(p.prefix, inner)
	return p, nil
}

// peer is the other end of the connection, IPv6 by its /64.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return httprate.CanonicalizeIP(host)
}

// Prefix is the path that ServeHTTP must be mounted at, with all below it.
func (p *Provider) Prefix() string { return p.prefix }

// ServeHTTP answers the protocol's six endpoints and NotFound for the rest of
// what op would offer.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Inside the site's router op's own one would go on where the outer is.
	r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil))
	switch strings.TrimPrefix(r.URL.Path, p.prefix) {
	case "/.well-known/openid-configuration", "/keys", "/oauth/token", "/userinfo":
		p.op.ServeHTTP(w, r)
	case "/authorize":
		binding := p.browser(w, r)
		p.op.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bindingKey{}, binding)))
	case "/authorize/callback":
		if _, err := p.request(r, r.FormValue("id")); err != nil {
			p.cfg.Pages.Fail(w, r, err)
			return
		}
		p.op.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// bindingKey carries the browser's binding to the storage, which op calls
// without the request.
type bindingKey struct{}

// cookie names the browser's binding. Over https the prefix keeps other hosts
// of the same domain from setting it.
func (p *Provider) cookie() string {
	if p.secure {
		return "__Host-local-sign-in"
	}
	return "local-sign-in"
}

// browser returns the hash of the secret that names this browser, and gives
// it one if it has none.
func (p *Provider) browser(w http.ResponseWriter, r *http.Request) string {
	secret := ""
	if c, err := r.Cookie(p.cookie()); err == nil && len(c.Value) == 43 {
		secret = c.Value
	} else {
		secret = randomText()
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.cookie(), Value: secret, Path: "/", MaxAge: int(requestLife.Seconds()),
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	})
	return bind(secret)
}

func bind(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func randomText() string {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// request returns a pending request if this browser began it: otherwise
// somebody could send a stranger to a form whose code comes back to them.
func (p *Provider) request(r *http.Request, id string) (*authRequest, error) {
	kept, err := p.cfg.Accounts.Request(r.Context(), id)
	if err != nil {
		return nil, err
	}
	req, err := readRequest(kept)
	if err != nil {
		return nil, err
	}
	c, err := r.Cookie(p.cookie())
	if err != nil || subtle.ConstantTimeCompare([]byte(bind(c.Value)), []byte(req.Binding)) != 1 {
		return nil, governance.Errorf(governance.Forbidden, "This sign-in was begun in another browser, or this browser keeps no cookies. Please begin again here.")
	}
	return req, nil
}
