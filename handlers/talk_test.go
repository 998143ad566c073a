package handlers

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/web/href"
)

func TestTalkByForms(t *testing.T) {
	t.Parallel()
	v := newVisit(t, 4)
	v.moderator(0)
	save := pages.Draft{Title: "Village pump", Body: "Water.", HTML: "<p>Water.</p>"}
	if _, err := v.site.Pages.Save(t.Context(), governance.Member(v.members[1], governance.Operation{}), save); err != nil {
		t.Fatal(err)
	}
	on := href.Talk("Village pump")
	v.wants("empty talk", v.get(1, on), "Nobody has said anything yet.", "Start the discussion")
	v.wants("talk of a visitor", v.get(-1, on), "Members write here.")
	body, _ := v.post(1, on, http.StatusUnprocessableEntity, "title", "", "text", "Is it *cold*?")
	v.wants("refused subject", body, "A subject has 1 to 120 characters", "Is it *cold*?")
	if _, to := v.post(1, on, http.StatusSeeOther, "title", "The water", "text", "Is it *cold*? <script>alert(1)</script>"); to != on {
		t.Errorf("said: to %s, want %s", to, on)
	}
	body = v.get(2, on)
	v.wants("talk", body, "The water", "<em>cold</em>", "Member B1", "Reply")
	if strings.Contains(body, "<script>alert") {
		t.Error("a script that a member wrote is on the page")
	}
	body, _ = v.post(2, href.CommentReply(1), http.StatusUnprocessableEntity, "text", "  ")
	v.wants("refused reply", body, "Please write something.")
	v.post(-1, href.CommentReply(1), http.StatusUnauthorized, "text", "hello")
	v.post(2, href.CommentReply(1), http.StatusSeeOther, "text", "It is warm.")
	v.wants("talk with a reply", v.get(1, on), "It is warm.", "comment--1")

	if strings.Contains(v.get(1, on), href.CommentHide(2)) {
		t.Error("a member who is no moderator sees the form that hides")
	}
	v.post(1, href.CommentHide(2), http.StatusForbidden, "reason", "I disagree")
	body, _ = v.post(0, href.CommentHide(2), http.StatusUnprocessableEntity, "reason", " ")
	v.wants("refused hiding", body, "The reason is public")
	v.post(0, href.CommentHide(2), http.StatusSeeOther, "reason", "a private address")
	body = v.get(1, on)
	v.wants("talk with a hidden comment", body, "This comment is hidden: a private address")
	if strings.Contains(body, "It is warm.") {
		t.Error("the hidden text is on the page")
	}
	v.post(1, href.Talk("Nowhere"), http.StatusNotFound, "title", "x", "text", "x")
	v.get(1, href.MemberTalk(int64(v.members[2])))
	v.post(1, href.MemberTalk(int64(v.members[2])), http.StatusSeeOther, "title", "Hello", "text", "Welcome.")
}
