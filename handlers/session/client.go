package session

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

const (
	replySize    = 1 << 20          // bytes of a reply's body
	replyTime    = 10 * time.Second // for a whole request
	keysInterval = time.Minute      // between two fetches of a provider's keys
)

// guarded makes the requests to one issuer. It limits what a reply may cost,
// where a connection may go, and how often keys are fetched: go-oidc fetches
// them for each token with an unknown key id, and strangers can send those.
type guarded struct {
	base   http.RoundTripper
	scheme string // of the issuer
	now    func() time.Time

	mu     sync.Mutex
	keys   string // address of the provider's keys
	before time.Time
}

func newGuarded(issuer Issuer, u *url.URL, now func() time.Time) *guarded {
	g := &guarded{scheme: u.Scheme, now: now}
	if issuer.Client != nil {
		g.base = issuer.Client.Transport
		return g
	}
	private := issuer.Private || onThisMachine(u.Hostname())
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return checkAddress(address, private)
	}}
	g.base = &http.Transport{
		Proxy:                  nil, // a proxy would resolve names for us, unchecked
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  replyTime,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
	}
	return g
}

// limitKeys names the address whose fetches are counted.
func (g *guarded) limitKeys(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys = address
}

var errKeysFetched = errors.New("the keys were fetched less than a minute ago")

// RoundTrip makes one request.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.checkScheme(r.URL); err != nil {
		return nil, err
	}
	if err := g.countKeys(r.URL.String()); err != nil {
		return nil, err
	}
	resp, err := g.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, replySize)
	return resp, nil
}

func (g *guarded) countKeys(address string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if address != g.keys {
		return nil
	}
	now := g.now()
	if !g.before.IsZero() && now.Sub(g.before) < keysInterval {
		return errKeysFetched
	}
	g.before = now
	return nil
}

// checkRedirect follows at most three; each is a new connection and is checked
// as the first one was. An answer with a code or token never leads on.
func (g *guarded) checkRedirect(r *http.Request, before []*http.Request) error {
	if len(before) > 3 {
		return errors.New("more than three redirects")
	}
	if before[0].Method != http.MethodGet || before[0].Header.Get("Authorization") != "" {
		return http.ErrUseLastResponse
	}
	return g.checkScheme(r.URL)
}

// checkScheme lets an issuer on https use nothing else.
func (g *guarded) checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && g.scheme == "http" {
		return nil
	}
	return fmt.Errorf("the provider is on %s and names an address on %q", g.scheme, u.Scheme)
}

// onThisMachine reports whether an operator's issuer is on localhost, which is
// as explicit as it can be.
func onThisMachine(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// checkAddress is asked when a name has been resolved and before the
// connection is made, so that no answer of a name server gets around it.
func checkAddress(address string, private bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q: %w", address, err)
	}
	addr := ap.Addr().Unmap().WithZone("")
	if public(addr) || private && (addr.IsLoopback() || addr.IsPrivate()) {
		return nil
	}
	return fmt.Errorf("connect to %v: not a public address, and the issuer is not configured as private", addr)
}

// notPublic are the special-purpose blocks (RFC 6890 and its registries) that
// netip does not name, and those of IPv6 that carry an IPv4 address inside.
var notPublic = func() (blocks []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		blocks = append(blocks, netip.MustParsePrefix(text))
	}
	return blocks
}()

// public reports whether an address is one of the open Internet.
func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	if addr.Is6() && !netip.MustParsePrefix("2000::/3").Contains(addr) {
		return false
	}
	for _, block := range notPublic {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}
