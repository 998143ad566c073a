package handlers

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/web/href"
)

// TestModeratorsToolsByForms protects a page and hides a revision as a
// moderator does, and finds neither form where a member looks.
func TestModeratorsToolsByForms(t *testing.T) {
	t.Parallel()
	v := newVisit(t, 3)
	v.moderator(0)
	for i, text := range []string{"Asta lives in Hafnarstreet 4.", "Water."} {
		draft := pages.Draft{Title: "Village pump", Base: governance.RevisionID(i), Body: text, HTML: "<p>" + text + "</p>"}
		if _, err := v.site.Pages.Save(t.Context(), governance.Member(v.members[1], governance.Operation{}), draft); err != nil {
			t.Fatal(err)
		}
	}
	page, history, form, hide := href.Page("Village pump"), href.PageHistory("Village pump", 0), href.PageProtect("Village pump"), href.PageHide("Village pump", 1)
	for _, path := range []string{page, history} {
		v.wants("moderator's "+path, v.get(0, path), form)
		for _, who := range []int{1, -1} {
			if body := v.get(who, path); strings.Contains(body, form) {
				t.Errorf("%d sees a moderator's tools on %s", who, path)
			}
		}
	}
	for _, path := range []string{form, hide} {
		for _, who := range []int{1, -1} {
			if status, _, _ := v.send(who, http.MethodGet, path, nil); status != http.StatusForbidden {
				t.Errorf("GET %s by %d: %d, want 403", path, who, status)
			}
		}
	}
	v.post(-1, form, http.StatusUnauthorized, "do", "protect", "level", "moderators", "reason", "x")
	v.post(1, form, http.StatusForbidden, "do", "protect", "level", "moderators", "reason", "x")
	v.post(1, form, http.StatusForbidden, "do", "hide", "revision", "1", "reason", "x")

	v.wants("form", v.get(0, form), "Who may edit the page", "Moderators only")
	body, _ := v.post(0, form, http.StatusUnprocessableEntity, "do", "protect", "level", "moderators", "reason", " ")
	v.wants("form without a reason", body, "Say why. The reason is public.")
	v.post(0, form, http.StatusUnprocessableEntity, "do", "paint")
	once := []string{"op", newOperation(), "do", "protect", "level", "moderators", "reason", "They edit in turns."}
	for range 2 { // the same form twice changes nothing more
		if _, to := v.post(0, form, http.StatusSeeOther, once...); to != page {
			t.Errorf("protected: to %s, want %s", to, page)
		}
	}
	v.wants("protected page", v.get(-1, page), "Only moderators may edit this page. They edit in turns.")
	v.post(0, form, http.StatusConflict, "do", "protect", "level", "moderators", "reason", "again")

	v.wants("moderator's history", v.get(0, history), hide)
	v.wants("form to hide", v.get(0, hide), "Revision 1", "removes the text from this server for good")
	v.wants("form to hide the present text", v.get(0, href.PageHide("Village pump", 2)), "Save a better one first")
	body, _ = v.post(0, form, http.StatusUnprocessableEntity, "do", "hide", "revision", "1", "reason", "")
	v.wants("form to hide without a reason", body, "Say why the text must not be read.", "Hide the text")
	v.post(0, form, http.StatusConflict, "do", "hide", "revision", "2", "reason", "x")
	v.post(0, form, http.StatusNotFound, "do", "hide", "revision", "77", "reason", "x")
	if _, to := v.post(0, form, http.StatusSeeOther, "do", "hide", "revision", "1", "reason", "a private address"); to != history {
		t.Errorf("hidden: to %s, want %s", to, history)
	}
	v.wants("history", v.get(-1, history), "text hidden: a private address")
	old := v.get(-1, href.PageRevision("Village pump", 1))
	v.wants("hidden revision", old, "The text of this revision was hidden: a private address")
	for what, body := range map[string]string{"hidden revision": old, "history": v.get(0, history), "changes": v.get(-1, href.Changes(href.Filter{}))} {
		if strings.Contains(body, "Hafnarstreet") {
			t.Errorf("%s still shows the hidden text", what)
		}
	}
	v.wants("changes", v.get(-1, href.Changes(href.Filter{})), "hid the text of revision", "only moderators may edit it")
	if strings.Contains(v.get(0, history), hide) {
		t.Error("a hidden revision can be hidden again")
	}
}
