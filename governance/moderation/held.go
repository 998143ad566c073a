package moderation

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"github.com/jackc/pgx/v5"
)

// What a case is about.
const (
	OnOutput     = "output"      // an answer of the model that members flagged
	OnHeldUpdate = "held-update" // an update of a node that the checks of a round held back
)

var heldActions = []Action{
	{NoAction, "The update was honest", "Nothing follows for its owner. What the checks left out of a round that is over stays out of it."},
	{Warn, "The owner is asked to look", "Something is wrong with the node, and nothing says that it was meant."},
	{UnlearnProposed, "Poison: propose to unlearn", "A moderator then proposes to forget what this contributor has trained."},
}

// ActionsOn lists the ways to decide a case of a kind, in the order of the
// form. The caller owns the list.
func ActionsOn(kind string) []Action {
	if kind == OnHeldUpdate {
		return slices.Clone(heldActions)
	}
	return Actions()
}

// HeldUpdate is an update of a node that the checks of a round held back.
type HeldUpdate struct {
	Node    governance.NodeID
	Owner   governance.MemberID
	Round   governance.Ref
	Version int64  // that the campaign began from
	Facts   string // what the checks found: values and thresholds, no text of anybody
	Spot    bool   // it counted, and other nodes that trained it again got another update
}

// OpenHeld opens the case of a held update: the act of a job of the platform,
// so that somebody looks and the owner of the node can answer. A second call
// for the same round and node is a Conflict.
func (m *Moderation) OpenHeld(ctx context.Context, actor governance.Actor, h HeldUpdate) (audit.Receipt, error) {
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "The checks of a round open a case about an update, and nobody else.")
		}
		if !utf8.ValidString(h.Facts) || h.Facts == "" || len(h.Facts) > 64_000 {
			return nil, governance.Errorf(governance.Invalid, "A case needs to say what the checks found, in at most 64,000 bytes.")
		}
		salt, err := newSalt()
		if err != nil {
			return nil, err
		}
		name := sha256.Sum256(fmt.Appendf(nil, "held-update-v1\n%s\n%d\n", h.Round, h.Node))
		const insert = `
			insert into cases (output, version, seed, prompt, completion, salt, opened_at, kind, about, node, owner)
			values (@name, @version, 0, '', @facts, @salt, @now, 'held-update', @round, @node, @owner)
			on conflict (output) do nothing returning id`
		rows, _ := tx.Query(ctx, insert, pgx.StrictNamedArgs{
			"name": name[:], "version": h.Version, "facts": h.Facts, "salt": salt, "now": tx.Now(ctx), "round": h.Round,
			"node": h.Node, "owner": h.Owner,
		})
		fresh, err := pgx.CollectRows(rows, pgx.RowTo[governance.CaseID])
		if err != nil {
			return nil, fmt.Errorf("open the case of node %d in %s: %w", h.Node, h.Round, err)
		}
		if len(fresh) == 0 {
			return nil, governance.Errorf(governance.Conflict, "The update of node %d in this round has its case already.", h.Node)
		}
		ev := HeldOpened{Case: fresh[0], Round: h.Round, Node: h.Node, Spot: h.Spot}
		return ev, tx.Name(ctx, ev.Subject(), fmt.Sprintf("Case %d", ev.Case))
	})
}

// HeldOpened: the platform opened a case about an update that the checks held
// back. What they found stands with the round.
type HeldOpened struct {
	Case  governance.CaseID `json:"case"`
	Round governance.Ref    `json:"round"`
	Node  governance.NodeID `json:"node"`
	Spot  bool              `json:"spot,omitempty"` // after a spot check, when the round was over
}

// Kind is for ever.
func (HeldOpened) Kind() string { return "case.opened" }

// Subject is the case.
func (e HeldOpened) Subject() governance.Ref { return ref(e.Case) }

// About names the node and the round.
func (e HeldOpened) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefNode, e.Node), e.Round}
}

// Sentence says what a stranger reads.
func (e HeldOpened) Sentence() audit.Sentence {
	if e.Spot {
		return audit.Say("opened ", e.Subject(), ": other nodes that trained again what ", e.About()[0], " sent for ", e.Round, " got another update")
	}
	return audit.Say("opened ", e.Subject(), ": the checks held back what ", e.About()[0], " sent for ", e.Round)
}

// HeldRuled: a moderator decided about a held update.
type HeldRuled struct {
	Case    governance.CaseID `json:"case"`
	Node    governance.NodeID `json:"node"`
	Action  string            `json:"action"`
	Reasons string            `json:"reasons"` // hex digest of salt, facts and reasoning
}

// Kind is for ever.
func (HeldRuled) Kind() string { return "case.update-decided" }

// Subject is the case.
func (e HeldRuled) Subject() governance.Ref { return ref(e.Case) }

// About names the node.
func (e HeldRuled) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefNode, e.Node)}
}

// Sentence says what a stranger reads.
func (e HeldRuled) Sentence() audit.Sentence {
	outcome := map[string]string{
		NoAction: ": the update was honest", Warn: ": the owner of the node is asked to look", UnlearnProposed: ": poison, and unlearning is to be proposed",
	}
	return audit.Say("decided ", e.Subject(), " about ", e.About()[0], outcome[e.Action])
}

var (
	_ = audit.Register[HeldOpened]()
	_ = audit.Register[HeldRuled]()
)
