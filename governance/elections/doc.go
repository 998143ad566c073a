// Package elections fills offices for a term by secret ranked ballots, counted
// by the Scottish single transferable vote.
//
//	nomination → voting → counting → certified
//	      └────────┴──▶ void
//
// Periods, seats and term are taken from the policies when an election is
// called. A stage that ends by time is ended by a job scheduled when it began;
// the job's act reads the clock again, so an early or repeated job does
// nothing.
//
// When voting opens, candidates, roll, rule and the keys that can open a
// ballot are frozen into one text, the manifest (Manifest), which is also the
// rule of the poll; its SHA-256 is in the log before the first ballot.
//
// # Who can open a ballot
//
// Ballots are sealed to the recipients that the manifest lists. Today that is
// one key, which lies on the server outside Postgres: a copy of the database
// opens nothing, but whoever holds that key could open a ballot. The pages say
// so. The list exists so that trustees fit in later.
//
// # The count
//
// Hashes of envelopes enter the log sorted and in batches: once a day those of
// past days, when as many members wait as a policy asks for, and all others at
// the close. Until then the voter holds a signed promise with the hash of the
// entry (package envelope), which anybody checks against the log later.
//
// The close states how many envelopes there are and the digest of their list.
// A job then opens them in memory and certifies: one act publishes all ballots
// as (tracker, ranking), sorted by tracker, with the result. Nothing in between
// is stored, and nothing of the order of casting is left. Envelopes are
// destroyed some days later.
//
// # Ties
//
// Ties that the stages of the count cannot break fall by lot (tally.LotOrder)
// over the manifest's digest and a beacon. The beacon is the leaf hash of the
// closing entry, SHA-256(0x00 ‖ entry): nobody knows it before the close,
// because it holds the time of the close in microseconds and the digest of all
// envelopes, and anybody recomputes it from the log. What it does not stop: an
// operator who also holds the ballot key could try several microseconds. A
// beacon from outside, as a drand round named in the manifest, would stop that.
package elections
