package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Pacing is what tells when a node that is not needed should ask again.
type Pacing struct {
	Seed    [32]byte      // of the newest round that runs
	Present int           // nodes that could have been drawn for it
	Asked   int           // nodes that were
	Mine    bool          // the node is one of them
	Next    time.Time     // by when the round has moved on
	Every   time.Duration // from one round to the next, at most
}

// Pacing returns the pace of what runs, for a node that has no work; NotFound
// when nothing runs, or several campaigns do: any of them may need it next.
// Nodes that ask at the same moment are one question.
func (s *Store) Pacing(ctx context.Context, node governance.NodeID) (Pacing, error) {
	p, err := s.pacing.Ask(ctx, node)
	switch {
	case err != nil:
		return p, fmt.Errorf("read the pace of node %d: %w", node, err)
	case p.Next.IsZero():
		return p, governance.Errorf(governance.NotFound, "Nothing paces node %d.", node)
	}
	return p, nil
}

// pace reads the newest round that runs and says of each node whether it was
// asked; zeros when nothing paces them.
func (s *Store) pace(ctx context.Context, nodes []governance.NodeID) ([]Pacing, error) {
	const q = `
		select r.seed, r.present, cardinality(r.cohort), array(select n from unnest(@nodes::bigint[]) as n where n = any(r.cohort)),
			coalesce(r.evaluate_by, r.deadline), c.recipe
		from rounds r join campaigns c on c.id = r.campaign
		where r.state in ('collecting', 'aggregating', 'evaluating') and c.replays is null
		and (select count(*) from campaigns where state = 'running') = 1
		order by r.id desc limit 1`
	out := make([]Pacing, len(nodes))
	var p Pacing
	var seed []byte
	var mine []governance.NodeID
	var recipe string
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"nodes": plain(nodes)}).Scan(&seed, &p.Present, &p.Asked, &mine, &p.Next, &recipe)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	decided, err := recipes.read(recipe)
	if err != nil {
		return nil, err
	}
	copy(p.Seed[:], seed)
	p.Every = 2 * time.Duration(decided.Deadline) * time.Second // collecting and evaluating
	asked := make(map[governance.NodeID]bool, len(mine))
	for _, id := range mine {
		asked[id] = true
	}
	for i, n := range nodes {
		out[i] = p
		out[i].Mine = asked[n]
	}
	return out, nil
}
