package proposals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Proposal is a proposal as a page shows it.
type Proposal struct {
	ID       governance.ProposalID
	Title    string
	Page     governance.PageID
	Author   governance.MemberID
	Class    int
	Motion   string
	Params   string
	State    string
	Poll     governance.PollID // 0 before voting
	Created  time.Time
	Until    *time.Time // end of the present stage
	Outcome  string
	Sponsors []governance.MemberID
	Revision governance.RevisionID
	Number   int64 // of the revision
	Digest   []byte
}

// Get returns one proposal: one query.
func (p *Proposals) Get(ctx context.Context, id governance.ProposalID) (Proposal, error) {
	const q = `
		select p.id, p.title, p.page, p.author, p.class, p.motion, p.params, p.state, coalesce(p.poll, 0), p.created_at, p.until, p.outcome,
			array(select s.member from sponsors s where s.proposal = p.id order by s.at, s.member), r.id, r.number, r.digest
		from proposals p join pages w on w.id = p.page join revisions r on r.id = w.latest where p.id = @id`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Proposal])
	if errors.Is(err, pgx.ErrNoRows) {
		return Proposal{}, governance.Errorf(governance.NotFound, "There is no proposal %d.", id)
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("read proposal %d: %w", id, err)
	}
	return found, nil
}

// Poll returns the poll of a proposal, 0 before voting: all that casting a
// ballot needs of it.
func (p *Proposals) Poll(ctx context.Context, id governance.ProposalID) (governance.PollID, error) {
	const q = `select coalesce(poll, 0) from proposals where id = @id`
	var poll governance.PollID
	err := p.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&poll)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, governance.Errorf(governance.NotFound, "There is no proposal %d.", id)
	}
	if err != nil {
		return 0, fmt.Errorf("read poll of proposal %d: %w", id, err)
	}
	return poll, nil
}

// Summary is a proposal in a list.
type Summary struct {
	ID      governance.ProposalID
	Title   string
	Author  governance.MemberID
	Class   int
	Motion  string
	State   string
	Poll    governance.PollID
	Until   *time.Time
	Roll    int64
	Rule    string
	Yes     int64
	No      int64
	Abstain int64
}

// List returns proposals in the given states (all when none is given), newest
// first, older than before (0 for the newest): one query, votes included.
func (p *Proposals) List(ctx context.Context, states []string, before governance.ProposalID, limit int) ([]Summary, error) {
	const q = `
		select p.id, p.title, p.author, p.class, p.motion, p.state, coalesce(p.poll, 0), p.until, coalesce(o.roll_size, 0), coalesce(o.rule, ''),
			coalesce(b.yes, 0), coalesce(b.no, 0), coalesce(b.abstain, 0)
		from proposals p left join polls o on o.id = p.poll
		left join lateral (
			select count(*) filter (where choice = 'yes') as yes, count(*) filter (where choice = 'no') as no,
				count(*) filter (where choice = 'abstain') as abstain
			from ballots where poll = p.poll
		) b on true
		where (@states::text[] is null or p.state = any(@states)) and (@before = 0 or p.id < @before)
		order by p.id desc limit @limit`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"states": states, "before": int64(before), "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Summary])
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	return list, nil
}
