package policies

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Policies is the store of policies.
type Policies struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Policies { return &Policies{trail, pool} }

// Opened: a new founding secret is good from now on; earlier ones are void.
type Opened struct{}

// Kind is for ever.
func (Opened) Kind() string { return "founding.opened" }

// Subject is the community itself.
func (Opened) Subject() governance.Ref { return "community/1" }

// Sentence says what a stranger reads.
func (Opened) Sentence() audit.Sentence {
	return audit.Say("printed a founding link; whoever opens it first founds the community")
}

// OpenFounding makes a founding secret, to be shown to the operator once. It
// is a Conflict when the community is founded.
func (p *Policies) OpenFounding(ctx context.Context, actor governance.Actor) (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("make founding secret: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(secret))
	_, err := p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		const q = `
			insert into founding (secret) values (@hash)
			on conflict (one) do update set secret = @hash where founding.founder is null`
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"hash": hash[:]})
		if err != nil {
			return nil, fmt.Errorf("open founding: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil, governance.Errorf(governance.Conflict, "The community is founded already.")
		}
		return Opened{}, nil
	})
	return secret, err
}

// Founded reports whether somebody has founded the community.
func (p *Policies) Founded(ctx context.Context) (bool, error) {
	const q = `select coalesce((select founder is not null from founding), false)`
	var founded bool
	err := p.pool.QueryRow(ctx, q).Scan(&founded)
	return founded, err
}

// Founds reports whether a secret would found the community now, so that the
// form is not shown to whoever cannot use it.
func (p *Policies) Founds(ctx context.Context, secret string) error {
	const q = `select founder is not null, secret = @hash from founding`
	hash := sha256.Sum256([]byte(secret))
	var founded, fits bool
	err := p.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"hash": hash[:]}).Scan(&founded, &fits)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return governance.Errorf(governance.NotFound, "No founding link was printed yet. Start the server once more and use the link that it prints.")
	case err != nil:
		return fmt.Errorf("read founding: %w", err)
	case founded:
		return governance.Errorf(governance.Conflict, "The community is founded already. Its members decide what changes.")
	case !fits:
		return governance.Errorf(governance.Forbidden, "This founding link is not the last one that the server printed.")
	}
	return nil
}

// FoundedArgs is the job that gives a new community its first pages.
type FoundedArgs struct{}

// Kind names the job.
func (FoundedArgs) Kind() string { return "begin-community" }

// Change is one value that a founding or a decision sets.
type Change struct {
	Key   Key    `json:"key"`
	Value string `json:"value"`
}

// Founding: the community began, with these first values.
type Founding struct {
	Founder governance.MemberID `json:"founder"`
	Values  []Change            `json:"values"`
}

// Kind is for ever.
func (Founding) Kind() string { return "community.founded" }

// Subject is the community itself.
func (Founding) Subject() governance.Ref { return "community/1" }

// Sentence says what a stranger reads.
func (e Founding) Sentence() audit.Sentence {
	return audit.Say("founded the community with ", len(e.Values), " first policies")
}

// Found founds the community: the member who holds the secret sets the first
// values and is a founder until the first election has filled the offices.
func (p *Policies) Found(ctx context.Context, actor governance.Actor, secret string, values []Change) (audit.Receipt, error) {
	hash := sha256.Sum256([]byte(secret))
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightVote); err != nil {
			return nil, err
		}
		const claim = `
			update founding set founder = @member, at = @now
			where founder is null and secret = @hash`
		args := pgx.StrictNamedArgs{"member": tx.Actor.Member, "now": tx.Now(ctx), "hash": hash[:]}
		tag, err := tx.Exec(ctx, claim, args)
		if err != nil {
			return nil, fmt.Errorf("found community: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil, governance.Errorf(governance.Forbidden, "This founding link was used, or is not the last one that the server printed.")
		}
		if err := members.Grant(ctx, tx, tx.Actor.Member, members.Founders, time.Time{}, "community/1"); err != nil {
			return nil, err
		}
		set, err := Set(ctx, tx, values, "community/1")
		if err != nil {
			return nil, err
		}
		if err := tx.Enqueue(ctx, FoundedArgs{}, nil); err != nil {
			return nil, err
		}
		return Founding{tx.Actor.Member, set}, nil
	})
}
