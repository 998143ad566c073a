package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/handlers/complete"
	"codeberg.org/althing/althing/handlers/nodeapi"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/corpus"
	first "codeberg.org/althing/althing/training/founding"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/tokenizer"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/workers"
	"github.com/go-chi/chi/v5"
)

// openTraining opens the stores of training and names the key by which nodes
// recognise this platform.
func (p *platform) openTraining(ctx context.Context) error {
	store, end, err := p.settings.openBlobs()
	if err != nil {
		return err
	}
	if p.uploads, err = blobs.OpenPartial(filepath.Join(p.settings.Dir, "uploads"), p.keys.Server.Seed(), blobs.Options{}); err != nil {
		return errors.Join(err, end())
	}
	s := &p.stores.Stores
	s.Blobs = store
	s.Nodes = nodes.New(p.trail, p.pool, now)
	s.Tokens = nodeapi.Tokens{Nodes: s.Nodes, Server: p.serverKey()}
	s.Corpus = corpus.New(p.trail, p.pool)
	s.Models = models.New(p.trail, p.pool)
	s.Rounds = rounds.New(p.trail, p.pool, rounds.Options{Log: p.reader, Server: p.keys.Server, Now: now, Choose: workers.Choose})
	s.Completer = complete.New(s.Models, store, now)
	s.Archives = workers.Archives{Training: workers.Training{Rounds: s.Rounds, Models: s.Models, Blobs: store, Keys: p.keys}, Log: p.reader}
	s.Unlearning = unlearning.New(p.trail, p.pool, s.Rounds)
	p.tasks = append(p.tasks, func(ctx context.Context) error {
		s.Rounds.Hub().Listen(ctx, p.pool, nil)
		return nil
	})
	return s.Nodes.NameServerKey(ctx, p.serverKey())
}

// trainingJobs are the workers of campaigns and of unlearning.
func (p *platform) trainingJobs() []workers.Add {
	s := p.stores
	t := workers.Training{Rounds: s.Rounds, Models: s.Models, Blobs: s.Blobs, Keys: p.keys, Cases: s.Moderation}
	return []workers.Add{workers.Rounds(t), workers.Unlearning(t, s.Unlearning)}
}

// enactors carry out the motions of training, each in the one act that begins
// what was decided and marks the proposal as carried out.
func (p *platform) enactors() map[string]workers.Enactor {
	return map[string]workers.Enactor{
		protocol.MotionTrain: func(ctx context.Context, actor governance.Actor, d proposals.Decision) error {
			_, err := p.stores.Rounds.OpenCampaign(ctx, actor, d.Entry, finished(d, "The campaign has begun."))
			return err
		},
		protocol.MotionUnlearn: func(ctx context.Context, actor governance.Actor, d proposals.Decision) error {
			_, err := p.stores.Unlearning.Open(ctx, actor, d.Entry, finished(d, "The unlearning has begun; its case shows how far it is."))
			return err
		},
		protocol.MotionAudit: func(ctx context.Context, actor governance.Actor, d proposals.Decision) error {
			return p.stores.Rounds.NameAuditor(ctx, actor, d.Entry, finished(d, "The auditor may read the updates."))
		},
	}
}

func finished(d proposals.Decision, outcome string) func(context.Context, *audit.Tx) error {
	return func(ctx context.Context, tx *audit.Tx) error {
		return proposals.Finish(ctx, tx, d.Proposal, proposals.Done, outcome)
	}
}

// nodeAPI answers nodes and writes down when they were heard.
func (p *platform) nodeAPI() http.Handler {
	s := p.stores
	api := nodeapi.New(nodeapi.Config{
		Nodes: s.Nodes, Work: workers.Uploads{Store: s.Rounds, Blobs: s.Blobs, Keys: p.keys}, Corpus: s.Corpus, Blobs: s.Blobs,
		Uploads: p.uploads, Server: p.keys.Server, LogKey: p.keys.LogKey, Split: p.keys.Split, Now: now, Log: p.log,
	})
	p.tasks = append(p.tasks, api.Run)
	h := api.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// the API's routes are whole paths: the router above must not shorten them
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil)))
	})
}

// importFounding makes the model that is embedded in this program the first
// version of a new community, under the name that its founder gave the model.
// Doing it twice is doing it once.
func (p *platform) importFounding(ctx context.Context) error {
	weights := first.Weights()
	config, err := llama.MarshalConfig(first.Made().Config)
	if err != nil {
		return fmt.Errorf("import the founding model: %w", err)
	}
	var tokens bytes.Buffer
	if err := tokenizer.Write(&tokens); err != nil {
		return fmt.Errorf("import the founding model: %w", err)
	}
	for _, file := range [][]byte{weights, tokens.Bytes()} {
		if err := p.stores.Blobs.Put(ctx, training.DigestOf(file), int64(len(file)), bytes.NewReader(file)); err != nil {
			return fmt.Errorf("import the founding model: %w", err)
		}
	}
	values, err := p.stores.Policies.InForce(ctx)
	if err != nil {
		return err
	}
	_, err = p.stores.Models.ImportFounding(ctx, governance.Job("begin-community"), models.Founding{
		Name: values.Text(policies.ModelName), Weights: training.DigestOf(weights), Size: int64(len(weights)), Config: string(config),
		Tokenizer: training.DigestOf(tokens.Bytes()), Licence: "bsd-3-clause", Card: first.Card,
	})
	if governance.Is(err, governance.Conflict) {
		return nil
	}
	return err
}
