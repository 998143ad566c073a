package members

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"github.com/jackc/pgx/v5"
)

// Require is the first step of an act: it fails unless the actor is a member
// who holds the right now. The member's row stays locked against leaving and
// against revocation until the act ends, so that a right lost before the act
// commits was either lost after it or stops it.
func Require(ctx context.Context, tx *audit.Tx, right Right) error {
	member := tx.Actor.Member
	if member == 0 {
		return governance.Errorf(governance.Unauthenticated, "Sign in first: to %s one must be a member.", right.deed())
	}
	held, err := Has(ctx, tx, member, right)
	if err != nil {
		return err
	}
	if held {
		return nil
	}
	const q = `select until from suspensions where member = @member and right_name = @right and until > @now`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"member": member, "right": right, "now": tx.Now(ctx)})
	suspended, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return fmt.Errorf("read suspension of member %d: %w", member, err)
	}
	if len(suspended) > 0 {
		return governance.Errorf(governance.Forbidden, "Your right to %s is suspended until %s.",
			right.deed(), suspended[0].UTC().Format("2 January 2006, 15:04 UTC"))
	}
	return governance.Errorf(governance.Forbidden, "You lack the right to %s. It belongs to: %s.", right.deed(), right.holders())
}

// Has is a step that asks whether any member holds the right now, and locks
// the member's row as Require does. It reads the act's clock only if the
// answer depends on it: the clock must be read after the act's locks, and a
// right is asked for before them.
func Has(ctx context.Context, tx *audit.Tx, member governance.MemberID, right Right) (bool, error) {
	const lock = `select left_at is null from members where id = @member for share`
	const q = `
		select expires_at, null::timestamptz as until from memberships where member = @member and group_name = any(@groups)
		union all
		select null, until from suspensions where member = @member and right_name = @right`
	type row struct{ Expires, Until *time.Time }
	both := &pgx.Batch{} // the second waits for the lock of the first
	both.Queue(lock, pgx.StrictNamedArgs{"member": member})
	both.Queue(q, pgx.StrictNamedArgs{"member": member, "groups": groupsWith(right), "right": right})
	results := tx.SendBatch(ctx, both)
	rows, _ := results.Query()
	present, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	var found []row
	if err == nil {
		rows, _ = results.Query()
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return false, fmt.Errorf("read rights of member %d: %w", member, err)
	}
	if len(present) == 0 || !present[0] {
		return false, nil
	}
	granted := false
	for _, r := range found {
		switch {
		case r.Until != nil:
			if r.Until.After(tx.Now(ctx)) {
				return false, nil
			}
		case r.Expires == nil || r.Expires.After(tx.Now(ctx)):
			granted = true
		}
	}
	return granted, nil
}

// Roll is a step that returns everybody who may vote at the act's time, ids
// ascending: the electorate that a poll freezes when it opens.
func Roll(ctx context.Context, tx *audit.Tx) ([]governance.MemberID, error) {
	const q = `
		select distinct m.id from members m join memberships g on g.member = m.id
		where m.left_at is null and g.group_name = any(@groups) and (g.expires_at is null or g.expires_at > @now)
		and not exists (select from suspensions s where s.member = m.id and s.right_name = @right and s.until > @now)
		order by m.id`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"groups": groupsWith(RightVote), "right": RightVote, "now": tx.Now(ctx)})
	roll, err := pgx.CollectRows(rows, pgx.RowTo[governance.MemberID])
	if err != nil {
		return nil, fmt.Errorf("read the roll: %w", err)
	}
	return roll, nil
}
