package rounds

import (
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
)

var (
	_ = audit.Register[CampaignOpened]()
	_ = audit.Register[RoundWaits]()
	_ = audit.Register[RoundOpened]()
	_ = audit.Register[RoundAbandoned]()
	_ = audit.Register[RoundClosed]()
)

func campaignRef(id training.CampaignID) governance.Ref { return governance.RefTo(RefCampaign, id) }
func roundRef(id training.RoundID) governance.Ref       { return governance.RefTo(RefRound, id) }

// CampaignOpened says that the campaign of a decision has begun.
type CampaignOpened struct {
	Campaign training.CampaignID   `json:"campaign"`
	Proposal governance.ProposalID `json:"proposal"`
	Decision governance.EntryID    `json:"decision"`
	Recipe   string                `json:"recipe"` // as it was decided
	Base     string                `json:"base"`
	Version  training.VersionID    `json:"version"`
	Settings Settings              `json:"settings"`
}

// Kind is the kind of the entry, for ever.
func (CampaignOpened) Kind() string { return "campaign.opened" }

// Subject is the campaign.
func (e CampaignOpened) Subject() governance.Ref { return campaignRef(e.Campaign) }

// About names the proposal and the version that training begins from.
func (e CampaignOpened) About() []governance.Ref {
	return []governance.Ref{governance.RefTo("proposal", e.Proposal), governance.RefTo("version", e.Version)}
}

// Sentence names the decision.
func (e CampaignOpened) Sentence() audit.Sentence {
	return audit.Say("opened ", e.Subject(), ", which ", governance.RefTo("proposal", e.Proposal), " decided; it begins from ", governance.RefTo("version", e.Version))
}

// RoundWaits says that too few nodes are there for a round.
type RoundWaits struct {
	Round    training.RoundID    `json:"round"`
	Campaign training.CampaignID `json:"campaign"`
	Number   int                 `json:"number"`
	Attempt  int                 `json:"attempt"`
	Eligible int                 `json:"eligible"`
	Wanted   int                 `json:"wanted"`
}

// Kind is the kind of the entry, for ever.
func (RoundWaits) Kind() string { return "round.waits" }

// Subject is the round.
func (e RoundWaits) Subject() governance.Ref { return roundRef(e.Round) }

// About names the campaign.
func (e RoundWaits) About() []governance.Ref { return []governance.Ref{campaignRef(e.Campaign)} }

// Sentence says what is missing.
func (e RoundWaits) Sentence() audit.Sentence {
	return audit.Say("waits for nodes for ", e.Subject(), ": ", e.Eligible, " with enough text are there, ", e.Wanted, " are wanted")
}

// RoundOpened says who was asked to train, from what, and by which seed the
// cohort was drawn.
type RoundOpened struct {
	Round    training.RoundID    `json:"round"`
	Campaign training.CampaignID `json:"campaign"`
	Number   int                 `json:"number"`
	Attempt  int                 `json:"attempt"`
	Epoch    int                 `json:"epoch"`
	Base     string              `json:"base"`
	Seed     string              `json:"seed"`
	Origin   training.RoundID    `json:"origin"` // the round that it replays, or 0
	Cohort   []governance.NodeID `json:"cohort"` // ascending
	Wanted   int                 `json:"wanted"`
	Deadline int64               `json:"deadline"`          // Unix seconds
	Rule     string              `json:"rule,omitempty"`    // of selection; "" uniform
	Present  int                 `json:"present,omitempty"` // nodes that could have been drawn
}

// Kind is the kind of the entry, for ever.
func (RoundOpened) Kind() string { return "round.opened" }

// Subject is the round.
func (e RoundOpened) Subject() governance.Ref { return roundRef(e.Round) }

// About names the campaign and the nodes.
func (e RoundOpened) About() []governance.Ref {
	refs := []governance.Ref{campaignRef(e.Campaign)}
	for _, n := range e.Cohort {
		refs = append(refs, governance.RefTo(governance.RefNode, n))
	}
	return refs
}

// Sentence says how many were asked.
func (e RoundOpened) Sentence() audit.Sentence {
	how := "drawn by lot"
	if e.Rule != "" {
		how = "selected by " + e.Rule
	}
	return audit.Say("opened ", e.Subject(), ": asked ", len(e.Cohort), " nodes, "+how+", to train from "+short(e.Base)+"; ", e.Wanted, " answers end it")
}

// Replay notes the round. A replayed round keeps the seed of its origin.
func (e RoundOpened) Replay(s *audit.State, _ translog.Entry) error {
	if _, ok := s.Rounds[int64(e.Round)]; ok {
		return fmt.Errorf("round %d was opened twice: %w", e.Round, audit.ErrContradiction)
	}
	r := &audit.RoundState{
		Campaign: int64(e.Campaign), State: Collecting, Base: e.Base, Cohort: plain(e.Cohort),
		Updates: map[int64]string{}, Examples: map[int64]int64{}, Figures: map[string]string{"seed": e.Seed},
	}
	for i := 1; i < len(r.Cohort); i++ {
		if r.Cohort[i-1] >= r.Cohort[i] {
			return fmt.Errorf("round %d: its cohort is not in ascending order: %w", e.Round, audit.ErrContradiction)
		}
	}
	s.Rounds[int64(e.Round)] = r
	return nil
}

// RoundAbandoned says that an attempt at a round came to nothing.
type RoundAbandoned struct {
	Round    training.RoundID    `json:"round"`
	Campaign training.CampaignID `json:"campaign"`
	Number   int                 `json:"number"`
	Attempt  int                 `json:"attempt"`
	Reason   string              `json:"reason"`
	Skips    bool                `json:"skips"` // a replay goes on without this round
	Stops    bool                `json:"stops"` // the campaign is stopped with it
	Ends     bool                `json:"ends"`  // the replay, or the campaign, is over with it

	Checked
}

// Kind is the kind of the entry, for ever.
func (RoundAbandoned) Kind() string { return "round.abandoned" }

// Subject is the round.
func (e RoundAbandoned) Subject() governance.Ref { return roundRef(e.Round) }

// About names the campaign.
func (e RoundAbandoned) About() []governance.Ref { return []governance.Ref{campaignRef(e.Campaign)} }

// Sentence says why, and what follows.
func (e RoundAbandoned) Sentence() audit.Sentence {
	follows := "; it is tried again"
	switch {
	case e.Stops:
		follows = "; after so many attempts the campaign is stopped"
	case e.Skips:
		follows = "; the replay goes on without it"
	case e.Ends:
		follows = "; the campaign ends with what it has"
	}
	return audit.Say("abandoned ", e.Subject(), ": "+e.Reason+e.said()+follows)
}

// Replay closes the round; one that never opened is noted as abandoned.
func (e RoundAbandoned) Replay(s *audit.State, _ translog.Entry) error {
	r, ok := s.Rounds[int64(e.Round)]
	if !ok {
		s.Rounds[int64(e.Round)] = &audit.RoundState{Campaign: int64(e.Campaign), State: Abandoned}
		return nil
	}
	if r.State != Collecting && r.State != Aggregating && r.State != Evaluating {
		return fmt.Errorf("round %d is abandoned while %s: %w", e.Round, r.State, audit.ErrContradiction)
	}
	r.State = Abandoned
	return nil
}

// RoundClosed says that no more updates are taken.
type RoundClosed struct {
	Round   training.RoundID `json:"round"`
	Updates int              `json:"updates"`
	Asked   int              `json:"asked"`
	Epoch   int              `json:"epoch"`
}

// Kind is the kind of the entry, for ever.
func (RoundClosed) Kind() string { return "round.closed" }

// Subject is the round.
func (e RoundClosed) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence says what came.
func (e RoundClosed) Sentence() audit.Sentence {
	return audit.Say("closed ", e.Subject(), " with ", e.Updates, " updates of ", e.Asked, " nodes asked")
}

// Replay checks the count.
func (e RoundClosed) Replay(s *audit.State, _ translog.Entry) error {
	r, err := s.Round(int64(e.Round))
	if err != nil {
		return err
	}
	if r.State != Collecting || len(r.Updates) != e.Updates {
		return fmt.Errorf("round %d is closed with %d updates; it is %s and %d came: %w", e.Round, e.Updates, r.State, len(r.Updates), audit.ErrContradiction)
	}
	r.State = Aggregating
	return nil
}

// short is how a digest stands in a sentence; the page links the whole.
func short(hex string) string { return hex[:min(12, len(hex))] }
