package rounds

import (
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
)

var (
	_ = audit.Register[SpotShared]()
	_ = audit.Register[SpotAsked]()
	_ = audit.Register[SpotReplayed]()
	_ = audit.Register[SpotEnded]()
)

// SpotShared says that a node handed over what it trained on in a round.
type SpotShared struct {
	Round training.RoundID  `json:"round"`
	Node  governance.NodeID `json:"node"`
	Shard string            `json:"shard"` // SHA-256 of it
}

// Kind is the kind of the entry, for ever.
func (SpotShared) Kind() string { return "spot.shared" }

// Subject is the round.
func (e SpotShared) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence says what for.
func (e SpotShared) Sentence() audit.Sentence {
	return audit.Say("handed over what it trained on in ", e.Subject(), ", which is public, for the spot check of its update")
}

// SpotAsked says who trains an update again.
type SpotAsked struct {
	Round   training.RoundID  `json:"round"`
	Node    governance.NodeID `json:"node"` // whose update
	By      governance.NodeID `json:"by"`
	Settles bool              `json:"settles,omitempty"` // after a replay gave another update
}

// Kind is the kind of the entry, for ever.
func (SpotAsked) Kind() string { return "spot.asked" }

// Subject is the round.
func (e SpotAsked) Subject() governance.Ref { return roundRef(e.Round) }

// About names both nodes.
func (e SpotAsked) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefNode, e.Node), governance.RefTo(governance.RefNode, e.By)}
}

// Sentence names both nodes.
func (e SpotAsked) Sentence() audit.Sentence {
	why := ""
	if e.Settles {
		why = ", because a replay gave another update"
	}
	return audit.Say("drew ", e.About()[1], " to train the update of ", e.About()[0], " in ", e.Subject(), " again"+why)
}

// SpotReplayed says what a node computed that trained an update again.
type SpotReplayed struct {
	Round   training.RoundID  `json:"round"`
	Node    governance.NodeID `json:"node"` // whose update
	By      governance.NodeID `json:"by"`
	Digest  string            `json:"digest"` // of what the replay gave
	Settles bool              `json:"settles,omitempty"`
}

// Kind is the kind of the entry, for ever.
func (SpotReplayed) Kind() string { return "spot.replayed" }

// Subject is the round.
func (e SpotReplayed) Subject() governance.Ref { return roundRef(e.Round) }

// About names the node whose update it was.
func (e SpotReplayed) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefNode, e.Node)}
}

// Sentence gives the digest.
func (e SpotReplayed) Sentence() audit.Sentence {
	return audit.Say("trained the update of ", e.About()[0], " in ", e.Subject(), " again; digest "+short(e.Digest))
}

// SpotEnded says what came of a spot check, with every digest that was computed.
type SpotEnded struct {
	Round   training.RoundID    `json:"round"`
	Node    governance.NodeID   `json:"node"`    // whose update
	Update  string              `json:"update"`  // its digest
	Outcome string              `json:"outcome"` // SpotPassed, SpotHeld or SpotNotRun
	Nodes   []governance.NodeID `json:"nodes,omitempty"`
	Digests []string            `json:"digests,omitempty"` // of what each of them computed
	Reason  string              `json:"reason"`
}

// Kind is the kind of the entry, for ever.
func (SpotEnded) Kind() string { return "spot.ended" }

// Subject is the round.
func (e SpotEnded) Subject() governance.Ref { return roundRef(e.Round) }

// About names the node, and who trained its update again.
func (e SpotEnded) About() []governance.Ref {
	refs := []governance.Ref{governance.RefTo(governance.RefNode, e.Node)}
	for _, n := range e.Nodes {
		refs = append(refs, governance.RefTo(governance.RefNode, n))
	}
	return refs
}

// Sentence says what was found and why.
func (e SpotEnded) Sentence() audit.Sentence {
	what := map[string]string{SpotPassed: "confirmed the update of ", SpotHeld: "did not confirm the update of ", SpotNotRun: "could not check the update of "}[e.Outcome]
	return audit.Say(what, e.About()[0], " in ", e.Subject(), " by training it again: "+e.Reason)
}

// Replay checks that the outcome follows from the digests: the update is the
// one that the round took; the last replay decides, and with another digest
// than the update's it needs a second one of the same mind to be believed.
func (e SpotEnded) Replay(s *audit.State, _ translog.Entry) error {
	r, err := s.Round(int64(e.Round))
	if err != nil {
		return err
	}
	same := 0
	for _, d := range e.Digests {
		if d == e.Update {
			same++
		}
	}
	n := len(e.Digests)
	follows := e.Outcome == SpotPassed && same == 1 && e.Digests[n-1] == e.Update ||
		e.Outcome == SpotHeld && same == 0 && n > 0 ||
		e.Outcome == SpotNotRun
	if r.Updates[int64(e.Node)] != e.Update || len(e.Nodes) != n || n > 2 || !follows {
		return fmt.Errorf("round %d: the spot check of node %d ends as %s after %d replays of which %d agree: %w", e.Round, e.Node, e.Outcome, n, same, audit.ErrContradiction)
	}
	return nil
}
