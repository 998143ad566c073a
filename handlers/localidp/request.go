package localidp

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance/accounts"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// authRequest is a pending request as op takes it. The fields with tags are
// kept while it waits.
type authRequest struct {
	id       string
	account  accounts.AccountID
	signedIn time.Time

	Binding   string            `json:"binding"` // hash of the browser's secret
	Redirect  string            `json:"redirect"`
	State     string            `json:"state"`
	Nonce     string            `json:"nonce"`
	Scopes    []string          `json:"scopes"`
	Challenge string            `json:"challenge"` // PKCE, S256
	Type      oidc.ResponseType `json:"type"`
}

func readRequest(kept accounts.Request) (*authRequest, error) {
	r := &authRequest{id: kept.ID, account: kept.Account, signedIn: kept.SignedIn}
	if err := json.Unmarshal(kept.Asked, r); err != nil {
		return nil, fmt.Errorf("read sign-in request: %w", err)
	}
	return r, nil
}

func (r *authRequest) GetID() string          { return r.id }
func (r *authRequest) GetACR() string         { return "" }
func (r *authRequest) GetAMR() []string       { return []string{"pwd"} }
func (r *authRequest) GetAudience() []string  { return []string{ClientID} }
func (r *authRequest) GetAuthTime() time.Time { return r.signedIn }
func (r *authRequest) GetClientID() string    { return ClientID }
func (r *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.Challenge, Method: oidc.CodeChallengeMethodS256}
}
func (r *authRequest) GetNonce() string                   { return r.Nonce }
func (r *authRequest) GetRedirectURI() string             { return r.Redirect }
func (r *authRequest) GetResponseType() oidc.ResponseType { return r.Type }
func (r *authRequest) GetResponseMode() oidc.ResponseMode { return oidc.ResponseModeQuery }
func (r *authRequest) GetScopes() []string                { return r.Scopes }
func (r *authRequest) GetState() string                   { return r.State }
func (r *authRequest) GetSubject() string                 { return subject(r.account) }
func (r *authRequest) Done() bool                         { return r.account != 0 }

// subject is the account as tokens name it.
func subject(id accounts.AccountID) string { return strconv.FormatInt(int64(id), 10) }

// Subject returns the account of a token's subject, for a member who leaves
// and takes the account along; 0 if it is none.
func Subject(sub string) accounts.AccountID {
	id, err := strconv.ParseInt(sub, 10, 64)
	if err != nil {
		return 0
	}
	return accounts.AccountID(id)
}

// client is the site as a relying party: public, and held to PKCE.
type client struct{ p *Provider }

func (c client) GetID() string                       { return ClientID }
func (c client) RedirectURIs() []string              { return []string{c.p.cfg.RedirectURI} }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType                                 { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(id string) string                                    { return c.p.cfg.SignInPath(id) }
func (c client) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeJWT }
func (c client) IDTokenLifetime() time.Duration                               { return tokenLife }
func (c client) DevMode() bool                                                { return false }
func (c client) IsScopeAllowed(string) bool                                   { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool                         { return true }
func (c client) ClockSkew() time.Duration                                     { return 0 }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return same }
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }

func same(scopes []string) []string { return scopes }
