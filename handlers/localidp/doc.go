// Package localidp is an OpenID provider inside the server, for communities
// without one and for tests. The site signs people in through it exactly as
// through any other issuer: authorization code, PKCE with S256, nonce, ES256.
// Whoever runs a provider already leaves this one out.
//
// The protocol is zitadel/oidc's op; ours are the storage, the two pages (name
// and password; new account) and what surrounds them: only the six endpoints
// that the site uses answer, a pending request is bound to the browser that
// began it, a code is deleted by the statement that reads it, and passwords
// are hashed with argon2id (RFC 9106) behind a semaphore, because each hash
// takes 19 MiB and tens of milliseconds.
//
// There is no session at the provider: whoever signs in types the password.
// So signing out of the site is signing out.
//
// The provider's keys are derived from one secret that lives outside the
// database. Replacing the secret breaks sign-ins in flight and nothing else.
package localidp
