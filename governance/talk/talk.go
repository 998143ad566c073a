package talk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Identities of threads and comments.
type (
	// ThreadID names a thread.
	ThreadID int64
	// CommentID names a comment.
	CommentID int64
)

// RefComment is the kind of reference to a comment.
const RefComment = "comment"

// Talk is the store of discussions.
type Talk struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Talk { return &Talk{trail, pool} }

// Text is what a member wrote and what it was rendered to before the act.
type Text struct{ Body, HTML string }

const (
	maxText  = 20_000 // bytes
	maxTitle = 120    // characters
	// MaxDepth is how many comments may stand above one another; the table's
	// check knows it too. A deeper answer belongs one level up.
	MaxDepth = 12
)

func (t Text) check() error {
	switch {
	case strings.TrimSpace(t.Body) == "":
		return governance.FieldErrorf("text", "Please write something.")
	case len(t.Body) > maxText:
		return governance.FieldErrorf("text", "A comment has at most %d bytes; this one has %d.", maxText, len(t.Body))
	case !utf8.ValidString(t.Body) || strings.ContainsRune(t.Body, 0):
		return governance.FieldErrorf("text", "The comment contains bytes that cannot be stored.")
	}
	return nil
}

func checkTitle(title string) (string, error) {
	title = strings.Join(strings.Fields(title), " ")
	switch n := utf8.RuneCountInString(title); {
	case n == 0 || n > maxTitle:
		return "", governance.FieldErrorf("title", "A subject has 1 to %d characters; this one has %d.", maxTitle, n)
	case !utf8.ValidString(title) || strings.ContainsFunc(title, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return "", governance.FieldErrorf("title", "The subject contains invisible characters.")
	}
	return title, nil
}

// Start begins a thread about something. Its receipt names the thing.
func (s *Talk) Start(ctx context.Context, actor governance.Actor, on governance.Ref, title string, text Text) (audit.Receipt, error) {
	return s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightDiscuss); err != nil {
			return nil, err
		}
		title, titleErr := checkTitle(title)
		if err := errors.Join(titleErr, text.check()); err != nil {
			return nil, err
		}
		const thread = `
			insert into threads (subject, title, at)
			select @on, @title, @now where exists (select from names where ref = @on) returning id`
		rows, _ := tx.Query(ctx, thread, pgx.StrictNamedArgs{"on": string(on), "title": title, "now": tx.Now(ctx)})
		made, err := pgx.CollectRows(rows, pgx.RowTo[ThreadID])
		if err != nil {
			return nil, fmt.Errorf("start thread about %s: %w", on, err)
		}
		if len(made) == 0 {
			return nil, governance.Errorf(governance.NotFound, "There is nothing here to talk about yet.")
		}
		return say(ctx, tx, Said{On: on, Thread: made[0]}, nil, text)
	})
}

// Reply answers a comment.
func (s *Talk) Reply(ctx context.Context, actor governance.Actor, to CommentID, text Text) (audit.Receipt, error) {
	return s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightDiscuss); err != nil {
			return nil, err
		}
		if err := text.check(); err != nil {
			return nil, err
		}
		const q = `
			select t.id, t.subject, c.path from comments c join threads t on t.id = c.thread where c.id = @to for share of c`
		ev := Said{To: to}
		var above []int64
		err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"to": to}).Scan(&ev.Thread, &ev.On, &above)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, governance.Errorf(governance.NotFound, "There is no comment %d.", to)
		case err != nil:
			return nil, fmt.Errorf("read comment %d: %w", to, err)
		case len(above) >= MaxDepth:
			return nil, governance.FieldErrorf("text", "This goes %d answers deep. Please answer the comment above it.", MaxDepth)
		}
		return say(ctx, tx, ev, above, text)
	})
}

// say writes a comment below those of above.
func say(ctx context.Context, tx *audit.Tx, ev Said, above []int64, text Text) (audit.Event, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("salt comment: %w", err)
	}
	digest := sha256.Sum256(append(salt, text.Body...))
	const insert = `
		with number as (select nextval(pg_get_serial_sequence('comments', 'id')) as id)
		insert into comments (id, thread, path, member, body, html, salt, digest, at)
		overriding system value
		select id, @thread, @above::bigint[] || id, @member, @body, @html, @salt, @digest, @now from number returning id`
	if above == nil {
		above = []int64{}
	}
	args := pgx.StrictNamedArgs{
		"thread": ev.Thread, "above": above, "member": tx.Actor.Member, "body": text.Body, "html": text.HTML,
		"salt": salt, "digest": digest[:], "now": tx.Now(ctx),
	}
	if err := tx.QueryRow(ctx, insert, args).Scan(&ev.Comment); err != nil {
		return nil, fmt.Errorf("comment on %s: %w", ev.On, err)
	}
	ev.Text = hex.EncodeToString(digest[:])
	return ev, nil
}

const maxReason = 1000 // bytes

// Hide empties the text of a comment that must not be read, with a reason
// that everybody reads.
func (s *Talk) Hide(ctx context.Context, actor governance.Actor, id CommentID, reason string) (audit.Receipt, error) {
	reason = strings.TrimSpace(reason)
	return s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightProtect); err != nil {
			return nil, err
		}
		if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsRune(reason, 0) {
			return nil, governance.FieldErrorf("reason", "Say in at most %d bytes why the comment must not be read. The reason is public.", maxReason)
		}
		const q = `
			update comments c set body = null, html = null, hidden = @reason from threads t
			where c.id = @id and t.id = c.thread and c.hidden = '' returning t.subject, encode(c.digest, 'hex')`
		ev := Hidden{Comment: id}
		err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "reason": reason}).Scan(&ev.On, &ev.Text)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, governance.Errorf(governance.Conflict, "Comment %d is hidden already or does not exist.", id)
		}
		if err != nil {
			return nil, fmt.Errorf("hide comment %d: %w", id, err)
		}
		return ev, nil
	})
}
