package proposals

import (
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/governance/voting"
)

func ref(id governance.ProposalID) governance.Ref { return governance.RefTo(RefProposal, id) }

// Drafted: a member wrote a draft.
type Drafted struct {
	Proposal governance.ProposalID `json:"proposal"`
	Class    int                   `json:"class"`
	Motion   string                `json:"motion"`
	Params   string                `json:"params"`
	Text     pages.Saved           `json:"text"`
}

// Kind is for ever.
func (Drafted) Kind() string { return "proposal.drafted" }

// Subject is the proposal.
func (e Drafted) Subject() governance.Ref { return ref(e.Proposal) }

// About is the page of the text.
func (e Drafted) About() []governance.Ref { return []governance.Ref{e.Text.Subject()} }

// Sentence says what a stranger reads.
func (e Drafted) Sentence() audit.Sentence { return audit.Say("drafted ", e.Subject()) }

// Edited: the author changed text or motion.
type Edited struct {
	Proposal governance.ProposalID `json:"proposal"`
	Class    int                   `json:"class"`
	Motion   string                `json:"motion"`
	Params   string                `json:"params"`
	Text     pages.Saved           `json:"text"`
}

// Kind is for ever.
func (Edited) Kind() string { return "proposal.edited" }

// Subject is the proposal.
func (e Edited) Subject() governance.Ref { return ref(e.Proposal) }

// About is the page of the text.
func (e Edited) About() []governance.Ref { return []governance.Ref{e.Text.Subject()} }

// Sentence says what a stranger reads.
func (e Edited) Sentence() audit.Sentence {
	return audit.Say("edited ", e.Subject(), ", revision ", e.Text.Number)
}

// Sponsored: a member lent a draft the own name.
type Sponsored struct {
	Proposal governance.ProposalID `json:"proposal"`
}

// Kind is for ever.
func (Sponsored) Kind() string { return "proposal.sponsored" }

// Subject is the proposal.
func (e Sponsored) Subject() governance.Ref { return ref(e.Proposal) }

// Sentence says what a stranger reads.
func (e Sponsored) Sentence() audit.Sentence { return audit.Say("sponsored ", e.Subject()) }

// Tabled: the discussion began.
type Tabled struct {
	Proposal governance.ProposalID `json:"proposal"`
}

// Kind is for ever.
func (Tabled) Kind() string { return "proposal.tabled" }

// Subject is the proposal.
func (e Tabled) Subject() governance.Ref { return ref(e.Proposal) }

// Sentence says what a stranger reads.
func (e Tabled) Sentence() audit.Sentence {
	return audit.Say("tabled ", e.Subject(), "; its discussion began")
}

// Moved: a proposal was withdrawn, or its carrying out ended.
type Moved struct {
	Proposal governance.ProposalID `json:"proposal"`
	To       string                `json:"to"`
}

// Kind is for ever.
func (Moved) Kind() string { return "proposal.moved" }

// Subject is the proposal.
func (e Moved) Subject() governance.Ref { return ref(e.Proposal) }

// Sentence says what a stranger reads.
func (e Moved) Sentence() audit.Sentence {
	switch e.To {
	case Withdrawn:
		return audit.Say("withdrew ", e.Subject())
	case Done:
		return audit.Say("finished carrying out ", e.Subject())
	}
	return audit.Say("could not carry out ", e.Subject())
}

// PollOpened: voting began; text, motion, roll and rule are frozen.
type PollOpened struct {
	Proposal governance.ProposalID `json:"proposal"`
	Revision governance.RevisionID `json:"revision"`
	Motion   string                `json:"motion"`
	Params   string                `json:"params"`
	Poll     voting.Opened         `json:"poll"`
}

// Kind is for ever.
func (PollOpened) Kind() string { return "proposal.voting" }

// Subject is the proposal.
func (e PollOpened) Subject() governance.Ref { return ref(e.Proposal) }

// About is the poll.
func (e PollOpened) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefPoll, e.Poll.Poll)}
}

// Sentence says what a stranger reads.
func (e PollOpened) Sentence() audit.Sentence {
	return audit.Say("opened voting on ", e.Subject(), fmt.Sprintf(" for %d members", e.Poll.Roll))
}

// Replay opens the poll in the rebuilt state.
func (e PollOpened) Replay(s *audit.State, _ translog.Entry) error {
	return voting.ReplayOpened(s, e.Subject(), e.Poll)
}

// Counted: voting ended with a result.
type Counted struct {
	Proposal governance.ProposalID `json:"proposal"`
	Passed   bool                  `json:"passed"`
	Yes      int64                 `json:"yes"`
	No       int64                 `json:"no"`
	Abstain  int64                 `json:"abstain"`
	Counted  voting.Counted        `json:"counted"`
}

// Kind is for ever.
func (Counted) Kind() string { return "proposal.counted" }

// Subject is the proposal.
func (e Counted) Subject() governance.Ref { return ref(e.Proposal) }

// About is the poll.
func (e Counted) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefPoll, e.Counted.Poll)}
}

// Sentence says what a stranger reads.
func (e Counted) Sentence() audit.Sentence {
	verdict := "passed"
	if !e.Passed {
		verdict = "was rejected"
	}
	return audit.Say("counted ", e.Subject(), fmt.Sprintf(": it %s with %d yes, %d no, %d abstentions", verdict, e.Yes, e.No, e.Abstain))
}

// Replay checks the count against the ballots and closes the poll.
func (e Counted) Replay(s *audit.State, _ translog.Entry) error {
	return voting.ReplayDecision(s, e.Counted)
}

// AdoptedEvent: the motion is decided. The entry is the mandate that nodes
// check; its field names are those of protocol.Decision.
type AdoptedEvent struct {
	Proposal int64             `json:"proposal"`
	Poll     governance.PollID `json:"poll"`
	Motion   string            `json:"motion"`
	Params   string            `json:"params"`
}

// Kind is for ever.
func (AdoptedEvent) Kind() string { return "proposal.adopted" }

// Subject is the proposal.
func (e AdoptedEvent) Subject() governance.Ref { return ref(governance.ProposalID(e.Proposal)) }

// About is the poll.
func (e AdoptedEvent) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefPoll, e.Poll)}
}

// Sentence says what a stranger reads.
func (e AdoptedEvent) Sentence() audit.Sentence {
	return audit.Say("adopted ", e.Subject(), "; it is being carried out")
}

// Replay checks that the poll of an adopted motion has a result.
func (e AdoptedEvent) Replay(s *audit.State, _ translog.Entry) error {
	p, err := s.Poll(e.Poll)
	if err != nil {
		return err
	}
	if !p.Closed {
		return fmt.Errorf("%w: proposal %d is adopted before its poll is counted", audit.ErrContradiction, e.Proposal)
	}
	return nil
}

var (
	_ = audit.Register[Drafted]()
	_ = audit.Register[Edited]()
	_ = audit.Register[Sponsored]()
	_ = audit.Register[Tabled]()
	_ = audit.Register[Moved]()
	_ = audit.Register[PollOpened]()
	_ = audit.Register[Counted]()
	_ = audit.Register[AdoptedEvent]()
)
