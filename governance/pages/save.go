package pages

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
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

// Pages is the store of pages.
type Pages struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Pages { return &Pages{trail, pool} }

// Draft is a text to be saved. HTML is the rendered and sanitised body; it
// was made before the act, because nothing is rendered inside one.
type Draft struct {
	Title   string
	Base    governance.RevisionID // what the writer began from; 0 for a new page
	Body    string
	HTML    string
	Summary string
}

// EditConflict is the cause of a Conflict: somebody saved in between.
type EditConflict struct{ Latest governance.RevisionID }

// Error says what happened; the page shows both texts.
func (e *EditConflict) Error() string {
	return fmt.Sprintf("revision %d was saved while this text was written", e.Latest)
}

const maxSummary = 500

// Save makes or edits a page as a member, who needs the right to edit and,
// for a protected page, the right to protect.
func (p *Pages) Save(ctx context.Context, actor governance.Actor, d Draft) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightEdit); err != nil {
			return nil, err
		}
		if err := reserved(d.Title); err != nil {
			return nil, err
		}
		saved, err := Write(ctx, tx, d)
		if err != nil {
			return nil, err
		}
		return saved, nil
	})
}

// reserved refuses titles whose pages are written through other acts.
func reserved(title string) error {
	space, _, found := strings.Cut(strings.ToLower(title), ":")
	if found && (space == "proposal" || space == "election") {
		return governance.Errorf(governance.Forbidden, "Pages that begin with %q are written through the %s itself.", title[:len(space)+1], space)
	}
	return nil
}

// Write is a step that saves a draft. It refuses a page that is frozen or, for
// whom lacks the right, protected; an outdated base is a Conflict.
func Write(ctx context.Context, tx *audit.Tx, d Draft) (Saved, error) {
	d.Title = strings.Join(strings.Fields(d.Title), " ")
	if err := checkDraft(d); err != nil {
		return Saved{}, err
	}
	page, err := lockPage(ctx, tx, d.Title)
	if err != nil {
		return Saved{}, err
	}
	if err := allowed(ctx, tx, page); err != nil {
		return Saved{}, err
	}
	if page.Latest != d.Base {
		return Saved{}, fmt.Errorf("%w: %w", governance.Errorf(governance.Conflict, "Somebody saved this page while you wrote. Both texts are below; nothing is lost."), &EditConflict{page.Latest})
	}
	return insertRevision(ctx, tx, page, d)
}

func checkDraft(d Draft) error {
	switch {
	case d.Title == "" || len(d.Title) > 240:
		return governance.FieldErrorf("title", "A title has 1 to 240 bytes; this one has %d.", len(d.Title))
	case strings.ContainsFunc(d.Title, func(r rune) bool {
		return unicode.IsControl(r) || strings.ContainsRune("[]{}|#<>_", r) || unicode.Is(unicode.Cf, r)
	}):
		return governance.FieldErrorf("title", "A title cannot contain [ ] { } | # < > _ or invisible characters.")
	case strings.HasPrefix(d.Title, "/") || strings.HasPrefix(d.Title, "."):
		return governance.FieldErrorf("title", "A title cannot begin with a slash or a full stop.")
	case strings.TrimSpace(d.Body) == "":
		return governance.FieldErrorf("body", "The text is empty. To take a page out of use, say so in its text.")
	case utf8.RuneCountInString(d.Summary) > maxSummary:
		return governance.FieldErrorf("summary", "A summary has at most %d characters; this one has %d.", maxSummary, utf8.RuneCountInString(d.Summary))
	}
	return nil
}

type lockedPage struct {
	ID         governance.PageID
	Protection string
	Latest     governance.RevisionID
	Revisions  int64
	Size       int64
}

// lockPage finds the page of a title and locks it, or makes it.
func lockPage(ctx context.Context, tx *audit.Tx, title string) (lockedPage, error) {
	const insert = `insert into pages (title, folded) values (@title, @folded) on conflict (folded) do nothing`
	args := pgx.StrictNamedArgs{"title": title, "folded": strings.ToLower(title)}
	if _, err := tx.Exec(ctx, insert, args); err != nil {
		return lockedPage{}, fmt.Errorf("make page %q: %w", title, err)
	}
	const lock = `
		select id, protection, coalesce(latest, 0), revisions from pages where folded = @folded for update`
	var page lockedPage
	if err := tx.QueryRow(ctx, lock, pgx.StrictNamedArgs{"folded": strings.ToLower(title)}).Scan(&page.ID, &page.Protection, &page.Latest, &page.Revisions); err != nil {
		return lockedPage{}, fmt.Errorf("lock page %q: %w", title, err)
	}
	const size = `select size from revisions where id = @id`
	err := tx.QueryRow(ctx, size, pgx.StrictNamedArgs{"id": page.Latest}).Scan(&page.Size)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return lockedPage{}, fmt.Errorf("lock page %q: %w", title, err)
	}
	return page, nil
}

func allowed(ctx context.Context, tx *audit.Tx, page lockedPage) error {
	switch page.Protection {
	case "frozen":
		return governance.Errorf(governance.Conflict, "This text is frozen while members vote on it.")
	case "moderators":
		return members.Require(ctx, tx, members.RightProtect)
	}
	return nil
}

func insertRevision(ctx context.Context, tx *audit.Tx, page lockedPage, d Draft) (Saved, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return Saved{}, fmt.Errorf("salt revision: %w", err)
	}
	digest := Digest(salt, d.Body)
	const insert = `
		insert into revisions (page, number, parent, author, at, summary, body, html, size, delta, salt, digest)
		values (@page, @number, nullif(@parent, 0), @author, @now, @summary, @body, @html, @size, @delta, @salt, @digest)
		returning id`
	saved := Saved{Page: page.ID, Number: page.Revisions + 1, Parent: page.Latest, Delta: int64(len(d.Body)) - page.Size, Digest: fmt.Sprintf("%x", digest)}
	args := pgx.StrictNamedArgs{
		"page": page.ID, "number": saved.Number, "parent": int64(page.Latest), "author": tx.Actor.Ref(), "now": tx.Now(ctx),
		"summary": d.Summary, "body": d.Body, "html": d.HTML, "size": len(d.Body), "delta": saved.Delta, "salt": salt, "digest": digest[:],
	}
	if err := tx.QueryRow(ctx, insert, args).Scan(&saved.Revision); err != nil {
		return Saved{}, fmt.Errorf("save revision of page %d: %w", page.ID, err)
	}
	const latest = `
		update pages set latest = @revision, revisions = @number, title = @title,
			search = setweight(to_tsvector('simple', @title), 'A') || to_tsvector('simple', left(@body, 200000))
		where id = @page`
	if _, err := tx.Exec(ctx, latest, pgx.StrictNamedArgs{"revision": saved.Revision, "number": saved.Number, "title": d.Title, "body": d.Body, "page": page.ID}); err != nil {
		return Saved{}, fmt.Errorf("save revision of page %d: %w", page.ID, err)
	}
	return saved, tx.Name(ctx, governance.RefTo(governance.RefPage, page.ID), d.Title)
}

// Digest is the commitment that the log holds for a text.
func Digest(salt []byte, body string) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte(nil), salt...), body...))
}
