package corpus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store keeps manifests and first uses.
type Store struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store of a database.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Store { return &Store{trail, pool} }

// most bounds what a node may claim to hold: 2^50 bytes or records are more
// than any member has, and sums of them stay far from overflow.
const most = 1 << 50

// Describe records the manifest that a node trains on from now. It is the act
// of the node; owner is who owns it, as the caller read from its registration.
// Describing the same manifest again changes nothing but which is newest.
func (s *Store) Describe(ctx context.Context, actor governance.Actor, owner governance.MemberID, m protocol.ManifestSummary) error {
	for _, n := range []int64{m.Records, m.Bytes, m.Tokens, m.Validation, m.Twins, m.Suppressed, m.Rejected} {
		if n < 0 || n > most {
			return governance.Errorf(governance.Invalid, "A manifest's counts lie between 0 and 2^50; one is %d.", n)
		}
	}
	if m.Root.IsZero() {
		return governance.Errorf(governance.Invalid, "The manifest has no root.")
	}
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		node := tx.Actor.Node
		if node == 0 {
			return nil, governance.Errorf(governance.Forbidden, "Only a node describes what it holds.")
		}
		const older = `update manifests set newest = false where node = @node and newest and root <> @root`
		if _, err := tx.Exec(ctx, older, pgx.StrictNamedArgs{"node": node, "root": m.Root}); err != nil {
			return nil, fmt.Errorf("describe manifest of node %d: %w", node, err)
		}
		const upsert = `
			insert into manifests (node, root, owner, records, bytes, tokens, validation, twins, suppressed, rejected, public, reported_at, newest)
			values (@node, @root, @owner, @records, @bytes, @tokens, @validation, @twins, @suppressed, @rejected, @public, @now, true)
			on conflict (node, root) do update set records = @records, bytes = @bytes, tokens = @tokens, validation = @validation,
				twins = @twins, suppressed = @suppressed, rejected = @rejected, public = @public, reported_at = @now, newest = true`
		args := pgx.StrictNamedArgs{
			"node": node, "root": m.Root, "owner": owner, "records": m.Records, "bytes": m.Bytes, "tokens": m.Tokens,
			"validation": m.Validation, "twins": m.Twins, "suppressed": m.Suppressed, "rejected": m.Rejected, "public": m.Public, "now": tx.Now(ctx),
		}
		if _, err := tx.Exec(ctx, upsert, args); err != nil {
			return nil, fmt.Errorf("describe manifest of node %d: %w", node, err)
		}
		return Described{
			Node: node, Root: m.Root.Hex(), Records: m.Records, Tokens: m.Tokens, Validation: m.Validation,
			Twins: m.Twins, Suppressed: m.Suppressed, Public: m.Public,
		}, nil
	})
	return err
}

// Manifest is what is known of what one node holds.
type Manifest struct {
	Node       governance.NodeID
	Root       training.Digest
	Owner      governance.MemberID
	Records    int64
	Bytes      int64
	Tokens     int64 // that may be trained on
	Validation int64
	Twins      int64
	Suppressed int64
	Rejected   int64
	Public     bool // all of it, says its owner
	ReportedAt time.Time
}

const columns = `node, root, owner, records, bytes, tokens, validation, twins, suppressed, rejected, public, reported_at`

// Newest lists the newest manifest of every node, by node.
func (s *Store) Newest(ctx context.Context) ([]Manifest, error) {
	const q = `select ` + columns + ` from manifests where newest order by node`
	rows, _ := s.pool.Query(ctx, q)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Manifest])
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return found, nil
}

// Of returns the newest manifest of one node.
func (s *Store) Of(ctx context.Context, node governance.NodeID) (Manifest, error) {
	const q = `select ` + columns + ` from manifests where node = @node and newest`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"node": node})
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Manifest])
	if errors.Is(err, pgx.ErrNoRows) {
		return Manifest{}, governance.Errorf(governance.NotFound, "Node %d has not told what it holds.", node)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest of node %d: %w", node, err)
	}
	return m, nil
}

// Totals is the community's corpus in numbers. Public are the nodes whose
// owners say that all their text is public.
type Totals struct{ Nodes, Owners, Records, Tokens, Twins, Public int64 }

// Totals adds the newest manifests.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	const q = `
		select count(*), count(distinct owner), coalesce(sum(records), 0)::bigint, coalesce(sum(tokens), 0)::bigint,
			coalesce(sum(twins), 0)::bigint, count(*) filter (where public)
		from manifests where newest`
	var t Totals
	if err := s.pool.QueryRow(ctx, q).Scan(&t.Nodes, &t.Owners, &t.Records, &t.Tokens, &t.Twins, &t.Public); err != nil {
		return Totals{}, fmt.Errorf("add up manifests: %w", err)
	}
	return t, nil
}
