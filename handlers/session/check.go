package session

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// claims are those that go-oidc does not hand out by itself.
type claims struct {
	Subject           string `json:"sub"`
	AuthorizedParty   string `json:"azp"`
	AuthTime          int64  `json:"auth_time"`
	Name              string `json:"name"`
	PreferredUsername string `json:"preferred_username"`
	Nickname          string `json:"nickname"`
}

// name is what the issuer calls the person, or "".
func (c *claims) name() string { return cmp.Or(c.Name, c.PreferredUsername, c.Nickname) }

// How far the time of issue may be from ours.
const (
	oldest = 10 * time.Minute
	ahead  = time.Minute
)

// checkIDToken makes the checks of OpenID Connect Core 1.0, section 3.1.3.7,
// that go-oidc leaves to its caller: it accepts a token without sub or iat,
// with iat in the future, with another nonce or another authorized party, and
// looks neither at at_hash nor at whom the user info is about. info is nil if
// it was not asked for. The token's signature, issuer, audience and expiry are
// verified already.
func checkIDToken(now time.Time, clientID, nonce string, token *oidc.IDToken, c claims, accessToken string, info *claims) error {
	if !printable(token.Subject) {
		return fmt.Errorf("sub is not 1 to 255 printable ASCII characters")
	}
	if age := now.Sub(token.IssuedAt); age > oldest || age < -ahead {
		return fmt.Errorf("iat is %v, now is %v", token.IssuedAt.UTC(), now.UTC())
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return fmt.Errorf("nonce is not the one of this sign-in")
	}
	if (len(token.Audience) > 1 || c.AuthorizedParty != "") && c.AuthorizedParty != clientID {
		return fmt.Errorf("azp is %q, want %q", c.AuthorizedParty, clientID)
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return fmt.Errorf("at_hash: %w", err)
		}
	}
	if info != nil && info.Subject != token.Subject {
		return fmt.Errorf("the user info is about somebody else")
	}
	return nil
}

// printable reports whether a subject is as section 2 demands. It becomes part
// of an identity, so that two spellings must not look alike in a list.
func printable(sub string) bool {
	for _, b := range []byte(sub) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return len(sub) >= 1 && len(sub) <= 255
}
