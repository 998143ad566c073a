package rounds

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// NodePart is a round that a node was drawn for, as the node's page shows it.
type NodePart struct {
	Round      training.RoundID
	Campaign   training.CampaignID
	Number     int
	RoundState string
	State      string // of the assignment: open, done, refused, closed
	Examples   int64  // 0 without an update
	Norm       float64
	ReportedAt *time.Time
}

// OfNode lists the rounds that a node was asked to train in, newest first.
func (s *Store) OfNode(ctx context.Context, node governance.NodeID, limit int) ([]NodePart, error) {
	const q = `
		select r.id, r.campaign, r.number, r.state, a.state, coalesce(u.examples, 0), coalesce(u.norm, 0), a.reported_at
		from assignments a join rounds r on r.id = a.round
		left join updates u on u.round = a.round and u.node = a.node
		where a.node = @node and a.kind = 'train' order by a.id desc limit @limit`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"node": node, "limit": limit})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[NodePart])
	if err != nil {
		return nil, fmt.Errorf("list rounds of node %d: %w", node, err)
	}
	return found, nil
}
