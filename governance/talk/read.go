package talk

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Comment is a comment as a page shows it.
type Comment struct {
	ID     CommentID
	Thread ThreadID
	Title  string // of its thread
	Depth  int    // 0 begins the thread
	Member governance.MemberID
	HTML   string // rendered and sanitised; "" when hidden
	Hidden string // why, or ""
	At     time.Time
}

// Comments lists what was said about something, thread after thread, the
// answers below what they answer; those of the newest limit threads.
func (s *Talk) Comments(ctx context.Context, on governance.Ref, limit int) ([]Comment, error) {
	const q = `
		select c.id, t.id, t.title, cardinality(c.path) - 1, c.member, coalesce(c.html, ''), c.hidden, c.at
		from (select id, title from threads where subject = @on order by id desc limit @limit) t
		join comments c on c.thread = t.id order by t.id, c.path`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"on": string(on), "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Comment])
	if err != nil {
		return nil, fmt.Errorf("read discussion of %s: %w", on, err)
	}
	return list, nil
}

// Count returns how many comments there are about something.
func (s *Talk) Count(ctx context.Context, on governance.Ref) (int, error) {
	const q = `select count(*) from threads t join comments c on c.thread = t.id where t.subject = @on`
	var n int
	if err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"on": string(on)}).Scan(&n); err != nil {
		return 0, fmt.Errorf("count comments about %s: %w", on, err)
	}
	return n, nil
}

// About returns what a comment is about; NotFound where there is none.
func (s *Talk) About(ctx context.Context, id CommentID) (governance.Ref, error) {
	const q = `select t.subject from comments c join threads t on t.id = c.thread where c.id = @id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, pgx.RowTo[governance.Ref])
	if err != nil {
		return "", fmt.Errorf("read comment %d: %w", id, err)
	}
	if len(found) == 0 {
		return "", governance.Errorf(governance.NotFound, "There is no comment %d.", id)
	}
	return found[0], nil
}
