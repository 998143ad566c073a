package nodes

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
)

// Redeem makes the machine that holds the token the node that it was made
// for. The caller has verified both signatures with TokenKey. capabilities is
// JSON. The same machine may ask again after a lost answer; another one is
// refused. The whole decision is one conditional update.
func (s *Store) Redeem(ctx context.Context, token int64, publicKey ed25519.PublicKey, capabilities []byte) (Node, error) {
	bound, err := s.TokenKey(ctx, token)
	if err != nil {
		return Node{}, err
	}
	if len(publicKey) != ed25519.PublicKeySize || !json.Valid(capabilities) {
		return Node{}, governance.Errorf(governance.Invalid, "The node's key or its capabilities cannot be read.")
	}
	sum := sha256.Sum256(publicKey)
	op := governance.NewOperation(fmt.Sprintf("join-%d-%s", token, hex.EncodeToString(sum[:16])), string(publicKey))
	_, err = s.trail.Act(ctx, governance.Node(bound.Node, op), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		args := pgx.StrictNamedArgs{"token": token, "now": tx.Now(ctx)}
		const use = `update join_tokens set used_at = @now where id = @token and used_at is null and expires_at > @now`
		tag, err := tx.Exec(ctx, use, args)
		if err != nil {
			return nil, fmt.Errorf("redeem token %d: %w", token, err)
		}
		if tag.RowsAffected() == 0 {
			return nil, spent(ctx, tx, token)
		}
		const join = `
			update nodes set public_key = @key, capabilities = @capabilities, joined_at = @now
			where id = @node and public_key is null and revoked_at is null returning owner`
		joinArgs := pgx.StrictNamedArgs{"key": []byte(publicKey), "capabilities": string(capabilities), "node": bound.Node, "now": tx.Now(ctx)}
		var owner governance.MemberID
		err = tx.QueryRow(ctx, join, joinArgs).Scan(&owner)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, governance.Errorf(governance.Conflict, "Node %d has joined or was revoked. Register another node.", bound.Node)
		}
		if err != nil {
			return nil, fmt.Errorf("join node %d: %w", bound.Node, pg.Translate(err, refusals))
		}
		allowed, err := members.Has(ctx, tx, owner, members.RightRegisterNode)
		if err == nil && !allowed {
			err = governance.Errorf(governance.Forbidden, "The owner of this node may not bring nodes any more.")
		}
		return Joined{Node: bound.Node, Owner: owner, Token: token, PublicKey: keyText(publicKey)}, err
	})
	if err != nil {
		return Node{}, err
	}
	return s.Node(ctx, bound.Node)
}

// spent says why a token cannot be redeemed.
func spent(ctx context.Context, tx *audit.Tx, token int64) error {
	const q = `select used_at is not null from join_tokens where id = @token`
	var used bool
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"token": token}).Scan(&used); err != nil {
		return fmt.Errorf("read token %d: %w", token, err)
	}
	if used {
		return governance.Errorf(governance.Conflict, "This join token was used already. Each is good for one machine: make another one on the page “Join”.")
	}
	return governance.Errorf(governance.Conflict, "This join token has expired: it was good for an hour. Make another one on the page “Join”.")
}

// NameServerKey puts the platform's key into the log before it is used for
// the first time. The server calls it at every start; only the first writes.
func (s *Store) NameServerKey(ctx context.Context, key ed25519.PublicKey) error {
	const known = `select exists (select from server_keys where public_key = @key)`
	var done bool
	if err := s.pool.QueryRow(ctx, known, pgx.StrictNamedArgs{"key": []byte(key)}).Scan(&done); err != nil || done {
		return err
	}
	_, err := s.trail.Act(ctx, governance.Job("start"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		const insert = `insert into server_keys (public_key, named_at) values (@key, @now)`
		if _, err := tx.Exec(ctx, insert, pgx.StrictNamedArgs{"key": []byte(key), "now": tx.Now(ctx)}); err != nil {
			return nil, fmt.Errorf("name the server's key: %w", err)
		}
		if err := tx.Name(ctx, RefServerKey, "the platform's key"); err != nil {
			return nil, err
		}
		return ServerKeyNamed{PublicKey: keyText(key)}, nil
	})
	if pg.Constraint(err) == "server_keys_pkey" { // another server of this platform was first
		return nil
	}
	return err
}
