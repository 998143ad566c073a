package rounds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// assigned is an assignment as the act of reporting needs it.
type assigned struct {
	ID         training.AssignmentID
	Round      training.RoundID      // 0 for a case
	Unlearning training.UnlearningID // 0 for a round
	Node       governance.NodeID
	Owner      governance.MemberID
	Kind       string
	Epoch      int
	Base       training.Digest
	Most       int64
	State      string
	ExpiresAt  time.Time
	Spot       governance.NodeID // of a spot check: whose update; 0 otherwise
}

// Report takes a node's answer: the act of the node. A report that comes twice
// is one report. A late one, one of an old epoch, and one on another base are
// a Conflict and have no effect.
func (s *Store) Report(ctx context.Context, actor governance.Actor, rep protocol.Report) error {
	if err := rep.Check(); err != nil {
		return governance.Errorf(governance.Invalid, "The report cannot be taken: %v.", err)
	}
	if actor.Node == 0 {
		return governance.Errorf(governance.Forbidden, "Only a node reports.")
	}
	far := false // so many are open that this cannot be the last, or this act has asked for what follows
	var h reporting
	receipt, err := s.trail.ActHolding(ctx, actor, h.holding(actor.Node, rep), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		a := h.assigned
		switch {
		case a.State == "done" || a.State == "refused":
			return nil, governance.Errorf(governance.Conflict, "Assignment %d was answered already, and that answer counts.", a.ID)
		case a.State != "open" || !tx.Now(ctx).Before(a.ExpiresAt):
			return nil, governance.Errorf(governance.Conflict, "Assignment %d is closed; the report came too late and has no effect.", a.ID)
		case rep.Epoch != a.Epoch:
			return nil, governance.Errorf(governance.Conflict, "The report is of epoch %d, assignment %d of %d.", rep.Epoch, a.ID, a.Epoch)
		}
		if err := s.answer(ctx, tx, a, rep); err != nil {
			return nil, err
		}
		if a.Unlearning != 0 {
			return s.caseReported(ctx, tx, a, rep)
		}
		if protocol.OfSpot(a.Kind) {
			return s.spotReported(ctx, tx, a, h.round, rep)
		}
		var ev audit.Event
		var err error
		if a.Kind == protocol.Train {
			ev, err = h.trained(tx, rep)
		} else {
			ev, err = measured(a, h.round, rep)
		}
		if err == nil {
			far, err = h.last(ctx, tx, rep)
		}
		return ev, err
	})
	if err != nil {
		return err
	}
	s.stir()
	if !far && !receipt.Repeated {
		s.complete(ctx, rep.Assignment)
	}
	return nil
}

// complete ends what a round waits for if this was the last report. Acts of
// reports run side by side, so that the last two may each have seen the other's
// assignment open; here both are committed. It is no part of the report: after
// a crash before it the deadline's job does the same.
func (s *Store) complete(ctx context.Context, id training.AssignmentID) {
	const q = `
		select r.id, r.state from assignments a join rounds r on r.id = a.round
		where a.id = @id and (
			r.state = 'evaluating' and a.kind = 'evaluate'
				and not exists (select from assignments o where o.round = r.id and o.kind = 'evaluate' and o.state = 'open')
			or r.state = 'collecting' and a.kind = 'train' and (
				not exists (select from assignments o where o.round = r.id and o.kind = 'train' and o.state = 'open')
				or (select count(*) from updates u where u.round = r.id) >= r.wanted))`
	var round training.RoundID
	var state string
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&round, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return
	}
	if err == nil && state == Collecting {
		err = s.CloseCollection(ctx, governance.Job(AggregateArgs{}.Kind()), round)
	} else if err == nil {
		err = s.Judge(ctx, governance.Job(JudgeArgs{}.Kind()), round)
	}
	if err != nil && !errors.Is(err, ErrWaiting) && !governance.Is(err, governance.Conflict) {
		slog.WarnContext(ctx, "a round that is complete waits for its deadline", slog.Int64("round", int64(round)), slog.Any("err", err))
	}
}

// reporting is what the act of a report holds and reads before it decides.
type reporting struct {
	assigned
	round    roundRow
	campaign campaignRow
	open     int // assignments of this kind in the round, most at most; this one is one of them
	come     int // updates of the round
	sealed   *training.Digest
	sent     int64 // bytes of the update that sealed names
}

// holding reads the acting node's assignment, locked, and before it the
// campaign and the round, shared; behind them what decides what follows.
func (h *reporting) holding(node governance.NodeID, rep protocol.Report) audit.Holding {
	const campaign = campaignSQL + `
		where id = (select r.campaign from assignments a join rounds r on r.id = a.round where a.id = @id and a.node = @node) for share`
	const round = reportedRoundSQL + `
		where id = (select a.round from assignments a where a.id = @id and a.node = @node) for share`
	const assignment = `
		select id, coalesce(round, 0), coalesce(unlearning, 0), node, owner, kind, epoch, base, most, state, expires_at,
			coalesce(spot, 0)
		from assignments where id = @id and node = @node for update`
	const rest = `
		select (select count(*) from (
				select from assignments o where o.round = a.round and o.kind = a.kind and o.state = 'open' limit @most) as o),
			case a.kind when 'train' then (select count(*) from updates where round = a.round) else 0 end,
			b.sealed, coalesce(b.size, 0)
		from assignments a left join blob_candidates b on b.assignment = a.id and b.digest = @digest
		where a.id = @id and a.node = @node`
	args := pgx.StrictNamedArgs{"id": rep.Assignment, "node": node}
	return audit.Holding{
		Queue: func(b *pgx.Batch) {
			*h = reporting{}
			for _, q := range []string{campaign, round, assignment} {
				b.Queue(q, args)
			}
			b.Queue(rest, pgx.StrictNamedArgs{"id": rep.Assignment, "node": node, "most": most, "digest": rep.Update})
		},
		Read: func(results pgx.BatchResults) error {
			err := h.read(results)
			if errors.Is(err, pgx.ErrNoRows) {
				return governance.Errorf(governance.NotFound, "Node %d has no assignment %d.", node, rep.Assignment)
			}
			if err != nil {
				return fmt.Errorf("lock assignment %d: %w", rep.Assignment, err)
			}
			return nil
		},
	}
}

func (h *reporting) read(results pgx.BatchResults) error {
	var errs [2]error
	h.campaign, errs[0] = scanCampaignRow(results.QueryRow())
	h.round, errs[1] = scanRoundRow(results.QueryRow())
	for _, err := range errs { // an assignment of a case has neither
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
	}
	rows, _ := results.Query()
	var err error
	h.assigned, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[assigned])
	if err == nil && h.Round != h.round.ID {
		err = fmt.Errorf("it is of round %d, which is not there", h.Round)
	}
	if err != nil {
		return err
	}
	return results.QueryRow().Scan(&h.open, &h.come, &h.sealed, &h.sent)
}

// answer is the step that keeps the report with its assignment.
func (s *Store) answer(ctx context.Context, tx *audit.Tx, a assigned, rep protocol.Report) error {
	text, err := json.Marshal(rep)
	if err != nil {
		return fmt.Errorf("report on assignment %d: %w", a.ID, err)
	}
	state, judgement := "done", nodes.Accepted
	if rep.Refused != "" {
		state, judgement = "refused", nodes.Refused
	}
	if err := s.crash("report " + a.Kind); err != nil {
		return err
	}
	// The act holds the assignment, which is open.
	const update = `
		update assignments set state = @state, report = @report, reported_at = @now where id = @id and state = 'open'`
	tx.Lastly(update, pgx.StrictNamedArgs{"state": state, "report": string(text), "now": tx.Now(ctx), "id": a.ID}, func(err error) error {
		return fmt.Errorf("report on assignment %d: %w", a.ID, err)
	})
	return nodes.Judge(ctx, tx, a.Node, judgement)
}

// trained is the step that takes an update.
func (h *reporting) trained(tx *audit.Tx, rep protocol.Report) (audit.Event, error) {
	a, r, c := h.assigned, h.round, h.campaign
	if err := inState(r, Collecting); err != nil {
		return nil, err
	}
	if rep.Refused != "" {
		return Declined{Round: r.ID, Node: a.Node, Task: a.Kind}, nil
	}
	examples := min(rep.Examples, a.Most)
	switch {
	case h.sealed == nil:
		return nil, governance.Errorf(governance.Invalid, "The report names the update %s, which was not uploaded for assignment %d.", rep.Update, a.ID)
	case examples < 1:
		return nil, governance.Errorf(governance.Invalid, "An update of no examples counts for nothing.")
	case rep.Manifest.IsZero():
		return nil, governance.Errorf(governance.Invalid, "The report does not say which manifest was trained on.")
	}
	steps, err := stepsOf(c.Recipe, rep)
	if err != nil {
		return nil, err
	}
	const insert = `
		insert into updates (round, node, owner, assignment, digest, sealed, examples, manifest, tokens, steps, sent)
		values (@round, @node, @owner, @assignment, @digest, @sealed, @examples, @manifest, @tokens, @steps, @sent)`
	tx.Lastly(insert, pgx.StrictNamedArgs{
		"round": r.ID, "node": a.Node, "owner": a.Owner, "assignment": a.ID, "digest": rep.Update, "sealed": h.sealed,
		"examples": examples, "manifest": rep.Manifest, "tokens": rep.Tokens, "steps": steps, "sent": h.sent,
	}, func(err error) error {
		counted := governance.Errorf(governance.Conflict, "Round %d has an update of node %d already.", r.ID, a.Node)
		return pg.Translate(fmt.Errorf("take update of node %d: %w", a.Node, err), map[string]error{
			"updates_pkey": counted, "updates_assignment_key": counted,
		})
	})
	ev := UpdateReceived{
		Round: r.ID, Node: a.Node, Digest: rep.Update.Hex(), Examples: examples, Manifest: rep.Manifest.Hex(), Suppressed: rep.Suppressed,
	}
	if steps < int64(c.Recipe.Steps) {
		ev.Steps = steps
	}
	if c.Recipe.Stateful() {
		ev.State = rep.State.Hex()
	}
	ev.Inexact = !rep.Exact()
	return ev, nil
}

// stepsOf is how many steps stand behind an update: all that the recipe asks,
// or fewer where it allows partial work.
func stepsOf(recipe protocol.Recipe, rep protocol.Report) (int64, error) {
	all := int64(recipe.Steps)
	switch {
	case rep.Steps == 0 && !recipe.Normalised():
		return all, nil // programs of before did not say
	case rep.Steps < 1 || rep.Steps > all:
		return 0, governance.Errorf(governance.Invalid, "The report speaks of %d steps, the recipe of %d.", rep.Steps, all)
	case rep.Steps < all && !recipe.Local.Partial:
		return 0, governance.Errorf(governance.Invalid, "The report is of %d of %d steps, and this recipe takes no partial work.", rep.Steps, all)
	}
	return rep.Steps, nil
}

// most is how many reports may be on their way at one moment, on all servers.
const most = 64

// last is the step that asks for what follows when nothing more is waited for.
// It answers false where the reports that are on their way beside this one
// could make it the last.
func (h *reporting) last(ctx context.Context, tx *audit.Tx, rep protocol.Report) (bool, error) {
	train := h.Kind == protocol.Train
	come := h.come
	if train && rep.Refused == "" {
		come++ // this one
	}
	switch {
	case h.open > 1 && !(train && come >= h.round.Wanted):
		return h.open == most && !(train && come >= h.round.Wanted-most), nil
	case train:
		return true, tx.Enqueue(ctx, AggregateArgs{Round: h.round.ID}, uniqueByRound())
	}
	return true, tx.Enqueue(ctx, JudgeArgs{Round: h.round.ID}, uniqueByRound())
}

// measured is the step that takes a measurement of one checkpoint on the
// node's own validation records.
func measured(a assigned, r roundRow, rep protocol.Report) (audit.Event, error) {
	if err := inState(r, Evaluating); err != nil {
		return nil, err
	}
	if rep.Refused != "" {
		return Declined{Round: r.ID, Node: a.Node, Task: a.Kind}, nil
	}
	return Measured{Round: r.ID, Node: a.Node, Weights: a.Base.Hex(), Records: rep.Loss.Records}, nil
}

// caseReported is the step that hands a report to its unlearning case.
func (s *Store) caseReported(ctx context.Context, tx *audit.Tx, a assigned, rep protocol.Report) (audit.Event, error) {
	if err := tx.Enqueue(ctx, UnlearningArgs{Case: a.Unlearning}, &river.InsertOpts{MaxAttempts: jobAttempts}); err != nil {
		return nil, err
	}
	return CaseReported{
		Case: a.Unlearning, Node: a.Node, Task: a.Kind, Weights: a.Base.Hex(), Suppressed: rep.Suppressed, Declined: rep.Refused != "",
	}, nil
}

// uniqueByRound keeps a job that waits or runs from being inserted twice. One
// that has completed may be inserted again and finds nothing to do.
func uniqueByRound() *river.InsertOpts {
	return &river.InsertOpts{MaxAttempts: jobAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}
