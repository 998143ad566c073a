// Package proposals keeps motions: their text (a page), their stages, their
// sponsors and their poll.
//
//	draft → discussion → voting → waiting → adopted → done | failed
//	                        └──────────────▶ rejected
//	draft, discussion ─▶ withdrawn
//
// Each stage has conditions to enter and to leave it. A stage that ends by
// time is ended by a job scheduled when it began; the job's act reads the
// clock again, so an early or repeated job does nothing. The text is frozen
// when voting opens, and so are the roll and the rule.
//
// Adoption is one entry, proposal.adopted, that holds the whole motion. It is
// the mandate that nodes check.
package proposals
