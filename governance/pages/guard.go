package pages

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"github.com/jackc/pgx/v5"
)

// Freeze is a step that stops editing while members vote on the text, or
// allows it again. It returns the revision that is frozen and its digest.
func Freeze(ctx context.Context, tx *audit.Tx, page governance.PageID, frozen bool) (governance.RevisionID, []byte, error) {
	level := ""
	if frozen {
		level = "frozen"
	}
	const q = `
		update pages p set protection = @level from revisions r
		where p.id = @page and r.id = p.latest returning r.id, r.digest`
	var revision governance.RevisionID
	var digest []byte
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"page": page, "level": level}).Scan(&revision, &digest); err != nil {
		return 0, nil, fmt.Errorf("freeze page %d: %w", page, err)
	}
	return revision, digest, nil
}

// Levels of protection that a moderator chooses between.
const (
	Everybody  = ""           // whoever has the right to edit
	Moderators = "moderators" // whoever has the right to protect
)

const maxReason = 500 // characters

func checkReason(reason, empty string) error {
	switch n := utf8.RuneCountInString(reason); {
	case reason == "":
		return governance.FieldErrorf("reason", "%s", empty)
	case n > maxReason:
		return governance.FieldErrorf("reason", "A reason has at most %d characters; this one has %d.", maxReason, n)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return governance.FieldErrorf("reason", "The reason contains a character that cannot be shown. Write it in one line.")
	}
	return nil
}

// Protect says who may edit a page, with a reason that everybody reads.
func (p *Pages) Protect(ctx context.Context, actor governance.Actor, page governance.PageID, level, reason string) (audit.Receipt, error) {
	reason = strings.TrimSpace(reason)
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightProtect); err != nil {
			return nil, err
		}
		if level != Everybody && level != Moderators {
			return nil, governance.FieldErrorf("level", "Choose who may edit the page.")
		}
		if err := checkReason(reason, "Say why. The reason is public."); err != nil {
			return nil, err
		}
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("salt reason: %w", err)
		}
		const q = `
			update pages set protection = @level, protection_reason = @reason, protection_salt = @salt
			where id = @page and protection not in (@level, 'frozen')`
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"page": page, "level": level, "reason": reason, "salt": salt})
		if err != nil {
			return nil, fmt.Errorf("protect page %d: %w", page, err)
		}
		if tag.RowsAffected() == 0 {
			return nil, governance.Errorf(governance.Conflict, "The page is already so, is frozen while members vote on it, or does not exist.")
		}
		digest := sha256.Sum256(append(salt, reason...))
		return Protected{page, level, hex.EncodeToString(digest[:])}, nil
	})
}

// Hide empties the text of a revision that must not be read, with a reason.
// The latest revision cannot be hidden: save a better text first.
func (p *Pages) Hide(ctx context.Context, actor governance.Actor, revision governance.RevisionID, reason string) (audit.Receipt, error) {
	reason = strings.TrimSpace(reason)
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightProtect); err != nil {
			return nil, err
		}
		if err := checkReason(reason, "Say why the text must not be read. The reason is public."); err != nil {
			return nil, err
		}
		const q = `
			update revisions r set body = null, html = null, hidden = @reason
			from pages p where r.id = @revision and p.id = r.page and p.latest <> r.id and r.hidden = ''
			returning r.page, encode(r.digest, 'hex')`
		ev := Hidden{Revision: revision}
		rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"revision": revision, "reason": reason})
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hidden, error) {
			return ev, row.Scan(&ev.Page, &ev.Digest)
		})
		if err != nil {
			return nil, fmt.Errorf("hide revision %d: %w", revision, err)
		}
		if len(found) == 0 {
			return nil, governance.Errorf(governance.Conflict, "Revision %d is the latest, is hidden already, or does not exist. Save a better text first, then hide the old one.", revision)
		}
		return ev, nil
	})
}
