package rounds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// shared is the step after a node was asked for what it trained on.
func (s *Store) shared(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, k spotRow, asked []SpotTask) (audit.Event, error) {
	share := asked[0]
	switch {
	case share.State == "refused":
		return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, "the node declined to hand over what it trained on, so its trust begins anew")
	case share.State != "done" || k.Shard == nil:
		return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, "the node did not hand over in time what it trained on, so its trust begins anew")
	}
	return s.ask(ctx, tx, r, c, k, asked, protocol.Replay)
}

// replayed is the step after a node was asked to train the update again. One
// replay that gives the same bytes is enough: nobody computes them by chance.
// One that gives others may lie, so a node of a third member settles it.
func (s *Store) replayed(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, k spotRow, asked []SpotTask) (audit.Event, error) {
	last := asked[len(asked)-1]
	settles := k.State == SpotSettling
	switch {
	case last.State != "done" && settles:
		return s.ask(ctx, tx, r, c, k, asked, protocol.Settle)
	case last.State != "done":
		return s.ask(ctx, tx, r, c, k, asked, protocol.Replay)
	case last.Digest() == k.Digest:
		if settles {
			return s.endSpot(ctx, tx, r, k, asked, SpotPassed, "two of three agree: the first replay gave another update, the second this one")
		}
		return s.endSpot(ctx, tx, r, k, asked, SpotPassed, "the replay gave the same bytes")
	case !settles:
		return s.ask(ctx, tx, r, c, k, asked, protocol.Settle)
	case last.Digest() == firstReplay(asked).Digest():
		return s.endSpot(ctx, tx, r, k, asked, SpotHeld, "two of three agree: both replays gave the same update, and it is another one")
	}
	return s.endSpot(ctx, tx, r, k, asked, SpotHeld, "no two of three agree: both replays gave other updates, and not the same")
}

// firstReplay is the replay that was done before it had to be settled.
func firstReplay(asked []SpotTask) SpotTask {
	for _, t := range asked {
		if t.Kind == protocol.Replay && t.State == "done" {
			return t
		}
	}
	return SpotTask{}
}

// ask is the step that asks the next node to train an update again, or ends
// the check where there is none.
func (s *Store) ask(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, k spotRow, asked []SpotTask, kind string) (audit.Event, error) {
	settles := kind == protocol.Settle
	tries := 0
	for _, t := range asked {
		if t.Kind == kind {
			tries++
		}
	}
	there, err := replayersOf(ctx, tx, r, c, k, asked, kind)
	if err != nil {
		return nil, err
	}
	by, ok := neighbour(r, k.Node, there)
	switch {
	case ok && tries < replayers:
	case settles:
		return s.endSpot(ctx, tx, r, k, asked, SpotHeld, "a replay gave another update, and no node of a third member settled which is right")
	case tries > 0:
		return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, fmt.Sprintf("nodes asked to train it again: %d, and none did", tries))
	case len(there) > 0:
		return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, "every node of another member that is there and declares its text public trains another update of this round again")
	default:
		return s.endSpot(ctx, tx, r, k, asked, SpotNotRun, "no node of another member is there that declares its text public and could train it again")
	}
	state := SpotReplaying
	if settles {
		state = SpotSettling
	}
	due := tx.Now(ctx).Add(time.Duration(c.Settings.Checks.Wait) * time.Second)
	if err := s.moveSpot(ctx, tx, r, k, state, due); err != nil {
		return nil, err
	}
	err = s.assign(ctx, tx, task{
		campaign: c.ID, round: r.ID, node: by.Node, owner: by.Owner, kind: kind, decision: c.Decision, spot: k.Node,
		epoch: k.Epoch + 1, base: r.Base, seed: TrainingSeed(r.Seed, k.Node), manifest: &k.Manifest, expires: due,
	})
	if err != nil {
		return nil, err
	}
	if err := s.tendAt(ctx, tx, SpotArgs{Round: r.ID, Node: k.Node}, due); err != nil {
		return nil, err
	}
	return SpotAsked{Round: r.ID, Node: k.Node, By: by.Node, Settles: settles}, s.wake(ctx, tx, tasks)
}

// replayer is a node that may train an update again.
type replayer struct {
	Node  governance.NodeID
	Owner governance.MemberID
	Busy  bool // it does that for another update of the round
}

// replayersOf reads who may train an update again: nodes that could be drawn for
// the campaign, of members who have no part in this check yet. A node trains at
// most one update of others again in a round, and settles at most one.
func replayersOf(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, k spotRow, asked []SpotTask, kind string) ([]replayer, error) {
	const q = `
		select n.id, n.owner, exists (select from assignments a where a.node = n.id and a.round = @round and a.kind = @kind)
		from nodes n
		join members m on m.id = n.owner and m.left_at is null
		join heartbeats h on h.node = n.id and h.seen_at >= @since
		join manifests t on t.node = n.id and t.newest and t.public
		where n.joined_at is not null and n.revoked_at is null and n.owner <> all(@owners::bigint[])
		and not exists (select from assignments a where a.node = n.id and a.kind = 'suppress' and a.state <> 'done')
		order by n.id`
	owners := []int64{int64(k.Owner)}
	for _, t := range asked {
		owners = append(owners, int64(t.Owner))
	}
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{
		"since": tx.Now(ctx).Add(-time.Duration(c.Settings.SeenWithin) * time.Second), "owners": owners, "round": r.ID, "kind": kind,
	})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[replayer])
	if err != nil {
		return nil, fmt.Errorf("look for who trains the update of node %d in round %d again: %w", k.Node, r.ID, err)
	}
	return found, nil
}

// neighbour is who trains a node's update again: the nodes stand in a ring in
// the order of their lots, and the next one that may is asked. Where all updates
// of a round are drawn, each then finds another one that is free. The lots come
// from the round's seed and its result, which no node knew when it reported.
func neighbour(r roundRow, node governance.NodeID, there []replayer) (replayer, bool) {
	seed := sha256.Sum256(append([]byte("althing replayers v1\n"), r.Seed[:]...))
	if r.Checkpoint != nil {
		seed = sha256.Sum256(append(seed[:], r.Checkpoint[:]...))
	}
	place := func(n governance.NodeID) [32]byte { return lot(seed, "althing replayer v1\n", n) }
	from := place(node)
	var best replayer
	var at [32]byte
	found := false
	for _, n := range there {
		if n.Busy {
			continue
		}
		d := behind(place(n.Node), from)
		if !found || bytes.Compare(d[:], at[:]) < 0 {
			best, at, found = n, d, true
		}
	}
	return best, found
}

// behind is how far one place of the ring is behind another: their difference
// as numbers of 256 bits, big-endian, without the carry.
func behind(place, from [32]byte) (d [32]byte) {
	borrow := 0
	for i := len(d) - 1; i >= 0; i-- {
		v := int(place[i]) - int(from[i]) - borrow
		d[i], borrow = byte(v), 0
		if v < 0 {
			borrow = 1
		}
	}
	return d
}

// moveSpot is the step of every transition of a spot check, guarded as those of
// rounds are.
func (s *Store) moveSpot(ctx context.Context, tx *audit.Tx, r roundRow, k spotRow, to string, due time.Time) error {
	if err := s.crash("spot " + k.State + "→" + to); err != nil {
		return err
	}
	const update = `
		update spot_checks set state = @to, epoch = epoch + 1, due = @due
		where round = @round and node = @node and state = @from and epoch = @epoch`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{
		"to": to, "due": due, "round": r.ID, "node": k.Node, "from": k.State, "epoch": k.Epoch,
	})
	if err == nil && tag.RowsAffected() == 0 {
		err = governance.Errorf(governance.Conflict, "The spot check of node %d in round %d has moved on.", k.Node, r.ID)
	}
	if err != nil {
		return fmt.Errorf("move spot check of node %d in round %d to %s: %w", k.Node, r.ID, to, err)
	}
	return s.wake(ctx, tx, campaigns)
}

// endSpot is the step that ends a spot check, with what follows for trust. A
// node that does not hand over what it trained on is not accused, but earns
// none; where nobody could be asked, its count stays. Of three of which one
// lies the two who agree are believed.
func (s *Store) endSpot(ctx context.Context, tx *audit.Tx, r roundRow, k spotRow, asked []SpotTask, state, reason string) (audit.Event, error) {
	if err := s.crash("spot " + k.State + "→" + state); err != nil {
		return nil, err
	}
	const update = `
		update spot_checks set state = @to, epoch = epoch + 1, reason = @reason, ended_at = @now
		where round = @round and node = @node and state = @from and epoch = @epoch`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{
		"to": state, "reason": reason, "now": tx.Now(ctx), "round": r.ID, "node": k.Node, "from": k.State, "epoch": k.Epoch,
	})
	if err == nil && tag.RowsAffected() == 0 {
		err = governance.Errorf(governance.Conflict, "The spot check of node %d in round %d has moved on.", k.Node, r.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("end spot check of node %d in round %d: %w", k.Node, r.ID, err)
	}
	const closing = `update assignments set state = 'closed' where round = @round and spot = @node and state = 'open'`
	if _, err := tx.Exec(ctx, closing, pgx.StrictNamedArgs{"round": r.ID, "node": k.Node}); err != nil {
		return nil, fmt.Errorf("close the spot check of node %d in round %d: %w", k.Node, r.ID, err)
	}
	ev := SpotEnded{Round: r.ID, Node: k.Node, Update: k.Digest.Hex(), Outcome: state, Reason: reason}
	for _, t := range asked {
		if t.Kind != protocol.Share && t.State == "done" {
			ev.Nodes, ev.Digests = append(ev.Nodes, t.Node), append(ev.Digests, t.Digest().Hex())
		}
	}
	switch {
	case state == SpotHeld:
		if err := nodes.Trust(ctx, tx, k.Node, false); err != nil {
			return nil, err
		}
		err = tx.Enqueue(ctx, HeldArgs{Round: r.ID, Node: k.Node}, caseOnce())
	case state == SpotPassed:
		err = nodes.Confirm(ctx, tx, k.Node, true)
		if first := firstReplay(asked); err == nil && first.Digest() != k.Digest {
			err = nodes.Trust(ctx, tx, first.Node, false)
		}
	case k.State == SpotSharing && k.Shard == nil && !k.Destroyed:
		err = nodes.Confirm(ctx, tx, k.Node, false)
	}
	if err != nil {
		return nil, err
	}
	return ev, s.wake(ctx, tx, campaigns)
}
