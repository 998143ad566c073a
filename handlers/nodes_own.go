package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/handlers/nodeapi"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func (s *Site) nodeForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	if s.sessions.Member(r) == 0 {
		return seeOther(href.SignIn(href.NodeNew())), nil
	}
	return s.showNodeForm(r, ui.Input{}, newOperation(), 0)
}

func (s *Site) showNodeForm(r *http.Request, name ui.Input, op string, status int) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "A new node", Section: href.Nodes(), NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	made, err := s.strata(r.Context())
	if err != nil {
		return answer{}, err
	}
	public, err := s.publicData(r.Context())
	if err != nil {
		return answer{}, err
	}
	return answer{status: status, page: pages.NodeNew(pages.NodeNewPage{
		Chrome: chrome, Action: href.NodeNew(), Name: name, Operation: op, Strata: made, Public: public, Leaves: whatLeaves(),
	})}, nil
}

// nodeCreate registers a node and shows its token on the answer to the form,
// the one page that ever holds it.
func (s *Site) nodeCreate(_ http.ResponseWriter, r *http.Request) (answer, error) {
	name := r.PostForm.Get("name")
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	issued, err := s.Tokens.Register(r.Context(), actor, name)
	if err != nil && wrongForm(err) {
		return s.showNodeForm(r, ui.Input{Value: name, Problem: problem(err, "name") + problem(err, "")}, r.PostForm.Get("op"), http.StatusUnprocessableEntity)
	}
	if err != nil {
		return answer{}, err
	}
	return s.showToken(r, issued)
}

func (s *Site) showToken(r *http.Request, issued nodeapi.Issued) (answer, error) {
	n, err := s.Nodes.Node(r.Context(), issued.Node)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "A new node", Section: href.Nodes(), NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	public, err := s.publicData(r.Context())
	if err != nil {
		return answer{}, err
	}
	return show(pages.NodeNew(pages.NodeNewPage{Chrome: chrome, Public: public, Leaves: whatLeaves(), Token: &pages.NodeToken{
		Node: n.Name, NodeURL: href.Node(int64(n.ID)), Token: issued.Text, Expires: moment(issued.Expires), Command: joinCommands(origin(r)),
		Install: ui.Cat(ui.Plain("The program is one file, the same as the server’s: "), ui.Link("how to get it", href.Page("Help:Install")), ui.Plain(".")),
	}})), nil
}

// nodeToken makes another token for a node that has not joined.
func (s *Site) nodeToken(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.NodeID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	issued, err := s.Tokens.Reissue(r.Context(), actor, id)
	if err != nil {
		return answer{}, err
	}
	return s.showToken(r, issued)
}

func (s *Site) nodeRename(_ http.ResponseWriter, r *http.Request) (answer, error) {
	n, err := s.nodeOf(r)
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	name := r.PostForm.Get("name")
	err = s.Nodes.Rename(r.Context(), actor, n.ID, name)
	if err != nil && wrongForm(err) {
		return s.showNode(r, n, ui.Input{Value: name, Problem: problem(err, "name") + problem(err, "")}, http.StatusUnprocessableEntity)
	}
	return seeOther(href.Node(int64(n.ID))), err
}

func (s *Site) nodeRetire(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.NodeID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Node(int64(id))), s.Nodes.Revoke(r.Context(), actor, id)
}
