// Package talk keeps discussions: threads of signed comments about anything
// that has a reference, as a page, a proposal, an election or a case.
//
// A comment never changes. Hiding empties its text, with a public reason, and
// keeps its digest; the answers to it stay. The log holds salted digests.
package talk
