package nodeapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
)

// Config is what the API works with. All fields but JoinsPerMinute are needed.
type Config struct {
	Nodes   *nodes.Store
	Work    Work
	Corpus  Corpus
	Blobs   blobs.Store        // holds the bases
	Uploads *blobs.Partial     // holds updates until they are whole
	Server  ed25519.PrivateKey // answers nodes; join tokens pin it
	LogKey  string             // public key of the log
	Split   []byte             // the community's key of twins and validation records
	Now     func() time.Time
	Log     *slog.Logger

	JoinsPerMinute int // from one address; 60 if 0
	// Client returns the address of who asks, for the limit on joins. Behind
	// a proxy it reads what the proxy says; nil takes the connection's.
	Client func(*http.Request) string
}

// API answers nodes. It keeps nothing but the times at which nodes were heard,
// which Run writes down in batches.
type API struct {
	Config
	public ed25519.PublicKey
	pin    protocol.Pin

	turns chan struct{}
	room  room

	credentials sync.Map // of nodes that came: nodes.Credential by governance.NodeID

	mu   sync.Mutex
	seen map[governance.NodeID]time.Time
}

// New returns the API.
func New(c Config) *API {
	if c.JoinsPerMinute == 0 {
		c.JoinsPerMinute = 60
	}
	if c.Client == nil {
		c.Client = func(r *http.Request) string {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			return host
		}
	}
	public := c.Server.Public().(ed25519.PublicKey)
	return &API{Config: c, public: public, pin: protocol.PinOf(public), seen: map[governance.NodeID]time.Time{}, turns: make(chan struct{}, writers)}
}

// Handler returns the routes, to be mounted at the root: their paths begin
// with /node/v1.
func (a *API) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(plain)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, governance.Errorf(governance.NotFound, "The node API has no %s.", r.URL.Path))
	})
	r.Group(func(r chi.Router) {
		r.Use(httprate.LimitBy(a.JoinsPerMinute, time.Minute, a.clientKey, httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) {
			a.refuse(w, r, governance.Errorf(governance.TooMany, "Too many machines join from this address. Try again in a minute."))
		})))
		r.Post(protocol.PathHello, a.hello)
		r.Post(protocol.PathJoin, a.join)
	})
	r.Group(func(r chi.Router) {
		r.Use(a.signed)
		r.Post(protocol.PathManifest, a.manifest)
		r.Post(protocol.PathStrata, a.strata)
		r.Post(protocol.PathSeen, a.describe)
		r.Get(protocol.PathWork, a.work)
		r.Post(protocol.PathLease, a.lease)
		r.Post(protocol.PathReport, a.report)
		r.Get(protocol.PathBlobs+"{digest}", a.download)
		r.Head(protocol.PathBlobs+"{digest}", a.head)
		r.Put(protocol.PathBlobs+"{digest}", a.upload)
	})
	return r
}

func (a *API) clientKey(r *http.Request) (string, error) {
	return httprate.CanonicalizeIP(a.Client(r)), nil
}

// plain sets the headers of every answer and bounds what a request may bring.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = paced(w, r.Body)
		next.ServeHTTP(w, r)
	})
}

// How often Run writes and sweeps, and how long an upload may rest.
const (
	flushEvery = 10 * time.Second
	sweepEvery = time.Hour
	uploadRest = 24 * time.Hour
)

// Run writes heartbeats, forgets old nonces and uploads that rest, until the
// context ends.
func (a *API) Run(ctx context.Context) error {
	flush, sweep := time.NewTicker(flushEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return a.Flush(context.WithoutCancel(ctx))
		case <-flush.C:
			err = a.Flush(ctx)
		case <-sweep.C:
			err = a.Sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "housekeeping of nodes failed", slog.Any("err", err))
		}
	}
}

// Flush writes when nodes were last heard.
func (a *API) Flush(ctx context.Context) error {
	a.mu.Lock()
	seen := a.seen
	a.seen = map[governance.NodeID]time.Time{}
	a.mu.Unlock()
	return a.Nodes.SeenMany(ctx, seen)
}

// Sweep forgets nonces of requests that would be too old by now, and uploads
// that nobody continued for a day.
func (a *API) Sweep(ctx context.Context) error {
	now := a.Now()
	if _, err := a.Nodes.ForgetNonces(ctx, now.Add(-2*protocol.Skew-time.Minute)); err != nil {
		return err
	}
	_, err := a.Uploads.Sweep(now.Add(-uploadRest))
	return err
}

func (a *API) hello(w http.ResponseWriter, r *http.Request) {
	hello, err := read[protocol.Hello](w, r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if hello.Version != protocol.Version {
		a.refuse(w, r, errVersion)
		return
	}
	if len(hello.Nonce) != protocol.NonceSize {
		a.refuse(w, r, governance.Errorf(governance.Invalid, "The nonce has %d bytes, not %d.", len(hello.Nonce), protocol.NonceSize))
		return
	}
	nonce, err := protocol.NewChallengeNonce(rand.Reader, a.Server, a.Now())
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, protocol.NewChallenge(a.Server, hello, a.LogKey, nonce))
}

// join redeems a token. Whether the token was used, expired or never there is
// told only to who can sign with it.
func (a *API) join(w http.ResponseWriter, r *http.Request) {
	join, err := read[protocol.Join](w, r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	joined, err := a.redeem(r.Context(), join)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, joined)
}

func (a *API) redeem(ctx context.Context, join protocol.Join) (protocol.Joined, error) {
	if join.Version != protocol.Version {
		return protocol.Joined{}, errVersion
	}
	if err := protocol.CheckChallengeNonce(a.Server, join.ServerNonce, a.Now()); err != nil {
		return protocol.Joined{}, governance.Errorf(governance.Unauthenticated, "The join was refused: %v. Begin again.", err)
	}
	bound, err := a.Nodes.TokenKey(ctx, join.Token)
	if err != nil {
		return protocol.Joined{}, err
	}
	if err := join.Check(bound.PublicKey); err != nil {
		return protocol.Joined{}, governance.Errorf(governance.Unauthenticated, "The join was refused: %v.", err)
	}
	capabilities, err := json.Marshal(join.Capabilities)
	if err != nil {
		return protocol.Joined{}, err
	}
	node, err := a.Nodes.Redeem(ctx, join.Token, join.PublicKey, capabilities)
	if err != nil {
		return protocol.Joined{}, err
	}
	joined := protocol.Joined{Node: int64(node.ID), Owner: int64(node.Owner), Name: node.Name, Split: a.Split}
	return joined.Sign(a.Server, join.PublicKey), nil
}
