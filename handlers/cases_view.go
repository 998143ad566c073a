package handlers

import (
	"fmt"
	"net/url"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// clauseText is the heading of a clause as a table shows it.
func clauseText(value string) string {
	for _, c := range moderation.Clauses() {
		if c.Value == value {
			return c.Label
		}
	}
	return "none"
}

func clauseOptions(id, label string) ui.Options {
	o := ui.Options{ID: id, Name: "clause", Label: label}
	for _, c := range moderation.Clauses() {
		o.Items = append(o.Items, ui.Option{Value: c.Value, Label: c.Label})
	}
	return o
}

func reports(n int64) string {
	if n == 1 {
		return "1 report"
	}
	return ui.Count(n) + " reports"
}

// queueView turns a list of cases into the page of the queue.
type queueView struct {
	list      []moderation.Case
	counts    moderation.Counts
	closed    bool
	moderates bool
	member    governance.MemberID
	inForce   policies.Values
	names     map[governance.Ref]string
	now       time.Time
	chrome    layout.Chrome
}

func (v queueView) refs() []governance.Ref {
	var refs []governance.Ref
	for _, c := range v.list {
		refs = append(refs, memberRef(c.Holder), governance.RefTo("version", c.Version), nodeRef(c.Node), governance.Ref(c.About))
	}
	return refs
}

func (v queueView) frame() layout.Chrome {
	return layout.Chrome{
		Title: "Review queue", Section: href.Cases(""), Wide: true, NoIndex: true,
		Actions: []layout.Tab{
			{Text: "Open", Href: href.Cases(""), Count: int(v.counts.Waiting), Current: !v.closed},
			{Text: "Closed", Href: href.Cases("closed"), Count: int(v.counts.Decided), Current: v.closed},
		},
	}
}

func (v queueView) page() webpages.QueuePage {
	p := webpages.QueuePage{
		Chrome: v.chrome, Note: fmt.Sprintf("%d open, %d decided", v.counts.Waiting, v.counts.Decided),
		Lead:  "Answers of the model that members reported wait here for a moderator. What most have reported comes first, then what waits longest. A claim is the moderator's alone for " + policies.Period(v.inForce.Duration(policies.CaseClaim)) + ". What the answer says is shown to who holds the case.",
		Empty: ui.Empty{Lead: "Nothing waits.", Text: "No reported answer is without a decision.", Actions: []ui.Action{{Text: "See closed cases", Href: href.Cases("closed")}}},
	}
	if v.closed {
		p.Empty = ui.Empty{Lead: "No case is decided yet.", Actions: []ui.Action{{Text: "See what waits", Href: href.Cases("")}}}
	}
	for _, c := range v.list {
		p.Cases = append(p.Cases, v.line(c))
	}
	if n := len(v.list); v.closed && n == casesPerPage {
		p.Pager = ui.Pager{Older: href.Cases("closed") + "&before=" + v.list[n-1].ID.String(), Label: "cases"}
	}
	return p
}

func (v queueView) line(c moderation.Case) webpages.QueueCase {
	due := c.Due(v.inForce)
	line := webpages.QueueCase{
		ID: int64(c.ID), Title: caseTitle(c, v.names), Clause: caseClause(c),
		Priority: ui.Count(c.Reporters), Kinds: int(c.Kinds), Deadline: shortMoment(due), Operation: newOperation(),
	}
	switch {
	case c.State == moderation.Decided:
		line.Claim = ui.Chip{Text: "decided", Kind: "success"}
	case c.Holder != 0:
		line.Claim = ui.Chip{Text: link(memberRef(c.Holder), v.names).String() + " until " + c.Until.UTC().Format("15:04 UTC")}
		line.Mine = c.Holder == v.member
	case due.Before(v.now):
		line.Claim = ui.Chip{Text: "free, and late", Kind: "warning"}
	}
	line.CanClaim = v.moderates && !c.Reported && (c.Owner == 0 || c.Owner != v.member) && c.Holder == 0 && c.State != moderation.Decided
	return line
}

// caseView turns one case into its page.
type caseView struct {
	moderation.Case
	moderates bool
	inForce   policies.Values
	names     map[governance.Ref]string
	log       []ui.Change
	now       time.Time
	form      url.Values
	err       error
	chrome    layout.Chrome
}

func (v caseView) refs() []governance.Ref {
	refs := []governance.Ref{memberRef(v.Holder), governance.RefTo("version", v.Version), nodeRef(v.Node), memberRef(v.Owner), governance.Ref(v.About)}
	for _, f := range v.Flags {
		refs = append(refs, memberRef(f.Member))
	}
	if v.Decision != nil {
		refs = append(refs, memberRef(v.Decision.By))
	}
	return refs
}

func (v caseView) page() webpages.CasePage {
	p := webpages.CasePage{
		Chrome: v.chrome, ID: int64(v.ID), State: v.state(), Priority: reports(v.Reporters), Log: v.log,
		Why: "Cases that more members have reported, each counted once, come first; among equals the oldest.",
		Facts: []ui.Fact{
			{Label: "Opened", Value: richMoment(v.Opened)}, {Label: "Deadline", Value: richMoment(v.Due(v.inForce))},
			{Label: "Answer of", Value: link(governance.RefTo("version", v.Version), v.names)}, {Label: "Seed", Value: ui.Plain(fmt.Sprint(v.Seed))},
			{Label: "Reported as", Value: ui.Plain(clauseText(v.Clause))}, {Label: "Reports", Value: ui.Plain(ui.Count(v.Reporters))},
			{Label: "Detection", Value: ui.Plain("by members, not automated")},
		},
	}
	if v.Kind == moderation.OnHeldUpdate {
		v.held(&p)
	} else {
		v.texts(&p)
	}
	switch {
	case v.Decision != nil:
		p.Decisions = []webpages.CaseDecision{v.decision()}
	case v.mine():
		p.Claim = &webpages.CaseClaim{Until: v.Until.UTC().Format("15:04:05 UTC"), RenewOp: newOperation(), ReleaseOp: newOperation()}
		p.Decide = v.decide()
	case v.moderates && v.Holder == 0 && !v.Reported && !v.owns():
		p.Claim = &webpages.CaseClaim{Free: true, Until: policies.Period(v.inForce.Duration(policies.CaseClaim)) + " have passed", RenewOp: newOperation()}
	}
	return p
}

func (v caseView) mine() bool {
	return v.Holder != 0 && int64(v.Holder) == v.chrome.MemberID
}

func (v caseView) state() ui.Rich {
	switch {
	case v.Decision != nil:
		return ui.Cat(ui.Plain("Decided on "), richMoment(v.Decision.At), ui.Plain("."))
	case v.mine():
		return nil
	case v.Holder != 0:
		return ui.Cat(link(memberRef(v.Holder), v.names), ui.Plain(" holds this case until "+v.Until.UTC().Format("15:04 UTC")+"."))
	case v.owns():
		return ui.Cat(ui.Plain("This case is about your node. Say on its "), ui.Link("talk page", href.CaseTalk(int64(v.ID))), ui.Plain(" what happened; another moderator decides."))
	case v.Reported:
		return ui.Plain("You reported this answer. Another moderator decides about it.")
	case v.moderates:
		return nil
	}
	return ui.Plain("This case waits for a moderator.")
}

// texts shows prompt, answer and reports to who holds the case, each behind a
// disclosure: a moderator chooses when to look.
func (v caseView) texts(p *webpages.CasePage) {
	p.Prompt = webpages.CaseText{Head: "Prompt", Parts: []webpages.CasePart{{Text: "Shown to the moderator who holds the case."}}}
	p.Answer = webpages.CaseText{Head: "Answer", Parts: []webpages.CasePart{{Text: "Shown to the moderator who holds the case."}}}
	if !v.mine() {
		return
	}
	p.Prompt.Parts = []webpages.CasePart{{Text: v.Prompt, Hidden: "the prompt"}}
	p.Answer.Parts = []webpages.CasePart{{Text: v.Text, Hidden: "the reported answer"}}
	for i, f := range v.Flags {
		if i > 0 {
			p.Seen = ui.Cat(p.Seen, ui.Plain(" "))
		}
		p.Seen = ui.Cat(p.Seen, link(memberRef(f.Member), v.names), ui.Plain(" reported it on "), richMoment(f.At), ui.Plain(": "+clauseText(f.Clause)+". "+f.Reason))
	}
}

func (v caseView) decide() *webpages.CaseDecide {
	d := &webpages.CaseDecide{
		Lead: "The decision and its reasons are public; the text of the answer is not.", Least: moderation.LeastReasoning, Operation: newOperation(),
		Action:    ui.Options{ID: "action", Label: "Action", Value: v.form.Get("action"), Problem: problem(v.err, "action"), Required: true},
		Clause:    clauseOptions("clause-of", "Clause"),
		Facts:     ui.Input{Value: v.form.Get("facts"), Problem: problem(v.err, "facts")},
		Reasoning: ui.Input{Value: v.form.Get("reasoning"), Problem: problem(v.err, "reasoning")},
	}
	d.Clause.Value, d.Clause.Problem = v.form.Get("clause"), problem(v.err, "clause")
	if v.form == nil {
		d.Clause.Value = v.Clause
	}
	d.Clause.Items = append(d.Clause.Items, ui.Option{Value: "", Label: "none applies"})
	if v.Kind == moderation.OnHeldUpdate {
		d.Lead, d.Clause.Value = "The decision and its reasons are public.", ""
		d.Clause.Items = d.Clause.Items[len(d.Clause.Items)-1:]
	}
	for i, a := range moderation.ActionsOn(v.Kind) {
		d.Action.Items = append(d.Action.Items, ui.Option{Value: a.Value, Label: a.Label, Description: a.Description, AccessKey: fmt.Sprint(i + 1)})
	}
	return d
}

func (v caseView) decision() webpages.CaseDecision {
	title := v.Decision.Action
	for _, a := range moderation.ActionsOn(v.Kind) {
		if a.Value == v.Decision.Action {
			title = a.Label
		}
	}
	return webpages.CaseDecision{
		By:     ui.Cat(link(memberRef(v.Decision.By), v.names), ui.Plain(", "), richMoment(v.Decision.At), ui.Plain(". Clause: "+clauseText(v.Decision.Clause)+".")),
		Action: title, Facts: v.Decision.Facts, Why: v.Decision.Reasoning,
	}
}
