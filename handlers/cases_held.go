package handlers

import (
	"fmt"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// caseTitle says in a list what a case is about.
func caseTitle(c moderation.Case, names map[governance.Ref]string) string {
	if c.Kind == moderation.OnHeldUpdate {
		return "what " + link(nodeRef(c.Node), names).String() + " sent for " + link(governance.Ref(c.About), names).String()
	}
	return "an answer of " + link(governance.RefTo("version", c.Version), names).String()
}

// caseClause is why a case was opened.
func caseClause(c moderation.Case) string {
	if c.Kind == moderation.OnHeldUpdate {
		return "held by the checks of its round"
	}
	return clauseText(c.Clause)
}

// caseTabs lead from a case to its discussion, where an owner answers.
func caseTabs(id int64, current string) []layout.Tab {
	return []layout.Tab{
		{Text: "Case", Href: href.Case(id), Current: current == href.Case(id)},
		{Text: "Talk", Href: href.CaseTalk(id), Current: current == href.CaseTalk(id)},
	}
}

func (s *Site) caseTalk(r *http.Request) (discussed, error) {
	id, err := pathID[governance.CaseID](r, "id")
	if err != nil {
		return discussed{}, err
	}
	return s.discussionOf(r.Context(), governance.RefTo(moderation.RefCase, id))
}

// aboutCase is the discussion of a case.
func aboutCase(id governance.CaseID) discussed {
	n := int64(id)
	c := layout.Chrome{Title: fmt.Sprintf("Case %d", id), Section: href.Cases(""), NoIndex: true, Views: caseTabs(n, href.CaseTalk(n))}
	return titled(governance.RefTo(moderation.RefCase, id), c, href.Case(n), href.CaseTalk(n))
}

// held shows the case of an update that was held back: values and thresholds,
// which hold no text of anybody, so that everybody may read them.
func (v caseView) held(p *webpages.CasePage) {
	p.Why = "Cases of updates come after reported answers; among equals the oldest."
	p.Facts = []ui.Fact{
		{Label: "Opened", Value: richMoment(v.Opened)}, {Label: "Deadline", Value: richMoment(v.Due(v.inForce))},
		{Label: "Update of", Value: link(nodeRef(v.Node), v.names)}, {Label: "Owner", Value: link(memberRef(v.Owner), v.names)},
		{Label: "Sent for", Value: link(governance.Ref(v.About), v.names)}, {Label: "Detection", Value: ui.Plain("by the checks of the round")},
	}
	p.Prompt = webpages.CaseText{Head: "What the checks found"}
	for _, line := range strings.Split(strings.TrimSpace(v.Held), "\n") {
		p.Prompt.Parts = append(p.Prompt.Parts, webpages.CasePart{Text: line + "\n"})
	}
	p.Answer = webpages.CaseText{Head: "What its owner says", Parts: []webpages.CasePart{{Text: "The owner of the node answers on the talk page of this case."}}}
}

// owns reports whether the reader's node is what the case is about.
func (v caseView) owns() bool { return v.Owner != 0 && int64(v.Owner) == v.chrome.MemberID }

// heldCases leads from a node to the cases about its updates.
func heldCases(list []moderation.Case) ui.Rich {
	var text ui.Rich
	for _, c := range list {
		state := ", decided"
		if c.State != moderation.Decided {
			state = ", which waits for a moderator; the owner of the node can answer on its talk page"
		}
		text = ui.Cat(text, ui.Plain(" The checks of a round held back what it sent: "), ui.Link(fmt.Sprintf("case %d", c.ID), href.Case(int64(c.ID))), ui.Plain(state+"."))
	}
	return text
}
