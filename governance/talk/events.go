package talk

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

func refs(id CommentID) []governance.Ref {
	return []governance.Ref{governance.RefTo(RefComment, id)}
}

// Said: a member wrote a comment.
type Said struct {
	On      governance.Ref `json:"on"` // what is discussed
	Thread  ThreadID       `json:"thread"`
	Comment CommentID      `json:"comment"`
	To      CommentID      `json:"to,omitempty"` // the comment that is answered; 0 begins the thread
	Text    string         `json:"text"`         // hex digest of salt and text
}

// Kind is for ever.
func (Said) Kind() string { return "talk.said" }

// Subject is what is discussed.
func (e Said) Subject() governance.Ref { return e.On }

// About is the comment.
func (e Said) About() []governance.Ref { return refs(e.Comment) }

// Sentence says what a stranger reads.
func (e Said) Sentence() audit.Sentence {
	if e.To == 0 {
		return audit.Say("started a discussion about ", e.On)
	}
	return audit.Say("replied in a discussion about ", e.On)
}

// Hidden: the text of a comment was hidden; its digest stays.
type Hidden struct {
	On      governance.Ref `json:"on"`
	Comment CommentID      `json:"comment"`
	Text    string         `json:"text"`
}

// Kind is for ever.
func (Hidden) Kind() string { return "talk.hidden" }

// Subject is what is discussed.
func (e Hidden) Subject() governance.Ref { return e.On }

// About is the comment.
func (e Hidden) About() []governance.Ref { return refs(e.Comment) }

// Sentence says what a stranger reads.
func (e Hidden) Sentence() audit.Sentence {
	return audit.Say("hid a comment in a discussion about ", e.On)
}

var _, _ = audit.Register[Said](), audit.Register[Hidden]()
