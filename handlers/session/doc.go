// Package session signs people in with OpenID Connect and remembers their
// browsers. It is the relying party of every configured issuer, the server's
// own provider included, by one path of code.
//
// What go-oidc leaves to its caller is done here: state, nonce and PKCE in one
// cookie that is used once, a redirect address per issuer, the issuer of the
// answer compared (RFC 9207), six more checks of the ID token in checkIDToken,
// replies of at most 1 MiB, keys fetched at most once a minute, and connections
// to public addresses only, unless the operator says that an issuer is private.
//
// A session holds the member's number and when they last typed a secret. It
// holds no role: every act reads rights in its own transaction. A provider
// that is down stops new sign-ins there and ends no session.
package session
