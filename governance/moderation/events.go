package moderation

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

func ref(id governance.CaseID) governance.Ref { return governance.RefTo(RefCase, id) }

// Flagged: a member reported an output.
type Flagged struct {
	Case    governance.CaseID `json:"case"`
	Flag    governance.FlagID `json:"flag"`
	Version int64             `json:"version"`
	Output  string            `json:"output"` // hex digest of the case's salt, prompt and completion
	Clause  string            `json:"clause"`
	Reason  string            `json:"reason,omitempty"` // hex digest of salt and reason
	New     bool              `json:"new"`              // the first report of this output
}

// Kind is for ever.
func (Flagged) Kind() string { return "case.flagged" }

// Subject is the case.
func (e Flagged) Subject() governance.Ref { return ref(e.Case) }

// About is the version that gave the answer.
func (e Flagged) About() []governance.Ref {
	return []governance.Ref{governance.RefTo("version", e.Version)}
}

// Sentence says what a stranger reads.
func (e Flagged) Sentence() audit.Sentence {
	if e.New {
		return audit.Say("reported an answer of ", e.About()[0], ", which opened ", e.Subject())
	}
	return audit.Say("reported the answer in ", e.Subject(), " too")
}

// Taken: a moderator claimed a case or made the claim longer, and may read its text.
type Taken struct {
	Case    governance.CaseID `json:"case"`
	Until   string            `json:"until"`
	Renewed bool              `json:"renewed"`
}

// Kind is for ever.
func (Taken) Kind() string { return "case.claimed" }

// Subject is the case.
func (e Taken) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what a stranger reads.
func (e Taken) Sentence() audit.Sentence {
	if e.Renewed {
		return audit.Say("renewed the claim of ", e.Subject())
	}
	return audit.Say("claimed ", e.Subject(), " and opened it")
}

// Released: a moderator gave a claim back.
type Released struct {
	Case governance.CaseID `json:"case"`
}

// Kind is for ever.
func (Released) Kind() string { return "case.released" }

// Subject is the case.
func (e Released) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what a stranger reads.
func (e Released) Sentence() audit.Sentence { return audit.Say("released ", e.Subject()) }

// Ruled: a moderator decided a case.
type Ruled struct {
	Case    governance.CaseID `json:"case"`
	Action  string            `json:"action"`
	Clause  string            `json:"clause"`
	Reasons string            `json:"reasons"` // hex digest of salt, facts and reasoning
}

// Kind is for ever.
func (Ruled) Kind() string { return "case.decided" }

// Subject is the case.
func (e Ruled) Subject() governance.Ref { return ref(e.Case) }

// Sentence says what a stranger reads.
func (e Ruled) Sentence() audit.Sentence {
	outcome := map[string]string{
		NoAction: ": no action", Warn: ": the answer is shown with a warning", Hide: ": the answer is hidden",
		UnlearnProposed: ": the answer is hidden, and unlearning is to be proposed",
	}
	return audit.Say("decided ", e.Subject(), outcome[e.Action])
}

var (
	_ = audit.Register[Flagged]()
	_ = audit.Register[Taken]()
	_ = audit.Register[Released]()
	_ = audit.Register[Ruled]()
)
