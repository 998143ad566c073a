// Package moderation keeps what members flag among the outputs of the model,
// and what moderators decide about it.
//
//	open → claimed → decided
//	  ▲       │
//	  └───────┘ released, or the claim's time is over
//
// Flags on the same output merge into one case, found by the output's hash;
// the number of flags is the number of independent reporters. A claim is an
// exclusive lease: nobody else decides until it ends, it can be taken over
// only after its end, and a decision without a claim that still runs is
// refused. Whoever reported an output neither claims nor decides its case.
//
// The text of an output may be what nobody should read, so it is shown to the
// moderator who holds the case and to nobody else; the claim, an act in the
// log, says who has read it. The log itself holds salted digests of texts.
package moderation
