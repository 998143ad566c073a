package handlers

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/web/href"
)

var reported = moderation.Output{Version: 1, Prompt: "Once there was", Completion: " a canaryinsult", Seed: 9}

// TestCaseByForms walks from a report to a decision, and looks for the text of
// the answer on the pages of those who do not hold the case.
func TestCaseByForms(t *testing.T) {
	t.Parallel()
	v := newVisit(t, 5)
	v.moderator(0)
	v.moderator(1)
	v.wants("empty queue", v.get(-1, href.Cases("")), "Nothing waits.")
	token := v.site.answers.keep(reported)
	body, _ := v.post(2, href.Flag(), http.StatusUnprocessableEntity, "answer", token, "reason", "It is rude to me.")
	v.wants("refused report", body, "Choose what is wrong", "It is rude to me.", "canaryinsult")
	v.post(2, href.Flag(), http.StatusNotFound, "answer", "unknown", "clause", "harassment")
	v.post(-1, href.Flag(), http.StatusUnauthorized, "answer", token, "clause", "harassment")
	if _, to := v.post(2, href.Flag(), http.StatusSeeOther, "answer", token, "clause", "harassment", "reason", "It is rude to me."); to != href.Case(1) {
		t.Fatalf("reported: to %s, want %s", to, href.Case(1))
	}
	v.post(3, href.Flag(), http.StatusSeeOther, "answer", token, "clause", "danger")
	v.post(3, href.Flag(), http.StatusConflict, "answer", token, "clause", "danger")
	v.wants("queue", v.get(0, href.Cases("")), "1 open, 0 decided", "free", `value="claim"`)
	if strings.Contains(v.get(3, href.Cases("")), `value="claim"`) {
		t.Error("a member who does not moderate sees the button to claim")
	}

	v.post(3, href.CaseClaim(1), http.StatusForbidden, "do", "claim")
	v.post(0, href.CaseClaim(1), http.StatusSeeOther, "do", "claim")
	v.wants("case of its holder", v.get(0, href.Case(1)), "You hold this case until", "canaryinsult", "It is rude to me.", "Record decision")
	for _, who := range []int{-1, 1, 2} {
		body := v.get(who, href.Case(1))
		if strings.Contains(body, "canaryinsult") || strings.Contains(body, "rude to me") {
			t.Errorf("reader %d, who does not hold the case, reads the answer", who)
		}
	}
	v.wants("case of another moderator", v.get(1, href.Case(1)), "holds this case until")
	v.post(1, href.CaseClaim(1), http.StatusConflict, "do", "claim")
	v.post(0, href.CaseClaim(1), http.StatusSeeOther, "do", "renew")
	body, _ = v.post(0, href.CaseDecide(1), http.StatusUnprocessableEntity, "do", "decide", "action", "hide", "clause", "danger", "facts", "It calls names.", "reasoning", "Bad.")
	v.wants("refused decision", body, "write at least 40 characters", "It calls names.", ">\nBad.", "You hold this case until")
	v.post(0, href.CaseDecide(1), http.StatusSeeOther, "do", "conflict")
	v.post(0, href.CaseDecide(1), http.StatusConflict, "do", "decide", "action", "hide")
	v.post(1, href.CaseClaim(1), http.StatusSeeOther, "do", "claim")
	why := "The policy forbids insults, and this answer is nothing else."
	v.post(1, href.CaseDecide(1), http.StatusSeeOther, "do", "decide", "action", "hide", "clause", "harassment", "facts", "It calls names.", "reasoning", why)
	v.wants("decided case", v.get(-1, href.Case(1)), "Decided on", "Hide", "It calls names.", why)
	v.wants("closed cases", v.get(-1, href.Cases("closed")), "0 open, 1 decided", "decided")
}
