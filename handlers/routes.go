package handlers

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/static"
	"codeberg.org/althing/althing/web/layout"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"
)

// routes is the table of the whole site. Every path is also a function of
// web/href; a test compares the two.
func (s *Site) routes(mounts map[string]http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, guard)
	r.Get("/healthz", s.health)
	r.Handle(static.Prefix+"*", static.Handler())
	r.Get("/log/checkpoint", s.checkpoint)
	r.Get("/log/tile/*", s.tile)
	r.Get("/log/"+translog.KeyFile, s.logKey)
	r.With(bounded, httprate.LimitBy(completionsPerMinute, time.Minute, clientKey)).Post("/v1/completions", s.completions)
	for path, h := range mounts {
		r.Mount(path, h)
	}
	r.Group(func(r chi.Router) {
		r.Use(bounded, s.sessions.Wrap, s.private, http.NewCrossOriginProtection().Handler)
		s.readRoutes(r)
		s.wikiRoutes(r)
		s.proposalRoutes(r)
		s.electionRoutes(r)
		s.caseRoutes(r)
		s.talkRoutes(r)
		s.trainingRoutes(r)
		if s.gate != nil {
			s.signInRoutes(r)
		}
	})
	r.Group(func(r chi.Router) {
		r.Use(s.sessions.Wrap, s.private)
		s.longRoutes(r)
	})
	notFound := s.page(func(http.ResponseWriter, *http.Request) (answer, error) {
		return answer{}, governance.Errorf(governance.NotFound, "There is no page at this address. It may have been mistyped, or the link that led here is wrong.")
	})
	wrapped := s.sessions.Wrap(notFound)
	r.NotFound(wrapped.ServeHTTP)
	r.MethodNotAllowed(wrapped.ServeHTTP)
	return r
}

func (s *Site) readRoutes(r chi.Router) {
	r.Get("/", s.page(s.home))
	r.Get("/changes", s.page(s.changes))
	r.Get("/changes.atom", s.feed)
	r.Get("/log", s.page(s.logPage))
	r.Get("/log/entries/{index}", s.page(s.logEntry))
	r.Get("/log/entries/{index}/bytes", s.entryBytes)
	r.Get("/log/entries/{index}/proof", s.entryProof)
	r.Get("/log/archive", s.archive)
	r.Get("/verify", s.page(s.verify))
	r.Get("/members", s.page(s.members))
	r.Get("/members/{id}", s.page(s.member))
	r.Get("/members/{id}/contributions", s.page(s.contributions))
	r.Get("/policies", s.page(s.policies))
	r.Get("/policies/{name}", s.page(s.policy))
	r.Get("/founding", s.page(s.foundingForm))
	r.Post("/founding", s.page(s.found))
	r.With(httprate.LimitBy(searchesPerMinute, time.Minute, clientKey)).Get("/search", s.page(s.search))
}

func (s *Site) wikiRoutes(r chi.Router) {
	r.Get("/wiki/{title}", s.page(s.article))
	r.Get("/edit", s.page(s.editForm))
	r.Post("/edit", s.page(s.save))
	r.Get("/edit/{title}", s.page(s.editForm))
	r.Post("/edit/{title}", s.page(s.save))
	r.Get("/protect/{title}", s.page(s.protectForm))
	r.Post("/protect/{title}", s.page(s.protect))
	r.Get("/history/{title}", s.page(s.history))
	r.Get("/diff/{title}", s.page(s.diff))
}

func (s *Site) proposalRoutes(r chi.Router) {
	r.Get("/proposals", s.page(s.proposals))
	r.Get("/proposals/new", s.page(s.proposalForm))
	r.Post("/proposals/new", s.page(s.proposalCreate))
	r.Get("/proposals/{id}", s.page(s.proposal))
	r.Get("/proposals/{id}/edit", s.page(s.proposalForm))
	r.Post("/proposals/{id}/edit", s.page(s.proposalEdit))
	r.Get("/proposals/{id}/history", s.page(s.proposalHistory))
	r.Post("/proposals/{id}/sponsors", s.page(s.proposalSponsor))
	r.Post("/proposals/{id}/state", s.page(s.proposalState))
	r.Post("/proposals/{id}/ballot", s.page(s.proposalBallot))
	r.Get("/proposals/{id}/ballots", s.page(s.proposalBallots))
	r.Get("/proposals/{id}/ballots.csv", s.proposalBallotsFile)
	r.Get("/proposals/{id}/roll", s.page(s.proposalRoll))
}

// guard sets what every answer carries, whatever it answers.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", layout.Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		next.ServeHTTP(w, r)
	})
}

// private keeps pages that were made for one member out of caches.
func (s *Site) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.sessions.Member(r) != 0 {
			w.Header().Set("Cache-Control", "no-store")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		next.ServeHTTP(w, r)
	})
}

// signInPolicy adds the configured issuers to form-action: a browser applies
// it to the redirect that a sign-in form ends in.
func (s *Site) signInPolicy(next http.Handler) http.Handler {
	actions := strings.Join(slices.Sorted(slices.Values(s.gate.FormAction())), " ")
	policy := strings.Replace(layout.Policy, "form-action 'self'", strings.TrimSpace("form-action 'self' "+actions), 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		next.ServeHTTP(w, r)
	})
}

// health answers machines that ask whether the server serves.
func (s *Site) health(w http.ResponseWriter, r *http.Request) {
	if _, err := s.facts(r.Context()); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}
