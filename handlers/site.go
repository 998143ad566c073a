package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/voting"
)

// Sessions says who is asking. handlers/session keeps them.
type Sessions interface {
	// Member returns the member who is signed in, 0 for a visitor.
	Member(r *http.Request) governance.MemberID
	// Wrap loads and stores the session around every page.
	Wrap(http.Handler) http.Handler
	// Routes answers /sign-in and /sign-out.
	Routes() http.Handler
	// FormActions lists the origins that a sign-in form is redirected to,
	// which the Content-Security-Policy of that page must name.
	FormActions() []string
}

// Stores are what pages are made of.
type Stores struct {
	Log       *audit.Log
	Members   *members.Store
	Pages     *pages.Pages
	Policies  *policies.Policies
	Proposals *proposals.Proposals
	Voting    *voting.Voting
}

// Site answers browsers.
type Site struct {
	Stores
	sessions Sessions
	log      *slog.Logger
	now      func() time.Time
	kept     keptSite
	texts    texts
}

// Config is what a Site is made of.
type Config struct {
	Stores   Stores
	Sessions Sessions
	Logger   *slog.Logger
	Now      func() time.Time // the acts' clock, for "4 days left"
	Mounts   map[string]http.Handler
}

// New returns the handler of the whole site. Mounts are handlers of their own
// below a path, as the node API and the local provider.
func New(c Config) http.Handler {
	s := &Site{Stores: c.Stores, sessions: c.Sessions, log: c.Logger, now: c.Now}
	s.texts.load = s.Pages.HTML
	return s.routes(c.Mounts)
}

// requestContext bounds what one page may take; nobody waits longer.
const requestTime = 20 * time.Second

func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
