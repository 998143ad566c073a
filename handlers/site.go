package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/talk"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/handlers/complete"
	"codeberg.org/althing/althing/handlers/localidp"
	"codeberg.org/althing/althing/handlers/nodeapi"
	"codeberg.org/althing/althing/handlers/session"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
)

// Sessions says who is asking.
type Sessions interface {
	// Member returns the member who is signed in, 0 for a visitor.
	Member(r *http.Request) governance.MemberID
	// Wrap loads and stores the session around every page.
	Wrap(http.Handler) http.Handler
}

// gateSessions are the sessions of package session.
type gateSessions struct{ gate *session.Gate }

func (g gateSessions) Wrap(next http.Handler) http.Handler { return g.gate.Middleware(next) }

func (g gateSessions) Member(r *http.Request) governance.MemberID {
	id, _ := session.Member(r)
	return id
}

// Stores are what pages are made of.
type Stores struct {
	Log        *audit.Log
	Members    *members.Store
	Pages      *pages.Pages
	Policies   *policies.Policies
	Proposals  *proposals.Proposals
	Voting     *voting.Voting
	Elections  *elections.Elections
	Moderation *moderation.Moderation
	Talk       *talk.Talk
	Nodes      *nodes.Store
	Tokens     nodeapi.Tokens
	Corpus     *corpus.Store
	Models     *models.Store
	Rounds     *rounds.Store
	Unlearning *unlearning.Store
	Blobs      blobs.Store
	Completer  *complete.Completer
	Archives   RoundArchives
}

// RoundArchives makes the archive from which anyone who may read the updates of
// a round computes it again: in plain where recipient is "", else with updates
// encrypted to it.
type RoundArchives interface {
	Prepare(ctx context.Context, round training.RoundID, recipient string) (write func(io.Writer) error, err error)
}

// Site answers browsers.
type Site struct {
	Stores
	sessions Sessions
	gate     *session.Gate      // nil where Sessions were given
	local    *localidp.Provider // nil without accounts of this server
	motions  []MotionForm
	log      *slog.Logger
	now      func() time.Time
	kept     keptSite
	visitors visitorPages
	texts    texts
	answers  answers
	streams  atomic.Int64 // readers who follow a campaign
}

// New returns a site that answers nothing yet: its pages can be rendered, and
// Handler makes it whole. The gate and the local provider need the first to
// be made themselves.
func New(stores Stores, logger *slog.Logger, now func() time.Time) *Site {
	s := &Site{Stores: stores, log: logger, now: now, sessions: nobody{}}
	s.texts.load = s.Pages.HTML
	return s
}

// nobody is signed in while the site is being put together.
type nobody struct{}

func (nobody) Wrap(next http.Handler) http.Handler      { return next }
func (nobody) Member(*http.Request) governance.MemberID { return 0 }

// Fail writes the page of an error, for those who answer beside the site.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, err) }

// Parts are what a site is completed with.
type Parts struct {
	Motions  []MotionForm // in the order of the form
	Gate     *session.Gate
	Local    *localidp.Provider
	Sessions Sessions                // instead of Gate, in tests
	Mounts   map[string]http.Handler // handlers of their own below a path
}

// Handler completes the site and returns its handler.
func (s *Site) Handler(p Parts) http.Handler {
	s.motions, s.gate, s.local, s.sessions = p.Motions, p.Gate, p.Local, p.Sessions
	if s.sessions == nil {
		s.sessions = gateSessions{p.Gate}
	}
	return s.routes(p.Mounts)
}

// requestTime bounds what one page may take; nobody waits longer.
const requestTime = 20 * time.Second

func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
