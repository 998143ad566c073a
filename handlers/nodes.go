package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const nodesPerPage = 100

// nodes lists the member's own nodes.
func (s *Site) nodes(_ http.ResponseWriter, r *http.Request) (answer, error) {
	mine := s.sessions.Member(r)
	if mine == 0 {
		return seeOther(href.SignIn(href.Nodes())), nil
	}
	list, err := s.Nodes.OfMember(r.Context(), mine)
	if err != nil {
		return answer{}, err
	}
	made, err := s.strata(r.Context())
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "My nodes", Section: href.Nodes(), Actions: nodeTabs(true)})
	if err != nil {
		return answer{}, err
	}
	return show(pages.Nodes(pages.NodesPage{
		Chrome: chrome, Mine: true, Lead: ui.Plain("A node is a program on your own machine that trains the community’s model on text that you hold."),
		Nodes: nodeLines(list, nil, mine, s.now()), Strata: made, Leaves: whatLeaves(),
	})), nil
}

// nodeTabs lead from one's own nodes to all and back.
func nodeTabs(mine bool) []layout.Tab {
	return []layout.Tab{{Text: "Mine", Href: href.Nodes(), Current: mine}, {Text: "All", Href: href.AllNodes(), Current: !mine}}
}

// allNodes lists every node that has joined.
func (s *Site) allNodes(_ http.ResponseWriter, r *http.Request) (answer, error) {
	list, err := s.Nodes.List(r.Context(), formID[governance.NodeID](r, "after"), nodesPerPage)
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, n := range list {
		refs[i] = memberRef(n.Owner)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	totals, err := s.Corpus.Totals(r.Context())
	if err != nil {
		return answer{}, err
	}
	made, err := s.strata(r.Context())
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "All nodes", Section: href.Nodes(), Actions: nodeTabs(false)})
	if err != nil {
		return answer{}, err
	}
	p := pages.NodesPage{Chrome: chrome, Lead: ui.Plain(nodesLead(totals)), Strata: made, Nodes: nodeLines(list, names, governance.MemberID(chrome.MemberID), s.now())}
	if n := len(list); n == nodesPerPage {
		p.Pager = ui.Pager{Older: href.AllNodes() + "?after=" + list[n-1].ID.String(), Label: "nodes"}
	}
	return show(pages.Nodes(p)), nil
}

// node is the page of one node.
func (s *Site) node(_ http.ResponseWriter, r *http.Request) (answer, error) {
	n, err := s.nodeOf(r)
	if err != nil {
		return answer{}, err
	}
	return s.showNode(r, n, ui.Input{Value: n.Name}, 0)
}

// nodeOf reads the node of the address.
func (s *Site) nodeOf(r *http.Request) (nodes.Node, error) {
	id, err := pathID[governance.NodeID](r, "id")
	if err != nil {
		return nodes.Node{}, err
	}
	return s.Nodes.Node(r.Context(), id)
}

// showNode shows a node; name is what its owner typed to rename it.
func (s *Site) showNode(r *http.Request, n nodes.Node, name ui.Input, status int) (answer, error) {
	v := nodeView{Node: n, name: name, site: origin(r), now: s.now()}
	var err error
	if v.chrome, err = s.chrome(r, layout.Chrome{Title: "Node " + n.Name, Section: href.Nodes()}); err != nil {
		return answer{}, err
	}
	if v.parts, err = s.Rounds.OfNode(r.Context(), n.ID, 20); err != nil {
		return answer{}, err
	}
	v.manifest, err = s.Corpus.Of(r.Context(), n.ID)
	if err != nil && !governance.Is(err, governance.NotFound) {
		return answer{}, err
	}
	if v.strata, err = s.strataOfNode(r.Context(), n.ID); err != nil {
		return answer{}, err
	}
	if v.cases, err = s.Moderation.OfNode(r.Context(), n.ID, 0, v.now); err != nil {
		return answer{}, err
	}
	if v.changes, err = s.Log.Changes(r.Context(), audit.Filter{Refs: []governance.Ref{governance.RefTo(governance.RefNode, n.ID)}, Limit: 20}); err != nil {
		return answer{}, err
	}
	if v.names, err = s.namesOf(r.Context(), v.changes, memberRef(n.Owner)); err != nil {
		return answer{}, err
	}
	return answer{page: pages.Node(v.page()), status: status}, nil
}
