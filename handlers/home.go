package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// home is the portal: what is open to vote, what happened, how to join.
func (s *Site) home(_ http.ResponseWriter, r *http.Request) (answer, error) {
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Main page", Section: href.Home(), Wide: true, NoHead: true})
	if err != nil {
		return answer{}, err
	}
	p := webpages.MainPage{Chrome: chrome, Intro: ui.Plain(f.inForce.Text(policies.CommunityPurpose)), Operation: newOperation(), Steps: joinSteps()}
	count, err := s.Members.Count(r.Context())
	if err != nil {
		return answer{}, err
	}
	p.Counts = []webpages.MainCount{{Number: count, What: "members"}}
	open, err := s.Proposals.List(r.Context(), []string{proposals.Voting, proposals.Discussion}, 0, 6)
	if err != nil {
		return answer{}, err
	}
	for _, o := range open {
		p.Votes = append(p.Votes, s.openVote(o))
	}
	list, err := s.Log.Changes(r.Context(), audit.Filter{Limit: 8})
	if err != nil {
		return answer{}, err
	}
	names, err := s.namesOf(r.Context(), list)
	if err != nil {
		return answer{}, err
	}
	p.Changes = changeLines(list, names)
	if err := s.addModel(r.Context(), &p); err != nil {
		return answer{}, err
	}
	return show(webpages.Main(p)), nil
}

// openVote is an open proposal as the portal shows it.
func (s *Site) openVote(o proposals.Summary) webpages.MainVote {
	v := webpages.MainVote{
		Title: "Proposal " + o.ID.String() + ": " + o.Title, Href: href.Proposal(int64(o.ID)), Note: "Class " + classNames[o.Class] + ". " + chips[o.State].Text + ".",
		Tally: ui.Tally{Label: "Proposal " + o.ID.String(), Yes: int(o.Yes), No: int(o.No), Abstain: int(o.Abstain), Roll: int(o.Roll), Small: true},
	}
	if o.Until != nil {
		v.Left = left(s.now(), *o.Until)
	}
	return v
}

func joinSteps() []webpages.MainStep {
	return []webpages.MainStep{
		{Lead: "Make an account.", Text: "Members may propose and vote from the first day.", Link: layout.Link{Text: "Sign in or join", Href: href.SignIn("/")}},
		{Lead: "Lend a node.", Text: "Paste one token into a laptop, a workstation or a server. Your text stays on it; what leaves can reveal parts of it.", Link: layout.Link{Text: "Make a join token", Href: href.NodeNew()}},
		{Lead: "Take part in decisions.", Text: "Read a proposal, ask on its talk page, cast a ballot. Every vote has its reasons beside it.", Link: layout.Link{Text: "Proposals", Href: href.Proposals("")}},
	}
}
