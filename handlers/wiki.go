package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/diff"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/wikitext"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func titleOf(r *http.Request) string { return href.Title(r.PathValue("title")) }

// article shows a page, or one revision of it.
func (s *Site) article(_ http.ResponseWriter, r *http.Request) (answer, error) {
	title := titleOf(r)
	rev, err := s.revisionOf(r, title)
	if governance.Is(err, governance.NotFound) && r.URL.Query().Get("revision") == "" {
		return s.missingPage(r, title)
	}
	if err != nil {
		return answer{}, err
	}
	html := ""
	if rev.Hidden == "" {
		if html, err = s.texts.HTML(r.Context(), rev.ID); err != nil {
			return answer{}, err
		}
	}
	names, err := s.Log.Names(r.Context(), []governance.Ref{rev.Author})
	if err != nil {
		return answer{}, err
	}
	c := pageChrome(rev.Title, href.Page(rev.Title))
	mayProtect, err := s.mayProtect(r)
	if err != nil {
		return answer{}, err
	}
	if mayProtect {
		c.Tools = append(c.Tools, protectTools(rev.Title))
	}
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	chrome.Toc = contents(html)
	return show(webpages.Article(articleView(chrome, rev, html, names))), nil
}

// revisionOf is the revision that an address asks for, else the latest.
func (s *Site) revisionOf(r *http.Request, title string) (pages.Revision, error) {
	id := formID[governance.RevisionID](r, "revision")
	if id == 0 {
		return s.Pages.Latest(r.Context(), title)
	}
	rev, err := s.Pages.Revision(r.Context(), id)
	if err == nil && !strings.EqualFold(rev.Title, title) {
		return rev, governance.Errorf(governance.NotFound, "Revision %d belongs to another page.", id)
	}
	return rev, err
}

func (s *Site) missingPage(r *http.Request, title string) (answer, error) {
	chrome, err := s.chrome(r, pageChrome(title, href.Page(title)))
	if err != nil {
		return answer{}, err
	}
	p := webpages.ArticlePage{Chrome: chrome, Empty: ui.Empty{
		Lead: "Nobody has written this page yet.", Text: "Every member may begin it.",
		Actions: []ui.Action{{Text: "Write this page", Href: href.PageEdit(title), Look: "primary"}},
	}}
	return answer{page: webpages.Article(p), status: http.StatusNotFound}, nil
}

// pageChrome gives a page its tabs; current is the address of the one shown.
func pageChrome(title, current string) layout.Chrome {
	return layout.Chrome{
		Title: title,
		Views: []layout.Tab{{Text: "Page", Href: href.Page(title), Current: current != href.Talk(title)}, {Text: "Talk", Href: href.Talk(title), Current: current == href.Talk(title)}},
		Actions: []layout.Tab{
			{Text: "Read", Href: href.Page(title), Current: current == href.Page(title)},
			{Text: "Edit", Href: href.PageEdit(title), Current: current == href.PageEdit(title)},
			{Text: "View history", Href: href.PageHistory(title, 0), Current: current == href.PageHistory(title, 0)},
		},
	}
}

func (s *Site) editForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p := webpages.EditPage{New: r.PathValue("title") == "", Operation: newOperation()}
	title := titleOf(r)
	rev, err := s.Pages.Latest(r.Context(), title)
	switch {
	case err == nil:
		body, err := s.Pages.Body(r.Context(), rev.ID)
		if err != nil {
			return answer{}, err
		}
		p.Base, p.Text.Value = int64(rev.ID), body
	case !governance.Is(err, governance.NotFound):
		return answer{}, err
	}
	p.PageTitle.Value = title
	return s.edit(r, p, 0)
}

// edit shows the form of a page with what is in it.
func (s *Site) edit(r *http.Request, p webpages.EditPage, status int) (answer, error) {
	title := p.PageTitle.Value
	c := layout.Chrome{Title: "A new page"}
	p.Action, p.Back = href.PageNew(), href.Home()
	if !p.New {
		c = pageChrome(title, href.PageEdit(title))
		c.Title = "Editing " + title
		p.Action, p.Back = href.PageEdit(title), href.Page(title)
	}
	var err error
	if p.Chrome, err = s.chrome(r, c); err != nil {
		return answer{}, err
	}
	if p.MemberID == 0 {
		p.Notice = ui.Cat(ui.Plain("Only members may save. "), ui.Link("Sign in", href.SignIn(localReturn(r))), ui.Plain(" first."))
	}
	return answer{page: webpages.Edit(p), status: status}, nil
}

// save previews or saves a page.
func (s *Site) save(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p := webpages.EditPage{
		New: r.PathValue("title") == "", Base: int64(formID[governance.RevisionID](r, "base")),
		PageTitle: ui.Input{Value: titleOf(r)}, Text: ui.Input{Value: r.PostForm.Get("text")},
		Summary: ui.Input{Value: r.PostForm.Get("summary")}, Operation: r.PostForm.Get("op"),
	}
	if p.New {
		p.PageTitle.Value = strings.TrimSpace(r.PostForm.Get("title"))
	}
	html, err := wikitext.Render(p.Text.Value)
	if err == nil && r.PostForm.Get("do") == "preview" {
		p.Preview = html
		return s.edit(r, p, 0)
	}
	if err == nil {
		var actor governance.Actor
		if actor, err = s.actor(r); err == nil {
			_, err = s.Pages.Save(r.Context(), actor, pages.Draft{
				Title: p.PageTitle.Value, Base: governance.RevisionID(p.Base), Body: p.Text.Value, HTML: html, Summary: p.Summary.Value,
			})
		}
	}
	if err == nil {
		return seeOther(href.Page(p.PageTitle.Value)), nil
	}
	return s.saveFailed(r, p, err)
}

// saveFailed brings the form back with what was typed and what is wrong.
func (s *Site) saveFailed(r *http.Request, p webpages.EditPage, err error) (answer, error) {
	var conflict *pages.EditConflict
	switch {
	case errors.As(err, &conflict):
		if err := s.addConflict(r.Context(), &p, conflict.Latest); err != nil {
			return answer{}, err
		}
		p.Operation = newOperation()
		return s.edit(r, p, http.StatusConflict)
	case wrongForm(err):
		p.PageTitle.Problem, p.Summary.Problem = problem(err, "title"), problem(err, "summary")
		p.Text.Problem = problem(err, "body") + problem(err, "")
		return s.edit(r, p, http.StatusUnprocessableEntity)
	}
	return answer{}, err
}

// addConflict puts the text that was saved in between beside the member's own.
func (s *Site) addConflict(ctx context.Context, p *webpages.EditPage, latest governance.RevisionID) error {
	theirs, err := s.Pages.Body(ctx, latest)
	if err != nil {
		return err
	}
	rev, err := s.Pages.Revision(ctx, latest)
	if err != nil {
		return err
	}
	names, err := s.Log.Names(ctx, []governance.Ref{rev.Author})
	if err != nil {
		return err
	}
	d, err := diff.Lines(theirs, p.Text.Value)
	if err != nil {
		return governance.Errorf(governance.Invalid, "The texts are too large to be compared: %v.", err)
	}
	p.Conflict = &webpages.EditConflict{Theirs: theirs, By: link(rev.Author, names), Changes: diffRows(d)}
	p.Base = int64(latest)
	return nil
}
