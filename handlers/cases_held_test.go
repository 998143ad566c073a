package handlers

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/web/href"
)

// A held update has a case: everybody reads what the checks found, the owner of
// the node answers and does not decide, a moderator decides without a clause.
func TestCaseOfAHeldUpdateByForms(t *testing.T) {
	t.Parallel()
	v := newVisit(t, 4)
	v.moderator(0)
	v.moderator(1)
	var node governance.NodeID
	const q = `insert into nodes (owner, name, registered_at) select id, 'kitchen', now() from members where id = $1 returning id`
	if err := v.Pool.QueryRow(t.Context(), q, v.members[1]).Scan(&node); err != nil {
		t.Fatal(err)
	}
	held := moderation.HeldUpdate{Node: node, Owner: v.members[1], Round: "round/4", Version: 1, Facts: "direction: -0.910000 beside -0.200000, hold.\nnorm: 0.1."}
	if _, err := v.site.Moderation.OpenHeld(t.Context(), governance.Job("open-held-case"), held); err != nil {
		t.Fatal(err)
	}
	v.wants("queue", v.get(-1, href.Cases("")), "held by the checks of its round", "sent for")
	v.wants("case as a stranger sees it", v.get(-1, href.Case(1)), "-0.910000 beside -0.200000", "What its owner says", href.CaseTalk(1))
	owner := v.get(1, href.Case(1))
	v.wants("case as the owner sees it", owner, "This case is about your node")
	if strings.Contains(owner, `value="claim"`) {
		t.Error("the owner of the node sees the button to claim")
	}
	list, err := v.site.Moderation.OfNode(t.Context(), node, 0, v.site.now())
	if err != nil {
		t.Fatal(err)
	}
	if got := heldCases(list).String(); !strings.Contains(got, "case 1, which waits for a moderator") {
		t.Errorf("line on the node's page: %q", got)
	}
	v.post(1, href.CaseClaim(1), http.StatusForbidden, "do", "claim")
	v.post(1, href.CaseTalk(1), http.StatusSeeOther, "title", "The disk was full", "text", "It wrote half of the weights.")
	v.wants("talk", v.get(-1, href.CaseTalk(1)), "The disk was full")
	v.post(0, href.CaseClaim(1), http.StatusSeeOther, "do", "claim")
	form := v.get(0, href.Case(1))
	v.wants("form", form, "The update was honest", "propose to unlearn")
	if strings.Contains(form, "works-of-others") {
		t.Error("the form about an update asks for a clause about answers")
	}
	v.post(0, href.CaseDecide(1), http.StatusSeeOther, "do", "decide", "action", "warn", "facts", "The disk was full.", "reasoning", "The owner says so, and the norm of the update fits to that.")
	v.wants("decided case", v.get(-1, href.Case(1)), "The owner is asked to look", "The disk was full.")
}
