package session

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	keepMetadata = 24 * time.Hour   // before a provider is asked again what it can do
	retryAfter   = 10 * time.Second // after it did not answer
)

// provider is one issuer and what is known of it. It is asked at the first
// sign-in, not at start: the site serves whether providers are up or not.
type provider struct {
	Issuer
	redirect  string
	transport *guarded
	client    *http.Client
	now       func() time.Time

	mu      sync.Mutex // held while asking, so that one request asks
	found   *discovered
	asked   time.Time
	failure error
}

// discovered is what a provider says of itself.
type discovered struct {
	oidc        *oidc.Provider
	verifier    *oidc.IDTokenVerifier
	oauth       oauth2.Config
	sendsIssuer bool // RFC 9207: the answer names its issuer
}

func newProvider(issuer Issuer, redirect string, now func() time.Time) (*provider, error) {
	u, err := url.Parse(issuer.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("issuer %s: %q is no URL of an issuer", issuer.Name, issuer.URL)
	}
	if issuer.ClientID == "" {
		return nil, fmt.Errorf("issuer %s has no client id", issuer.Name)
	}
	p := &provider{Issuer: issuer, redirect: redirect, now: now}
	p.transport = newGuarded(issuer, u, now)
	p.client = &http.Client{Transport: p.transport, Timeout: replyTime, CheckRedirect: p.transport.checkRedirect}
	return p, nil
}

// context lets go-oidc and oauth2 use our client.
func (p *provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// discover returns what the provider says of itself, and asks it if that is
// not known or old. What was known stays good while it does not answer.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.found != nil && now.Sub(p.asked) < keepMetadata {
		return p.found, nil
	}
	if p.failure != nil && now.Sub(p.asked) < retryAfter {
		return nil, p.failure
	}
	d, err := p.ask(context.WithoutCancel(ctx)) // others wait for this answer
	p.asked = now
	switch {
	case err == nil:
		p.found, p.failure = d, nil
	case p.found != nil:
		p.asked = now.Add(time.Hour - keepMetadata) // again in an hour
	default:
		p.failure = fmt.Errorf("%w (ask %s: %w)", governance.Errorf(governance.Unavailable,
			"%s does not answer at the moment, so nobody can sign in with it. Whoever is signed in stays so. Please try again later or sign in another way.", p.Title), p.Name, err)
		return nil, p.failure
	}
	return p.found, nil
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	ctx = p.context(ctx)
	found, err := oidc.NewProvider(ctx, p.URL)
	if err != nil {
		return nil, err
	}
	var meta struct {
		JWKS        string   `json:"jwks_uri"`
		UserInfo    string   `json:"userinfo_endpoint"`
		TokenAuth   []string `json:"token_endpoint_auth_methods_supported"`
		SendsIssuer bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&meta); err != nil {
		return nil, err
	}
	endpoint := found.Endpoint()
	for _, address := range []string{endpoint.AuthURL, endpoint.TokenURL, meta.JWKS} {
		if err := p.checkEndpoint(address); err != nil {
			return nil, err
		}
	}
	if meta.UserInfo != "" {
		if err := p.checkEndpoint(meta.UserInfo); err != nil {
			return nil, err
		}
	}
	// Trying both ways would send a code twice, and a code is good once.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.ClientSecret == "" || meta.TokenAuth != nil && !slices.Contains(meta.TokenAuth, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	p.transport.limitKeys(meta.JWKS)
	return &discovered{
		oidc:     found,
		verifier: found.VerifierContext(p.context(context.Background()), &oidc.Config{ClientID: p.ClientID, Now: p.now}),
		oauth: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: endpoint, RedirectURL: p.redirect,
			Scopes: []string{oidc.ScopeOpenID, "profile"},
		},
		sendsIssuer: meta.SendsIssuer,
	}, nil
}

// checkEndpoint refuses addresses that are no web addresses, and those that
// would send secrets in the clear although the issuer is on https.
func (p *provider) checkEndpoint(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the discovery document names the address %q", address)
	}
	return p.transport.checkScheme(u)
}

// origins are where the browser is sent for signing in.
func (p *provider) origins() []string {
	list := []string{origin(p.URL)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		if o := origin(p.found.oauth.Endpoint.AuthURL); o != list[0] {
			list = append(list, o)
		}
	}
	return list
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
