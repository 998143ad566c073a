package pages

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

// Saved: a revision of a page was saved.
type Saved struct {
	Page     governance.PageID     `json:"page"`
	Revision governance.RevisionID `json:"revision"`
	Number   int64                 `json:"number"` // of the revision in its page, from 1
	Parent   governance.RevisionID `json:"parent"`
	Delta    int64                 `json:"delta"`  // bytes more than the parent
	Digest   string                `json:"digest"` // hex, of salt and text
}

// Kind is for ever.
func (Saved) Kind() string { return "page.saved" }

// Subject is the page.
func (e Saved) Subject() governance.Ref { return governance.RefTo(governance.RefPage, e.Page) }

// Sentence says what a stranger reads.
func (e Saved) Sentence() audit.Sentence {
	if e.Number == 1 {
		return audit.Say("wrote the page ", e.Subject())
	}
	return audit.Say("edited ", e.Subject(), ", revision ", e.Number)
}

// Hidden: the text of a revision was hidden; its digest stays.
type Hidden struct {
	Page     governance.PageID     `json:"page"`
	Revision governance.RevisionID `json:"revision"`
	Digest   string                `json:"digest"`
}

// Kind is for ever.
func (Hidden) Kind() string { return "page.hidden" }

// Subject is the page.
func (e Hidden) Subject() governance.Ref { return governance.RefTo(governance.RefPage, e.Page) }

// Sentence says what a stranger reads.
func (e Hidden) Sentence() audit.Sentence {
	return audit.Say("hid the text of revision ", e.Revision, " of ", e.Subject())
}

// Protected: who may edit a page changed.
type Protected struct {
	Page   governance.PageID `json:"page"`
	Level  string            `json:"level"`            // "" or "moderators"
	Reason string            `json:"reason,omitempty"` // hex digest of salt and reason
}

// Kind is for ever.
func (Protected) Kind() string { return "page.protected" }

// Subject is the page.
func (e Protected) Subject() governance.Ref { return governance.RefTo(governance.RefPage, e.Page) }

// Sentence says what a stranger reads.
func (e Protected) Sentence() audit.Sentence {
	if e.Level == "" {
		return audit.Say("opened ", e.Subject(), " for everybody who may edit")
	}
	return audit.Say("protected ", e.Subject(), ": only moderators may edit it")
}

var _, _, _ = audit.Register[Saved](), audit.Register[Hidden](), audit.Register[Protected]()
