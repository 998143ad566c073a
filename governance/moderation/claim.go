package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"github.com/jackc/pgx/v5"
)

// Actions that a decision takes.
const (
	NoAction        = "no-action"
	Warn            = "warn"
	Hide            = "hide"
	UnlearnProposed = "unlearn-proposed"
)

// Action is one way to decide, for a form.
type Action struct{ Value, Label, Description string }

var actions = []Action{
	{NoAction, "No action", "The answer may stand. Who reported is told why."},
	{Warn, "Warn", "The answer may be shown, with a warning."},
	{Hide, "Hide", "The same answer to the same prompt is not shown again."},
	{UnlearnProposed, "Hide and propose to unlearn", "As hide; a moderator then proposes to forget what taught it."},
}

// Actions lists the ways to decide in the order of the form. The caller owns the list.
func Actions() []Action { return slices.Clone(actions) }

// LeastReasoning is how many characters a statement of reasons has at least:
// a word is no reason.
const LeastReasoning = 40

const maxStatement = 4000 // characters of facts or reasoning

type locked struct {
	State  string
	Holder governance.MemberID
	Until  *time.Time
	Kind   string
	Owner  governance.MemberID // of the node of a held update; 0 otherwise
	Node   governance.NodeID
}

// lock reads a case and keeps every other claim and decision away from it,
// and refuses who has reported it or whose node it is about: nobody is judge
// in an own cause.
func lock(ctx context.Context, tx *audit.Tx, id governance.CaseID) (locked, error) {
	const q = `select state, coalesce(holder, 0), claimed_until, kind, coalesce(owner, 0), coalesce(node, 0) from cases where id = @id for update`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[locked])
	if errors.Is(err, pgx.ErrNoRows) {
		return locked{}, governance.Errorf(governance.NotFound, "There is no case %d.", id)
	}
	if err != nil {
		return locked{}, fmt.Errorf("lock case %d: %w", id, err)
	}
	const own = `select exists (select from flags where case_id = @id and member = @member)`
	var reported bool
	if err := tx.QueryRow(ctx, own, pgx.StrictNamedArgs{"id": id, "member": tx.Actor.Member}).Scan(&reported); err != nil {
		return locked{}, fmt.Errorf("read reporters of case %d: %w", id, err)
	}
	switch {
	case reported:
		return locked{}, governance.Errorf(governance.Forbidden, "You reported this answer, so another moderator decides about it: a conflict of interest.")
	case found.Owner != 0 && found.Owner == tx.Actor.Member:
		return locked{}, governance.Errorf(governance.Forbidden, "This case is about your node, so another moderator decides about it: a conflict of interest. Answer below the case.")
	case found.State == Decided:
		return locked{}, governance.Errorf(governance.Conflict, "Case %d is decided.", id)
	}
	return found, nil
}

// runs reports whether the claim of member still runs at the act's time.
func (l locked) runs(member governance.MemberID, now time.Time) bool {
	return l.State == Claimed && l.Holder == member && now.Before(*l.Until)
}

func requireClaim(ctx context.Context, tx *audit.Tx, id governance.CaseID) (locked, error) {
	if err := members.Require(ctx, tx, members.RightModerate); err != nil {
		return locked{}, err
	}
	found, err := lock(ctx, tx, id)
	if err != nil {
		return locked{}, err
	}
	if !found.runs(tx.Actor.Member, tx.Now(ctx)) {
		return locked{}, governance.Errorf(governance.Conflict, "You do not hold case %d, or your claim has ended. Nothing was decided. Claim it again.", id)
	}
	return found, nil
}

// Claim gives a case to the moderator alone for the time of the policy. While
// another's claim runs it is a Conflict; after its end anybody may claim.
func (m *Moderation) Claim(ctx context.Context, actor governance.Actor, id governance.CaseID) (audit.Receipt, error) {
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightModerate); err != nil {
			return nil, err
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		now := tx.Now(ctx)
		if found.State == Claimed && found.Holder != tx.Actor.Member && now.Before(*found.Until) {
			return nil, governance.Errorf(governance.Conflict, "Another moderator holds case %d until %s.", id, found.Until.UTC().Format("15:04:05 UTC"))
		}
		until, err := hold(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return Taken{id, until.Format(time.RFC3339Nano), found.runs(tx.Actor.Member, now)}, nil
	})
}

// Renew makes a claim that still runs last as long as a new one.
func (m *Moderation) Renew(ctx context.Context, actor governance.Actor, id governance.CaseID) (audit.Receipt, error) {
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := requireClaim(ctx, tx, id); err != nil {
			return nil, err
		}
		until, err := hold(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return Taken{id, until.Format(time.RFC3339Nano), true}, nil
	})
}

func hold(ctx context.Context, tx *audit.Tx, id governance.CaseID) (time.Time, error) {
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return time.Time{}, err
	}
	until := tx.Now(ctx).Add(inForce.Duration(policies.CaseClaim))
	const q = `update cases set state = 'claimed', holder = @member, claimed_until = @until where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "member": tx.Actor.Member, "until": until}); err != nil {
		return time.Time{}, fmt.Errorf("claim case %d: %w", id, err)
	}
	return until.UTC(), nil
}

// Release gives a claim back before its end.
func (m *Moderation) Release(ctx context.Context, actor governance.Actor, id governance.CaseID) (audit.Receipt, error) {
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := requireClaim(ctx, tx, id); err != nil {
			return nil, err
		}
		const q = `update cases set state = 'open', holder = null, claimed_until = null where id = @id`
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
			return nil, fmt.Errorf("release case %d: %w", id, err)
		}
		return Released{id}, nil
	})
}

// Decision is what a moderator writes.
type Decision struct {
	Action    string
	Clause    string // "" where none applies, with no action only
	Facts     string
	Reasoning string
}

func (d Decision) check(kind string) error {
	if !slices.ContainsFunc(ActionsOn(kind), func(a Action) bool { return a.Value == d.Action }) {
		return governance.FieldErrorf("action", "Choose what is to be done.")
	}
	if kind == OnOutput && (d.Action != NoAction || d.Clause != "") {
		if err := checkClause(d.Clause); err != nil {
			return governance.FieldErrorf("clause", "Choose the clause that the answer breaks.")
		}
	}
	if err := checkText("facts", "Facts", d.Facts, 1, maxStatement); err != nil {
		return err
	}
	return checkText("reasoning", "Reasoning", d.Reasoning, LeastReasoning, maxStatement)
}

// Decide ends a case with reasons. It needs a claim that still runs.
func (m *Moderation) Decide(ctx context.Context, actor governance.Actor, id governance.CaseID, d Decision) (audit.Receipt, error) {
	d.Facts, d.Reasoning = strings.TrimSpace(d.Facts), strings.TrimSpace(d.Reasoning)
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		found, err := requireClaim(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if err := d.check(found.Kind); err != nil {
			return nil, err
		}
		salt, err := newSalt()
		if err != nil {
			return nil, err
		}
		const insert = `
			insert into decisions (case_id, member, action, clause, facts, reasoning, salt, at)
			values (@id, @member, @action, @clause, @facts, @reasoning, @salt, @now)`
		args := pgx.StrictNamedArgs{
			"id": id, "member": tx.Actor.Member, "action": d.Action, "clause": d.Clause, "facts": d.Facts,
			"reasoning": d.Reasoning, "salt": salt, "now": tx.Now(ctx),
		}
		if _, err := tx.Exec(ctx, insert, args); err != nil {
			return nil, fmt.Errorf("decide case %d: %w", id, err)
		}
		const done = `update cases set state = 'decided', holder = null, claimed_until = null where id = @id`
		if _, err := tx.Exec(ctx, done, pgx.StrictNamedArgs{"id": id}); err != nil {
			return nil, fmt.Errorf("decide case %d: %w", id, err)
		}
		if found.Kind == OnHeldUpdate {
			return HeldRuled{id, found.Node, d.Action, digest(salt, d.Facts, d.Reasoning)}, nil
		}
		return Ruled{id, d.Action, d.Clause, digest(salt, d.Facts, d.Reasoning)}, nil
	})
}
