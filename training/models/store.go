package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store keeps checkpoints and versions.
type Store struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store of a database.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Store { return &Store{trail, pool} }

// RefVersion is the kind of reference to a version.
const RefVersion = "version"

// States of a version.
const (
	Published = "published"
	Withdrawn = "withdrawn"
)

// Version is one gated checkpoint with its card.
type Version struct {
	ID          training.VersionID
	Name        string
	Weights     training.Digest
	Size        int64               // bytes of the weights' safetensors file
	Parent      training.VersionID  // 0 for the founding version
	Campaign    training.CampaignID // 0 for what was imported
	Decision    governance.EntryID  // 0 for what was imported
	Config      string              // config.json
	Tokenizer   training.Digest     // of tokenizer.json
	Licence     string              // SPDX identifier
	Card        string              // Markdown
	State       string
	Served      bool
	PublishedAt time.Time
	WithdrawnAt *time.Time
	Reason      string // why it was withdrawn
}

const columns = `v.id, v.name, v.weights, c.size, coalesce(v.parent, 0) as parent, coalesce(v.campaign, 0) as campaign,
	coalesce(v.decision, 0) as decision, v.config, v.tokenizer, v.licence, v.card, v.state, v.served, v.published_at,
	v.withdrawn_at, v.reason`

// Versions lists all versions, newest first.
func (s *Store) Versions(ctx context.Context) ([]Version, error) {
	const q = `select ` + columns + ` from versions v join checkpoints c on c.digest = v.weights order by v.id desc`
	rows, _ := s.pool.Query(ctx, q)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Version])
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return found, nil
}

// Version returns one version.
func (s *Store) Version(ctx context.Context, id training.VersionID) (Version, error) {
	return version(ctx, s.pool, id)
}

func version(ctx context.Context, db pg.Reader, id training.VersionID) (Version, error) {
	const q = `select ` + columns + ` from versions v join checkpoints c on c.digest = v.weights where v.id = @id`
	rows, _ := db.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Version])
	if errors.Is(err, pgx.ErrNoRows) {
		return Version{}, governance.Errorf(governance.NotFound, "There is no version %d.", id)
	}
	if err != nil {
		return Version{}, fmt.Errorf("read version %d: %w", id, err)
	}
	return v, nil
}

// Served returns the version that answers now; NotFound where none does.
func (s *Store) Served(ctx context.Context) (Version, error) {
	const q = `select ` + columns + ` from versions v join checkpoints c on c.digest = v.weights where v.served`
	rows, _ := s.pool.Query(ctx, q)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Version])
	if errors.Is(err, pgx.ErrNoRows) {
		return Version{}, governance.Errorf(governance.NotFound, "No version of the model is served now.")
	}
	if err != nil {
		return Version{}, fmt.Errorf("read the served version: %w", err)
	}
	return v, nil
}

// WithWeights returns the newest version that has these weights. It is a step
// of acts that need to know what they begin from.
func WithWeights(ctx context.Context, db pg.Reader, weights training.Digest) (Version, error) {
	const q = `select ` + columns + ` from versions v join checkpoints c on c.digest = v.weights
		where v.weights = @weights order by v.id desc limit 1`
	rows, _ := db.Query(ctx, q, pgx.StrictNamedArgs{"weights": weights})
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Version])
	if errors.Is(err, pgx.ErrNoRows) {
		return Version{}, governance.Errorf(governance.NotFound, "No version of the model has the weights %s.", weights)
	}
	if err != nil {
		return Version{}, fmt.Errorf("read the version of %s: %w", weights, err)
	}
	return v, nil
}

// named is how a version may be called.
func named(name string) error {
	if len(name) < 1 || len(name) > 200 {
		return governance.FieldErrorf("name", "A version's name has 1 to 200 bytes; this one has %d.", len(name))
	}
	return nil
}
