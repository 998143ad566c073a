package pages

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
)

// Begun: a new community got its first pages.
type Begun struct {
	Pages []Saved `json:"pages"`
}

// Kind is for ever.
func (Begun) Kind() string { return "page.begun" }

// Subject is the community itself.
func (Begun) Subject() governance.Ref { return "community/1" }

// About are the pages.
func (e Begun) About() []governance.Ref {
	var refs []governance.Ref
	for _, p := range e.Pages {
		refs = append(refs, p.Subject())
	}
	return refs
}

// Sentence says what a stranger reads.
func (e Begun) Sentence() audit.Sentence {
	return audit.Say("wrote the first ", len(e.Pages), " pages of the community")
}

// Begin writes pages that do not exist yet, as the platform. When all exist
// it is a Conflict.
func (p *Pages) Begin(ctx context.Context, actor governance.Actor, drafts []Draft) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Members save pages one by one.")
		}
		var ev Begun
		for _, d := range drafts {
			if err := checkDraft(d); err != nil {
				return nil, fmt.Errorf("first page %q: %w", d.Title, err)
			}
			page, err := lockPage(ctx, tx, d.Title)
			if err != nil {
				return nil, err
			}
			if page.Latest != 0 {
				continue
			}
			saved, err := insertRevision(ctx, tx, page, d)
			if err != nil {
				return nil, err
			}
			ev.Pages = append(ev.Pages, saved)
		}
		if len(ev.Pages) == 0 {
			return nil, governance.Errorf(governance.Conflict, "The first pages are written already.")
		}
		return ev, nil
	})
}

var _ = audit.Register[Begun]()
