package models

import (
	"context"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// Founding is the model that a community begins with.
type Founding struct {
	Name      string
	Weights   training.Digest
	Size      int64  // bytes of the safetensors file
	Config    string // config.json
	Tokenizer training.Digest
	Licence   string // SPDX identifier
	Card      string // Markdown
}

// ImportFounding makes the first version and serves it. The files are blobs
// already. A community is founded once.
func (s *Store) ImportFounding(ctx context.Context, actor governance.Actor, f Founding) (training.VersionID, error) {
	var id training.VersionID
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Only the founding of a community imports its first model.")
		}
		if err := named(f.Name); err != nil {
			return nil, err
		}
		if err := Keep(ctx, tx, f.Weights, f.Size); err != nil {
			return nil, err
		}
		const insert = `
			insert into versions (name, weights, config, tokenizer, licence, card, state, served, published_at)
			values (@name, @weights, @config, @tokenizer, @licence, @card, 'published', true, @now) returning id`
		err := tx.QueryRow(ctx, insert, pgx.StrictNamedArgs{
			"name": f.Name, "weights": f.Weights, "config": f.Config, "tokenizer": f.Tokenizer,
			"licence": f.Licence, "card": f.Card, "now": tx.Now(ctx),
		}).Scan(&id)
		if err != nil {
			return nil, pg.Translate(fmt.Errorf("import the founding model: %w", err), map[string]error{
				"versions_founding": governance.Errorf(governance.Conflict, "This community has its founding model already."),
				"versions_served":   governance.Errorf(governance.Conflict, "This community has its founding model already."),
			})
		}
		if err := tx.Name(ctx, governance.RefTo(RefVersion, id), f.Name); err != nil {
			return nil, err
		}
		return Imported{
			Version: id, Weights: f.Weights.Hex(), Tokenizer: f.Tokenizer.Hex(),
			Config: training.DigestOf([]byte(f.Config)).Hex(), Card: training.DigestOf([]byte(f.Card)).Hex(), Licence: f.Licence,
		}, nil
	})
	if err != nil {
		return 0, err
	}
	return training.VersionID(receipt.Subject.ID()), nil
}

// Publication is what makes a checkpoint a version. Config, tokenizer and
// licence are those of the version that it descends from.
type Publication struct {
	Name     string
	Weights  training.Digest
	Parent   training.VersionID
	Campaign training.CampaignID
	Decision governance.EntryID
	Card     string
}

// Add is the step that makes a version and serves it in place of the one
// before. Tainted weights are refused.
func Add(ctx context.Context, tx *audit.Tx, p Publication) (training.VersionID, error) {
	if err := named(p.Name); err != nil {
		return 0, err
	}
	const lock = `select coalesce(tainted_by, 0) from checkpoints where digest = @weights for share`
	var tainted training.UnlearningID
	err := tx.QueryRow(ctx, lock, pgx.StrictNamedArgs{"weights": p.Weights}).Scan(&tainted)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, governance.Errorf(governance.NotFound, "No checkpoint has the digest %s.", p.Weights)
	}
	if err != nil {
		return 0, fmt.Errorf("publish %s: %w", p.Weights, err)
	}
	if tainted != 0 {
		return 0, governance.Errorf(governance.Conflict, "Checkpoint %s was trained on records that unlearning case %d forgets; it is never published.", p.Weights, tainted)
	}
	parent, err := version(ctx, tx, p.Parent)
	if err != nil {
		return 0, err
	}
	const step = `update versions set served = false where served`
	if _, err := tx.Exec(ctx, step); err != nil {
		return 0, fmt.Errorf("publish %s: %w", p.Weights, err)
	}
	const insert = `
		insert into versions (name, weights, parent, campaign, decision, config, tokenizer, licence, card, state, served, published_at)
		values (@name, @weights, @parent, @campaign, @decision, @config, @tokenizer, @licence, @card, 'published', true, @now)
		returning id`
	var id training.VersionID
	err = tx.QueryRow(ctx, insert, pgx.StrictNamedArgs{
		"name": p.Name, "weights": p.Weights, "parent": p.Parent, "campaign": p.Campaign, "decision": p.Decision,
		"config": parent.Config, "tokenizer": parent.Tokenizer, "licence": parent.Licence, "card": p.Card, "now": tx.Now(ctx),
	}).Scan(&id)
	if err != nil {
		return 0, pg.Translate(fmt.Errorf("publish %s: %w", p.Weights, err), map[string]error{
			"versions_campaign": governance.Errorf(governance.Conflict, "Campaign %d has its version already.", p.Campaign),
		})
	}
	return id, tx.Name(ctx, governance.RefTo(RefVersion, id), p.Name)
}

// Publish makes the last checkpoint of a campaign a version. It is an act of
// the job that follows the gate.
func (s *Store) Publish(ctx context.Context, actor governance.Actor, p Publication) (training.VersionID, error) {
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "A version is published by its campaign's gate and by nobody else.")
		}
		id, err := Add(ctx, tx, p)
		if err != nil {
			return nil, err
		}
		return VersionPublished{
			Version: id, Weights: p.Weights.Hex(), Parent: p.Parent, Campaign: p.Campaign, Decision: p.Decision,
			Card: training.DigestOf([]byte(p.Card)).Hex(),
		}, nil
	})
	if err != nil {
		return 0, err
	}
	return training.VersionID(receipt.Subject.ID()), nil
}

// WithdrawTainted is the step that takes every version with tainted weights
// from service. If the served one is among them, the newest clean version is
// served in its place. It returns the versions withdrawn, ascending.
func WithdrawTainted(ctx context.Context, tx *audit.Tx, reason string) ([]training.VersionID, error) {
	const withdraw = `
		update versions v set state = 'withdrawn', served = false, withdrawn_at = @now, reason = @reason
		from checkpoints c
		where c.digest = v.weights and c.tainted_by is not null and v.state = 'published' returning v.id`
	rows, _ := tx.Query(ctx, withdraw, pgx.StrictNamedArgs{"now": tx.Now(ctx), "reason": reason})
	gone, err := pgx.CollectRows(rows, pgx.RowTo[training.VersionID])
	if err != nil {
		return nil, fmt.Errorf("withdraw tainted versions: %w", err)
	}
	const serve = `
		update versions set served = true
		where not exists (select from versions where served)
		and id = (select max(id) from versions where state = 'published')`
	if _, err := tx.Exec(ctx, serve); err != nil {
		return nil, fmt.Errorf("serve a clean version: %w", err)
	}
	return ascending(gone), nil
}
