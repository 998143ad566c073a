package nodes

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
)

// Bound is a join token as the platform knows it.
type Bound struct {
	Node      governance.NodeID
	PublicKey ed25519.PublicKey // of the key that the secret seeds
}

// TokenKey returns the public half of a token's key, whatever became of the
// token: only who can sign with it is told what that is.
func (s *Store) TokenKey(ctx context.Context, token int64) (Bound, error) {
	const q = `select node, public_key from join_tokens where id = @id`
	var b Bound
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": token}).Scan(&b.Node, (*[]byte)(&b.PublicKey))
	if errors.Is(err, pgx.ErrNoRows) {
		return Bound{}, governance.Errorf(governance.Unauthenticated, "This join token is not known here.")
	}
	if err != nil {
		return Bound{}, fmt.Errorf("read token %d: %w", token, err)
	}
	return b, nil
}

// Credential is what a signed request is checked against.
type Credential struct {
	Owner     governance.MemberID
	PublicKey ed25519.PublicKey
}

// Credential returns the key of a node, or Unauthenticated if it has none, was
// revoked, or its owner has left. Nodes that come together are read together.
func (s *Store) Credential(ctx context.Context, id governance.NodeID) (Credential, error) {
	found, err := s.credentials.Ask(ctx, id)
	switch {
	case err != nil:
		return Credential{}, err
	case found.PublicKey == nil:
		return Credential{}, governance.Errorf(governance.Unauthenticated, "There is no node %d here.", id)
	case found.gone:
		return Credential{}, errRevoked(id)
	}
	return found.Credential, nil
}

// keyed is what is known of a node's key; none is nil.
type keyed struct {
	Credential
	gone bool // revoked, or the owner has left
}

// keysOf reads the keys of nodes.
func (s *Store) keysOf(ctx context.Context, ids []governance.NodeID) ([]keyed, error) {
	const q = `
		select n.id, n.owner, n.public_key, n.revoked_at is not null or m.left_at is not null
		from nodes n join members m on m.id = n.owner where n.id = any(@ids::bigint[]) and n.public_key is not null`
	plain := make([]int64, len(ids))
	for i, id := range ids {
		plain[i] = int64(id)
	}
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"ids": plain})
	found := map[governance.NodeID]keyed{}
	var id governance.NodeID
	var k keyed
	_, err := pgx.ForEachRow(rows, []any{&id, &k.Owner, (*[]byte)(&k.PublicKey), &k.gone}, func() error {
		found[id] = keyed{Credential{k.Owner, bytes.Clone(k.PublicKey)}, k.gone}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read keys of %d nodes: %w", len(ids), err)
	}
	out := make([]keyed, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, nil
}

// ForgetNonces removes nonces seen before a time and returns how many.
func (s *Store) ForgetNonces(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := pg.Keep(ctx, s.pool, "request_nonces", func(ctx context.Context, q pg.Querier) error {
		const sweep = `delete from request_nonces where seen_at < @before`
		tag, err := q.Exec(ctx, sweep, pgx.StrictNamedArgs{"before": before})
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// SeenMany notes when nodes were last heard, all in one statement. Times never
// go back, so batches of two servers may overlap.
func (s *Store) SeenMany(ctx context.Context, seen map[governance.NodeID]time.Time) error {
	if len(seen) == 0 {
		return nil
	}
	ids, times := make([]int64, 0, len(seen)), make([]time.Time, 0, len(seen))
	for id, at := range seen {
		ids, times = append(ids, int64(id)), append(times, at)
	}
	return pg.Keep(ctx, s.pool, "heartbeats", func(ctx context.Context, q pg.Querier) error {
		const upsert = `
			insert into heartbeats (node, seen_at)
			select node, at from unnest(@ids::bigint[], @times::timestamptz[]) as t (node, at) order by node
			on conflict (node) do update set seen_at = greatest(heartbeats.seen_at, excluded.seen_at)`
		_, err := q.Exec(ctx, upsert, pgx.StrictNamedArgs{"ids": ids, "times": times})
		return err
	})
}

// Describe notes what a machine says of itself now, as JSON; its processor or
// program may have changed since it joined.
func (s *Store) Describe(ctx context.Context, id governance.NodeID, capabilities []byte) error {
	if !json.Valid(capabilities) {
		return governance.Errorf(governance.Invalid, "The node's capabilities cannot be read.")
	}
	return pg.Keep(ctx, s.pool, "heartbeats", func(ctx context.Context, q pg.Querier) error {
		const upsert = `
			insert into heartbeats (node, seen_at, capabilities) values (@node, @now, @capabilities)
			on conflict (node) do update set capabilities = excluded.capabilities,
				seen_at = greatest(heartbeats.seen_at, excluded.seen_at)`
		_, err := q.Exec(ctx, upsert, pgx.StrictNamedArgs{"node": id, "now": s.now(), "capabilities": string(capabilities)})
		return err
	})
}
