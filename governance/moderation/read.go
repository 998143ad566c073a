package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"github.com/jackc/pgx/v5"
)

// Case is a case as a page shows it. Text is there only for who holds it.
type Case struct {
	ID        governance.CaseID
	Version   int64
	Seed      int64
	Opened    time.Time
	State     string
	Holder    governance.MemberID // 0 when nobody holds it at the asked time
	Until     *time.Time          // end of the claim
	Reporters int64
	Clause    string // that most reporters name
	Kinds     int64  // different clauses that reporters name
	Reported  bool   // by the member who asks
	Prompt    string
	Text      string
	Decision  *Statement
	Flags     []Report // for who holds the case
	Kind      string   // OnOutput or OnHeldUpdate
	About     string   // of a held update: a reference to the round
	Node      governance.NodeID
	Owner     governance.MemberID // of the node; 0 for an output
	Held      string              // of a held update: what the checks found, which everybody may read
}

// Due is when the case is late by the policies in force.
func (c Case) Due(inForce policies.Values) time.Time {
	return c.Opened.Add(inForce.Duration(policies.CaseDeadline))
}

// Statement is a decision as it was recorded.
type Statement struct {
	By        governance.MemberID
	Action    string
	Clause    string
	Facts     string
	Reasoning string
	At        time.Time
}

// Report is one flag on a case.
type Report struct {
	Member governance.MemberID
	Clause string
	Reason string
	At     time.Time
}

const columns = `
	c.id, c.version, c.seed, c.opened_at,
	case when c.state = 'claimed' and c.claimed_until <= @now then 'open' else c.state end,
	case when c.claimed_until > @now then c.holder else 0 end,
	case when c.claimed_until > @now then c.claimed_until end,
	(select count(*) from flags f where f.case_id = c.id),
	coalesce((select f.clause from flags f where f.case_id = c.id group by f.clause order by count(*) desc, min(f.id) limit 1), ''),
	(select count(distinct f.clause) from flags f where f.case_id = c.id),
	exists (select from flags f where f.case_id = c.id and f.member = @member),
	case when c.holder = @member and c.claimed_until > @now then c.prompt else '' end,
	case when c.holder = @member and c.claimed_until > @now then c.completion else '' end,
	c.kind, c.about, coalesce(c.node, 0), coalesce(c.owner, 0), case when c.kind = 'held-update' then c.completion else '' end`

func scanCase(row pgx.CollectableRow) (Case, error) {
	var c Case
	return c, row.Scan(&c.ID, &c.Version, &c.Seed, &c.Opened, &c.State, &c.Holder, &c.Until, &c.Reporters, &c.Clause, &c.Kinds, &c.Reported, &c.Prompt, &c.Text,
		&c.Kind, &c.About, &c.Node, &c.Owner, &c.Held)
}

// Get returns a case as a member (or nobody, 0) may see it at a time.
func (m *Moderation) Get(ctx context.Context, id governance.CaseID, member governance.MemberID, now time.Time) (Case, error) {
	const q = `select ` + columns + ` from cases c where c.id = @id`
	rows, _ := m.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id, "member": member, "now": now})
	c, err := pgx.CollectExactlyOneRow(rows, scanCase)
	if errors.Is(err, pgx.ErrNoRows) {
		return Case{}, governance.Errorf(governance.NotFound, "There is no case %d.", id)
	}
	if err != nil {
		return Case{}, fmt.Errorf("read case %d: %w", id, err)
	}
	if c.Holder == member && member != 0 {
		const flags = `select member, clause, reason, at from flags where case_id = @id order by id`
		rows, _ := m.pool.Query(ctx, flags, pgx.StrictNamedArgs{"id": id})
		if c.Flags, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Report]); err != nil {
			return Case{}, fmt.Errorf("read flags of case %d: %w", id, err)
		}
	}
	if c.State != Decided {
		return c, nil
	}
	const ruling = `select member, action, clause, facts, reasoning, at from decisions where case_id = @id`
	rows, _ = m.pool.Query(ctx, ruling, pgx.StrictNamedArgs{"id": id})
	statement, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Statement])
	if err != nil {
		return Case{}, fmt.Errorf("read decision of case %d: %w", id, err)
	}
	c.Decision = &statement
	return c, nil
}

// Queue lists the cases that wait: what most have reported first, then the
// oldest. Texts are never in a list.
func (m *Moderation) Queue(ctx context.Context, member governance.MemberID, now time.Time, limit int) ([]Case, error) {
	const q = `
		select ` + columns + ` from cases c where c.state <> 'decided'
		order by (select count(*) from flags f where f.case_id = c.id) desc, c.opened_at, c.id limit @limit`
	return m.list(ctx, q, pgx.StrictNamedArgs{"member": member, "now": now, "limit": limit})
}

// Closed lists decided cases, newest first, older than before (0 for the newest).
func (m *Moderation) Closed(ctx context.Context, member governance.MemberID, now time.Time, before governance.CaseID, limit int) ([]Case, error) {
	const q = `
		select ` + columns + ` from cases c where c.state = 'decided' and (@before = 0 or c.id < @before)
		order by c.id desc limit @limit`
	return m.list(ctx, q, pgx.StrictNamedArgs{"member": member, "now": now, "before": int64(before), "limit": limit})
}

func (m *Moderation) list(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Case, error) {
	rows, _ := m.pool.Query(ctx, q, args)
	list, err := pgx.CollectRows(rows, scanCase)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	for i := range list {
		list[i].Prompt, list[i].Text = "", ""
	}
	return list, nil
}

// OfNode lists the cases about a node's held updates, newest first, for the
// node's page: its owner answers them.
func (m *Moderation) OfNode(ctx context.Context, node governance.NodeID, member governance.MemberID, now time.Time) ([]Case, error) {
	const q = `select ` + columns + ` from cases c where c.node = @node order by c.id desc limit 50`
	return m.list(ctx, q, pgx.StrictNamedArgs{"node": node, "member": member, "now": now})
}

// Counts are how many cases are in which state.
type Counts struct{ Waiting, Decided int64 }

// Count counts the cases.
func (m *Moderation) Count(ctx context.Context) (Counts, error) {
	const q = `select count(*) filter (where state <> 'decided'), count(*) filter (where state = 'decided') from cases`
	var c Counts
	if err := m.pool.QueryRow(ctx, q).Scan(&c.Waiting, &c.Decided); err != nil {
		return Counts{}, fmt.Errorf("count cases: %w", err)
	}
	return c, nil
}

// Ruling returns the action that was decided on exactly this output, "" where
// there is none: what the playground asks before it shows an answer.
func (m *Moderation) Ruling(ctx context.Context, output Output) (string, governance.CaseID, error) {
	const q = `
		select d.action, c.id from cases c join decisions d on d.case_id = c.id where c.output = @output`
	hash := output.Hash()
	var action string
	var id governance.CaseID
	err := m.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"output": hash[:]}).Scan(&action, &id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("read ruling: %w", err)
	}
	return action, id, nil
}
