package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/members"
	"golang.org/x/oauth2"
)

// Callback answers at an issuer's redirect address: it checks what came back,
// gives the browser a new session and sends it where it wanted to go, or a
// newcomer to the page for joining. The browser's session before is ended.
func (g *Gate) Callback(w http.ResponseWriter, r *http.Request, issuer string) error {
	p := g.provider(issuer)
	if p == nil {
		return governance.Errorf(governance.NotFound, "There is no way to sign in of this name.")
	}
	w.Header().Set("Cache-Control", "no-store")
	f, err := g.takeFlow(w, r, issuer)
	if err != nil {
		return err
	}
	d, err := p.discover(r.Context())
	if err != nil {
		return err
	}
	if err := p.checkAnswer(r, d); err != nil {
		return err
	}
	who, err := p.identify(r.Context(), d, r.URL.Query().Get("code"), f.Verifier, f.Nonce)
	if err != nil {
		return err
	}
	if begun := time.Unix(f.Begun, 0); f.Again && who.typed.Before(begun.Add(-time.Minute)) {
		return governance.Errorf(governance.Forbidden, "%s does not say that you have just typed your password there, so this cannot go on. Sign in with another provider, or ask the people who run that one.", p.Title)
	}
	member, err := g.memberOf(r.Context(), who.Newcomer)
	if err != nil {
		return err
	}
	if member == 0 {
		return g.keepNewcomer(w, r, who, f.Next)
	}
	if err := g.keepMember(r.Context(), member, issuer, who.typed); err != nil {
		return err
	}
	http.Redirect(w, r, f.Next, http.StatusSeeOther)
	return nil
}

// checkAnswer looks at the parameters that the browser brought, before the
// code is sent anywhere.
func (p *provider) checkAnswer(r *http.Request, d *discovered) error {
	q := r.URL.Query()
	iss, said := q["iss"]
	if said && (len(iss) != 1 || iss[0] != p.URL) || !said && d.sendsIssuer {
		return governance.Errorf(governance.Invalid, "The answer does not come from %s. Please begin again.", p.Title)
	}
	switch q.Get("error") {
	case "":
	case "access_denied":
		return governance.Errorf(governance.Forbidden, "You stopped the sign-in at %s. Nothing has changed.", p.Title)
	default:
		return governance.Errorf(governance.Unavailable, "%s did not sign you in. Please try again later or in another way.", p.Title)
	}
	if q.Get("code") == "" {
		return governance.Errorf(governance.Invalid, "The answer of %s is not complete. Please begin again.", p.Title)
	}
	return nil
}

// identified is who signed in, and when they last typed a secret there; zero
// if the issuer does not say.
type identified struct {
	Newcomer
	typed time.Time
}

// identify exchanges the code and checks the tokens.
func (p *provider) identify(ctx context.Context, d *discovered, code, verifier, nonce string) (identified, error) {
	ctx = p.context(ctx)
	tokens, err := d.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return identified{}, p.refusal("exchange the code", withoutBody(err))
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return identified{}, p.refusal("exchange the code", errors.New("the answer has no ID token"))
	}
	token, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return identified{}, p.refusal("verify the ID token", err)
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return identified{}, p.refusal("read the ID token", err)
	}
	var info *claims
	if c.name() == "" && d.oidc.UserInfoEndpoint() != "" {
		if info, err = p.userinfo(ctx, d, tokens); err != nil {
			return identified{}, err
		}
	}
	if err := checkIDToken(p.now(), p.ClientID, nonce, token, c, tokens.AccessToken, info); err != nil {
		return identified{}, p.refusal("check the ID token", err)
	}
	name := c.name()
	if name == "" && info != nil {
		name = info.name()
	}
	who := identified{Newcomer: Newcomer{
		Identity: members.Identity{Issuer: p.URL, Subject: token.Subject}, Via: p.Name, Name: name,
	}}
	if c.AuthTime > 0 && c.AuthTime <= p.now().Add(time.Minute).Unix() {
		who.typed = time.Unix(c.AuthTime, 0)
	}
	return who, nil
}

// userinfo asks for the claims that the ID token does not have.
func (p *provider) userinfo(ctx context.Context, d *discovered, tokens *oauth2.Token) (*claims, error) {
	answer, err := d.oidc.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, p.refusal("read the user info", errors.New("the user info endpoint did not answer as it should"))
	}
	info := &claims{Subject: answer.Subject}
	if err := answer.Claims(info); err != nil {
		return nil, p.refusal("read the user info", errors.New("the claims are not what they should be"))
	}
	return info, nil
}

// refusal is what a person reads when a provider's answer is not good. The
// cause is for the operator's log; it holds no token.
func (p *provider) refusal(step string, cause error) error {
	return fmt.Errorf("%w (%s at %s: %w)",
		governance.Errorf(governance.Invalid, "The answer of %s could not be accepted, so you are not signed in. Please begin again.", p.Title),
		step, p.Name, cause)
}

// withoutBody keeps an answer's body, which may hold tokens, out of errors.
func withoutBody(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return err
	}
	status := "no status"
	if answer.Response != nil {
		status = answer.Response.Status
	}
	return fmt.Errorf("the token endpoint answered %s, error %q", status, answer.ErrorCode)
}

// memberOf finds the member of an identity or welcomes a newcomer; 0 means
// that the newcomer must fill in the form first.
func (g *Gate) memberOf(ctx context.Context, who Newcomer) (governance.MemberID, error) {
	m, err := g.cfg.Members.ByIdentity(ctx, who.Identity)
	if err == nil {
		return m.ID, nil
	}
	if !governance.Is(err, governance.NotFound) {
		return 0, err
	}
	if g.cfg.Welcome == nil {
		return 0, nil
	}
	id, err := g.cfg.Welcome(ctx, who)
	if err != nil && governance.KindOf(err) != 0 {
		return 0, nil // the form will say why
	}
	return id, err
}

// keepMember replaces the browser's session by a new one under another token.
func (g *Gate) keepMember(ctx context.Context, id governance.MemberID, via string, typed time.Time) error {
	if err := g.renew(ctx); err != nil {
		return err
	}
	g.scs.Put(ctx, accounts.KeyMember, id.String())
	g.scs.Put(ctx, keyVia, via)
	g.scs.Put(ctx, keyTyped, seconds(typed))
	return nil
}

// seconds is how a session keeps a time; "0" is none.
func seconds(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// keepNewcomer remembers a proved identity until the person has joined.
func (g *Gate) keepNewcomer(w http.ResponseWriter, r *http.Request, who identified, next string) error {
	ctx := r.Context()
	if err := g.renew(ctx); err != nil {
		return err
	}
	name := who.Name
	if len(name) > 200 {
		name = ""
	}
	for key, value := range map[string]string{
		keyIssuer: who.Issuer, keySubject: who.Subject, keyName: name, keyVia: who.Via, keyTyped: seconds(who.typed), keyNext: next,
	} {
		g.scs.Put(ctx, key, value)
	}
	http.Redirect(w, r, g.cfg.Join, http.StatusSeeOther)
	return nil
}

// renew ends the session that the browser had, so that a token planted before
// signing in is worth nothing after.
func (g *Gate) renew(ctx context.Context) error {
	if err := g.scs.Clear(ctx); err != nil {
		return fmt.Errorf("clear session: %w", err)
	}
	if err := g.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	return nil
}

// Admit signs in the newcomer of the request, who has just become a member,
// and returns where they wanted to go.
func (g *Gate) Admit(r *http.Request, id governance.MemberID) (next string, err error) {
	if _, ok := Pending(r); !ok {
		return "", governance.Errorf(governance.Unauthenticated, "Sign in first, then join.")
	}
	v := of(r)
	return ReturnTo(v.next), g.keepMember(r.Context(), id, v.via, v.typed)
}

// SignOut ends the session of the request's browser.
func (g *Gate) SignOut(r *http.Request) error {
	if err := g.scs.Destroy(r.Context()); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// SignOutEverywhere ends all sessions of the request's member, this one too.
func (g *Gate) SignOutEverywhere(r *http.Request) error {
	if id, ok := Member(r); ok {
		if err := g.cfg.Sessions.EndAll(r.Context(), id); err != nil {
			return fmt.Errorf("sign out everywhere: %w", err)
		}
	}
	return g.SignOut(r)
}
