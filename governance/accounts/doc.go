// Package accounts keeps what signing in needs: the accounts and pending
// requests of the OpenID provider that the server itself can run, and the
// browsers that are signed in.
//
// All of it is housekeeping. An account gives no right and a session holds no
// role: becoming a member is an act of package members, and every act reads
// rights anew. So nothing here is in the trail, and a lost row costs its owner
// one more sign-in.
//
// Whatever opens something is stored as a hash: passwords as argon2id (made by
// the provider), codes and session cookies as SHA-256 of random secrets.
package accounts
