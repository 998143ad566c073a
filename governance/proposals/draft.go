package proposals

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/policies"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// States of a proposal.
const (
	Draft      = "draft"
	Discussion = "discussion"
	Voting     = "voting"
	Waiting    = "waiting"
	Adopted    = "adopted" // being carried out
	Done       = "done"
	Failed     = "failed" // adopted, and could not be carried out
	Rejected   = "rejected"
	Withdrawn  = "withdrawn"
)

// RefProposal is the kind of reference to a proposal.
const RefProposal = "proposal"

// Proposals is the store of proposals.
type Proposals struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
	kinds Kinds
}

// New returns the store. kinds are the motions that may be tabled.
func New(trail *audit.Trail, pool *pgxpool.Pool, kinds Kinds) *Proposals {
	return &Proposals{trail, pool, kinds}
}

// Text is what a member writes: a title and a rendered text.
type Text struct {
	Title   string
	Base    governance.RevisionID
	Body    string
	HTML    string
	Summary string
}

// Create makes a draft. Its receipt names the proposal.
func (p *Proposals) Create(ctx context.Context, actor governance.Actor, text Text, motion Motion) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		title, err := checkTitle(text.Title)
		if err != nil {
			return nil, err
		}
		motion, class, err := p.kinds.check(motion)
		if err != nil {
			return nil, err
		}
		const number = `select nextval(pg_get_serial_sequence('proposals', 'id'))`
		var id governance.ProposalID
		if err := tx.QueryRow(ctx, number).Scan(&id); err != nil {
			return nil, fmt.Errorf("number proposal: %w", err)
		}
		saved, err := pages.Write(ctx, tx, text.draft(id))
		if err != nil {
			return nil, err
		}
		const insert = `
			insert into proposals (id, title, page, author, class, motion, params, state, created_at)
			overriding system value
			values (@id, @title, @page, @author, @class, @motion, @params, 'draft', @now)`
		args := pgx.StrictNamedArgs{
			"id": id, "title": title, "page": saved.Page, "author": tx.Actor.Member, "class": class,
			"motion": motion.Kind, "params": motion.Params, "now": tx.Now(ctx),
		}
		if _, err := tx.Exec(ctx, insert, args); err != nil {
			return nil, fmt.Errorf("make proposal: %w", err)
		}
		if err := tx.Name(ctx, governance.RefTo(RefProposal, id), fmt.Sprintf("Proposal %d: %s", id, title)); err != nil {
			return nil, err
		}
		return Drafted{id, class, motion.Kind, motion.Params, saved}, nil
	})
}

func (t Text) draft(id governance.ProposalID) pages.Draft {
	return pages.Draft{Title: PageTitle(id), Base: t.Base, Body: t.Body, HTML: t.HTML, Summary: t.Summary}
}

// PageTitle is the title of the page that holds a proposal's text.
func PageTitle(id governance.ProposalID) string { return "Proposal:" + id.String() }

func checkTitle(title string) (string, error) {
	title = strings.Join(strings.Fields(title), " ")
	switch {
	case title == "" || utf8.RuneCountInString(title) > 120 || len(title) > 200:
		return "", governance.FieldErrorf("title", "A title has 1 to 120 characters; this one has %d.", utf8.RuneCountInString(title))
	case strings.ContainsFunc(title, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return "", governance.FieldErrorf("title", "The title contains invisible characters.")
	}
	return title, nil
}

// Edit saves a new text, title or motion of a draft, by its author only, or a
// new text while it is discussed, which starts the discussion's time again.
func (p *Proposals) Edit(ctx context.Context, actor governance.Actor, id governance.ProposalID, text Text, motion Motion) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		title, err := checkTitle(text.Title)
		if err != nil {
			return nil, err
		}
		motion, class, err := p.kinds.check(motion)
		if err != nil {
			return nil, err
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case found.Author != tx.Actor.Member:
			return nil, governance.Errorf(governance.Forbidden, "Only its author edits a proposal. Say on its talk page what should change.")
		case found.State != Draft && found.State != Discussion:
			return nil, governance.Errorf(governance.Conflict, "Proposal %d is no longer open to changes: it is in the stage %q.", id, found.State)
		}
		saved, err := pages.Write(ctx, tx, text.draft(id))
		if err != nil {
			return nil, err
		}
		const update = `
			update proposals set title = @title, class = @class, motion = @motion, params = @params
			where id = @id and state = @state`
		args := pgx.StrictNamedArgs{"id": id, "state": found.State, "title": title, "class": class, "motion": motion.Kind, "params": motion.Params}
		if _, err := tx.Exec(ctx, update, args); err != nil {
			return nil, fmt.Errorf("edit proposal %d: %w", id, err)
		}
		if found.State == Discussion {
			if err := beginDiscussion(ctx, tx, id, class); err != nil {
				return nil, err
			}
		}
		if err := tx.Name(ctx, governance.RefTo(RefProposal, id), fmt.Sprintf("Proposal %d: %s", id, title)); err != nil {
			return nil, err
		}
		return Edited{id, class, motion.Kind, motion.Params, saved}, nil
	})
}

// Sponsor lends the member's name to a draft.
func (p *Proposals) Sponsor(ctx context.Context, actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case found.State != Draft:
			return nil, governance.Errorf(governance.Conflict, "Proposal %d is past its draft and needs no more sponsors.", id)
		case found.Author == tx.Actor.Member:
			return nil, governance.Errorf(governance.Conflict, "You wrote proposal %d; its sponsors are other members.", id)
		}
		const insert = `insert into sponsors (proposal, member, at) values (@id, @member, @now)`
		if _, err := tx.Exec(ctx, insert, pgx.StrictNamedArgs{"id": id, "member": tx.Actor.Member, "now": tx.Now(ctx)}); err != nil {
			return nil, pg.Translate(fmt.Errorf("sponsor proposal %d: %w", id, err), map[string]error{
				"sponsors_pkey": governance.Errorf(governance.Conflict, "You sponsor proposal %d already.", id),
			})
		}
		return Sponsored{id}, nil
	})
}

// Table puts a draft before the community: its discussion begins. It needs
// as many sponsors as the policy says.
func (p *Proposals) Table(ctx context.Context, actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case found.Author != tx.Actor.Member:
			return nil, governance.Errorf(governance.Forbidden, "Only its author tables a proposal.")
		case found.State != Draft:
			return nil, governance.Errorf(governance.Conflict, "Proposal %d was tabled already.", id)
		}
		inForce, err := policies.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		const count = `select count(*) from sponsors where proposal = @id`
		var sponsors int64
		if err := tx.QueryRow(ctx, count, pgx.StrictNamedArgs{"id": id}).Scan(&sponsors); err != nil {
			return nil, fmt.Errorf("count sponsors of proposal %d: %w", id, err)
		}
		if needed := inForce.Int(policies.Sponsors); sponsors < needed {
			return nil, governance.Errorf(governance.Conflict, "Proposal %d has %d of the %d sponsors that it needs.", id, sponsors, needed)
		}
		if err := beginDiscussion(ctx, tx, id, found.Class); err != nil {
			return nil, err
		}
		return Tabled{id}, nil
	})
}

// Withdraw takes a proposal back before it is voted on.
func (p *Proposals) Withdraw(ctx context.Context, actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if found.Author != tx.Actor.Member {
			return nil, governance.Errorf(governance.Forbidden, "Only its author withdraws a proposal.")
		}
		if found.State != Draft && found.State != Discussion {
			return nil, governance.Errorf(governance.Conflict, "Proposal %d is being voted on or was; it can no longer be withdrawn.", id)
		}
		if err := move(ctx, tx, id, found.State, Withdrawn, nil); err != nil {
			return nil, err
		}
		return Moved{Proposal: id, To: Withdrawn}, nil
	})
}

type locked struct {
	Author governance.MemberID
	Class  int
	Motion string
	Params string
	State  string
	Page   governance.PageID
	Poll   governance.PollID
}

// lock reads a proposal and keeps every other act away from it.
func lock(ctx context.Context, tx *audit.Tx, id governance.ProposalID) (locked, error) {
	const q = `
		select author, class, motion, params, state, page, coalesce(poll, 0) from proposals where id = @id for update`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[locked])
	if errors.Is(err, pgx.ErrNoRows) {
		return locked{}, governance.Errorf(governance.NotFound, "There is no proposal %d.", id)
	}
	if err != nil {
		return locked{}, fmt.Errorf("lock proposal %d: %w", id, err)
	}
	return found, nil
}
