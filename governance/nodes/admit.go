package nodes

import (
	"context"
	"encoding/hex"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
)

// knock is a request whose signature was checked and that is not let in yet.
type knock struct {
	node  governance.NodeID
	nonce []byte
}

// knocks bounds how many requests one statement lets in.
const knocks = 500

// Admit lets a signed request in: once, and while its node is neither revoked
// nor its owner gone. Requests that come together are one statement. A key
// never changes, so that a caller may keep the Credential against which it
// checks signatures: what can change is asked here, for every request. A crash
// of Postgres may forget the nonces of the last half second: what comes again
// then is a read, or a write that has happened once under its operation id.
func (s *Store) Admit(ctx context.Context, id governance.NodeID, nonce []byte) error {
	refusal, err := s.admitting.Ask(ctx, knock{id, nonce})
	if err != nil {
		return err
	}
	return refusal
}

// admit remembers the nonces and answers each knock with nil or a refusal.
func (s *Store) admit(ctx context.Context, all []knock) ([]error, error) {
	nodes, nonces := make([]int64, len(all)), make([][]byte, len(all))
	for i, k := range all {
		nodes[i], nonces[i] = int64(k.node), k.nonce
	}
	type standing struct {
		Node        int64
		Nonce       []byte
		Fresh, Gone bool
	}
	var found []standing
	err := pg.Keep(ctx, s.pool, "request_nonces", func(ctx context.Context, q pg.Querier) error {
		const insert = `
			with knocks as (
				select distinct node, nonce from unnest(@nodes::bigint[], @nonces::bytea[]) as t (node, nonce)
			), fresh as (
				insert into request_nonces (node, nonce, seen_at) select node, nonce, @now from knocks where ` + pg.Unflushed + ` order by node, nonce
				on conflict (node, nonce) do nothing returning node, nonce
			)
			select k.node, k.nonce, f.node is not null, n.revoked_at is not null or m.left_at is not null
			from knocks k
			join nodes n on n.id = k.node and n.public_key is not null
			join members m on m.id = n.owner
			left join fresh f on f.node = k.node and f.nonce = k.nonce`
		rows, err := q.Query(ctx, insert, pgx.StrictNamedArgs{"nodes": nodes, "nonces": nonces, "now": s.now()})
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[standing])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("admit %d requests: %w", len(all), err)
	}
	byKnock := make(map[string]standing, len(found))
	name := func(node int64, nonce []byte) string { return fmt.Sprint(node, " ", hex.EncodeToString(nonce)) }
	for _, f := range found {
		byKnock[name(f.Node, f.Nonce)] = f
	}
	out := make([]error, len(all))
	for i, k := range all {
		key := name(nodes[i], k.nonce)
		f, known := byKnock[key]
		switch {
		case !known:
			out[i] = governance.Errorf(governance.Unauthenticated, "There is no node %d here.", k.node)
		case f.Gone:
			out[i] = errRevoked(k.node)
		case !f.Fresh:
			out[i] = governance.Errorf(governance.Unauthenticated, "The request was refused: it came before.")
		}
		f.Fresh = false // of two equal requests in one statement, one is let in
		byKnock[key] = f
	}
	return out, nil
}

func errRevoked(id governance.NodeID) error {
	return governance.Errorf(governance.Forbidden, "Node %d was revoked by its owner. Register another node to go on.", id)
}
