package corpus

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

var _ = audit.Register[Described]()

// Described says what a node holds: the root that commits it, and counts.
type Described struct {
	Node       governance.NodeID `json:"node"`
	Root       string            `json:"root"`
	Records    int64             `json:"records"`
	Tokens     int64             `json:"tokens"`
	Validation int64             `json:"validation"`
	Twins      int64             `json:"twins"`
	Suppressed int64             `json:"suppressed"`
}

func (e Described) Kind() string            { return "manifest.described" }
func (e Described) Subject() governance.Ref { return governance.RefTo(governance.RefNode, e.Node) }
func (e Described) Sentence() audit.Sentence {
	return audit.Say("committed to ", e.Records, " records with ", e.Tokens, " tokens for training, ", e.Validation,
		" for validation and ", e.Twins, " never to be trained on; manifest "+e.Root[:min(12, len(e.Root))])
}
