package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Member is one member, or what is left of one.
type Member struct {
	ID     governance.MemberID
	Name   string // FormerMember after leaving
	Joined time.Time
	Left   time.Time // zero while a member
}

// Membership is one member's place in one group.
type Membership struct {
	Member  governance.MemberID
	Name    string
	Group   Group
	Granted time.Time
	Expires time.Time // zero: no end
	Reason  governance.Ref
}

// ByIdentity finds who has signed in; NotFound before they have joined.
func (s *Store) ByIdentity(ctx context.Context, i Identity) (Member, error) {
	const q = `
		select id, coalesce(name, @former), joined_at, coalesce(left_at, '0001-01-01T00:00:00Z')
		from members where issuer = @issuer and subject = @subject`
	return s.one(ctx, q, pgx.StrictNamedArgs{"issuer": i.Issuer, "subject": i.Subject, "former": FormerMember},
		"Nobody has joined with this sign-in.")
}

// ByID returns a member, also one who has left.
func (s *Store) ByID(ctx context.Context, id governance.MemberID) (Member, error) {
	const q = `
		select id, coalesce(name, @former), joined_at, coalesce(left_at, '0001-01-01T00:00:00Z')
		from members where id = @id`
	return s.one(ctx, q, pgx.StrictNamedArgs{"id": id, "former": FormerMember}, fmt.Sprintf("There is no member %d.", id))
}

func (s *Store) one(ctx context.Context, q string, args pgx.StrictNamedArgs, missing string) (Member, error) {
	rows, _ := s.pool.Query(ctx, q, args)
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Member])
	if errors.Is(err, pgx.ErrNoRows) {
		return Member{}, governance.Errorf(governance.NotFound, "%s", missing)
	}
	if err != nil {
		return Member{}, fmt.Errorf("read member: %w", err)
	}
	return m, nil
}

// List returns present members by number, those after a number, at most limit.
func (s *Store) List(ctx context.Context, after governance.MemberID, limit int) ([]Member, error) {
	const q = `
		select id, name, joined_at, '0001-01-01T00:00:00Z'::timestamptz
		from members where left_at is null and id > @after order by id limit @limit`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"after": after, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return list, nil
}

// Count returns how many are members now.
func (s *Store) Count(ctx context.Context) (int64, error) {
	const q = `select count(*) from members where left_at is null`
	var n int64
	if err := s.pool.QueryRow(ctx, q).Scan(&n); err != nil {
		return 0, fmt.Errorf("count members: %w", err)
	}
	return n, nil
}

// CountVoters returns how many would be on the roll of a poll that opens now.
func (s *Store) CountVoters(ctx context.Context) (int64, error) {
	const q = `
		select count(distinct m.id) from members m join memberships g on g.member = m.id
		where m.left_at is null and g.group_name = any(@groups) and (g.expires_at is null or g.expires_at > @now)
		and not exists (select from suspensions s where s.member = m.id and s.right_name = @right and s.until > @now)`
	var n int64
	args := pgx.StrictNamedArgs{"groups": groupsWith(RightVote), "right": RightVote, "now": s.now()}
	if err := s.pool.QueryRow(ctx, q, args).Scan(&n); err != nil {
		return 0, fmt.Errorf("count voters: %w", err)
	}
	return n, nil
}

// GroupsOf returns the groups that a member is in now, by name.
func (s *Store) GroupsOf(ctx context.Context, id governance.MemberID) ([]Membership, error) {
	const q = `
		select g.member, coalesce(m.name, @former), g.group_name, g.granted_at, coalesce(g.expires_at, '0001-01-01T00:00:00Z'), g.reason
		from memberships g join members m on m.id = g.member
		where g.member = @id and (g.expires_at is null or g.expires_at > @now) order by g.group_name`
	return s.memberships(ctx, q, pgx.StrictNamedArgs{"id": id, "now": s.now(), "former": FormerMember})
}

// Holders returns who is in a group now, by number.
func (s *Store) Holders(ctx context.Context, group Group) ([]Membership, error) {
	const q = `
		select g.member, coalesce(m.name, @former), g.group_name, g.granted_at, coalesce(g.expires_at, '0001-01-01T00:00:00Z'), g.reason
		from memberships g join members m on m.id = g.member
		where g.group_name = @group and (g.expires_at is null or g.expires_at > @now) order by g.member`
	return s.memberships(ctx, q, pgx.StrictNamedArgs{"group": group, "now": s.now(), "former": FormerMember})
}

func (s *Store) memberships(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Membership, error) {
	rows, _ := s.pool.Query(ctx, q, args)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Membership])
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return list, nil
}

// RightsOf returns what a member may do now, in the order of Rights. Pages
// show by it which buttons make sense; the act asks again.
func (s *Store) RightsOf(ctx context.Context, id governance.MemberID) ([]Right, error) {
	const q = `
		select group_name, '' from memberships where member = @id and (expires_at is null or expires_at > @now)
		union all
		select '', right_name from suspensions where member = @id and until > @now`
	type row struct {
		Group     Group
		Suspended Right
	}
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id, "now": s.now()})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("read rights of member %d: %w", id, err)
	}
	var held []Right
	for _, info := range rights {
		carried := slices.ContainsFunc(found, func(r row) bool {
			return r.Group != "" && slices.Contains(groupsWith(info.Right), string(r.Group))
		})
		suspended := slices.ContainsFunc(found, func(r row) bool { return r.Suspended == info.Right })
		if carried && !suspended {
			held = append(held, info.Right)
		}
	}
	return held, nil
}
