package nodes

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// MostNodes bounds how many nodes a member may have at one time, so that
// nobody fills the table. Weight is capped per member, whatever the number.
const MostNodes = 100

// Store keeps nodes and their join tokens.
type Store struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
	now   func() time.Time

	admitting   *pg.Gather[knock, error]
	credentials *pg.Gather[governance.NodeID, keyed]
}

// New returns the store. now is the clock of reads and housekeeping; acts use
// the database's.
func New(trail *audit.Trail, pool *pgxpool.Pool, now func() time.Time) *Store {
	s := &Store{trail: trail, pool: pool, now: now}
	s.admitting, s.credentials = pg.NewGather(knocks, s.admit), pg.NewGather(knocks, s.keysOf)
	return s
}

var refusals = map[string]error{
	"nodes_name":       governance.FieldErrorf("name", "You have a node of this name already. Please take another."),
	"nodes_public_key": governance.Errorf(governance.Conflict, "This key already belongs to a node. Every node makes a key of its own: join again with a new token."),
}

// TokenLife is how long a join token is good: its owner carries it from a page
// to a machine.
const TokenLife = time.Hour

// IssuedToken is what Register hands out: the number under which the token is
// known here. The caller made the secret, puts the number beside it, shows
// both once and keeps nothing.
type IssuedToken struct {
	ID      int64
	Node    governance.NodeID
	Expires time.Time
}

// Register announces a node of the acting member and issues its join token,
// good for TokenLife and for one machine. key is the public half of the key
// that the token's secret seeds.
func (s *Store) Register(ctx context.Context, actor governance.Actor, name string, key ed25519.PublicKey) (IssuedToken, error) {
	name, err := cleanName(name)
	if err != nil {
		return IssuedToken{}, err
	}
	var token IssuedToken
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightRegisterNode); err != nil {
			return nil, err
		}
		if err := requireRoom(ctx, tx); err != nil {
			return nil, err
		}
		const insert = `insert into nodes (owner, name, registered_at) values (@owner, @name, @now) returning id`
		args := pgx.StrictNamedArgs{"owner": actor.Member, "name": name, "now": tx.Now(ctx)}
		var id governance.NodeID
		if err := tx.QueryRow(ctx, insert, args).Scan(&id); err != nil {
			return nil, fmt.Errorf("register node: %w", pg.Translate(err, refusals))
		}
		if err := tx.Name(ctx, ref(id), name); err != nil {
			return nil, err
		}
		var err error
		token, err = issue(ctx, tx, id, key)
		return Registered{Node: id, Owner: actor.Member, Token: token.ID}, err
	})
	if err == nil && receipt.Repeated {
		err = governance.Errorf(governance.Conflict, "This node was registered already and its join token was shown then. Make a new token on the node's page if it is lost.")
	}
	return token, err
}

// requireRoom bounds the member's nodes. Two registrations in one moment may
// both pass: a bound against floods need not be exact.
func requireRoom(ctx context.Context, tx *audit.Tx) error {
	const q = `select count(*) from nodes where owner = @owner and revoked_at is null`
	var n int
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"owner": tx.Actor.Member}).Scan(&n); err != nil {
		return fmt.Errorf("count nodes of member %d: %w", tx.Actor.Member, err)
	}
	if n >= MostNodes {
		return governance.Errorf(governance.TooMany, "You have %d nodes; that is the most. Revoke one that you no longer use.", n)
	}
	return nil
}

// issue is a step that makes a join token and voids the node's earlier ones.
func issue(ctx context.Context, tx *audit.Tx, id governance.NodeID, key ed25519.PublicKey) (IssuedToken, error) {
	const void = `update join_tokens set expires_at = @now where node = @node and used_at is null and expires_at > @now`
	if _, err := tx.Exec(ctx, void, pgx.StrictNamedArgs{"node": id, "now": tx.Now(ctx)}); err != nil {
		return IssuedToken{}, fmt.Errorf("void tokens of node %d: %w", id, err)
	}
	const insert = `
		insert into join_tokens (node, public_key, expires_at) values (@node, @key, @expires) returning id`
	token := IssuedToken{Node: id, Expires: tx.Now(ctx).Add(TokenLife)}
	args := pgx.StrictNamedArgs{"node": id, "key": []byte(key), "expires": token.Expires}
	if err := tx.QueryRow(ctx, insert, args).Scan(&token.ID); err != nil {
		return IssuedToken{}, fmt.Errorf("issue a token of node %d: %w", id, err)
	}
	return token, nil
}

// Reissue makes another join token for a node that has not joined yet.
func (s *Store) Reissue(ctx context.Context, actor governance.Actor, id governance.NodeID, key ed25519.PublicKey) (IssuedToken, error) {
	var token IssuedToken
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		node, err := own(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if node.joined {
			return nil, governance.Errorf(governance.Conflict, "Node %d has joined already. For another machine register another node.", id)
		}
		token, err = issue(ctx, tx, id, key)
		return TokenIssued{Node: id, Token: token.ID}, err
	})
	if err == nil && receipt.Repeated {
		err = governance.Errorf(governance.Conflict, "This token was made already and shown then. Make another one if it is lost.")
	}
	return token, err
}

type owned struct{ joined bool }

// own is the first step of an owner's act: it locks the node, which must be
// the actor's and not revoked. A node of somebody else is not found.
func own(ctx context.Context, tx *audit.Tx, id governance.NodeID) (owned, error) {
	if err := members.Require(ctx, tx, members.RightRegisterNode); err != nil {
		return owned{}, err
	}
	const q = `select joined_at is not null, revoked_at is not null from nodes where id = @id and owner = @owner for update`
	var n owned
	var revoked bool
	err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "owner": tx.Actor.Member}).Scan(&n.joined, &revoked)
	if errors.Is(err, pgx.ErrNoRows) {
		return owned{}, governance.Errorf(governance.NotFound, "You have no node %d.", id)
	}
	if err != nil {
		return owned{}, fmt.Errorf("read node %d: %w", id, err)
	}
	if revoked {
		return owned{}, governance.Errorf(governance.Conflict, "Node %d was revoked.", id)
	}
	return n, nil
}

// Rename gives a node of the actor another name.
func (s *Store) Rename(ctx context.Context, actor governance.Actor, id governance.NodeID, to string) error {
	name, err := cleanName(to)
	if err != nil {
		return err
	}
	_, err = s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := own(ctx, tx, id); err != nil {
			return nil, err
		}
		const update = `update nodes set name = @name where id = @id and revoked_at is null`
		if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"id": id, "name": name}); err != nil {
			return nil, fmt.Errorf("rename node %d: %w", id, pg.Translate(err, refusals))
		}
		if err := tx.Name(ctx, ref(id), name); err != nil {
			return nil, err
		}
		return Renamed{id}, nil
	})
	return err
}

// Revoke ends a node of the actor: its tokens are void and its key is refused
// from the next request on. It is not undone; the machine may join again as
// another node.
func (s *Store) Revoke(ctx context.Context, actor governance.Actor, id governance.NodeID) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := own(ctx, tx, id); err != nil {
			return nil, err
		}
		args := pgx.StrictNamedArgs{"id": id, "now": tx.Now(ctx)}
		const void = `update join_tokens set expires_at = @now where node = @id and used_at is null and expires_at > @now`
		if _, err := tx.Exec(ctx, void, args); err != nil {
			return nil, fmt.Errorf("void tokens of node %d: %w", id, err)
		}
		const update = `update nodes set revoked_at = @now where id = @id and revoked_at is null`
		if _, err := tx.Exec(ctx, update, args); err != nil {
			return nil, fmt.Errorf("revoke node %d: %w", id, err)
		}
		return Revoked{id}, nil
	})
	return err
}

// Judgement is what became of a node's report.
type Judgement int

// The judgements.
const (
	Accepted Judgement = iota
	Late               // it came after the round had closed; no penalty by itself
	Refused            // it broke the round's rules
)

// Judge is a step that counts a judgement on a node's standing, at the end of
// the act.
func Judge(_ context.Context, tx *audit.Tx, id governance.NodeID, j Judgement) error {
	const update = `
		update nodes set accepted = accepted + (@j = 0)::int, late = late + (@j = 1)::int, refused = refused + (@j = 2)::int
		where id = @id`
	tx.Lastly(update, pgx.StrictNamedArgs{"id": id, "j": int(j)}, func(err error) error {
		return fmt.Errorf("judge node %d: %w", id, err)
	})
	return nil
}

// Trust is a step that counts an update of a node that passed every check, or
// begins the count anew after one that was held or rejected: trust is earned in
// a row, as in BOINC (Anderson 2020).
func Trust(ctx context.Context, tx *audit.Tx, id governance.NodeID, valid bool) error {
	const update = `
		update nodes set valid = case when @valid then valid + 1 else 0 end, confirmed = case when @valid then confirmed else 0 end
		where id = @id`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"id": id, "valid": valid}); err != nil {
		return fmt.Errorf("count trust of node %d: %w", id, err)
	}
	return nil
}

// Confirm is a step that counts an update of a node which another node could
// train again, or which lot spared from that; without, it begins the count
// anew. Spot checks are drawn by this count alone: an update that could not be
// repeated earns no trust, whatever the other checks said of it.
func Confirm(ctx context.Context, tx *audit.Tx, id governance.NodeID, confirmed bool) error {
	const update = `update nodes set confirmed = case when @confirmed then confirmed + 1 else 0 end where id = @id`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"id": id, "confirmed": confirmed}); err != nil {
		return fmt.Errorf("count confirmed updates of node %d: %w", id, err)
	}
	return nil
}

// cleanName accepts what a member may call a machine: 1 to 50 visible characters.
func cleanName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || len([]rune(name)) > 50 {
		return "", governance.FieldErrorf("name", "A node's name has 1 to 50 characters, as “kitchen laptop”.")
	}
	for _, r := range name {
		if !unicode.IsGraphic(r) {
			return "", governance.FieldErrorf("name", "The name holds a character that cannot be seen.")
		}
	}
	return name, nil
}
