package nodes

import (
	"encoding/base64"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

// RefServerKey is the platform's key as the log names it.
const RefServerKey governance.Ref = "key/server"

var (
	_ = audit.Register[Registered]()
	_ = audit.Register[TokenIssued]()
	_ = audit.Register[Joined]()
	_ = audit.Register[Renamed]()
	_ = audit.Register[Revoked]()
	_ = audit.Register[ServerKeyNamed]()
)

func ref(id governance.NodeID) governance.Ref { return governance.RefTo(governance.RefNode, id) }

// Registered is a node that its owner announced, with its first join token.
type Registered struct {
	Node  governance.NodeID   `json:"node"`
	Owner governance.MemberID `json:"owner"`
	Token int64               `json:"token"`
}

// Kind is the kind of the entry, for ever.
func (Registered) Kind() string { return "node.registered" }

// Subject is the node.
func (e Registered) Subject() governance.Ref { return ref(e.Node) }

// Sentence says what was made.
func (e Registered) Sentence() audit.Sentence {
	return audit.Say("registered ", ref(e.Node), ", which may join within an hour")
}

// TokenIssued is another join token for a node that has not joined; the
// earlier ones are void.
type TokenIssued struct {
	Node  governance.NodeID `json:"node"`
	Token int64             `json:"token"`
}

// Kind is the kind of the entry, for ever.
func (TokenIssued) Kind() string { return "node.token-issued" }

// Subject is the node.
func (e TokenIssued) Subject() governance.Ref { return ref(e.Node) }

// Sentence says what was made.
func (e TokenIssued) Sentence() audit.Sentence {
	return audit.Say("made a new join token for ", ref(e.Node))
}

// Joined is a node that redeemed its token; the actor is the node. Its public
// key is in the log, so that anybody can check what it signs.
type Joined struct {
	Node      governance.NodeID   `json:"node"`
	Owner     governance.MemberID `json:"owner"`
	Token     int64               `json:"token"`
	PublicKey string              `json:"public_key"` // Ed25519, base64
}

// Kind is the kind of the entry, for ever.
func (Joined) Kind() string { return "node.joined" }

// Subject is the node.
func (e Joined) Subject() governance.Ref { return ref(e.Node) }

// About names the owner.
func (e Joined) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefMember, e.Owner)}
}

// Sentence names the owner.
func (e Joined) Sentence() audit.Sentence {
	return audit.Say("joined as a node of ", governance.RefTo(governance.RefMember, e.Owner))
}

// Renamed is another name for a node. Names are not in the log.
type Renamed struct {
	Node governance.NodeID `json:"node"`
}

// Kind is the kind of the entry, for ever.
func (Renamed) Kind() string { return "node.renamed" }

// Subject is the node.
func (e Renamed) Subject() governance.Ref { return ref(e.Node) }

// Sentence says it.
func (e Renamed) Sentence() audit.Sentence { return audit.Say("renamed ", ref(e.Node)) }

// Revoked is a node whose key is no longer taken.
type Revoked struct {
	Node governance.NodeID `json:"node"`
}

// Kind is the kind of the entry, for ever.
func (Revoked) Kind() string { return "node.revoked" }

// Subject is the node.
func (e Revoked) Subject() governance.Ref { return ref(e.Node) }

// Sentence says what it means.
func (e Revoked) Sentence() audit.Sentence {
	return audit.Say("revoked ", ref(e.Node), ", whose key is no longer taken")
}

// ServerKeyNamed puts the public key into the log with which the platform
// answers nodes and signs assignments, before its first use. Join tokens pin it.
type ServerKeyNamed struct {
	PublicKey string `json:"public_key"` // Ed25519, base64
}

// Kind is the kind of the entry, for ever.
func (ServerKeyNamed) Kind() string { return "server.key.named" }

// Subject is the key.
func (ServerKeyNamed) Subject() governance.Ref { return RefServerKey }

// Sentence shows the key.
func (e ServerKeyNamed) Sentence() audit.Sentence {
	return audit.Say("named the key by which nodes recognise this platform: ", e.PublicKey)
}

func keyText(key []byte) string { return base64.StdEncoding.EncodeToString(key) }
