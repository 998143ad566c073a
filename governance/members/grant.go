package members

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"github.com/jackc/pgx/v5"
)

// Grant is a step that puts a member into a group, or changes when a
// membership ends; a zero until has no end. Elections and the founding use it,
// and say so in their own event, whose Replay calls ReplayGrant. reason is
// what decided it, as "election/3".
func Grant(ctx context.Context, tx *audit.Tx, member governance.MemberID, group Group, until time.Time, reason governance.Ref) error {
	if !group.Known() {
		return fmt.Errorf("grant to member %d: there is no group %q", member, group)
	}
	if err := lock(ctx, tx, member); err != nil {
		return err
	}
	now := tx.Now(ctx)
	if !until.IsZero() && !until.After(now) {
		return governance.Errorf(governance.Invalid, "A membership of %s must end later than now.", group.Title())
	}
	const upsert = `
		insert into memberships (member, group_name, granted_at, expires_at, reason)
		values (@member, @group, @now, @until, @reason)
		on conflict (member, group_name) do update set granted_at = @now, expires_at = @until, reason = @reason`
	args := pgx.StrictNamedArgs{"member": member, "group": group, "now": now, "until": optional(until), "reason": reason}
	if _, err := tx.Exec(ctx, upsert, args); err != nil {
		return fmt.Errorf("grant %s to member %d: %w", group, member, err)
	}
	return nil
}

// Revoke is a step that takes a member out of a group. It is a Conflict if
// the member is not in it.
func Revoke(ctx context.Context, tx *audit.Tx, member governance.MemberID, group Group) error {
	if err := lock(ctx, tx, member); err != nil {
		return err
	}
	const q = `delete from memberships where member = @member and group_name = @group`
	tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"member": member, "group": group})
	if err != nil {
		return fmt.Errorf("revoke %s of member %d: %w", group, member, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "Member %d is not one of the %s.", member, group.Title())
	}
	return nil
}

// Suspend is a step that takes one right from a member until a time, whatever
// groups the member is in; moderation uses it. A suspension replaces an
// earlier one of the same right.
func Suspend(ctx context.Context, tx *audit.Tx, member governance.MemberID, right Right, until time.Time, reason governance.Ref) error {
	if err := lock(ctx, tx, member); err != nil {
		return err
	}
	if !until.After(tx.Now(ctx)) {
		return governance.Errorf(governance.Invalid, "A suspension must end later than now.")
	}
	const upsert = `
		insert into suspensions (member, right_name, until, reason) values (@member, @right, @until, @reason)
		on conflict (member, right_name) do update set until = @until, reason = @reason`
	args := pgx.StrictNamedArgs{"member": member, "right": right, "until": until, "reason": reason}
	if _, err := tx.Exec(ctx, upsert, args); err != nil {
		return fmt.Errorf("suspend right %s of member %d: %w", right, member, err)
	}
	return nil
}

// Restore is a step that ends a suspension early, as after an appeal. It is a
// Conflict if the right is not suspended.
func Restore(ctx context.Context, tx *audit.Tx, member governance.MemberID, right Right) error {
	if err := lock(ctx, tx, member); err != nil {
		return err
	}
	const q = `delete from suspensions where member = @member and right_name = @right and until > @now`
	tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"member": member, "right": right, "now": tx.Now(ctx)})
	if err != nil {
		return fmt.Errorf("restore right %s of member %d: %w", right, member, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "The right to %s of member %d is not suspended.", right.deed(), member)
	}
	return nil
}

// lock keeps the member's rights as they are for every other act until this
// one ends. Steps for several members must be called with ids ascending.
func lock(ctx context.Context, tx *audit.Tx, member governance.MemberID) error {
	const q = `select left_at is null from members where id = @member for no key update`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"member": member})
	present, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	switch {
	case err != nil:
		return fmt.Errorf("lock member %d: %w", member, err)
	case len(present) == 0:
		return governance.Errorf(governance.NotFound, "There is no member %d.", member)
	case !present[0]:
		return governance.Errorf(governance.Conflict, "Member %d has left.", member)
	}
	return nil
}

// optional makes a null of the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
