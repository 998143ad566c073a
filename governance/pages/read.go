package pages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// Revision is one saved text without the text itself.
type Revision struct {
	ID         governance.RevisionID
	Page       governance.PageID
	Title      string
	Protection string
	Protected  string // the reason of its protection by moderators
	Number     int64
	Parent     governance.RevisionID
	Author     governance.Ref
	At         time.Time
	Summary    string
	Size       int64
	Delta      int64
	Digest     []byte
	Hidden     string // reason, or ""
	Latest     bool
}

const revisionColumns = `
	r.id, r.page, p.title, p.protection, p.protection_reason, r.number, coalesce(r.parent, 0) as parent, r.author, r.at, r.summary,
	r.size::bigint, r.delta::bigint, r.digest, r.hidden, r.id = p.latest as latest`

// Latest returns the present revision of the page with a title.
func (p *Pages) Latest(ctx context.Context, title string) (Revision, error) {
	const q = `select ` + revisionColumns + ` from pages p join revisions r on r.id = p.latest where p.folded = @folded`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"folded": strings.ToLower(title)})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Revision])
	if errors.Is(err, pgx.ErrNoRows) {
		return Revision{}, governance.Errorf(governance.NotFound, "There is no page %q yet.", title)
	}
	if err != nil {
		return Revision{}, fmt.Errorf("read page %q: %w", title, err)
	}
	return r, nil
}

// ByID returns the present revision of a page.
func (p *Pages) ByID(ctx context.Context, id governance.PageID) (Revision, error) {
	const q = `select ` + revisionColumns + ` from pages p join revisions r on r.id = p.latest where p.id = @id`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Revision])
	if errors.Is(err, pgx.ErrNoRows) {
		return Revision{}, governance.Errorf(governance.NotFound, "There is no page %d.", id)
	}
	return r, err
}

// Revision returns one revision.
func (p *Pages) Revision(ctx context.Context, id governance.RevisionID) (Revision, error) {
	const q = `select ` + revisionColumns + ` from revisions r join pages p on p.id = r.page where r.id = @id`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Revision])
	if errors.Is(err, pgx.ErrNoRows) {
		return Revision{}, governance.Errorf(governance.NotFound, "There is no revision %d.", id)
	}
	return r, err
}

// Body returns what a member wrote in a revision; a hidden one is NotFound.
func (p *Pages) Body(ctx context.Context, id governance.RevisionID) (string, error) {
	const q = `select coalesce(body, '') from revisions where id = @id and hidden = ''`
	return p.text(ctx, q, id)
}

// HTML returns the rendered text of a revision. It never changes, except that
// hiding takes it away.
func (p *Pages) HTML(ctx context.Context, id governance.RevisionID) (string, error) {
	const q = `select coalesce(html, '') from revisions where id = @id and hidden = ''`
	return p.text(ctx, q, id)
}

func (p *Pages) text(ctx context.Context, q string, id governance.RevisionID) (string, error) {
	var text string
	err := p.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", governance.Errorf(governance.NotFound, "The text of revision %d is hidden or was never saved.", id)
	}
	if err != nil {
		return "", fmt.Errorf("read revision %d: %w", id, err)
	}
	return text, nil
}

// History lists the revisions of a page, newest first, before a number.
func (p *Pages) History(ctx context.Context, page governance.PageID, before int64, limit int) ([]Revision, error) {
	const q = `
		select ` + revisionColumns + ` from revisions r join pages p on p.id = r.page
		where r.page = @page and (@before = 0 or r.number < @before) order by r.number desc limit @limit`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"page": page, "before": before, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Revision])
	if err != nil {
		return nil, fmt.Errorf("read history of page %d: %w", page, err)
	}
	return list, nil
}

// Found is one hit of a search.
type Found struct {
	Title   string
	Snippet string // with the words between « and »
	At      time.Time
	Size    int64
}

// Search finds pages by the words of their present texts.
func (p *Pages) Search(ctx context.Context, words string, limit int) ([]Found, error) {
	const q = `
		with hits as (
			select p.title, p.latest, ts_rank(p.search, q) as rank
			from pages p, websearch_to_tsquery('simple', @words) q
			where p.search @@ q order by rank desc, p.id limit @limit
		)
		select h.title,
			ts_headline('simple', left(coalesce(r.body, ''), 20000), websearch_to_tsquery('simple', @words),
				'StartSel=«, StopSel=», MaxFragments=2, MaxWords=24, MinWords=8'),
			r.at, r.size::bigint
		from hits h join revisions r on r.id = h.latest order by h.rank desc, h.title`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"words": words, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Found])
	if err != nil {
		return nil, fmt.Errorf("search pages: %w", err)
	}
	return list, nil
}
