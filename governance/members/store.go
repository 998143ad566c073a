package members

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// FormerMember is what people read instead of the name of who has left.
const FormerMember = "a former member"

// Store keeps members, groups and invitations.
type Store struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
	now   func() time.Time
}

// New returns the store. now is the clock of its reads; acts use the
// database's.
func New(trail *audit.Trail, pool *pgxpool.Pool, now func() time.Time) *Store {
	return &Store{trail: trail, pool: pool, now: now}
}

// Identity is how a provider vouches for a person: the provider's issuer URL,
// verbatim, and its name for the person, which it gives to nobody else.
type Identity struct{ Issuer, Subject string }

// Joining is what a newcomer brings. The caller has checked the identity and
// read the policy on invitations.
type Joining struct {
	Identity
	Name              string // as the person wants to be called
	Invitation        string // secret of an invitation, or ""
	RequireInvitation bool   // by policy
	Founder           bool   // the founding is not complete yet
}

// refused says what a violated constraint means to a person.
var refused = map[string]error{
	"members_skeleton": governance.FieldErrorf("name", "Another member has this name, or one that looks like it. Please take another."),
}

// Join makes a member of a person. Whoever is a member already is told so by
// the number that they have; two simultaneous first sign-ins make one member.
func (s *Store) Join(ctx context.Context, j Joining) (governance.MemberID, error) {
	name, skeleton, err := cleanName(j.Name)
	if err != nil {
		return 0, err
	}
	if j.RequireInvitation && strings.TrimSpace(j.Invitation) == "" {
		return 0, governance.FieldErrorf("invitation", "This community admits by invitation. Ask a member for one and enter it here.")
	}
	var id governance.MemberID
	_, err = s.trail.Act(ctx, governance.Job("join"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		const insert = `
			insert into members (issuer, subject, name, skeleton, joined_at)
			values (@issuer, @subject, @name, @skeleton, @now) returning id`
		args := pgx.StrictNamedArgs{
			"issuer": j.Issuer, "subject": j.Subject, "name": name, "skeleton": skeleton, "now": tx.Now(ctx),
		}
		if err := tx.QueryRow(ctx, insert, args).Scan(&id); err != nil {
			return nil, fmt.Errorf("join: %w", pg.Translate(err, refused))
		}
		ref := governance.RefTo(governance.RefMember, id)
		invitation, err := useInvitation(ctx, tx, j.Invitation, id)
		if err != nil {
			return nil, err
		}
		if err := tx.Name(ctx, ref, name); err != nil {
			return nil, err
		}
		if err := Grant(ctx, tx, id, Members, time.Time{}, ref); err != nil {
			return nil, err
		}
		if j.Founder {
			if err := Grant(ctx, tx, id, Founders, time.Time{}, ref); err != nil {
				return nil, err
			}
		}
		// The person acts, and has a number only now.
		tx.Actor = governance.Member(id, governance.Operation{})
		return Joined{Member: id, Invitation: invitation, Founder: j.Founder}, nil
	})
	if pg.Constraint(err) == "members_identity" {
		m, err := s.ByIdentity(ctx, j.Identity)
		return m.ID, err
	}
	return id, err
}

// Rename gives the actor another name.
func (s *Store) Rename(ctx context.Context, actor governance.Actor, to string) error {
	name, skeleton, err := cleanName(to)
	if err != nil {
		return err
	}
	_, err = s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := Require(ctx, tx, RightDiscuss); err != nil {
			return nil, err
		}
		const update = `update members set name = @name, skeleton = @skeleton where id = @id and left_at is null`
		args := pgx.StrictNamedArgs{"id": actor.Member, "name": name, "skeleton": skeleton}
		if _, err := tx.Exec(ctx, update, args); err != nil {
			return nil, fmt.Errorf("rename member %d: %w", actor.Member, pg.Translate(err, refused))
		}
		if err := tx.Name(ctx, actor.Ref(), name); err != nil {
			return nil, err
		}
		return Renamed{actor.Member}, nil
	})
	return err
}

// Invite makes an invitation and returns its secret, which is shown once and
// kept as a hash only. valid is how long it may be used, a policy.
func (s *Store) Invite(ctx context.Context, actor governance.Actor, valid time.Duration) (string, error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	secret := base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(secret))
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := Require(ctx, tx, RightInvite); err != nil {
			return nil, err
		}
		expires := tx.Now(ctx).Add(valid)
		const insert = `
			insert into invitations (hash, inviter, expires_at) values (@hash, @inviter, @expires) returning id`
		var id int64
		args := pgx.StrictNamedArgs{"hash": hash[:], "inviter": actor.Member, "expires": expires}
		if err := tx.QueryRow(ctx, insert, args).Scan(&id); err != nil {
			return nil, fmt.Errorf("invite: %w", err)
		}
		if err := tx.Name(ctx, governance.RefTo(RefInvitation, id), fmt.Sprintf("invitation %d", id)); err != nil {
			return nil, err
		}
		return Invited{Invitation: id, Expires: expires.Unix()}, nil
	})
	if err != nil {
		return "", err
	}
	if receipt.Repeated {
		return "", governance.Errorf(governance.Conflict, "This invitation was made already and its secret was shown then. Make another one if it is lost.")
	}
	return secret, nil
}

// useInvitation consumes an invitation for a newcomer and returns its number,
// or 0 when none was brought.
func useInvitation(ctx context.Context, tx *audit.Tx, secret string, member governance.MemberID) (int64, error) {
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return 0, nil
	}
	hash := sha256.Sum256([]byte(secret))
	const use = `
		update invitations set used_by = @member where hash = @hash and used_by is null and expires_at > @now returning id`
	var id int64
	err := tx.QueryRow(ctx, use, pgx.StrictNamedArgs{"member": member, "hash": hash[:], "now": tx.Now(ctx)}).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, governance.FieldErrorf("invitation", "This invitation is not valid: it was used, has expired or was never made. Ask for another one.")
	}
	if err != nil {
		return 0, fmt.Errorf("use invitation: %w", err)
	}
	return id, nil
}

// Leave ends the actor's membership: every right ends, the identity and the
// name are deleted, and what the member did stays under a number. Sessions
// and a local account are the caller's to end.
func (s *Store) Leave(ctx context.Context, actor governance.Actor) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if actor.Member == 0 {
			return nil, governance.Errorf(governance.Unauthenticated, "Sign in first: only a member can leave.")
		}
		if err := lock(ctx, tx, actor.Member); err != nil {
			return nil, err
		}
		args := pgx.StrictNamedArgs{"member": actor.Member}
		for _, q := range []string{
			`delete from memberships where member = @member`,
			`delete from suspensions where member = @member`,
			`delete from invitations where inviter = @member and used_by is null`,
		} {
			if _, err := tx.Exec(ctx, q, args); err != nil {
				return nil, fmt.Errorf("member %d leaves: %w", actor.Member, err)
			}
		}
		const forget = `
			update members set issuer = null, subject = null, name = null, skeleton = null, left_at = @now
			where id = @member and left_at is null`
		if _, err := tx.Exec(ctx, forget, pgx.StrictNamedArgs{"member": actor.Member, "now": tx.Now(ctx)}); err != nil {
			return nil, fmt.Errorf("member %d leaves: %w", actor.Member, err)
		}
		if err := tx.Name(ctx, actor.Ref(), FormerMember); err != nil {
			return nil, err
		}
		return Left{actor.Member}, nil
	})
	return err
}
