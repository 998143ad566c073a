package session

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// flowLife is how long somebody may take at the provider.
const flowLife = 10 * time.Minute

// flow is a sign-in under way. It lives in a cookie of the browser that began
// it and nowhere else: whoever brings a code without it is refused. Its owner
// may read and change it and would only harm their own sign-in.
type flow struct {
	Issuer   string `json:"issuer"`
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
	Begun    int64  `json:"begun"`           // Unix seconds
	Again    bool   `json:"again,omitempty"` // the secret must be typed anew
}

// Begin sends the browser to an issuer. next is where it wants to go
// afterwards; again asks that the secret be typed even if the provider still
// knows the person. It answers a POST: a link must not begin a sign-in.
func (g *Gate) Begin(w http.ResponseWriter, r *http.Request, issuer, next string, again bool) error {
	p := g.provider(issuer)
	if p == nil {
		return governance.Errorf(governance.NotFound, "There is no way to sign in of this name.")
	}
	d, err := p.discover(r.Context())
	if err != nil {
		return err
	}
	f := flow{
		Issuer: issuer, State: randomText(), Nonce: randomText(), Verifier: oauth2.GenerateVerifier(),
		Next: ReturnTo(next), Begun: g.cfg.Now().Unix(), Again: again,
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("max_age", "0"), oauth2.SetAuthURLParam("prompt", "login"))
	}
	if err := g.setFlow(w, f); err != nil {
		return err
	}
	http.Redirect(w, r, d.oauth.AuthCodeURL(f.State, options...), http.StatusSeeOther)
	return nil
}

func randomText() string {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (g *Gate) setFlow(w http.ResponseWriter, f flow) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: g.cookie("sign-in"), Value: base64.RawURLEncoding.EncodeToString(data), Path: "/", MaxAge: int(flowLife.Seconds()),
		HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

// takeFlow reads the browser's flow and deletes it, so that it is used once,
// and compares what came back with it.
func (g *Gate) takeFlow(w http.ResponseWriter, r *http.Request, issuer string) (flow, error) {
	http.SetCookie(w, &http.Cookie{
		Name: g.cookie("sign-in"), Path: "/", MaxAge: -1, HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteLaxMode,
	})
	refused := governance.Errorf(governance.Invalid, "This sign-in was not begun in this browser, or is used up. Please begin again.")
	cookie, err := r.Cookie(g.cookie("sign-in"))
	if err != nil {
		return flow{}, refused
	}
	data, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return flow{}, refused
	}
	var f flow
	if err := json.Unmarshal(data, &f); err != nil || f.State == "" || f.Nonce == "" || f.Verifier == "" {
		return flow{}, refused
	}
	state := r.URL.Query().Get("state")
	if f.Issuer != issuer || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 {
		return flow{}, refused
	}
	if age := g.cfg.Now().Sub(time.Unix(f.Begun, 0)); age < 0 || age > flowLife {
		return flow{}, governance.Errorf(governance.Invalid, "This sign-in took longer than ten minutes. Please begin again.")
	}
	return f, nil
}
