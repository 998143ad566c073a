package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// Measurement is a mean over records of several nodes.
type Measurement struct {
	Nodes   int
	Records int64
	Base    string // mean loss of the campaign's base, nats, decimal; "" if not measured
	Before  string // of the round's base
	After   string // of the result
	Unigram string // entropy of the same text by byte frequencies alone, nats, decimal
}

// Judge accepts or rejects a round by what members measured, and plans what
// follows: the act of the job that the last measurement or the deadline
// inserted. A result that was measured and is worse than its base by more than
// the policy allows is rejected, and the round is tried again with another
// cohort. What nobody could measure is accepted and marked so; it passes no
// publishing gate.
func (s *Store) Judge(ctx context.Context, actor governance.Actor, id training.RoundID) error {
	return s.actOn(ctx, actor, id, "judges a round", func(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
		if err := inState(r, Evaluating); err != nil {
			return nil, err
		}
		const q = `select count(*) from assignments where round = @round and kind = 'evaluate' and state = 'open'`
		var open int
		if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"round": id}).Scan(&open); err != nil {
			return nil, fmt.Errorf("judge round %d: %w", id, err)
		}
		if open > 0 && tx.Now(ctx).Before(*r.EvaluateBy) {
			return nil, ErrWaiting
		}
		shut(tx, id)
		m, err := measurement(ctx, tx, r, c)
		if err != nil {
			return nil, err
		}
		const figures = `
			update rounds set records = @records, loss_base = @base, loss_before = @before, loss_after = @after, unigram = @unigram
			where id = @id`
		args := pgx.StrictNamedArgs{"records": m.Records, "base": m.Base, "before": m.Before, "after": m.After, "unigram": m.Unigram, "id": id}
		if _, err := tx.Exec(ctx, figures, args); err != nil {
			return nil, fmt.Errorf("judge round %d: %w", id, err)
		}
		ev := RoundJudged{
			Round: id, Campaign: c.ID, Number: r.Number, Checkpoint: r.Checkpoint.Hex(), Nodes: m.Nodes, Records: m.Records,
			Base: m.Base, Before: m.Before, After: m.After, Worsening: c.Settings.Worsening,
		}
		if m.Records > 0 && !Gate(m.Before, m.After, c.Settings.Worsening) {
			return s.reject(ctx, tx, r, c, ev)
		}
		ev.Accepted = true
		if err := s.move(ctx, tx, r, Accepted, ""); err != nil {
			return nil, err
		}
		if err := used(ctx, tx, r); err != nil {
			return nil, err
		}
		if c.Replays == 0 && m.Records > 0 && Converged(m.Before, m.After, c.Recipe.Converge) {
			ev.Ends = true
			const head = `update campaigns set head = @head where id = @id`
			if _, err := tx.Exec(ctx, head, pgx.StrictNamedArgs{"head": r.Checkpoint, "id": c.ID}); err != nil {
				return nil, fmt.Errorf("judge round %d: %w", id, err)
			}
			return ev, s.end(ctx, tx, c, Finished, "the loss fell by less than the decision asks")
		}
		ev.Ends, err = s.next(ctx, tx, r, c, *r.Checkpoint, r.Server)
		return ev, err
	})
}

// used is the step that notes whose updates went into an accepted checkpoint.
func used(ctx context.Context, tx *audit.Tx, r roundRow) error {
	const q = `select node, owner, examples, manifest from updates where round = @round and weight > 0 order by node`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": r.ID})
	counted, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
	if err != nil {
		return fmt.Errorf("note the updates of round %d: %w", r.ID, err)
	}
	for _, u := range counted {
		if err := corpus.Used(ctx, tx, r.Campaign, u.Node, u.Owner, r.Number); err != nil {
			return err
		}
	}
	return nil
}

// reject is the step that puts a result aside and tries the round again.
func (s *Store) reject(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, ev RoundJudged) (audit.Event, error) {
	reason := fmt.Sprintf("the loss rose from %s to %s", ev.Before, ev.After)
	if err := s.move(ctx, tx, r, Rejected, reason); err != nil {
		return nil, err
	}
	ev.Stops = r.Attempt >= c.Settings.Attempts
	return ev, s.again(ctx, tx, r, c, reason)
}

// measurement is the step that adds up what members measured. Only nodes that
// measured everything on the same number of records count, so that the figures
// are of the same text.
func measurement(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (Measurement, error) {
	const q = `
		select node, base, report from assignments
		where round = @round and kind = 'evaluate' and state = 'done' order by node`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": r.ID})
	type reported struct {
		Node   governance.NodeID
		Base   training.Digest
		Report string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reported])
	if err != nil {
		return Measurement{}, fmt.Errorf("read measurements of round %d: %w", r.ID, err)
	}
	byNode := map[governance.NodeID]map[training.Digest]protocol.Report{}
	var order []governance.NodeID
	for _, f := range found {
		rep, err := protocol.Decode[protocol.Report]([]byte(f.Report))
		if err != nil {
			return Measurement{}, fmt.Errorf("read measurement of node %d: %w", f.Node, err)
		}
		if byNode[f.Node] == nil {
			byNode[f.Node] = map[training.Digest]protocol.Report{}
			order = append(order, f.Node)
		}
		byNode[f.Node][f.Base] = rep
	}
	var m Measurement
	var base, before, after, unigram float64
	for _, node := range order { // ascending: the sum has one order
		got := byNode[node]
		b, a, zero := got[r.Base].Loss, got[*r.Checkpoint].Loss, got[c.Base].Loss
		if b.Records < c.Settings.MinRecords || a.Records != b.Records || zero.Records != b.Records {
			continue
		}
		m.Nodes++
		m.Records += b.Records
		base, before, after = base+zero.Sum, before+b.Sum, after+a.Sum
		unigram += got[*r.Checkpoint].Unigram.Sum
	}
	if m.Records > 0 {
		n := float64(m.Records)
		m.Base, m.Before, m.After, m.Unigram = decimal(base/n), decimal(before/n), decimal(after/n), decimal(unigram/n)
	}
	return m, nil
}
