package corpus

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

var (
	_ = audit.Register[Described]()
	_ = audit.Register[StrataDescribed]()
)

// Described says what a node holds: the root that commits it, and counts.
type Described struct {
	Node       governance.NodeID `json:"node"`
	Root       string            `json:"root"`
	Records    int64             `json:"records"`
	Tokens     int64             `json:"tokens"`
	Validation int64             `json:"validation"`
	Twins      int64             `json:"twins"`
	Suppressed int64             `json:"suppressed"`
	Public     bool              `json:"public,omitempty"` // all text of the node is, as its owner declares
}

func (e Described) Kind() string            { return "manifest.described" }
func (e Described) Subject() governance.Ref { return governance.RefTo(governance.RefNode, e.Node) }
func (e Described) Sentence() audit.Sentence {
	public := ""
	if e.Public {
		public = "; its owner declares all of its text public"
	}
	return audit.Say("committed to ", e.Records, " records with ", e.Tokens, " tokens for training, ", e.Validation,
		" for validation and ", e.Twins, " never to be trained on; manifest "+e.Root[:min(12, len(e.Root))]+public)
}

// StrataDescribed says that a node told the make-up of a manifest, and in how
// many lines. The lines stay out of the log: languages and a region come near
// to a person, and the log forgets nothing.
type StrataDescribed struct {
	Node  governance.NodeID `json:"node"`
	Root  string            `json:"root"`
	Lines int               `json:"lines"`
}

// Kind names the event.
func (e StrataDescribed) Kind() string { return "manifest.strata" }

// Subject is the node.
func (e StrataDescribed) Subject() governance.Ref {
	return governance.RefTo(governance.RefNode, e.Node)
}

// Sentence is the line on Recent changes.
func (e StrataDescribed) Sentence() audit.Sentence {
	return audit.Say("told in ", e.Lines, " rounded counts what its manifest "+e.Root[:min(12, len(e.Root))]+" is made of")
}
