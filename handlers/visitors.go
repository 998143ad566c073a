package handlers

import (
	"net/http"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
)

// visitorPages keeps the pages that were made for visitors. What a visitor
// sees follows from the trail, so a page is good until the next act, which is
// one small question to Postgres instead of many; and never longer than a few
// seconds, for what follows from the clock.
type visitorPages struct {
	mu    sync.Mutex
	pages map[string]visitorPage
	size  int
}

// visitorPage is one page as it was made when the trail ended with an entry.
type visitorPage struct {
	last governance.EntryID
	at   time.Time
	body []byte
}

const (
	keepVisitorPage = 5 * time.Second
	maxVisitorPages = 32 << 20 // bytes
)

// visitor reports whether a request comes from a browser that carries nothing:
// no session, nobody who is about to join.
func visitor(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Cookie") == ""
}

// get returns a page that is still what it would be if it were made now.
func (v *visitorPages) get(address string, last governance.EntryID, now time.Time) ([]byte, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.pages[address]
	if !ok || p.last != last || now.Sub(p.at) >= keepVisitorPage {
		return nil, false
	}
	return p.body, true
}

// put keeps a page. When the pages together are too large all are let go: the
// next visitors make them again.
func (v *visitorPages) put(address string, p visitorPage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pages == nil || v.size+len(p.body) > maxVisitorPages {
		v.pages, v.size = map[string]visitorPage{}, 0
	}
	v.size += len(p.body) - len(v.pages[address].body)
	v.pages[address] = p
}

// keptPage answers a visitor with a page that was made before, if it still holds.
// Otherwise it returns a function that keeps the page that is made now.
func (s *Site) keptPage(w http.ResponseWriter, r *http.Request) (keep func(body []byte), answered bool) {
	nothing := func([]byte) {}
	if !visitor(r) {
		return nothing, false
	}
	last, err := s.Log.Last(r.Context())
	if err != nil {
		return nothing, false // the page itself will say what is wrong
	}
	address, now := r.URL.RequestURI(), s.now()
	if body, ok := s.visitors.get(address, last, now); ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body) // a reader who has gone is no error of ours
		return nothing, true
	}
	return func(body []byte) { s.visitors.put(address, visitorPage{last: last, at: now, body: body}) }, false
}
