package unlearning

import (
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
)

var (
	_ = audit.Register[Opened]()
	_ = audit.Register[ReplayBegan]()
	_ = audit.Register[NothingToForget]()
	_ = audit.Register[VerificationBegan]()
	_ = audit.Register[Judged]()
	_ = audit.Register[CaseFailed]()
	_ = audit.Register[CleanPublished]()
	_ = audit.Register[CaseClosed]()
	_ = audit.Register[TaintedDestroyed]()
)

func ref(id training.UnlearningID) governance.Ref { return governance.RefTo(rounds.RefUnlearning, id) }

func campaignRef(id training.CampaignID) governance.Ref {
	return governance.RefTo(rounds.RefCampaign, id)
}

func memberRef(id governance.MemberID) governance.Ref {
	return governance.RefTo(governance.RefMember, id)
}

// Opened says that a decision to forget is being carried out.
type Opened struct {
	Case        training.UnlearningID `json:"case"`
	Proposal    governance.ProposalID `json:"proposal"`
	Decision    governance.EntryID    `json:"decision"`
	Campaign    training.CampaignID   `json:"campaign"`
	Contributor governance.MemberID   `json:"contributor"`
	FirstRound  int                   `json:"first_round"`
	Clean       string                `json:"clean"`
	Tainted     string                `json:"tainted"`
	Marked      int64                 `json:"marked"`
	Nodes       []governance.NodeID   `json:"nodes"`     // asked to suppress
	Stopped     []training.CampaignID `json:"stopped"`   // that trained on tainted weights
	Abandoned   []training.RoundID    `json:"abandoned"` // their running rounds
}

// Kind is the kind of the entry, for ever.
func (Opened) Kind() string { return "unlearning.opened" }

// Subject is the case.
func (e Opened) Subject() governance.Ref { return ref(e.Case) }

// About names the proposal, the campaign and the contributor.
func (e Opened) About() []governance.Ref {
	return []governance.Ref{governance.RefTo("proposal", e.Proposal), campaignRef(e.Campaign), memberRef(e.Contributor)}
}

// Sentence says what is forgotten.
func (e Opened) Sentence() audit.Sentence {
	return audit.Say("opened ", e.Subject(), ", which ", governance.RefTo("proposal", e.Proposal), " decided: the records of ",
		memberRef(e.Contributor), " are forgotten in ", campaignRef(e.Campaign), " from round ", e.FirstRound, " on; ", e.Marked, " checkpoints are tainted")
}

// Replay closes the rounds that were given up.
func (e Opened) Replay(s *audit.State, _ translog.Entry) error {
	for _, id := range e.Abandoned {
		if r, ok := s.Rounds[int64(id)]; ok {
			r.State = rounds.Abandoned
		}
	}
	return nil
}

// ReplayBegan says that the rounds are trained again without the contributor.
type ReplayBegan struct {
	Case     training.UnlearningID `json:"case"`
	Campaign training.CampaignID   `json:"campaign"`
	Replay   training.CampaignID   `json:"replay"`
	From     int                   `json:"from"`
	Clean    string                `json:"clean"`
	Silent   []governance.NodeID   `json:"silent"` // nodes that did not acknowledge the suppression
}

// Kind is the kind of the entry, for ever.
func (ReplayBegan) Kind() string { return "unlearning.replay" }

// Subject is the case.
func (e ReplayBegan) Subject() governance.Ref { return ref(e.Case) }

// About names both campaigns.
func (e ReplayBegan) About() []governance.Ref {
	return []governance.Ref{campaignRef(e.Campaign), campaignRef(e.Replay)}
}

// Sentence says where it begins.
func (e ReplayBegan) Sentence() audit.Sentence {
	s := audit.Say("began for ", e.Subject(), " to train ", campaignRef(e.Campaign), " again from round ", e.From, " on, as ", campaignRef(e.Replay), ", from "+short(e.Clean))
	if len(e.Silent) > 0 {
		s = append(s, audit.Say("; ", len(e.Silent), " nodes have not acknowledged the suppression and get no other work")...)
	}
	return s
}

// NothingToForget says that no round has to be replayed.
type NothingToForget struct {
	Case        training.UnlearningID `json:"case"`
	Campaign    training.CampaignID   `json:"campaign"`
	Contributor governance.MemberID   `json:"contributor"`
}

// Kind is the kind of the entry, for ever.
func (NothingToForget) Kind() string { return "unlearning.nothing" }

// Subject is the case.
func (e NothingToForget) Subject() governance.Ref { return ref(e.Case) }

// Sentence says why.
func (e NothingToForget) Sentence() audit.Sentence {
	return audit.Say("closed ", e.Subject(), ": nothing of ", memberRef(e.Contributor), " counted in any accepted round of ", campaignRef(e.Campaign))
}

// VerificationBegan says who was asked to measure and to audit.
type VerificationBegan struct {
	Case      training.UnlearningID `json:"case"`
	Result    string                `json:"result"`
	Tainted   string                `json:"tainted"`
	Probing   []governance.NodeID   `json:"probing"`   // the contributor's own
	Measuring []governance.NodeID   `json:"measuring"` // of those who remain
	Auditing  []governance.NodeID   `json:"auditing"`  // drawn by lot, to train a replayed round again
}

// Kind is the kind of the entry, for ever.
func (VerificationBegan) Kind() string { return "unlearning.verification" }

// Subject is the case.
func (e VerificationBegan) Subject() governance.Ref { return ref(e.Case) }

// Sentence says who was asked.
func (e VerificationBegan) Sentence() audit.Sentence {
	return audit.Say("finished the replay for ", e.Subject(), " with "+short(e.Result)+" and asked ", len(e.Probing), " nodes of the contributor to probe, ",
		len(e.Measuring), " others to measure and ", len(e.Auditing), " to train a round again")
}

// Judged is the verdict.
type Judged struct {
	Case       training.UnlearningID `json:"case"`
	Result     string                `json:"result"`
	Passed     bool                  `json:"passed"`
	Checks     []Check               `json:"checks"`
	Audits     []Audit               `json:"audits"`
	Unanswered int                   `json:"unanswered"` // questions to nodes that had no answer in time
}

// Kind is the kind of the entry, for ever.
func (Judged) Kind() string { return "unlearning.judged" }

// Subject is the case.
func (e Judged) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what was found.
func (e Judged) Sentence() audit.Sentence {
	verdict := "passed"
	if !e.Passed {
		verdict = "did not pass"
	}
	good := 0
	for _, c := range e.Checks {
		if c.Passed {
			good++
		}
	}
	return audit.Say("judged ", e.Subject(), fmt.Sprintf(": it %s; %d of %d checks are as they should be", verdict, good, len(e.Checks)))
}

// Replay refuses a verdict that its own checks do not give.
func (e Judged) Replay(*audit.State, translog.Entry) error {
	for _, a := range e.Audits {
		if a.Want != a.Got && e.Passed {
			return fmt.Errorf("unlearning case %d passed although %s computed %s for %s: %w", e.Case, a.Auditor, a.Got, a.Want, audit.ErrContradiction)
		}
	}
	return nil
}

// CaseFailed says that a case came to an end without a clean version.
type CaseFailed struct {
	Case   training.UnlearningID `json:"case"`
	Reason string                `json:"reason"`
}

// Kind is the kind of the entry, for ever.
func (CaseFailed) Kind() string { return "unlearning.failed" }

// Subject is the case.
func (e CaseFailed) Subject() governance.Ref { return ref(e.Case) }

// Sentence says why.
func (e CaseFailed) Sentence() audit.Sentence {
	return audit.Say("could not carry out ", e.Subject(), ": "+e.Reason)
}

// CleanPublished says which version replaces the tainted ones.
type CleanPublished struct {
	Case      training.UnlearningID `json:"case"`
	Campaign  training.CampaignID   `json:"campaign"`
	Version   training.VersionID    `json:"version"` // 0 where an older one is served again
	Weights   string                `json:"weights"`
	Card      string                `json:"card"`
	Withdrawn []training.VersionID  `json:"withdrawn"`
}

// Kind is the kind of the entry, for ever.
func (CleanPublished) Kind() string { return "unlearning.published" }

// Subject is the case.
func (e CleanPublished) Subject() governance.Ref { return ref(e.Case) }

// About names the versions.
func (e CleanPublished) About() []governance.Ref {
	refs := []governance.Ref{campaignRef(e.Campaign)}
	for _, v := range append([]training.VersionID{e.Version}, e.Withdrawn...) {
		if v != 0 {
			refs = append(refs, governance.RefTo(models.RefVersion, v))
		}
	}
	return refs
}

// Sentence says what is served now.
func (e CleanPublished) Sentence() audit.Sentence {
	s := audit.Say("withdrew ", len(e.Withdrawn), " tainted versions for ", e.Subject())
	if e.Version == 0 {
		return append(s, audit.Say("; the newest clean version is served again")...)
	}
	return append(s, audit.Say(" and published ", governance.RefTo(models.RefVersion, e.Version), ", weights "+short(e.Weights))...)
}

// Replay notes the versions.
func (e CleanPublished) Replay(s *audit.State, _ translog.Entry) error {
	for _, v := range e.Withdrawn {
		if err := models.Vanish(s, v); err != nil {
			return err
		}
	}
	if e.Version == 0 {
		return nil
	}
	return models.Appear(s, e.Version, e.Weights)
}

// CaseClosed says that the contributor's updates cannot be read any more, and
// gives the certificate's digest.
type CaseClosed struct {
	Case        training.UnlearningID `json:"case"`
	Contributor governance.MemberID   `json:"contributor"`
	Destroyed   int64                 `json:"destroyed"`
	Certificate string                `json:"certificate"`
}

// Kind is the kind of the entry, for ever.
func (CaseClosed) Kind() string { return "unlearning.closed" }

// Subject is the case.
func (e CaseClosed) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what is gone.
func (e CaseClosed) Sentence() audit.Sentence {
	return audit.Say("destroyed the key to ", e.Destroyed, " stored updates of ", memberRef(e.Contributor), " and closed ", e.Subject(), "; certificate "+short(e.Certificate))
}

// TaintedDestroyed says that tainted weights are no longer kept.
type TaintedDestroyed struct {
	Case        training.UnlearningID `json:"case"`
	Checkpoints int64                 `json:"checkpoints"`
}

// Kind is the kind of the entry, for ever.
func (TaintedDestroyed) Kind() string { return "unlearning.destroyed" }

// Subject is the case.
func (e TaintedDestroyed) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what is gone.
func (e TaintedDestroyed) Sentence() audit.Sentence {
	return audit.Say("removed the files of ", e.Checkpoints, " checkpoints that ", e.Subject(), " tainted, and of the updates that were trained from them")
}

// short is how a digest stands in a sentence; the page links the whole.
func short(hex string) string { return hex[:min(12, len(hex))] }
