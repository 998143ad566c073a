package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/talk"
	"codeberg.org/althing/althing/governance/wikitext"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"github.com/go-chi/chi/v5"
)

const threadsShown = 200

func (s *Site) talkRoutes(r chi.Router) {
	for path, subject := range map[string]func(*http.Request) (discussed, error){
		"/talk/{title}":        s.pageTalk,
		"/proposals/{id}/talk": s.proposalTalk,
		"/elections/{id}/talk": s.electionTalk,
		"/members/{id}/talk":   s.memberTalk,
		"/cases/{id}/talk":     s.caseTalk,
	} {
		r.Get(path, s.page(s.talkOf(subject)))
		r.Post(path, s.page(s.talkStart(subject)))
	}
	r.Post("/comments/{id}/replies", s.page(s.talkReply))
	r.Post("/comments/{id}/hide", s.page(s.talkHide))
}

// discussed is what a discussion is about.
type discussed struct {
	ref    governance.Ref
	page   layout.Link // of the thing
	talk   string      // address of its discussion
	chrome layout.Chrome
}

// refusedTalk is a form of a discussion that was sent and refused.
type refusedTalk struct {
	err     error
	comment talk.CommentID // that was answered or should be hidden; 0 for a new subject
	hiding  bool
}

func (s *Site) talkOf(subject func(*http.Request) (discussed, error)) handler {
	return func(_ http.ResponseWriter, r *http.Request) (answer, error) {
		d, err := subject(r)
		if err != nil {
			return answer{}, err
		}
		return s.showTalk(r, d, refusedTalk{})
	}
}

func (s *Site) showTalk(r *http.Request, d discussed, t refusedTalk) (answer, error) {
	list, err := s.Talk.Comments(r.Context(), d.ref, threadsShown)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, d.chrome)
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, c := range list {
		refs[i] = memberRef(c.Member)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	rights, err := s.rights(r)
	if err != nil {
		return answer{}, err
	}
	v := talkView{list: list, names: names, rights: rights, typed: t, form: r.PostForm}
	page := webpages.TalkPage{
		Chrome: chrome, Subject: d.page, Action: d.talk, Threads: v.threads(), Operation: newOperation(),
		CanWrite: slices.Contains(rights, members.RightDiscuss), Why: "Members write here.",
	}
	if t.err != nil && t.comment == 0 {
		page.NewTitle = ui.Input{Value: r.PostForm.Get("title"), Problem: problem(t.err, "title")}
		page.NewText = ui.Input{Value: r.PostForm.Get("text"), Problem: problem(t.err, "text") + problem(t.err, "")}
	}
	if t.err != nil {
		return again(webpages.Talk(page)), nil
	}
	return show(webpages.Talk(page)), nil
}

func (s *Site) rights(r *http.Request) ([]members.Right, error) {
	id := s.sessions.Member(r)
	if id == 0 {
		return nil, nil
	}
	return s.Members.RightsOf(r.Context(), id)
}

// talkStart begins a thread.
func (s *Site) talkStart(subject func(*http.Request) (discussed, error)) handler {
	return func(_ http.ResponseWriter, r *http.Request) (answer, error) {
		d, err := subject(r)
		if err != nil {
			return answer{}, err
		}
		return s.say(r, d, refusedTalk{}, func(actor governance.Actor, text talk.Text) (audit.Receipt, error) {
			return s.Talk.Start(r.Context(), actor, d.ref, r.PostForm.Get("title"), text)
		})
	}
}

// talkReply answers a comment.
func (s *Site) talkReply(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, d, err := s.commentOf(r)
	if err != nil {
		return answer{}, err
	}
	return s.say(r, d, refusedTalk{comment: id}, func(actor governance.Actor, text talk.Text) (audit.Receipt, error) {
		return s.Talk.Reply(r.Context(), actor, id, text)
	})
}

// say renders what was written, runs the act and returns to the discussion.
func (s *Site) say(r *http.Request, d discussed, t refusedTalk, act func(governance.Actor, talk.Text) (audit.Receipt, error)) (answer, error) {
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	text := talk.Text{Body: r.PostForm.Get("text")}
	if text.HTML, err = wikitext.Render(text.Body); err == nil {
		_, err = act(actor, text)
	}
	if wrongForm(err) {
		t.err = err
		return s.showTalk(r, d, t)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(d.talk), nil
}

// talkHide empties a comment; for moderators.
func (s *Site) talkHide(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, d, err := s.commentOf(r)
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	_, err = s.Talk.Hide(r.Context(), actor, id, r.PostForm.Get("reason"))
	if wrongForm(err) {
		return s.showTalk(r, d, refusedTalk{err: err, comment: id, hiding: true})
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Comment(d.talk, int64(id))), nil
}

// commentOf reads the comment of the address and what it is about.
func (s *Site) commentOf(r *http.Request) (talk.CommentID, discussed, error) {
	id, err := pathID[talk.CommentID](r, "id")
	if err != nil {
		return 0, discussed{}, err
	}
	on, err := s.Talk.About(r.Context(), id)
	if err != nil {
		return 0, discussed{}, err
	}
	d, err := s.discussionOf(r.Context(), on)
	return id, d, err
}

// talkView turns a discussion into its page.
type talkView struct {
	list   []talk.Comment
	names  map[governance.Ref]string
	rights []members.Right
	typed  refusedTalk
	form   url.Values
}

func (v talkView) threads() []webpages.TalkThread {
	var threads []webpages.TalkThread
	for _, c := range v.list {
		if n := len(threads); n == 0 || threads[n-1].ID != int64(c.Thread) {
			threads = append(threads, webpages.TalkThread{ID: int64(c.Thread), Title: c.Title})
		}
		last := &threads[len(threads)-1]
		last.Comments = append(last.Comments, v.comment(c))
	}
	return threads
}

func (v talkView) comment(c talk.Comment) webpages.TalkComment {
	who := link(memberRef(c.Member), v.names)[0]
	comment := webpages.TalkComment{
		ID: int64(c.ID), Depth: c.Depth, By: who.Text, ByURL: who.Href, When: moment(c.At), HTML: c.HTML, Hidden: c.Hidden, Op: newOperation(), HideOp: newOperation(),
	}
	if c.Hidden == "" && slices.Contains(v.rights, members.RightDiscuss) && c.Depth < talk.MaxDepth-1 {
		comment.ReplyURL = href.CommentReply(int64(c.ID))
	}
	if c.Hidden == "" && slices.Contains(v.rights, members.RightProtect) {
		comment.HideURL = href.CommentHide(int64(c.ID))
	}
	if v.typed.err != nil && v.typed.comment == c.ID {
		in := ui.Input{Value: v.form.Get("text"), Problem: problem(v.typed.err, "text") + problem(v.typed.err, "")}
		if v.typed.hiding {
			comment.Hiding = ui.Input{Value: v.form.Get("reason"), Problem: problem(v.typed.err, "reason")}
		} else {
			comment.Reply = in
		}
	}
	return comment
}
