package handlers

import (
	"encoding/hex"
	"fmt"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/diff"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const revisionsPerPage = 50

func (s *Site) history(_ http.ResponseWriter, r *http.Request) (answer, error) {
	rev, err := s.Pages.Latest(r.Context(), titleOf(r))
	if err != nil {
		return answer{}, err
	}
	return s.historyOf(r, rev, pageChrome(rev.Title, href.PageHistory(rev.Title, 0)))
}

// historyOf lists the revisions of a page under a chrome of its own.
func (s *Site) historyOf(r *http.Request, rev pages.Revision, c layout.Chrome) (answer, error) {
	list, err := s.Pages.History(r.Context(), rev.Page, int64(formID[governance.RevisionID](r, "before")), revisionsPerPage)
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, l := range list {
		refs[i] = l.Author
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	mayProtect, err := s.mayProtect(r)
	if err != nil {
		return answer{}, err
	}
	if mayProtect {
		c.Tools = append(c.Tools, protectTools(rev.Title))
	}
	c.Title = "History of " + c.Title
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	p := webpages.HistoryPage{Chrome: chrome, Action: href.PageDiff(rev.Title, 0, 0), Note: fmt.Sprintf("%s revisions.", ui.Count(rev.Number))}
	p.Lead = ui.Plain("Every saved text, newest first. Choose two to compare them.")
	for _, l := range list {
		line := historyLine(l, names)
		if mayProtect && !l.Latest && l.Hidden == "" {
			line.HideURL = href.PageHide(l.Title, int64(l.ID))
		}
		p.Revisions = append(p.Revisions, line)
	}
	if n := len(list); n == revisionsPerPage && list[n-1].Number > 1 {
		p.Pager = ui.Pager{Older: href.PageHistory(rev.Title, list[n-1].Number), Label: "revisions"}
	}
	return show(webpages.History(p)), nil
}

func historyLine(l pages.Revision, names map[governance.Ref]string) webpages.HistoryRevision {
	by := link(l.Author, names)[0]
	line := webpages.HistoryRevision{
		Number: int64(l.ID), When: shortMoment(l.At), Href: href.PageRevision(l.Title, int64(l.ID)), By: by.Text, ByURL: by.Href,
		Size: l.Size, Change: l.Delta, Summary: l.Summary, Digest: shortDigest(hex.EncodeToString(l.Digest)), Hidden: l.Hidden,
	}
	if l.Parent != 0 {
		line.DiffURL = href.PageDiff(l.Title, int64(l.Parent), int64(l.ID))
	}
	return line
}

func (s *Site) diff(_ http.ResponseWriter, r *http.Request) (answer, error) {
	newer, err := s.revisionNamed(r, "new")
	if err != nil {
		return answer{}, err
	}
	older := newer
	if id := formID[governance.RevisionID](r, "old"); id != 0 {
		older, err = s.Pages.Revision(r.Context(), id)
	} else if newer.Parent != 0 {
		older, err = s.Pages.Revision(r.Context(), newer.Parent)
	}
	if err != nil {
		return answer{}, err
	}
	if older.Page != newer.Page {
		return answer{}, governance.Errorf(governance.Invalid, "Revisions %d and %d belong to different pages.", older.ID, newer.ID)
	}
	if older.Number > newer.Number {
		older, newer = newer, older
	}
	return s.compare(r, older, newer)
}

func (s *Site) revisionNamed(r *http.Request, name string) (pages.Revision, error) {
	if id := formID[governance.RevisionID](r, name); id != 0 {
		return s.Pages.Revision(r.Context(), id)
	}
	return s.Pages.Latest(r.Context(), titleOf(r))
}

// compare shows what changed between two revisions of a page.
func (s *Site) compare(r *http.Request, older, newer pages.Revision) (answer, error) {
	var texts [2]string
	for i, rev := range []pages.Revision{older, newer} {
		var err error
		if texts[i], err = s.Pages.Body(r.Context(), rev.ID); err != nil {
			return answer{}, err
		}
	}
	d, err := diff.Lines(texts[0], texts[1])
	if err != nil {
		return answer{}, governance.Errorf(governance.Invalid, "The texts are too large to be compared: %v.", err)
	}
	names, err := s.Log.Names(r.Context(), []governance.Ref{older.Author, newer.Author})
	if err != nil {
		return answer{}, err
	}
	c := pageChrome(newer.Title, href.PageHistory(newer.Title, 0))
	c.Title = "Changes to " + newer.Title
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	return show(webpages.Diff(webpages.DiffPage{
		Chrome: chrome, Old: diffSide(older, names), New: diffSide(newer, names), Rows: diffRows(d),
		FactsTitle: "Revision " + ui.Count(newer.Number),
		Facts:      []ui.Fact{{Label: "Change", Value: ui.Bytes(int64(d.Delta()))}, {Label: "Digest", Value: ui.Digest(hex.EncodeToString(newer.Digest))}},
	})), nil
}

func diffSide(rev pages.Revision, names map[governance.Ref]string) webpages.DiffRevision {
	by := link(rev.Author, names)[0]
	return webpages.DiffRevision{
		Name: "Revision " + ui.Count(rev.Number), Href: href.PageRevision(rev.Title, int64(rev.ID)), When: moment(rev.At),
		By: by.Text, ByURL: by.Href, Summary: rev.Summary,
	}
}
