package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Node is a node as pages show it.
type Node struct {
	ID           governance.NodeID
	Owner        governance.MemberID
	Name         string
	PublicKey    []byte // nil until it joined
	Capabilities string // JSON, as the machine last said
	RegisteredAt time.Time
	JoinedAt     *time.Time
	RevokedAt    *time.Time
	SeenAt       *time.Time // last signed request, to about ten seconds
	Accepted     int64
	Late         int64
	Refused      int64
	Valid        int64 // updates in a row that passed every check
	Confirmed    int64 // of them in campaigns on public data, those that spot checks confirmed or lot spared
}

// Node returns one node; NotFound if there is none.
func (s *Store) Node(ctx context.Context, id governance.NodeID) (Node, error) {
	const q = `
		select id, owner, name, public_key, coalesce(h.capabilities, nodes.capabilities), registered_at, joined_at, revoked_at, h.seen_at, accepted, late, refused, valid, confirmed
		from nodes left join heartbeats h on h.node = id where id = @id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Node])
	if errors.Is(err, pgx.ErrNoRows) {
		return Node{}, governance.Errorf(governance.NotFound, "There is no node %d.", id)
	}
	if err != nil {
		return Node{}, fmt.Errorf("read node %d: %w", id, err)
	}
	return n, nil
}

// OfMember returns a member's nodes, newest first, revoked ones at the end.
func (s *Store) OfMember(ctx context.Context, owner governance.MemberID) ([]Node, error) {
	const q = `
		select id, owner, name, public_key, coalesce(h.capabilities, nodes.capabilities), registered_at, joined_at, revoked_at, h.seen_at, accepted, late, refused, valid, confirmed
		from nodes left join heartbeats h on h.node = id
		where owner = @owner order by revoked_at is not null, id desc limit 500`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"owner": owner})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Node])
	if err != nil {
		return nil, fmt.Errorf("read nodes of member %d: %w", owner, err)
	}
	return list, nil
}

// List returns nodes that have joined and are not revoked, newest first; after
// is the last id of the page before, 0 for the first page.
func (s *Store) List(ctx context.Context, after governance.NodeID, limit int) ([]Node, error) {
	const q = `
		select id, owner, name, public_key, coalesce(h.capabilities, nodes.capabilities), registered_at, joined_at, revoked_at, h.seen_at, accepted, late, refused, valid, confirmed
		from nodes left join heartbeats h on h.node = id
		where joined_at is not null and revoked_at is null and (@after = 0 or id < @after)
		order by id desc limit @limit`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"after": int64(after), "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Node])
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return list, nil
}

// Candidate is a node that may be asked to work.
type Candidate struct {
	Node  governance.NodeID
	Owner governance.MemberID
}

// Ready returns the nodes of present members that joined, are not revoked and
// were heard since, ids ascending: those among whom a cohort is drawn.
func (s *Store) Ready(ctx context.Context, since time.Time) ([]Candidate, error) {
	const q = `
		select n.id, n.owner from nodes n join heartbeats h on h.node = n.id join members m on m.id = n.owner
		where n.joined_at is not null and n.revoked_at is null and m.left_at is null and h.seen_at >= @since
		order by n.id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"since": since})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Candidate])
	if err != nil {
		return nil, fmt.Errorf("list ready nodes: %w", err)
	}
	return list, nil
}
