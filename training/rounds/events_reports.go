package rounds

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
)

var (
	_ = audit.Register[UpdateReceived]()
	_ = audit.Register[Declined]()
	_ = audit.Register[Measured]()
	_ = audit.Register[CaseReported]()
	_ = audit.Register[RoundAggregated]()
	_ = audit.Register[RoundJudged]()
)

// UpdateReceived says that a node's update was taken, by digest.
type UpdateReceived struct {
	Round      training.RoundID  `json:"round"`
	Node       governance.NodeID `json:"node"`
	Digest     string            `json:"digest"`
	Examples   int64             `json:"examples"`
	Manifest   string            `json:"manifest"`
	Suppressed int64             `json:"suppressed"`
	Steps      int64             `json:"steps,omitempty"` // fewer than the recipe asks: partial work
	State      string            `json:"state,omitempty"` // digest of what the node keeps for its next round
	// Inexact says that the update was not computed by the builtin engine: a
	// replay agrees within a tolerance (docs/trainer-contract.md), not bit for bit.
	Inexact bool `json:"inexact,omitempty"`
}

// Kind is the kind of the entry, for ever.
func (UpdateReceived) Kind() string { return "update.received" }

// Subject is the round.
func (e UpdateReceived) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence gives the digest, and says if no replay can give it again.
func (e UpdateReceived) Sentence() audit.Sentence {
	how := ""
	if e.Inexact {
		how = "; by an external trainer, to be replayed within a tolerance"
	}
	return audit.Say("sent an update for ", e.Subject(), ", trained on ", e.Examples, " examples; digest "+short(e.Digest)+how)
}

// Replay notes the update: of the cohort, and once.
func (e UpdateReceived) Replay(s *audit.State, _ translog.Entry) error {
	r, err := s.Round(int64(e.Round))
	if err != nil {
		return err
	}
	_, twice := r.Updates[int64(e.Node)]
	if r.State != Collecting || twice || !slices.Contains(r.Cohort, int64(e.Node)) {
		return fmt.Errorf("round %d takes an update of node %d it may not take: %w", e.Round, e.Node, audit.ErrContradiction)
	}
	r.Updates[int64(e.Node)], r.Examples[int64(e.Node)] = e.Digest, e.Examples
	return nil
}

// Declined says that a node did not do what it was asked. Its reason is for
// the round's page and not for the log: a node's owner may have put words into it.
type Declined struct {
	Round training.RoundID  `json:"round"`
	Node  governance.NodeID `json:"node"`
	Task  string            `json:"task"`
}

// Kind is the kind of the entry, for ever.
func (Declined) Kind() string { return "task.declined" }

// Subject is the round.
func (e Declined) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence says what was declined.
func (e Declined) Sentence() audit.Sentence {
	return audit.Say("declined to "+e.Task+" in ", e.Subject())
}

// Measured says that a node measured weights on its own validation records.
// The figure is added to those of others and stands with the round.
type Measured struct {
	Round   training.RoundID  `json:"round"`
	Node    governance.NodeID `json:"node"`
	Weights string            `json:"weights"`
	Records int64             `json:"records"`
}

// Kind is the kind of the entry, for ever.
func (Measured) Kind() string { return "round.measured" }

// Subject is the round.
func (e Measured) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence says on how much.
func (e Measured) Sentence() audit.Sentence {
	return audit.Say("measured "+short(e.Weights)+" for ", e.Subject(), " on ", e.Records, " validation records of its own")
}

// CaseReported says that a node answered an unlearning case.
type CaseReported struct {
	Case       training.UnlearningID `json:"case"`
	Node       governance.NodeID     `json:"node"`
	Task       string                `json:"task"`
	Weights    string                `json:"weights"`
	Suppressed int64                 `json:"suppressed"` // records held back from now on
	Declined   bool                  `json:"declined"`
}

// Kind is the kind of the entry, for ever.
func (CaseReported) Kind() string { return "unlearning.reported" }

// Subject is the case.
func (e CaseReported) Subject() governance.Ref { return governance.RefTo(RefUnlearning, e.Case) }

// Sentence says what the node did.
func (e CaseReported) Sentence() audit.Sentence {
	if e.Declined {
		return audit.Say("declined to "+e.Task+" for ", e.Subject())
	}
	switch e.Task {
	case "suppress":
		return audit.Say("acknowledged for ", e.Subject(), " that ", e.Suppressed, " records are never trained on again")
	case "train":
		return audit.Say("trained a replayed round again as an auditor of ", e.Subject())
	}
	return audit.Say("measured what "+short(e.Weights)+" knows for ", e.Subject())
}

// RoundAggregated says what the mean of a round is and what each update
// counted for, so that whoever may read the updates can compute it again.
type RoundAggregated struct {
	Round      training.RoundID    `json:"round"`
	Nodes      []governance.NodeID `json:"nodes"`   // ascending: the order of summation
	Weights    []int64             `json:"weights"` // of each, after the cap per member
	Total      int64               `json:"total"`
	Checkpoint string              `json:"checkpoint"`
	Arithmetic string              `json:"arithmetic"`

	Rule       string              `json:"rule,omitempty"`        // of the server; "" FedAvg
	Robust     string              `json:"robust,omitempty"`      // "" the mean
	Byzantine  int                 `json:"f,omitempty"`           // hostile members that it was asked to withstand
	Chosen     []governance.NodeID `json:"chosen,omitempty"`      // whom a rule of distances believed
	ServerBase string              `json:"server_base,omitempty"` // digest of what the server's rule kept before
	Server     string              `json:"server,omitempty"`      // and after
	Codec      string              `json:"codec,omitempty"`       // in which updates came; "" float32
	Raw        int64               `json:"raw,omitempty"`         // bytes of the updates as float32
	Sent       int64               `json:"sent,omitempty"`        // bytes in which they came
	Clip       string              `json:"clip,omitempty"`        // norm to which each member was clipped, decimal
	Noise      string              `json:"noise,omitempty"`       // multiples of it, decimal
	Epsilon    string              `json:"epsilon,omitempty"`     // largest ε of any member after the round, rounded up

	Checked
}

// Kind is the kind of the entry, for ever.
func (RoundAggregated) Kind() string { return "round.aggregated" }

// Subject is the round.
func (e RoundAggregated) Subject() governance.Ref { return roundRef(e.Round) }

// Sentence gives the digest.
func (e RoundAggregated) Sentence() audit.Sentence {
	how := "averaged "
	if e.Robust != "" {
		how = "combined by " + e.Robust + " "
	}
	return audit.Say(how, len(e.Nodes)-len(e.Held)-len(e.Rejected), " updates in ", e.Subject(), "; the checkpoint is "+short(e.Checkpoint)+e.said())
}

// Replay checks that exactly the updates that came were averaged, none with
// more weight than it has examples.
func (e RoundAggregated) Replay(s *audit.State, _ translog.Entry) error {
	r, err := s.Round(int64(e.Round))
	if err != nil {
		return err
	}
	if r.State != Aggregating || len(e.Nodes) != len(r.Updates) || len(e.Weights) != len(e.Nodes) {
		return fmt.Errorf("round %d averages %d updates while %s, and %d came: %w", e.Round, len(e.Nodes), r.State, len(r.Updates), audit.ErrContradiction)
	}
	total := int64(0)
	for i, n := range e.Nodes {
		if _, came := r.Updates[int64(n)]; !came || e.Weights[i] < 0 || e.Weights[i] > r.Examples[int64(n)] || i > 0 && e.Nodes[i-1] >= n {
			return fmt.Errorf("round %d counts node %d for %d: %w", e.Round, n, e.Weights[i], audit.ErrContradiction)
		}
		total += e.Weights[i]
	}
	for _, n := range slices.Concat(e.Held, e.Rejected) {
		if at := slices.Index(e.Nodes, n); at < 0 || e.Weights[at] != 0 {
			return fmt.Errorf("round %d counts node %d, whose update the checks exclude: %w", e.Round, n, audit.ErrContradiction)
		}
	}
	if total != e.Total {
		return fmt.Errorf("round %d: the weights add up to %d, not %d: %w", e.Round, total, e.Total, audit.ErrContradiction)
	}
	r.State, r.Checkpoint = Evaluating, e.Checkpoint
	if e.Server != "" {
		r.Figures["server"] = e.Server
	}
	if e.Epsilon != "" {
		r.Figures["epsilon"] = e.Epsilon
	}
	return nil
}

// RoundJudged says whether a round's checkpoint is kept, by what members
// measured together. Losses are means in nats, decimal strings; "" where
// nobody measured.
type RoundJudged struct {
	Round      training.RoundID    `json:"round"`
	Campaign   training.CampaignID `json:"campaign"`
	Number     int                 `json:"number"`
	Checkpoint string              `json:"checkpoint"`
	Accepted   bool                `json:"accepted"`
	Nodes      int                 `json:"nodes"`
	Records    int64               `json:"records"`
	Base       string              `json:"base"`
	Before     string              `json:"before"`
	After      string              `json:"after"`
	Worsening  int64               `json:"worsening"` // allowed, millionths
	Ends       bool                `json:"ends"`      // the campaign is over with it
	Stops      bool                `json:"stops"`     // the campaign is stopped with it
}

// Kind is the kind of the entry, for ever.
func (RoundJudged) Kind() string { return "round.judged" }

// Subject is the round.
func (e RoundJudged) Subject() governance.Ref { return roundRef(e.Round) }

// About names the campaign.
func (e RoundJudged) About() []governance.Ref { return []governance.Ref{campaignRef(e.Campaign)} }

// Sentence gives the losses.
func (e RoundJudged) Sentence() audit.Sentence {
	verdict := "accepted "
	if !e.Accepted {
		verdict = "rejected "
	}
	if e.Records == 0 {
		return audit.Say(verdict, e.Subject(), "; nobody measured it")
	}
	return audit.Say(verdict, e.Subject(), ": loss "+e.Before+" before and "+e.After+" after, on ", e.Records, " records of ", e.Nodes, " nodes")
}

// Replay checks the verdict against the figures.
func (e RoundJudged) Replay(s *audit.State, _ translog.Entry) error {
	r, err := s.Round(int64(e.Round))
	if err != nil {
		return err
	}
	if r.State != Evaluating || r.Checkpoint != e.Checkpoint {
		return fmt.Errorf("round %d is judged while %s: %w", e.Round, r.State, audit.ErrContradiction)
	}
	if want := e.Records == 0 || Gate(e.Before, e.After, e.Worsening); want != e.Accepted {
		return fmt.Errorf("round %d: loss %s after %s is judged %v: %w", e.Round, e.After, e.Before, e.Accepted, audit.ErrContradiction)
	}
	r.State = Rejected
	if e.Accepted {
		r.State = Accepted
	}
	r.Figures["loss_base"], r.Figures["loss_before"], r.Figures["loss_after"] = e.Base, e.Before, e.After
	return nil
}
