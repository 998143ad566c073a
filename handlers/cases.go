package handlers

import (
	"fmt"
	"net/http"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"github.com/go-chi/chi/v5"
)

const casesPerPage = 100

func (s *Site) caseRoutes(r chi.Router) {
	r.Get("/cases", s.page(s.cases))
	r.Get("/cases/{id}", s.page(s.showCase))
	r.Post("/cases/{id}/claim", s.page(s.caseClaim))
	r.Post("/cases/{id}/decision", s.page(s.caseDecide))
	r.Post("/flags", s.page(s.flag))
}

// moderates reports whether the reader may claim cases, to show the buttons;
// the act asks again.
func (s *Site) moderates(r *http.Request) (bool, error) {
	id := s.sessions.Member(r)
	if id == 0 {
		return false, nil
	}
	rights, err := s.Members.RightsOf(r.Context(), id)
	return slices.Contains(rights, members.RightModerate), err
}

// cases is the review queue, or the decided cases.
func (s *Site) cases(_ http.ResponseWriter, r *http.Request) (answer, error) {
	member, now := s.sessions.Member(r), s.now()
	v := queueView{closed: r.URL.Query().Get("view") == "closed", member: member, now: now}
	var err error
	if v.closed {
		v.list, err = s.Moderation.Closed(r.Context(), member, now, formID[governance.CaseID](r, "before"), casesPerPage)
	} else {
		v.list, err = s.Moderation.Queue(r.Context(), member, now, casesPerPage)
	}
	if err != nil {
		return answer{}, err
	}
	if v.counts, err = s.Moderation.Count(r.Context()); err != nil {
		return answer{}, err
	}
	if v.moderates, err = s.moderates(r); err != nil {
		return answer{}, err
	}
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	v.inForce = f.inForce
	if v.names, err = s.Log.Names(r.Context(), v.refs()); err != nil {
		return answer{}, err
	}
	if v.chrome, err = s.chrome(r, v.frame()); err != nil {
		return answer{}, err
	}
	return show(webpages.Queue(v.page())), nil
}

func (s *Site) showCase(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.caseAgain(r, nil)
}

// caseAgain shows a case; problemOf is what was wrong with a decision.
func (s *Site) caseAgain(r *http.Request, problemOf error) (answer, error) {
	id, err := pathID[governance.CaseID](r, "id")
	if err != nil {
		return answer{}, err
	}
	v := caseView{now: s.now(), form: r.PostForm, err: problemOf}
	if v.Case, err = s.Moderation.Get(r.Context(), id, s.sessions.Member(r), v.now); err != nil {
		return answer{}, err
	}
	if v.moderates, err = s.moderates(r); err != nil {
		return answer{}, err
	}
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	v.inForce = f.inForce
	ref := governance.RefTo(moderation.RefCase, id)
	changes, err := s.Log.Changes(r.Context(), audit.Filter{Refs: []governance.Ref{ref}, Limit: 30})
	if err != nil {
		return answer{}, err
	}
	names, err := s.namesOf(r.Context(), changes, v.refs()...)
	if err != nil {
		return answer{}, err
	}
	v.names, v.log = names, changeLines(changes, names)
	c := layout.Chrome{Title: fmt.Sprintf("Case %d", id), Section: href.Cases(""), Wide: true, NoIndex: true, Views: caseTabs(int64(id), href.Case(int64(id)))}
	if v.chrome, err = s.chrome(r, c); err != nil {
		return answer{}, err
	}
	if problemOf != nil {
		return again(webpages.Case(v.page())), nil
	}
	return show(webpages.Case(v.page())), nil
}

// caseClaim takes, renews or releases a claim.
func (s *Site) caseClaim(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.CaseID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	act := s.Moderation.Claim
	switch r.PostForm.Get("do") {
	case "renew":
		act = s.Moderation.Renew
	case "release":
		act = s.Moderation.Release
	}
	if _, err := act(r.Context(), actor, id); err != nil {
		return answer{}, err
	}
	return seeOther(href.Case(int64(id))), nil
}

// caseDecide records a decision, or gives the case back because of a conflict
// of interest.
func (s *Site) caseDecide(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.CaseID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	if r.PostForm.Get("do") == "conflict" {
		_, err = s.Moderation.Release(r.Context(), actor, id)
	} else {
		_, err = s.Moderation.Decide(r.Context(), actor, id, moderation.Decision{
			Action: r.PostForm.Get("action"), Clause: r.PostForm.Get("clause"),
			Facts: r.PostForm.Get("facts"), Reasoning: r.PostForm.Get("reasoning"),
		})
	}
	if wrongForm(err) {
		return s.caseAgain(r, err)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Case(int64(id))), nil
}
