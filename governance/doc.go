// Package governance holds the words that every governing package shares:
// identities, the actor of an act, and errors that a person may read.
//
// It knows no SQL, no HTTP and nothing of training. Behaviour lives in the
// packages below it, each named by its field: tally, voting, proposals,
// elections, moderation. A package below either computes (standard library
// only, deterministic) or keeps (Postgres), never both.
package governance
