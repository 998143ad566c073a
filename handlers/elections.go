package handlers

import (
	"fmt"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"github.com/go-chi/chi/v5"
)

const electionsPerPage = 50

func (s *Site) electionRoutes(r chi.Router) {
	r.Get("/elections", s.page(s.elections))
	r.Get("/elections/new", s.page(s.electionForm))
	r.Post("/elections/new", s.page(s.electionCall))
	r.Get("/elections/{id}", s.page(s.election))
	r.Post("/elections/{id}/candidates", s.page(s.electionStand))
	r.Post("/elections/{id}/check", s.page(s.electionCheck))
	r.Post("/elections/{id}/ballot", s.page(s.electionBallot))
	r.Get("/elections/{id}/promise", s.electionPromise)
	r.Get("/elections/{id}/result", s.page(s.electionResult))
	r.Post("/elections/{id}/result", s.page(s.electionResult))
	r.Get("/elections/{id}/roll.csv", s.electionRoll)
	r.Get("/elections/{id}/ballots.blt", s.electionBLT)
	r.Get("/elections/{id}/ballots.csv", s.electionList)
	r.Get("/elections/{id}/sheet.csv", s.electionSheet)
}

// elections lists elections and who holds which office.
func (s *Site) elections(_ http.ResponseWriter, r *http.Request) (answer, error) {
	list, err := s.Elections.List(r.Context(), formID[governance.ElectionID](r, "before"), electionsPerPage)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Elections", Section: href.Elections()})
	if err != nil {
		return answer{}, err
	}
	page := webpages.ElectionsPage{Chrome: chrome, CanCall: chrome.MemberID != 0}
	for _, e := range list {
		page.Elections = append(page.Elections, electionLine(e))
	}
	if n := len(list); n == electionsPerPage {
		page.Pager = ui.Pager{Older: href.Elections() + "?before=" + list[n-1].ID.String(), Label: "elections"}
	}
	for _, office := range elections.Offices() {
		holders, err := s.Members.Holders(r.Context(), office)
		if err != nil {
			return answer{}, err
		}
		page.Offices = append(page.Offices, officeLine(office, holders))
	}
	return show(webpages.Elections(page)), nil
}

func (s *Site) electionForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.showElectionForm(r, nil)
}

func (s *Site) showElectionForm(r *http.Request, problemOf error) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Call an election", Section: href.Elections()})
	if err != nil {
		return answer{}, err
	}
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	page := webpages.ElectionFormPage{
		Chrome: chrome, Action: href.ElectionNew(), Operation: newOperation(), Problem: problem(problemOf, ""),
		Office: ui.Options{ID: "office", Label: "Office", Value: r.PostForm.Get("office"), Problem: problem(problemOf, "office"), Required: true},
	}
	for _, office := range elections.Offices() {
		page.Office.Items = append(page.Office.Items, ui.Option{Value: string(office), Label: office.Title()})
	}
	for _, key := range []policies.Key{policies.ModeratorSeats, policies.ModeratorTerm, policies.NominationPeriod, policies.ElectionPeriod, policies.SecretMinimum} {
		param, _ := policies.Find(key)
		page.Terms = append(page.Terms, ui.Fact{Label: param.Title, Value: ui.Link(param.Show(f.inForce.Text(key)), href.Policy(string(key)))})
	}
	if problemOf != nil {
		return again(webpages.ElectionForm(page)), nil
	}
	return show(webpages.ElectionForm(page)), nil
}

func (s *Site) electionCall(_ http.ResponseWriter, r *http.Request) (answer, error) {
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	receipt, err := s.Elections.Call(r.Context(), actor, members.Group(r.PostForm.Get("office")))
	if wrongForm(err) {
		return s.showElectionForm(r, err)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Election(receipt.Subject.ID())), nil
}

// election is the page of one election before its result.
func (s *Site) election(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.showElection(r, electionView{})
}

// showElection reads what the page shows. v says what a form was sent and
// what is wrong with it, or the receipt of a ballot.
func (s *Site) showElection(r *http.Request, v electionView) (answer, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return answer{}, err
	}
	v.now, v.form = s.now(), r.PostForm
	if v.Election, err = s.Elections.Get(r.Context(), id); err != nil {
		return answer{}, err
	}
	if v.candidates, err = s.Elections.Candidates(r.Context(), id); err != nil {
		return answer{}, err
	}
	comments, err := s.Talk.Count(r.Context(), electionRef(id))
	if err != nil {
		return answer{}, err
	}
	if v.chrome, err = s.chrome(r, electionChrome(v.Election, href.Election(int64(id)), comments)); err != nil {
		return answer{}, err
	}
	if v.Poll != 0 {
		if v.poll, err = s.Voting.Get(r.Context(), v.Poll, governance.MemberID(v.chrome.MemberID)); err != nil {
			return answer{}, err
		}
	}
	if v.names, err = s.Log.Names(r.Context(), candidateRefs(v.candidates)); err != nil {
		return answer{}, err
	}
	page := webpages.Election(v.page())
	if v.err != nil {
		return again(page), nil
	}
	return show(page), nil
}

func electionRef(id governance.ElectionID) governance.Ref {
	return governance.RefTo(elections.RefElection, id)
}

func candidateRefs(list []elections.Candidate) []governance.Ref {
	refs := make([]governance.Ref, len(list))
	for i, c := range list {
		refs[i] = memberRef(c.Member)
	}
	return refs
}

// electionStand takes a candidacy, another statement, or a withdrawal.
func (s *Site) electionStand(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	acts := map[string]func() (audit.Receipt, error){
		"withdraw": func() (audit.Receipt, error) { return s.Elections.Withdraw(r.Context(), actor, id) },
		"stand": func() (audit.Receipt, error) {
			return s.Elections.Stand(r.Context(), actor, id, r.PostForm.Get("statement"))
		},
	}
	act, ok := acts[r.PostForm.Get("do")]
	if !ok {
		return answer{}, governance.Errorf(governance.Invalid, "The form does not say what to do. Load the page again.")
	}
	if _, err := act(); wrongForm(err) {
		return s.showElection(r, electionView{err: err})
	} else if err != nil {
		return answer{}, err
	}
	return seeOther(href.Election(int64(id))), nil
}

func electionChrome(e elections.Election, current string, comments int) layout.Chrome {
	id := int64(e.ID)
	talk := href.ElectionTalk(id)
	c := layout.Chrome{
		Title: fmt.Sprintf("Election %d: %s", e.ID, e.Office.Title()), Section: href.Elections(),
		Views: []layout.Tab{
			{Text: "Election", Href: href.Election(id), Current: current != talk},
			{Text: "Talk", Href: talk, Count: comments, Current: current == talk},
		},
		Tools: []layout.ToolGroup{{Title: "Follow", Links: []layout.Link{
			{Text: "Related changes", Href: href.Changes(href.Filter{Subject: "election:" + e.ID.String()})},
			{Text: "Atom feed", Href: href.Feed(href.Filter{Subject: "election:" + e.ID.String()})},
		}}},
	}
	if e.Poll != 0 {
		c.Tools = append(c.Tools, layout.ToolGroup{Title: "Check", Links: []layout.Link{{Text: "Roll, with days", Href: href.ElectionRoll(id)}}})
	}
	if e.State == elections.Certified {
		c.Actions = []layout.Tab{{Text: "Ballot", Href: href.Election(id), Current: current == href.Election(id)}, {Text: "Result", Href: href.ElectionResult(id), Current: current == href.ElectionResult(id)}}
	}
	return c
}
