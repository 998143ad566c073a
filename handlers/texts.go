package handlers

import (
	"context"
	"sync"

	"codeberg.org/althing/althing/governance"
)

// texts keeps rendered revisions in memory, so that a view of a page sends no
// text from Postgres. A revision never changes; hiding one names another
// revision as the page's latest first, and a hidden revision's own page asks
// the store for its state before its text.
type texts struct {
	load func(context.Context, governance.RevisionID) (string, error)

	mu    sync.Mutex
	kept  map[governance.RevisionID]string
	order []governance.RevisionID // oldest first
	size  int
}

const maxTexts = 64 << 20 // bytes

// HTML returns the rendered text of a revision.
func (t *texts) HTML(ctx context.Context, id governance.RevisionID) (string, error) {
	t.mu.Lock()
	html, ok := t.kept[id]
	t.mu.Unlock()
	if ok {
		return html, nil
	}
	html, err := t.load(ctx, id)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.kept[id]; twice {
		return html, nil
	}
	if t.kept == nil {
		t.kept = map[governance.RevisionID]string{}
	}
	t.kept[id], t.order = html, append(t.order, id)
	for t.size += len(html); t.size > maxTexts && len(t.order) > 1; {
		oldest := t.order[0]
		t.size -= len(t.kept[oldest])
		delete(t.kept, oldest)
		t.order = t.order[1:]
	}
	return html, nil
}
