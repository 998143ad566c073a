package handlers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
)

// keptSite is what the frame of every page shows, read once a second and not
// once a page.
type keptSite struct {
	mu   sync.Mutex
	at   time.Time
	site siteFacts
}

type siteFacts struct {
	inForce policies.Values
	signed  audit.Signed
	model   models.Version // that is served; zero without one
}

const keepSite = time.Second

func (s *Site) facts(ctx context.Context) (siteFacts, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if s.now().Sub(s.kept.at) < keepSite {
		return s.kept.site, nil
	}
	var f siteFacts
	var err error
	if f.inForce, err = s.Policies.InForce(ctx); err != nil {
		return f, err
	}
	if f.model, err = s.Models.Served(ctx); err != nil && !governance.Is(err, governance.NotFound) {
		return f, err
	}
	f.signed, err = s.Log.Checkpoint(ctx)
	if err != nil && !governance.Is(err, governance.NotFound) {
		return f, err
	}
	s.kept.site, s.kept.at = f, s.now()
	return f, nil
}

// forget makes the next page read what an act has just changed.
func (k *keptSite) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = time.Time{}
}

// chrome fills in what every page has around its text.
func (s *Site) chrome(r *http.Request, c layout.Chrome) (layout.Chrome, error) {
	f, err := s.facts(r.Context())
	if err != nil {
		return c, err
	}
	c.Community = f.inForce.Text(policies.CommunityName)
	if f.model.ID != 0 {
		c.Model, c.ModelURL = f.model.Name, href.Version(int64(f.model.ID))
	}
	if f.signed.Size > 0 {
		c.Checkpoint = layout.Checkpoint{
			Size: f.signed.Size, Root: hex.EncodeToString(f.signed.Root[:]), Signed: moment(f.signed.At),
			Key: keyName(s.Log.Key()), Origin: f.signed.Origin,
		}
		c.Built = f.signed.Size
	}
	if id := s.sessions.Member(r); id != 0 {
		m, err := s.Members.ByID(r.Context(), id)
		if err != nil {
			return c, err
		}
		c.MemberID, c.MemberName = int64(id), m.Name
	}
	return c, nil
}

// keyName is the name and hash of a note's verifier key, without the key.
func keyName(key string) string {
	parts := strings.SplitN(key, "+", 3)
	return strings.Join(parts[:min(2, len(parts))], "+")
}

// newOperation makes the operation id of a form.
func newOperation() string {
	return rand.Text()
}

// actor is who sends a form, with the form's operation: a retry with the same
// content answers what the first try did.
func (s *Site) actor(r *http.Request) (governance.Actor, error) {
	id := s.sessions.Member(r)
	if id == 0 {
		return governance.Actor{}, governance.Errorf(governance.Unauthenticated, "You are not signed in, or your session has ended. What you wrote is below; sign in and send it again.")
	}
	op := r.PostForm.Get("op")
	if op == "" {
		return governance.Actor{}, governance.Errorf(governance.Invalid, "The form has no operation id. Load the page again and send it once more.")
	}
	content := []string{r.URL.Path}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		content = append(content, name)
		content = append(content, r.PostForm[name]...)
	}
	return governance.Member(id, governance.NewOperation(op, content...)), nil
}

// pathID reads a number of the path; anything else is not found.
func pathID[ID ~int64](r *http.Request, name string) (ID, error) {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || n < 1 {
		return 0, governance.Errorf(governance.NotFound, "There is no page at this address.")
	}
	return ID(n), nil
}

// formID reads a number of a form or a query; what is missing or wrong is 0.
func formID[ID ~int64](r *http.Request, name string) ID {
	n, err := strconv.ParseInt(r.FormValue(name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return ID(n)
}
