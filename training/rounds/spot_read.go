package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// Spot is a spot check as pages show it.
type Spot struct {
	Round   training.RoundID
	Node    governance.NodeID
	Owner   governance.MemberID
	State   string
	Digest  training.Digest  // of the update
	Sealed  *training.Digest // blob of what the node uploaded to be handed over; nil before
	DrawnAt time.Time
	Due     time.Time // until when the present step waits
	EndedAt *time.Time
	Reason  string
	Asked   []SpotTask // in the order of asking, the share first
}

// Over reports whether the check has ended.
func (s Spot) Over() bool { return s.EndedAt != nil }

// Spots lists the spot checks of a round by node: that of one node's update, or
// of all where node is 0, as in SpotArgs.
func (s *Store) Spots(ctx context.Context, round training.RoundID, node governance.NodeID) ([]Spot, error) {
	const q = `
		select k.round, k.node, k.owner, k.state, k.digest, coalesce(k.sealed, b.sealed), k.drawn_at, k.due, k.ended_at, k.reason
		from spot_checks k
		left join assignments a on a.round = k.round and a.spot = k.node and a.kind = @share
		left join blob_candidates b on b.assignment = a.id
		where k.round = @round and (@node = 0 or k.node = @node) order by k.node`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"round": round, "node": int64(node), "share": protocol.Share})
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Spot, error) {
		var k Spot
		err := row.Scan(&k.Round, &k.Node, &k.Owner, &k.State, &k.Digest, &k.Sealed, &k.DrawnAt, &k.Due, &k.EndedAt, &k.Reason)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("read spot checks of round %d: %w", round, err)
	}
	const asked = spotTasks + `and (@node = 0 or spot = @node) order by id`
	rows, _ = s.pool.Query(ctx, asked, pgx.StrictNamedArgs{"round": round, "node": int64(node)})
	tasks, err := pgx.CollectRows(rows, scanSpotTask)
	if err != nil {
		return nil, fmt.Errorf("read who was asked in spot checks of round %d: %w", round, err)
	}
	of := make(map[governance.NodeID][]SpotTask, len(found))
	for _, t := range tasks {
		of[t.Spot] = append(of[t.Spot], t)
	}
	for i, k := range found {
		found[i].Asked = of[k.Node]
	}
	return found, nil
}

// Sharing is what an upload for a spot check must be: what a node trained on
// in a round, whole.
type Sharing struct {
	Node     governance.NodeID
	Round    training.RoundID
	Manifest training.Digest // root of the manifest that it named with its update
}

// Shard is what another node handed over, for who trains its update again.
type Shard struct {
	Owner  governance.MemberID // to whose key the blob is encrypted
	Sealed training.Digest     // name of the blob
	Name   training.Digest     // SHA-256 of what is in it
	Size   int64               // bytes of that
}

// Shard returns what an open assignment of the node reads beside its base;
// NotFound where it reads nothing, or is another node's.
func (s *Store) Shard(ctx context.Context, node governance.NodeID, id training.AssignmentID) (Shard, error) {
	const q = `
		select k.owner, k.sealed, k.shard, k.size from assignments a join spot_checks k on k.round = a.round and k.node = a.spot
		where a.id = @id and a.node = @node and a.kind in (@replay, @settle) and a.state = 'open' and a.expires_at > @now
			and k.sealed is not null and k.ended_at is null`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{
		"id": id, "node": node, "replay": protocol.Replay, "settle": protocol.Settle, "now": s.now(),
	})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Shard])
	if errors.Is(err, pgx.ErrNoRows) {
		return found, governance.Errorf(governance.NotFound, "Assignment %d reads nothing of another node.", id)
	}
	if err != nil {
		return found, fmt.Errorf("read the shard of assignment %d: %w", id, err)
	}
	return found, nil
}
