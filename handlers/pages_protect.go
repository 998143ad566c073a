package handlers

import (
	"net/http"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// mayProtect says whether to show a moderator's tools. The acts ask again.
func (s *Site) mayProtect(r *http.Request) (bool, error) {
	rights, err := s.rights(r)
	return slices.Contains(rights, members.RightProtect), err
}

func protectTools(title string) layout.ToolGroup {
	return layout.ToolGroup{Title: "Moderators", Links: []layout.Link{{Text: "Change protection", Href: href.PageProtect(title)}}}
}

// protectForm shows who may edit a page, or the form that hides a revision.
func (s *Site) protectForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.showProtect(r, nil)
}

func (s *Site) showProtect(r *http.Request, wrong error) (answer, error) {
	may, err := s.mayProtect(r)
	if err != nil {
		return answer{}, err
	}
	if !may {
		return answer{}, governance.Errorf(governance.Forbidden, "Only moderators say who may edit a page, and hide revisions.")
	}
	latest, err := s.Pages.Latest(r.Context(), titleOf(r))
	if err != nil {
		return answer{}, err
	}
	p := protectView(latest, r, wrong)
	c := pageChrome(latest.Title, href.PageProtect(latest.Title))
	c.Title = "Protection of " + latest.Title
	if formID[governance.RevisionID](r, "revision") != 0 {
		rev, err := s.revisionOf(r, latest.Title)
		if err != nil {
			return answer{}, err
		}
		names, err := s.Log.Names(r.Context(), []governance.Ref{rev.Author})
		if err != nil {
			return answer{}, err
		}
		c.Title = "Hide a revision of " + latest.Title
		p.Back, p.Hide = href.PageHistory(latest.Title, 0), hideView(rev, names)
	}
	if p.Chrome, err = s.chrome(r, c); err != nil {
		return answer{}, err
	}
	if wrong != nil {
		return again(webpages.Protect(p)), nil
	}
	return show(webpages.Protect(p)), nil
}

func protectView(latest pages.Revision, r *http.Request, wrong error) webpages.ProtectPage {
	level := latest.Protection
	if r.PostForm.Has("level") {
		level = r.PostForm.Get("level")
	}
	return webpages.ProtectPage{
		Action: href.PageProtect(latest.Title), Back: href.Page(latest.Title), Operation: newOperation(), Frozen: latest.Protection == "frozen",
		Level: ui.Options{
			ID: "level", Label: "Who may edit the page", Value: level, Problem: problem(wrong, "level"), Required: true,
			Items: []ui.Option{{Value: pages.Everybody, Label: "Every member who may edit"}, {Value: pages.Moderators, Label: "Moderators only"}},
		},
		Reason: ui.Input{Value: r.PostForm.Get("reason"), Problem: problem(wrong, "reason") + problem(wrong, "")},
	}
}

// hideView says which text would be hidden, or why it cannot be.
func hideView(rev pages.Revision, names map[governance.Ref]string) *webpages.HideRevision {
	h := &webpages.HideRevision{
		Revision: int64(rev.ID),
		What: ui.Cat(ui.Link("Revision "+ui.Count(rev.Number), href.PageRevision(rev.Title, int64(rev.ID))),
			ui.Plain(", saved "), richMoment(rev.At), ui.Plain(" by "), link(rev.Author, names), ui.Plain(".")),
	}
	switch {
	case rev.Latest:
		h.Refused = "This is the present text. Save a better one first, then hide this one."
	case rev.Hidden != "":
		h.Refused = "The text is hidden already: " + rev.Hidden
	}
	return h
}

// protect carries out either form.
func (s *Site) protect(_ http.ResponseWriter, r *http.Request) (answer, error) {
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	latest, err := s.Pages.Latest(r.Context(), titleOf(r))
	if err != nil {
		return answer{}, err
	}
	to := href.Page(latest.Title)
	switch r.PostForm.Get("do") {
	case "protect":
		_, err = s.Pages.Protect(r.Context(), actor, latest.Page, r.PostForm.Get("level"), r.PostForm.Get("reason"))
	case "hide":
		var rev pages.Revision
		if rev, err = s.revisionOf(r, latest.Title); err == nil {
			to = href.PageHistory(latest.Title, 0)
			_, err = s.Pages.Hide(r.Context(), actor, rev.ID, r.PostForm.Get("reason"))
		}
	default:
		err = governance.Errorf(governance.Invalid, "The form does not say what to do. Load the page again.")
	}
	if wrongForm(err) {
		return s.showProtect(r, err)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(to), nil
}
