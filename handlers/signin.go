package handlers

import (
	"cmp"
	"context"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/handlers/localidp"
	"codeberg.org/althing/althing/handlers/session"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"github.com/go-chi/chi/v5"
)

// signInRoutes are the ways in and out. They have a limit of their own, so
// that a flood of sign-ins leaves voting alone.
func (s *Site) signInRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.gate.Limit, s.signInPolicy)
		r.Get("/sign-in", s.page(s.signIn))
		r.Post("/sign-in/{issuer}", s.direct(func(w http.ResponseWriter, r *http.Request) error {
			return s.gate.Begin(w, r, r.PathValue("issuer"), r.PostFormValue("next"), r.PostFormValue("again") != "")
		}))
		r.Get("/sign-in/callback/{issuer}", s.direct(func(w http.ResponseWriter, r *http.Request) error {
			return s.gate.Callback(w, r, r.PathValue("issuer"))
		}))
		if s.local != nil {
			r.HandleFunc("/local/sign-in", s.local.SignIn)
			r.HandleFunc("/local/register", s.local.Register)
		}
	})
	r.Get("/join", s.page(s.joinForm))
	r.Post("/join", s.page(s.join))
	r.Post("/sign-out", s.page(s.signOut))
}

// direct is a handler that answers by itself unless it fails.
func (s *Site) direct(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

func (s *Site) signIn(_ http.ResponseWriter, r *http.Request) (answer, error) {
	next := session.ReturnTo(r.URL.Query().Get("next"))
	if s.sessions.Member(r) != 0 {
		return seeOther(next), nil
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Sign in", NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	p := webpages.SignInPage{Chrome: chrome, Next: next}
	for _, issuer := range s.gate.Issuers() {
		way := webpages.SignInIssuer{Name: "Sign in with " + issuer.Title, Note: "Run by " + issuer.URL + ".", Path: href.SignInWith(issuer.Name), Local: issuer.Local}
		if issuer.Local {
			way.Name, way.Note = "Sign in or make an account here", "An account of this server: a name and a password, nothing else."
		}
		p.Issuers = append(p.Issuers, way)
	}
	return show(webpages.SignIn(p)), nil
}

// Welcome makes a member of a newcomer at once where the policy lets everybody
// in; a name that does not do sends the newcomer to the form.
func Welcome(stores Stores) func(context.Context, session.Newcomer) (governance.MemberID, error) {
	return func(ctx context.Context, who session.Newcomer) (governance.MemberID, error) {
		inForce, err := stores.Policies.InForce(ctx)
		if err != nil {
			return 0, err
		}
		return stores.Members.Join(ctx, members.Joining{
			Identity: who.Identity, Name: who.Name, RequireInvitation: inForce.Text(policies.Admission) == "invited",
		})
	}
}

func (s *Site) joinForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	who, pending := session.Pending(r)
	if !pending {
		return seeOther(href.SignIn(href.Home())), nil
	}
	return s.showJoin(r, webpages.JoinPage{Name: ui.Input{Value: who.Name}}, 0)
}

func (s *Site) showJoin(r *http.Request, p webpages.JoinPage, status int) (answer, error) {
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	if p.Chrome, err = s.chrome(r, layout.Chrome{Title: "Become a member", NoIndex: true}); err != nil {
		return answer{}, err
	}
	p.Action, p.Operation = href.Join(), newOperation()
	p.Invited = f.inForce.Text(policies.Admission) == "invited"
	return answer{page: webpages.Join(p), status: status}, nil
}

func (s *Site) join(_ http.ResponseWriter, r *http.Request) (answer, error) {
	who, pending := session.Pending(r)
	if !pending {
		return answer{}, governance.Errorf(governance.Unauthenticated, "Sign in first, then join.")
	}
	f, err := s.facts(r.Context())
	if err != nil {
		return answer{}, err
	}
	p := webpages.JoinPage{Name: ui.Input{Value: r.PostForm.Get("name")}, Invitation: ui.Input{Value: r.PostForm.Get("invitation")}}
	id, err := s.Members.Join(r.Context(), members.Joining{
		Identity: who.Identity, Name: p.Name.Value, Invitation: p.Invitation.Value, RequireInvitation: f.inForce.Text(policies.Admission) == "invited",
	})
	if err != nil && governance.KindOf(err) != 0 {
		p.Name.Problem = cmp.Or(problem(err, "name"), problem(err, ""))
		p.Invitation.Problem = problem(err, "invitation")
		if p.Name.Problem == "" && p.Invitation.Problem == "" {
			p.Name.Problem = err.Error()
		}
		return s.showJoin(r, p, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return answer{}, err
	}
	next, err := s.gate.Admit(r, id)
	if err != nil {
		return answer{}, err
	}
	return seeOther(next), nil
}

func (s *Site) signOut(_ http.ResponseWriter, r *http.Request) (answer, error) {
	end := s.gate.SignOut
	if r.PostForm.Get("everywhere") != "" {
		end = s.gate.SignOutEverywhere
	}
	if err := end(r); err != nil {
		return answer{}, err
	}
	return seeOther(href.Home()), nil
}

// Renderer writes the pages of the local provider in the site's look.
type Renderer struct{ Site *Site }

// SignIn writes the form for name and password.
func (l *Renderer) SignIn(w http.ResponseWriter, r *http.Request, status int, f localidp.SignInForm) {
	l.write(w, r, "Sign in", func(c layout.Chrome) {
		l.Site.write(w, r, status, webpages.LocalSignIn(webpages.LocalSignInPage{
			Chrome: c, Action: f.Action, Request: f.Request, Register: f.Register, Name: ui.Input{Value: f.Name}, Problem: f.Problem,
		}))
	})
}

// Register writes the form for a new account.
func (l *Renderer) Register(w http.ResponseWriter, r *http.Request, status int, f localidp.RegisterForm) {
	l.write(w, r, "Make an account", func(c layout.Chrome) {
		l.Site.write(w, r, status, webpages.Register(webpages.RegisterPage{
			Chrome: c, Action: f.Action, Request: f.Request, SignIn: f.SignIn, MinLength: localidp.MinPassword, Problem: f.Problem,
			Name: ui.Input{Value: f.Name, Problem: f.NameWrong}, Password: ui.Input{Problem: f.PasswordWrong}, Again: ui.Input{Problem: f.AgainWrong},
		}))
	})
}

func (l *Renderer) write(w http.ResponseWriter, r *http.Request, title string, body func(layout.Chrome)) {
	chrome, err := l.Site.chrome(r, layout.Chrome{Title: title, Bare: true, NoIndex: true})
	if err != nil {
		l.Fail(w, r, err)
		return
	}
	body(chrome)
}

// Fail writes a page that says what went wrong.
func (l *Renderer) Fail(w http.ResponseWriter, r *http.Request, err error) { l.Site.fail(w, r, err) }
