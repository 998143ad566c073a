package localidp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// tokenLife is how long tokens are good. The site uses them at once.
const tokenLife = 5 * time.Minute

// errUnsupported answers the parts of the protocol that the site does not use.
var errUnsupported = errors.New("not supported by the local provider")

// storage is what op asks for. Requests and codes are in accounts; tokens are
// signed and nowhere kept; there is one client and one key.
type storage struct{ p *Provider }

// CreateAuthRequest keeps what the site asked, if it comes with PKCE.
func (s *storage) CreateAuthRequest(ctx context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if asked.CodeChallenge == "" || asked.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	}
	if asked.Nonce == "" || asked.State == "" {
		return nil, oidc.ErrInvalidRequest().WithDescription("state and nonce are required")
	}
	for _, prompt := range asked.Prompt {
		if prompt == oidc.PromptNone {
			return nil, oidc.ErrLoginRequired()
		}
	}
	binding, ok := ctx.Value(bindingKey{}).(string)
	if !ok {
		return nil, errors.New("authorization request without a browser")
	}
	r := &authRequest{
		id: randomText(), Binding: binding, Redirect: asked.RedirectURI, State: asked.State, Nonce: asked.Nonce,
		Scopes: asked.Scopes, Challenge: asked.CodeChallenge, Type: asked.ResponseType,
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("keep sign-in request: %w", err)
	}
	if len(data) > 16384 {
		return nil, oidc.ErrInvalidRequest().WithDescription("the request is too long")
	}
	return r, s.p.cfg.Accounts.Begin(ctx, r.id, data, s.p.cfg.Now().Add(requestLife))
}

// AuthRequestByID returns a pending request.
func (s *storage) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	kept, err := s.p.cfg.Accounts.Request(ctx, id)
	if err != nil {
		return nil, err
	}
	return readRequest(kept)
}

// AuthRequestByCode takes the code: it is gone for whoever asks next, whether
// this exchange succeeds or not (RFC 6749, section 4.1.2).
func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	kept, err := s.p.cfg.Accounts.TakeCode(ctx, code)
	if err != nil {
		return nil, err
	}
	return readRequest(kept)
}

// SaveAuthCode gives a request its code.
func (s *storage) SaveAuthCode(ctx context.Context, id, code string) error {
	return s.p.cfg.Accounts.SaveCode(ctx, id, code)
}

// DeleteAuthRequest has nothing to do: taking the code deleted the request.
func (s *storage) DeleteAuthRequest(context.Context, string) error { return nil }

// CreateAccessToken names a token that is signed and not kept.
func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return randomText(), s.p.cfg.Now().UTC().Add(tokenLife), nil
}

// SetUserinfoFromRequest puts the name into the ID token.
func (s *storage) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	return s.userinfo(ctx, info, r.GetSubject())
}

// SetUserinfoFromToken answers /userinfo.
func (s *storage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, _, sub, _ string) error {
	return s.userinfo(ctx, info, sub)
}

func (s *storage) userinfo(ctx context.Context, info *oidc.UserInfo, sub string) error {
	a, err := s.p.cfg.Accounts.ByID(ctx, Subject(sub))
	if err != nil {
		return err
	}
	info.Subject = subject(a.ID)
	info.Name, info.PreferredUsername = a.Name, a.Name
	return nil
}

// SetUserinfoFromScopes does nothing, as op asks of newer storages.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// GetClientByClientID knows the site only.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, governance.Errorf(governance.NotFound, "There is no such client.")
	}
	return client{s.p}, nil
}

// SigningKey returns the one key.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	return signingKey{s.p.keys}, nil
}

// SignatureAlgorithms is ES256.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet returns the one key's public part.
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.p.keys}}, nil
}

// Health reports whether the database answers.
func (s *storage) Health(ctx context.Context) error {
	_, err := s.p.cfg.Accounts.ByID(ctx, accounts.AccountID(0))
	if governance.Is(err, governance.NotFound) {
		return nil
	}
	return err
}

// What follows belongs to flows that the one client may not use.

// CreateAccessAndRefreshTokens is not supported.
func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnsupported
}

// TokenRequestByRefreshToken is not supported.
func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnsupported
}

// TerminateSession has nothing to do: the provider keeps no session.
func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

// RevokeToken is not supported.
func (s *storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest().WithDescription("revocation is not supported")
}

// GetRefreshTokenInfo is not supported.
func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

// AuthorizeClientIDSecret refuses: the site has no secret here.
func (s *storage) AuthorizeClientIDSecret(context.Context, string, string) error {
	return errUnsupported
}

// SetIntrospectionFromToken is not supported.
func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnsupported
}

// GetPrivateClaimsFromScopes adds nothing to access tokens.
func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// GetKeyByIDAndClientID is not supported.
func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnsupported
}

// ValidateJWTProfileScopes is not supported.
func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnsupported
}
