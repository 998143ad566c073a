package handlers

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const proposalsPerPage = 50

func (s *Site) proposals(_ http.ResponseWriter, r *http.Request) (answer, error) {
	var states []string
	if state := r.URL.Query().Get("state"); state == "open" {
		states = []string{proposals.Discussion, proposals.Voting, proposals.Waiting}
	} else if state != "" {
		states = []string{state}
	}
	list, err := s.Proposals.List(r.Context(), states, formID[governance.ProposalID](r, "before"), proposalsPerPage)
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, p := range list {
		refs[i] = memberRef(p.Author)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Proposals", Section: href.Proposals("")})
	if err != nil {
		return answer{}, err
	}
	page := webpages.ProposalsPage{Chrome: chrome, CanWrite: chrome.MemberID != 0}
	for _, p := range list {
		page.Proposals = append(page.Proposals, proposalLine(p, names))
	}
	if n := len(list); n == proposalsPerPage {
		page.Pager = ui.Pager{Older: href.Proposals(r.URL.Query().Get("state")) + "?before=" + list[n-1].ID.String(), Label: "proposals"}
	}
	return show(webpages.Proposals(page)), nil
}

// proposal is the page of one proposal: what it says, how it stands, the vote.
func (s *Site) proposal(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.showProposal(r, nil)
}

// showProposal shows a proposal; err is what was wrong with a ballot, if one
// was sent.
func (s *Site) showProposal(r *http.Request, ballotErr error) (answer, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return answer{}, err
	}
	v := proposalView{now: s.now(), err: ballotErr, form: r.PostForm}
	if v.Proposal, err = s.Proposals.Get(r.Context(), id); err != nil {
		return answer{}, err
	}
	if v.chrome, err = s.chrome(r, proposalChrome(v.Proposal, href.Proposal(int64(id)))); err != nil {
		return answer{}, err
	}
	if v.html, err = s.texts.HTML(r.Context(), v.Revision); err != nil {
		return answer{}, err
	}
	if err := s.readVote(r.Context(), &v); err != nil {
		return answer{}, err
	}
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	v.inForce = f.inForce
	if mf, ok := s.form(v.Motion); ok {
		v.would = mf.Facts(r.Context(), v.Params)
	}
	if v.names, err = s.Log.Names(r.Context(), v.refs()); err != nil {
		return answer{}, err
	}
	page := v.page()
	if ballotErr != nil {
		return again(webpages.Proposal(page)), nil
	}
	return show(webpages.Proposal(page)), nil
}

// readVote adds the poll, if there is one yet, and what its decision began.
func (s *Site) readVote(ctx context.Context, v *proposalView) (err error) {
	if v.Poll == 0 {
		return nil
	}
	if v.poll, err = s.Voting.Get(ctx, v.Poll, governance.MemberID(v.chrome.MemberID)); err != nil {
		return err
	}
	if v.ballots, err = s.Voting.Ballots(ctx, v.Poll, 12); err != nil {
		return err
	}
	if v.begun, err = s.begunBy(ctx, v.ID); err != nil {
		return err
	}
	v.unlearn, err = s.caseOpenedBy(ctx, v.ID)
	return err
}

func proposalChrome(p proposals.Proposal, current string) layout.Chrome {
	id := int64(p.ID)
	c := layout.Chrome{
		Title: fmt.Sprintf("Proposal %d: %s", p.ID, p.Title), Section: href.Proposals(""),
		Views: []layout.Tab{{Text: "Page", Href: href.Proposal(id), Current: current != href.ProposalTalk(id)}, {Text: "Talk", Href: href.ProposalTalk(id), Current: current == href.ProposalTalk(id)}},
		Actions: []layout.Tab{
			{Text: "Read", Href: href.Proposal(id), Current: current == href.Proposal(id)},
			{Text: "Edit", Href: href.ProposalEdit(id), Current: current == href.ProposalEdit(id)},
			{Text: "View history", Href: href.ProposalHistory(id), Current: current == href.ProposalHistory(id)},
		},
		Tools: []layout.ToolGroup{{Title: "Follow", Links: []layout.Link{
			{Text: "Related changes", Href: href.Changes(href.Filter{Subject: "proposal:" + p.ID.String()})},
			{Text: "Atom feed", Href: href.Feed(href.Filter{Subject: "proposal:" + p.ID.String()})},
		}}},
	}
	if p.Poll != 0 {
		c.Tools = append([]layout.ToolGroup{{Title: "Decision", Links: []layout.Link{
			{Text: "Roll of members", Href: href.ProposalRoll(id)}, {Text: "All ballots", Href: href.ProposalBallots(id)}, {Text: "Ballots as CSV", Href: href.ProposalBallotsFile(id)},
		}}}, c.Tools...)
	}
	return c
}

func (s *Site) proposalHistory(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return answer{}, err
	}
	p, err := s.Proposals.Get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	rev, err := s.Pages.ByID(r.Context(), p.Page)
	if err != nil {
		return answer{}, err
	}
	return s.historyOf(r, rev, proposalChrome(p, href.ProposalHistory(int64(id))))
}

// proposalAct runs one act on the proposal of the address and returns to its page.
func (s *Site) proposalAct(r *http.Request, act func(governance.Actor, governance.ProposalID) (audit.Receipt, error)) (answer, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := act(actor, id); err != nil {
		return answer{}, err
	}
	return seeOther(href.Proposal(int64(id))), nil
}

func (s *Site) proposalSponsor(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.proposalAct(r, func(actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
		return s.Proposals.Sponsor(r.Context(), actor, id)
	})
}

func (s *Site) proposalState(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.proposalAct(r, func(actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
		if r.PostForm.Get("do") == "withdraw" {
			return s.Proposals.Withdraw(r.Context(), actor, id)
		}
		return s.Proposals.Table(r.Context(), actor, id)
	})
}

// proposalBallot casts the reader's ballot.
func (s *Site) proposalBallot(_ http.ResponseWriter, r *http.Request) (answer, error) {
	a, err := s.proposalAct(r, func(actor governance.Actor, id governance.ProposalID) (audit.Receipt, error) {
		poll, err := s.Proposals.Poll(r.Context(), id)
		if err != nil {
			return audit.Receipt{}, err
		}
		return s.Voting.Cast(r.Context(), actor, poll, r.PostForm.Get("choice"), r.PostForm.Get("reason"))
	})
	if err != nil && wrongForm(err) {
		return s.showProposal(r, err)
	}
	return a, err
}

// pollOf reads the proposal of the address and its poll.
func (s *Site) pollOf(r *http.Request) (proposals.Proposal, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return proposals.Proposal{}, err
	}
	p, err := s.Proposals.Get(r.Context(), id)
	if err == nil && p.Poll == 0 {
		err = governance.Errorf(governance.NotFound, "Voting on proposal %d has not opened yet.", id)
	}
	return p, err
}

const maxBallots = 20_000

func (s *Site) proposalBallots(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p, err := s.pollOf(r)
	if err != nil {
		return answer{}, err
	}
	list, err := s.Voting.Ballots(r.Context(), p.Poll, maxBallots)
	if err != nil {
		return answer{}, err
	}
	names, err := s.Log.Names(r.Context(), voters(list))
	if err != nil {
		return answer{}, err
	}
	c := proposalChrome(p, "")
	c.Title = fmt.Sprintf("Ballots of proposal %d", p.ID)
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	return show(webpages.Ballots(webpages.BallotsPage{
		Chrome: chrome, Lead: ui.Cat(ui.Plain("All public ballots on "), ui.Link(p.Title, href.Proposal(int64(p.ID))), ui.Plain(", the latest first.")),
		Ballots: ballotLines(list, names, chrome.MemberID),
	})), nil
}

func (s *Site) proposalRoll(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p, err := s.pollOf(r)
	if err != nil {
		return answer{}, err
	}
	list, err := s.Voting.Participants(r.Context(), p.Poll)
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, m := range list {
		refs[i] = memberRef(m.Member)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	c := proposalChrome(p, "")
	c.Title = fmt.Sprintf("Roll of proposal %d", p.ID)
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	page := webpages.BallotsPage{Chrome: chrome, Lead: ui.Plain("Who may vote, frozen when voting opened. Its digest is in the log.")}
	for _, m := range list {
		who := link(memberRef(m.Member), names)[0]
		why := "was a member when voting opened"
		if m.Day != nil {
			why += "; voted on " + m.Day.UTC().Format("2 January 2006")
		}
		page.Roll = append(page.Roll, webpages.RollLine{Member: who.Text, MemberURL: who.Href, Why: why, On: true})
	}
	return show(webpages.Ballots(page)), nil
}

// proposalBallotsFile is the list of ballots for whoever counts again.
func (s *Site) proposalBallotsFile(w http.ResponseWriter, r *http.Request) {
	p, err := s.pollOf(r)
	var list []voting.Ballot
	if err == nil {
		list, err = s.Voting.Ballots(r.Context(), p.Poll, maxBallots)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="proposal-%d-ballots.csv"`, p.ID))
	out := csv.NewWriter(w)
	_ = out.Write([]string{"member", "choice", "cast", "reason"})
	for _, b := range list {
		_ = out.Write([]string{b.Member.String(), b.Choice, b.At.UTC().Format(machineTime), formulaSafe(b.Reason)})
	}
	out.Flush()
}

// formulaSafe keeps a spreadsheet from running what a member wrote.
func formulaSafe(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
