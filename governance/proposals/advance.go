package proposals

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/voting"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// AdvanceArgs is the job that ends a stage when its time has come.
type AdvanceArgs struct {
	Proposal governance.ProposalID `json:"proposal"`
	From     string                `json:"from"`
}

// Kind names the job.
func (AdvanceArgs) Kind() string { return "advance-proposal" }

// EnactArgs is the job that carries out an adopted motion.
type EnactArgs struct {
	Proposal governance.ProposalID `json:"proposal" river:"unique"`
}

// Kind names the job.
func (EnactArgs) Kind() string { return "enact-motion" }

// move changes the state of a locked proposal. until is when the new stage
// ends by itself, nil for never.
func move(ctx context.Context, tx *audit.Tx, id governance.ProposalID, from, to string, until *time.Time) error {
	const q = `update proposals set state = @to, until = @until where id = @id and state = @from`
	tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "from": from, "to": to, "until": until})
	if err != nil {
		return fmt.Errorf("move proposal %d to %s: %w", id, to, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "Proposal %d is no longer in the stage %q.", id, from)
	}
	return nil
}

// stage moves a proposal to a stage that ends after a period of its class,
// and schedules the job that ends it.
func stage(ctx context.Context, tx *audit.Tx, id governance.ProposalID, from, to string, period time.Duration) (time.Time, error) {
	until := tx.Now(ctx).Add(period)
	if err := move(ctx, tx, id, from, to, &until); err != nil {
		return until, err
	}
	return until, tx.EnqueueAt(ctx, AdvanceArgs{id, to}, until)
}

func beginDiscussion(ctx context.Context, tx *audit.Tx, id governance.ProposalID, class int) error {
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return err
	}
	const from = `select state from proposals where id = @id`
	var state string
	if err := tx.QueryRow(ctx, from, pgx.StrictNamedArgs{"id": id}).Scan(&state); err != nil {
		return fmt.Errorf("read proposal %d: %w", id, err)
	}
	_, err = stage(ctx, tx, id, state, Discussion, inForce.Duration(policies.ClassKey(class, "discussion")))
	return err
}

// early is the Conflict of a stage that has not ended yet, or ended before.
func early(id governance.ProposalID, from string) error {
	return governance.Errorf(governance.Conflict, "The stage %q of proposal %d does not end now.", from, id)
}

// Advance ends a stage whose time has come: discussion opens the poll, voting
// is counted, waiting adopts. It is the act of a job; too early, or done
// before, is a Conflict that changes nothing.
func (p *Proposals) Advance(ctx context.Context, actor governance.Actor, id governance.ProposalID, from string) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Stages end by time and not by hand.")
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if found.State != from {
			return nil, early(id, from)
		}
		const due = `select coalesce(until <= @now, false) from proposals where id = @id`
		var ripe bool
		if err := tx.QueryRow(ctx, due, pgx.StrictNamedArgs{"id": id, "now": tx.Now(ctx)}).Scan(&ripe); err != nil {
			return nil, fmt.Errorf("read proposal %d: %w", id, err)
		}
		if !ripe {
			return nil, early(id, from)
		}
		switch from {
		case Discussion:
			return openPoll(ctx, tx, id, found)
		case Voting:
			return count(ctx, tx, id, found)
		case Waiting:
			return adopt(ctx, tx, id, found)
		}
		return nil, early(id, from)
	})
}

func openPoll(ctx context.Context, tx *audit.Tx, id governance.ProposalID, found locked) (audit.Event, error) {
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return nil, err
	}
	rule, err := inForce.Rule(found.Class)
	if err != nil {
		return nil, err
	}
	revision, digest, err := pages.Freeze(ctx, tx, found.Page, true)
	if err != nil {
		return nil, err
	}
	until, err := stage(ctx, tx, id, Discussion, Voting, inForce.Duration(policies.ClassKey(found.Class, "voting")))
	if err != nil {
		return nil, err
	}
	opened, err := voting.Open(ctx, tx, voting.Opening{
		About: governance.RefTo(RefProposal, id), Rule: rule, Closes: until, TextDigest: digest,
	})
	if err != nil {
		return nil, err
	}
	const q = `update proposals set poll = @poll where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"poll": opened.Poll, "id": id}); err != nil {
		return nil, fmt.Errorf("open poll of proposal %d: %w", id, err)
	}
	return PollOpened{id, revision, found.Motion, found.Params, opened}, nil
}

func count(ctx context.Context, tx *audit.Tx, id governance.ProposalID, found locked) (audit.Event, error) {
	if err := voting.Close(ctx, tx, found.Poll); err != nil {
		return nil, err
	}
	decision, err := voting.Decide(ctx, tx, found.Poll)
	if err != nil {
		return nil, err
	}
	counted, err := voting.Record(ctx, tx, found.Poll, decision)
	if err != nil {
		return nil, err
	}
	ev := Counted{Proposal: id, Passed: decision.Passed, Yes: decision.Counts.Yes, No: decision.Counts.No, Abstain: decision.Counts.Abstain, Counted: counted}
	if !decision.Passed {
		return ev, move(ctx, tx, id, Voting, Rejected, nil)
	}
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return nil, err
	}
	_, err = stage(ctx, tx, id, Voting, Waiting, inForce.Duration(policies.ClassKey(found.Class, "waiting")))
	return ev, err
}

func adopt(ctx context.Context, tx *audit.Tx, id governance.ProposalID, found locked) (audit.Event, error) {
	if err := move(ctx, tx, id, Waiting, Adopted, nil); err != nil {
		return nil, err
	}
	if err := tx.Enqueue(ctx, EnactArgs{id}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}); err != nil {
		return nil, err
	}
	return AdoptedEvent{int64(id), found.Poll, found.Motion, found.Params}, nil
}

// Finish is a step that ends the carrying out of an adopted proposal. outcome
// is one sentence for its page.
func Finish(ctx context.Context, tx *audit.Tx, id governance.ProposalID, state, outcome string) error {
	if _, err := lock(ctx, tx, id); err != nil {
		return err
	}
	if err := move(ctx, tx, id, Adopted, state, nil); err != nil {
		return err
	}
	const q = `update proposals set outcome = @outcome where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"outcome": outcome, "id": id}); err != nil {
		return fmt.Errorf("finish proposal %d: %w", id, err)
	}
	return nil
}

// Conclude is the act that ends the carrying out of a motion whose effect was
// recorded by other acts, or which has no other effect, or which failed.
func (p *Proposals) Conclude(ctx context.Context, actor governance.Actor, id governance.ProposalID, state, outcome string) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" || (state != Done && state != Failed) {
			return nil, governance.Errorf(governance.Forbidden, "A proposal is concluded by carrying it out.")
		}
		if err := Finish(ctx, tx, id, state, outcome); err != nil {
			return nil, err
		}
		return Moved{Proposal: id, To: state}, nil
	})
}

// Decision is an adopted motion as the job that carries it out reads it.
type Decision struct {
	Proposal governance.ProposalID
	Author   governance.MemberID
	Motion   string
	Params   string
	State    string
	Entry    governance.EntryID // of proposal.adopted
}

// Decision returns the adopted motion of a proposal.
func (p *Proposals) Decision(ctx context.Context, id governance.ProposalID) (Decision, error) {
	const q = `
		select p.author, p.motion, p.params, p.state, e.id
		from proposals p join audit_entries e on e.kind = 'proposal.adopted' and e.subject = 'proposal/' || p.id
		where p.id = @id order by e.id desc limit 1`
	d := Decision{Proposal: id}
	if err := p.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&d.Author, &d.Motion, &d.Params, &d.State, &d.Entry); err != nil {
		return Decision{}, fmt.Errorf("read decision of proposal %d: %w", id, err)
	}
	return d, nil
}
