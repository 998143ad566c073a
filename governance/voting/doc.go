// Package voting keeps polls: a question, a frozen roll, a frozen rule, the
// ballots, the close, the result. One member has one row per poll, by primary
// key, so that nothing is counted twice whatever happens at the same time.
//
// Public ballots carry a choice and may carry a reason; they may be changed
// until the close. Secret ballots are envelopes: the table holds the last
// sealed envelope of each member, the log its hash, and the choices appear
// nowhere until the poll is closed and they are published without names,
// sorted by tracker.
package voting
