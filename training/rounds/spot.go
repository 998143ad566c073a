package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// A spot check trains an update of a campaign on public data again, on a node
// of another member, after the round was aggregated:
//
//	sharing ─▶ replaying ─▶ passed
//	   │           └─▶ settling ─▶ passed | held      (the replay gave another update)
//	   └────────────┴─▶ not-run
//
// No round waits for it, as in BOINC's adaptive replication (Anderson 2020): a
// round would wait for its slowest pair of nodes instead of its slowest node.
// An update that turns out to be another one is in its checkpoint by then, so
// what follows is the end of the node's trust, and a case in which a moderator
// can propose to unlearn what its owner has contributed.

// What a verdict says of the spot check of an update.
const (
	SpotDrawn  = "drawn"  // another node trains it again
	SpotSpared = "spared" // it could have been drawn, and lot spared it
)

// States of a spot check.
const (
	SpotSharing   = "sharing"
	SpotReplaying = "replaying"
	SpotSettling  = "settling"
	SpotPassed    = "passed"
	SpotHeld      = "held"
	SpotNotRun    = "not-run"
)

// replayers is how many nodes are asked one after the other to train an update
// again before a step of its spot check is given up.
const replayers = 3

// SpotArgs is the job that takes a spot check a step further: something came,
// or a step has waited long enough. Node 0 stands for all of the round.
type SpotArgs struct {
	Round training.RoundID  `json:"round"`
	Node  governance.NodeID `json:"node"`
}

// Kind is the job's name, for ever.
func (SpotArgs) Kind() string { return "tend-spot-check" }

// drawSpots is the step that begins the spot checks of updates that were drawn.
func (s *Store) drawSpots(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, drawn []governance.NodeID) error {
	if len(drawn) == 0 {
		return nil
	}
	now := tx.Now(ctx)
	due := now.Add(time.Duration(c.Settings.Checks.Wait) * time.Second)
	const insert = `
		insert into spot_checks (round, node, owner, state, epoch, digest, manifest, steps, drawn_at, due)
		select round, node, owner, 'sharing', 1, digest, manifest, coalesce(nullif(steps, 0), @steps), @now, @due
		from updates where round = @round and node = any(@nodes::bigint[]) order by node
		returning node, owner, manifest`
	rows, _ := tx.Query(ctx, insert, pgx.StrictNamedArgs{"round": r.ID, "nodes": plain(drawn), "steps": c.Recipe.Steps, "now": now, "due": due})
	type begun struct {
		Node     governance.NodeID
		Owner    governance.MemberID
		Manifest training.Digest
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[begun])
	if err != nil {
		return fmt.Errorf("begin spot checks of round %d: %w", r.ID, err)
	}
	list := make([]task, len(found))
	for i, f := range found {
		list[i] = task{
			campaign: c.ID, round: r.ID, node: f.Node, owner: f.Owner, kind: protocol.Share, decision: c.Decision, spot: f.Node,
			epoch: 1, base: r.Base, seed: TrainingSeed(r.Seed, f.Node), manifest: &f.Manifest, expires: due,
		}
	}
	if err := s.assign(ctx, tx, list...); err != nil {
		return err
	}
	if err := s.tendAt(ctx, tx, SpotArgs{Round: r.ID}, due); err != nil {
		return err
	}
	return s.wake(ctx, tx, tasks)
}

// tendAt is the step that looks at a spot check again when it has waited long
// enough, a moment later than the database says so.
func (s *Store) tendAt(ctx context.Context, tx *audit.Tx, args SpotArgs, due time.Time) error {
	return tx.EnqueueAt(ctx, args, due.Add(time.Second))
}

// spotReported is the step that takes what a node answered in a spot check.
// What follows from it is for TendSpot.
func (s *Store) spotReported(ctx context.Context, tx *audit.Tx, a assigned, r roundRow, rep protocol.Report) (audit.Event, error) {
	if err := tx.Enqueue(ctx, SpotArgs{Round: r.ID, Node: a.Spot}, &river.InsertOpts{MaxAttempts: jobAttempts}); err != nil {
		return nil, err
	}
	switch {
	case rep.Refused != "":
		return Declined{Round: r.ID, Node: a.Node, Task: a.Kind}, nil
	case rep.Update.IsZero():
		return nil, governance.Errorf(governance.Invalid, "The report names nothing that came of the spot check.")
	case protocol.Replays(a.Kind) && !rep.Exact():
		return nil, governance.Errorf(governance.Invalid, "An update is trained again by the builtin engine, so that the bytes can be compared; this was %s.", rep.Trainer)
	case protocol.Replays(a.Kind):
		return SpotReplayed{Round: r.ID, Node: a.Spot, By: a.Node, Digest: rep.Update.Hex(), Settles: a.Kind == protocol.Settle}, nil
	}
	const take = `
		update spot_checks k set shard = b.digest, sealed = b.sealed, size = b.size from blob_candidates b
		where k.round = @round and k.node = @node and k.state = 'sharing' and b.assignment = @id and b.digest = @digest`
	tag, err := tx.Exec(ctx, take, pgx.StrictNamedArgs{"round": r.ID, "node": a.Spot, "id": a.ID, "digest": rep.Update})
	if err != nil {
		return nil, fmt.Errorf("take what node %d shares of round %d: %w", a.Node, r.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return nil, governance.Errorf(governance.Invalid, "The report names %s, which was not uploaded for assignment %d.", rep.Update, a.ID)
	}
	return SpotShared{Round: r.ID, Node: a.Node, Shard: rep.Update.Hex()}, nil
}

// spotRow is a spot check as acts need it.
type spotRow struct {
	Node      governance.NodeID
	Owner     governance.MemberID
	State     string
	Epoch     int
	Digest    training.Digest
	Manifest  training.Digest
	Shard     *training.Digest
	Due       time.Time
	Destroyed bool // the contributor was forgotten by decision
}

// TendSpot takes the spot check of a node's update a step further, if it is
// time: the act of the job that a report or a deadline inserted. ErrWaiting
// means that a node has still time, Conflict that the check is over.
func (s *Store) TendSpot(ctx context.Context, actor governance.Actor, round training.RoundID, node governance.NodeID) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := onlyJob(tx, "checks updates"); err != nil {
			return nil, err
		}
		r, c, err := lockRound(ctx, tx, round) // reports share this lock: none is on its way
		if err != nil {
			return nil, err
		}
		k, err := lockSpot(ctx, tx, r, node)
		if err != nil {
			return nil, err
		}
		asked, err := askedOf(ctx, tx, r, node)
		if err != nil {
			return nil, err
		}
		if k.Destroyed {
			return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, "the contributor was forgotten by decision")
		}
		last := asked[len(asked)-1] // the share is always there
		if last.State == "open" && tx.Now(ctx).Before(k.Due) {
			return nil, ErrWaiting
		}
		if err := s.late(ctx, tx, last); err != nil {
			return nil, err
		}
		if k.State == SpotSharing {
			return s.shared(ctx, tx, r, c, k, asked)
		}
		return s.replayed(ctx, tx, r, c, k, asked)
	})
	return err
}

// lockSpot is the step that reads a spot check, locked.
func lockSpot(ctx context.Context, tx *audit.Tx, r roundRow, node governance.NodeID) (spotRow, error) {
	const q = `
		select k.node, k.owner, k.state, k.epoch, k.digest, k.manifest, k.shard, k.due,
			exists (select from updates u where u.owner = k.owner and u.destroyed_at is not null)
		from spot_checks k where k.round = @round and k.node = @node for update of k`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": r.ID, "node": node})
	k, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[spotRow])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return k, governance.Errorf(governance.NotFound, "No update of node %d in round %d is spot-checked.", node, r.ID)
	case err != nil:
		return k, fmt.Errorf("read spot check of node %d in round %d: %w", node, r.ID, err)
	case k.State != SpotSharing && k.State != SpotReplaying && k.State != SpotSettling:
		return k, governance.Errorf(governance.Conflict, "The spot check of node %d in round %d is over.", node, r.ID)
	}
	return k, nil
}

// SpotTask is what one node was asked in a spot check.
type SpotTask struct {
	Assignment training.AssignmentID
	Spot       governance.NodeID // whose update
	Node       governance.NodeID // who was asked
	Owner      governance.MemberID
	Kind       string // protocol.Share, Replay or Settle
	State      string // open, done, refused, closed
	report     string
}

// Digest is what came of it: of a replay, the digest of the update that it
// gave; zero before and without an answer.
func (t SpotTask) Digest() training.Digest {
	rep, err := protocol.Decode[protocol.Report]([]byte(t.report))
	if err != nil || t.State != "done" {
		return training.Digest{}
	}
	return rep.Update
}

// Refused is why the node declined, in the words of its program; "" otherwise.
func (t SpotTask) Refused() string {
	rep, err := protocol.Decode[protocol.Report]([]byte(t.report))
	if err != nil {
		return ""
	}
	return rep.Refused
}

const spotTasks = `
	select id, spot, node, owner, kind, state, report from assignments where round = @round and spot is not null `

func scanSpotTask(row pgx.CollectableRow) (SpotTask, error) {
	var t SpotTask
	err := row.Scan(&t.Assignment, &t.Spot, &t.Node, &t.Owner, &t.Kind, &t.State, &t.report)
	return t, err
}

// askedOf reads who was asked in a spot check, in the order of asking.
func askedOf(ctx context.Context, tx *audit.Tx, r roundRow, node governance.NodeID) ([]SpotTask, error) {
	const q = spotTasks + `and spot = @node order by id`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": r.ID, "node": node})
	found, err := pgx.CollectRows(rows, scanSpotTask)
	if err == nil && len(found) == 0 {
		err = errors.New("nobody was asked")
	}
	if err != nil {
		return nil, fmt.Errorf("read who was asked in the spot check of node %d in round %d: %w", node, r.ID, err)
	}
	return found, nil
}

// late is the step that closes an assignment which nobody waits for any more.
func (s *Store) late(ctx context.Context, tx *audit.Tx, t SpotTask) error {
	if t.State != "open" {
		return nil
	}
	const update = `update assignments set state = 'closed' where id = @id and state = 'open'`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"id": t.Assignment}); err != nil {
		return fmt.Errorf("close assignment %d: %w", t.Assignment, err)
	}
	return nodes.Judge(ctx, tx, t.Node, nodes.Late)
}
