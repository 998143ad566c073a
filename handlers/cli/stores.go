package cli

import (
	"context"
	"crypto/sha256"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/talk"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/handlers"
	"codeberg.org/althing/althing/handlers/localidp"
	"codeberg.org/althing/althing/handlers/session"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/workers"
)

// stores are the stores of the platform; the site knows most of them.
type stores struct {
	handlers.Stores
	accounts *accounts.Store
	sessions *accounts.Sessions
}

func (p *platform) openStores(ctx context.Context) error {
	offices, err := elections.New(p.trail, p.pool, p.keys.Ballots.Recipient().String())
	if err != nil {
		return err
	}
	promiser, err := envelope.NewPromiser(p.keys.LogVerifier.Name(), p.keys.Server)
	if err != nil {
		return err
	}
	p.stores = stores{
		Stores: handlers.Stores{
			Log:        p.reader,
			Members:    members.New(p.trail, p.pool, now),
			Pages:      pages.New(p.trail, p.pool),
			Policies:   policies.New(p.trail, p.pool),
			Proposals:  proposals.New(p.trail, p.pool, motionKinds()),
			Voting:     voting.New(p.trail, p.pool),
			Elections:  offices.Promising(promiser),
			Moderation: moderation.New(p.trail, p.pool),
			Talk:       talk.New(p.trail, p.pool),
		},
		accounts: accounts.New(p.pool, now),
		sessions: accounts.NewSessions(p.pool, now, session.Idle, session.Lifetime),
	}
	return p.openTraining(ctx)
}

// motionKinds are the motions that this program can carry out.
func motionKinds() proposals.Kinds {
	return proposals.Kinds{
		proposals.MotionResolution: proposals.Resolution,
		policies.MotionPolicy:      proposals.PolicyMotion,
		protocol.MotionTrain:       trainMotion,
		protocol.MotionUnlearn:     unlearnMotion,
		protocol.MotionAudit:       auditMotion,
	}
}

func (p *platform) openJobs(context.Context) error {
	var err error
	families := []workers.Add{
		workers.Founding(p.stores.Pages, p.importFounding),
		workers.Elections(p.stores.Elections, p.keys.Ballots),
		workers.Housekeeping(p.stores.accounts, p.stores.sessions),
		workers.Proposals(p.stores.Proposals, p.stores.Policies, now, p.enactors()),
	}
	p.jobs, err = workers.NewClient(p.pool, p.log, append(families, p.trainingJobs()...)...)
	if err != nil {
		return err
	}
	p.jobs.PeriodicJobs().AddMany(workers.Periodic())
	return nil
}

func (p *platform) openSite(context.Context) error {
	site := handlers.New(p.stores.Stores, p.log, now)
	parts := handlers.Parts{Motions: []handlers.MotionForm{handlers.ResolutionForm, handlers.PolicyForm, handlers.TrainForm(p.stores.Stores), unlearnForm(), auditForm()}, Mounts: map[string]http.Handler{"/node/v1": p.nodeAPI()}}
	issuers := p.settings.Issuers
	if p.settings.Local {
		local, err := p.openLocal(site)
		if err != nil {
			return err
		}
		parts.Local, parts.Mounts[local.Prefix()] = local, local
		issuers = append(issuers, session.Issuer{
			Name: "local", Title: "this server", URL: p.settings.URL + "/op", ClientID: localidp.ClientID, Local: true, Private: true, Client: local.Client(),
		})
	}
	gate, err := session.New(session.Config{
		Base: p.settings.URL, Callback: href.SignInCallback(), Join: href.Join(), Issuers: issuers,
		Members: p.stores.Members, Sessions: p.stores.sessions, Now: now, Fail: site.Fail, Welcome: handlers.Welcome(p.stores.Stores),
		StepsPerMinute: 10 * p.settings.Crowd,
	})
	if err != nil {
		return err
	}
	parts.Gate = gate
	p.handler = site.Handler(parts)
	return nil
}

// openLocal makes the OpenID provider of this server.
func (p *platform) openLocal(site *handlers.Site) (*localidp.Provider, error) {
	return localidp.New(localidp.Config{
		Issuer: p.settings.URL + "/op", RedirectURI: p.settings.URL + href.SignInCallback() + "/local",
		Secret: sha256.Sum256(append([]byte("local provider"), p.keys.Server.Seed()...)), Accounts: p.stores.accounts,
		Pages: &handlers.Renderer{Site: site}, Now: now, SignInPath: href.LocalSignIn, RegisterPath: href.LocalRegister,
		AccountsPerHour: p.settings.Crowd,
	})
}

// foundingLink makes a new one-time link while nobody has founded the community.
func (p *platform) foundingLink(ctx context.Context) (string, error) {
	founded, err := p.stores.Policies.Founded(ctx)
	if err != nil || founded {
		return "", err
	}
	secret, err := p.stores.Policies.OpenFounding(ctx, governance.Job("start"))
	if err != nil {
		return "", err
	}
	return p.settings.URL + href.Founding() + "?secret=" + secret, nil
}
