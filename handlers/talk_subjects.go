package handlers

import (
	"context"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
)

// What can be discussed, each found by its address or by its reference.

func (s *Site) pageTalk(r *http.Request) (discussed, error) {
	rev, err := s.Pages.Latest(r.Context(), href.Title(r.PathValue("title")))
	if err != nil {
		return discussed{}, err
	}
	return aboutPage(rev.Page, rev.Title), nil
}

func aboutPage(id governance.PageID, title string) discussed {
	d := discussed{ref: governance.RefTo(governance.RefPage, id), page: layout.Link{Text: title, Href: href.Page(title)}, talk: href.Talk(title)}
	d.chrome = layout.Chrome{Title: "Talk: " + title, Views: []layout.Tab{{Text: "Page", Href: d.page.Href}, {Text: "Talk", Href: d.talk, Current: true}}}
	return d
}

func (s *Site) proposalTalk(r *http.Request) (discussed, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return discussed{}, err
	}
	return s.discussionOf(r.Context(), governance.RefTo(proposals.RefProposal, id))
}

func (s *Site) electionTalk(r *http.Request) (discussed, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return discussed{}, err
	}
	return s.discussionOf(r.Context(), electionRef(id))
}

func (s *Site) memberTalk(r *http.Request) (discussed, error) {
	id, err := pathID[governance.MemberID](r, "id")
	if err != nil {
		return discussed{}, err
	}
	return s.discussionOf(r.Context(), memberRef(id))
}

// discussionOf finds what a reference names.
func (s *Site) discussionOf(ctx context.Context, on governance.Ref) (discussed, error) {
	id := on.ID()
	switch on.Kind() {
	case governance.RefPage:
		rev, err := s.Pages.ByID(ctx, governance.PageID(id))
		return aboutPage(rev.Page, rev.Title), err
	case proposals.RefProposal:
		p, err := s.Proposals.Get(ctx, governance.ProposalID(id))
		if err != nil {
			return discussed{}, err
		}
		c := proposalChrome(p, href.ProposalTalk(id))
		return titled(on, c, href.Proposal(id), href.ProposalTalk(id)), nil
	case elections.RefElection:
		e, err := s.Elections.Get(ctx, governance.ElectionID(id))
		if err != nil {
			return discussed{}, err
		}
		c := electionChrome(e, href.ElectionTalk(id), 0)
		return titled(on, c, href.Election(id), href.ElectionTalk(id)), nil
	case moderation.RefCase:
		c, err := s.Moderation.Get(ctx, governance.CaseID(id), 0, s.now())
		return aboutCase(c.ID), err
	case governance.RefMember:
		m, err := s.Members.ByID(ctx, governance.MemberID(id))
		c := layout.Chrome{Title: m.Name, Section: href.Members(), Views: []layout.Tab{{Text: "Member", Href: href.Member(id)}, {Text: "Talk", Href: href.MemberTalk(id), Current: true}}}
		return titled(on, c, href.Member(id), href.MemberTalk(id)), err
	}
	return discussed{}, governance.Errorf(governance.NotFound, "There is nothing here to talk about.")
}

// titled is a discussion below the tabs of its thing.
func titled(on governance.Ref, c layout.Chrome, page, talk string) discussed {
	d := discussed{ref: on, page: layout.Link{Text: c.Title, Href: page}, talk: talk, chrome: c}
	d.chrome.Title = "Talk: " + c.Title
	return d
}
