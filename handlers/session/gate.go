package session

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/members"
	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/httprate"
)

// Idle and Lifetime are when a session ends: after its last use, and after
// signing in. accounts.NewSessions takes them.
const (
	Idle     = 24 * time.Hour
	Lifetime = 14 * 24 * time.Hour
)

// FreshFor is how long ago a secret may have been typed for a grave act, such
// as a moderator's or an election's.
const FreshFor = 15 * time.Minute

// Issuer is one OpenID provider that people may sign in with.
type Issuer struct {
	Name         string // in addresses: "local", "university"; never changes
	Title        string // that people read: "University of Iceland"
	URL          string // issuer identifier, verbatim: a trailing slash counts
	ClientID     string
	ClientSecret string // "" for a public client
	Local        bool   // the provider that the server itself runs

	// Private lets connections go to loopback and private addresses. An issuer
	// whose URL is on localhost is private without it.
	Private bool
	// Client, if set, makes the requests; for the local provider's calls
	// within the process.
	Client *http.Client
}

// Config of a Gate.
type Config struct {
	Base     string // scheme and host of the site: "https://althing.example"
	Callback string // path that a slash and an issuer's name are put behind
	Join     string // path of the page where a newcomer becomes a member
	Issuers  []Issuer
	Members  *members.Store
	Sessions *accounts.Sessions
	Now      func() time.Time

	// Welcome makes a member of a newcomer at once, if policy lets it. A
	// governance.Error sends the newcomer to the page Join instead; nil always does.
	Welcome func(context.Context, Newcomer) (governance.MemberID, error)
	// Fail writes a page for an error of a middleware.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Address says which network a request comes from, as rate limits count;
	// nil takes the peer of the connection.
	Address func(*http.Request) string
	// StepsPerMinute is how many requests on the way in one address may make;
	// signing in takes five or six. 60 if 0.
	StepsPerMinute int
}

// Newcomer has proved an identity and is not a member yet.
type Newcomer struct {
	members.Identity
	Via  string // name of the issuer
	Name string // that the issuer suggests; may be "" or unfit
}

// Gate signs people in and out.
type Gate struct {
	cfg     Config
	secure  bool
	scs     *scs.SessionManager
	issuers []*provider
	limiter *httprate.RateLimiter
}

// New returns the gate of a site. It asks no provider anything yet.
func New(cfg Config) (*Gate, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Host == "" || base.Path != "" {
		return nil, fmt.Errorf("sign-in: base %q must be a scheme and a host", cfg.Base)
	}
	if cfg.Address == nil {
		cfg.Address = peer
	}
	if cfg.StepsPerMinute == 0 {
		cfg.StepsPerMinute = 60
	}
	g := &Gate{cfg: cfg, secure: base.Scheme == "https", scs: scs.New(), limiter: httprate.NewRateLimiter(cfg.StepsPerMinute, time.Minute)}
	g.scs.Store, g.scs.Codec = cfg.Sessions, accounts.Codec{}
	g.scs.HashTokenInStore = true
	g.scs.Lifetime = Lifetime // of the cookie; the store has its own clock
	g.scs.Cookie.Name = g.cookie("session")
	g.scs.Cookie.Secure = g.secure
	g.scs.ErrorFunc = cfg.Fail
	for _, issuer := range cfg.Issuers {
		if issuer.Name == "" || url.PathEscape(issuer.Name) != issuer.Name || g.provider(issuer.Name) != nil {
			return nil, fmt.Errorf("sign-in: issuer name %q must be unique and fit for an address", issuer.Name)
		}
		p, err := newProvider(issuer, cfg.Base+cfg.Callback+"/"+issuer.Name, cfg.Now)
		if err != nil {
			return nil, fmt.Errorf("sign-in: %w", err)
		}
		g.issuers = append(g.issuers, p)
	}
	return g, nil
}

// cookie returns the name of a cookie. Over https the prefix keeps other
// hosts of the same domain from setting it (RFC 6265bis, section 4.1.3.2).
func (g *Gate) cookie(name string) string {
	if g.secure {
		return "__Host-" + name
	}
	return name
}

// peer is the other end of the connection, IPv6 by its /64.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return httprate.CanonicalizeIP(host)
}

// Issuers returns the configured issuers in their order, without secrets.
func (g *Gate) Issuers() []Issuer {
	list := slices.Clone(g.cfg.Issuers)
	for i := range list {
		list[i].ClientSecret, list[i].Client = "", nil
	}
	return list
}

// FormAction returns the origins that the sign-in form is redirected to, for
// the form-action of the page's content security policy.
func (g *Gate) FormAction() []string {
	var origins []string
	for _, p := range g.issuers {
		for _, origin := range p.origins() {
			if !slices.Contains(origins, origin) {
				origins = append(origins, origin)
			}
		}
	}
	return origins
}

func (g *Gate) provider(name string) *provider {
	for _, p := range g.issuers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Values of a session beside accounts.KeyMember.
const (
	keyTyped   = "typed"   // Unix seconds when a secret was last typed, or "0" if the issuer does not say
	keyVia     = "via"     // issuer's name
	keyIssuer  = "issuer"  // of a newcomer
	keySubject = "subject" // of a newcomer
	keyName    = "name"    // of a newcomer
	keyNext    = "next"    // where a newcomer wanted to go
)

// view is what handlers may know of the session of a request.
type view struct {
	member   governance.MemberID
	via      string
	typed    time.Time
	newcomer Newcomer
	next     string
	now      func() time.Time
}

type viewKey struct{}

// Middleware loads the session of each request: one select for a browser that
// has the cookie, none for one that has not.
func (g *Gate) Middleware(next http.Handler) http.Handler {
	return g.scs.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		v := &view{now: g.cfg.Now, via: g.scs.GetString(ctx, keyVia), next: g.scs.GetString(ctx, keyNext)}
		if id, err := strconv.ParseInt(g.scs.GetString(ctx, accounts.KeyMember), 10, 64); err == nil {
			v.member = governance.MemberID(id)
			w.Header().Set("Cache-Control", "no-store")
		}
		if typed, err := strconv.ParseInt(g.scs.GetString(ctx, keyTyped), 10, 64); err == nil && typed > 0 {
			v.typed = time.Unix(typed, 0)
		}
		v.newcomer = Newcomer{
			Identity: members.Identity{Issuer: g.scs.GetString(ctx, keyIssuer), Subject: g.scs.GetString(ctx, keySubject)},
			Via:      v.via, Name: g.scs.GetString(ctx, keyName),
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, viewKey{}, v)))
	}))
}

func of(r *http.Request) *view {
	if v, ok := r.Context().Value(viewKey{}).(*view); ok {
		return v
	}
	return &view{} // nobody; without the middleware there is no session
}

// Member returns who is signed in on the request's browser.
func Member(r *http.Request) (governance.MemberID, bool) {
	v := of(r)
	return v.member, v.member != 0
}

// Via returns the name of the issuer that the browser's member or newcomer
// signed in with, for signing in again.
func Via(r *http.Request) string { return of(r).via }

// Pending returns who has signed in and not joined yet.
func Pending(r *http.Request) (Newcomer, bool) {
	v := of(r)
	return v.newcomer, v.member == 0 && v.newcomer.Subject != ""
}

// Fresh reports whether the member typed a secret at most d ago. If not, a
// grave act begins with Begin(…, again).
func Fresh(r *http.Request, d time.Duration) bool {
	v := of(r)
	return v.member != 0 && !v.typed.IsZero() && v.now().Sub(v.typed) <= d
}

// Limit refuses the requests of a network that signs in too often. It goes
// around the sign-in routes only, so that a flood there leaves voting alone.
func (g *Gate) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.limiter.OnLimit(w, r, g.cfg.Address(r)) {
			g.cfg.Fail(w, r, governance.Errorf(governance.TooMany, "There were too many sign-ins from your network. Please wait a minute."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
