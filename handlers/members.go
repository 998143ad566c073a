package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const membersPerPage = 100

func (s *Site) members(_ http.ResponseWriter, r *http.Request) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Members", Section: href.Members()})
	if err != nil {
		return answer{}, err
	}
	list, err := s.Members.List(r.Context(), formID[governance.MemberID](r, "after"), membersPerPage)
	if err != nil {
		return answer{}, err
	}
	count, err := s.Members.Count(r.Context())
	if err != nil {
		return answer{}, err
	}
	moderators, err := s.Members.Holders(r.Context(), members.Moderators)
	if err != nil {
		return answer{}, err
	}
	return show(pages.Members(membersView(chrome, list, count, moderators))), nil
}

func membersView(chrome layout.Chrome, list []members.Member, count int64, moderators []members.Membership) pages.MembersPage {
	p := pages.MembersPage{Chrome: chrome, Lead: ui.Plain("The community has " + ui.Count(count) + " members. Whoever is a member may vote, propose and lend a node.")}
	office := map[governance.MemberID]string{}
	for _, m := range moderators {
		office[m.Member] = "moderator"
	}
	for _, m := range list {
		p.Members = append(p.Members, pages.MemberLine{
			ID: int64(m.ID), Name: m.Name, Since: shortMoment(m.Joined), Groups: office[m.ID], Self: int64(m.ID) == chrome.MemberID,
		})
	}
	if len(list) == membersPerPage {
		p.Pager = ui.Pager{Older: href.Members() + "?after=" + list[len(list)-1].ID.String(), Label: "members"}
	}
	return p
}

func (s *Site) member(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.MemberID](r, "id")
	if err != nil {
		return answer{}, err
	}
	m, err := s.Members.ByID(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	groups, err := s.Members.GroupsOf(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: m.Name, Section: href.Members()})
	if err != nil {
		return answer{}, err
	}
	list, err := s.Log.Changes(r.Context(), audit.Filter{Actor: memberRef(id), Limit: 20})
	if err != nil {
		return answer{}, err
	}
	names, err := s.namesOf(r.Context(), list)
	if err != nil {
		return answer{}, err
	}
	p := pages.MemberPage{Chrome: chrome, Changes: changeLines(list, names), Self: chrome.MemberID == int64(id), Empty: m.Name + " has not written anything here."}
	p.Infobox = ui.Infobox{Caption: m.Name, Groups: []ui.FactGroup{{Facts: []ui.Fact{
		{Label: "Member", Value: ui.Plain("number " + id.String())}, {Label: "Joined", Value: richMoment(m.Joined)},
	}}}}
	for _, g := range groups {
		line := pages.MemberGroup{Name: g.Group.Title(), By: ui.Plain(string(g.Reason))}
		if !g.Expires.IsZero() {
			line.Until = shortMoment(g.Expires)
		}
		p.Groups = append(p.Groups, line)
	}
	return show(pages.Member(p)), nil
}

func (s *Site) contributions(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.MemberID](r, "id")
	if err != nil {
		return answer{}, err
	}
	m, err := s.Members.ByID(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	f, h := filterOf(r)
	f.Actor, h.Member = memberRef(id), id.String()
	p, err := s.changesPage(r, f, h, layout.Chrome{Title: "Contributions of " + m.Name, Section: href.Members(), Wide: true})
	if err != nil {
		return answer{}, err
	}
	return show(pages.Changes(p)), nil
}
