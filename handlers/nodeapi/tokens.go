package nodeapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training/protocol"
)

// Tokens makes join tokens for the pages that show them. The secret is drawn
// here, shown once and kept nowhere: the store gets the public half of the key
// that it seeds.
type Tokens struct {
	Nodes  *nodes.Store
	Server ed25519.PublicKey // the platform's key, which tokens pin
}

// Issued is a join token as its owner carries it to the machine.
type Issued struct {
	Text    string // the secret; never in a log, a URL or a cached page
	Node    governance.NodeID
	Expires time.Time
}

// Register announces a node of the acting member and returns its first token.
// A retry of the same operation is a Conflict: the secret is gone by then.
func (t Tokens) Register(ctx context.Context, actor governance.Actor, name string) (Issued, error) {
	return t.issue(func(key ed25519.PublicKey) (nodes.IssuedToken, error) { return t.Nodes.Register(ctx, actor, name, key) })
}

// Reissue returns another token for a node that has not joined; the earlier
// ones are void.
func (t Tokens) Reissue(ctx context.Context, actor governance.Actor, id governance.NodeID) (Issued, error) {
	return t.issue(func(key ed25519.PublicKey) (nodes.IssuedToken, error) { return t.Nodes.Reissue(ctx, actor, id, key) })
}

func (t Tokens) issue(act func(ed25519.PublicKey) (nodes.IssuedToken, error)) (Issued, error) {
	token, err := protocol.NewToken(rand.Reader, t.Server, 0)
	if err != nil {
		return Issued{}, err
	}
	made, err := act(token.Key().Public().(ed25519.PublicKey))
	if err != nil {
		return Issued{}, err
	}
	token.ID = made.ID
	return Issued{Text: token.Text(), Node: made.Node, Expires: made.Expires}, nil
}
