package unlearning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// States of a case.
const (
	Suppressing = "suppressing" // the contributor's nodes install the suppression
	Replaying   = "replaying"   // the rounds are trained again without them
	Verifying   = "verifying"   // members measure, auditors train again
	Passed      = "passed"      // the clean version may be published
	Failed      = "failed"      // people have to look at it
	Published   = "published"   // the clean version is served, tainted ones are withdrawn
	Closed      = "closed"      // the key to the updates is destroyed; the certificate stands
)

// Settings are the policies' numbers by which a case is judged.
type Settings struct {
	Canaries   int64 `json:"canaries"`    // planted secrets behind an exposure, at least
	Worsening  int64 `json:"worsening"`   // of the loss of those who remain, at most, millionths
	MinRecords int64 `json:"min_records"` // validation records behind a measurement, at least
	Destroy    int64 `json:"destroy"`     // days after which the files of tainted weights are removed
}

// SettingsFrom takes what a case needs from the policies in force.
func SettingsFrom(v policies.Values) Settings {
	return Settings{
		Canaries: v.Int(policies.UnlearnCanaries), Worsening: v.Int(policies.UnlearnWorsening),
		MinRecords: v.Int(policies.EvaluationMinimum), Destroy: v.Int(policies.UnlearnDestroyDays),
	}
}

// Case is one decision to forget and how it was carried out.
type Case struct {
	ID          training.UnlearningID
	Proposal    governance.ProposalID
	Decision    governance.EntryID
	Campaign    training.CampaignID
	Contributor governance.MemberID
	Settings    Settings
	State       string
	Epoch       int
	FirstRound  int                 // number; 0 if nothing of the contributor counted
	Clean       training.Digest     // the checkpoint before it
	Tainted     training.Digest     // the last checkpoint that the records touched
	Marked      int64               // checkpoints tainted
	Replay      training.CampaignID // 0 before it began
	Result      training.Digest     // last checkpoint of the replay; zero before its end
	Version     training.VersionID  // that replaces the tainted ones; 0 before
	Withdrawn   []training.VersionID
	Silent      []governance.NodeID
	Due         time.Time
	Verdict     Verdict
	Destroyed   int64  // stored updates whose key is gone
	Certificate []byte // canonical JSON; nil before the case is closed
	Reason      string
	OpenedAt    time.Time
	ReplayingAt *time.Time
	VerifyingAt *time.Time
	JudgedAt    *time.Time
	PublishedAt *time.Time
	EndedAt     *time.Time
}

// Store keeps unlearning cases.
type Store struct {
	trail  *audit.Trail
	pool   *pgxpool.Pool
	rounds *rounds.Store
}

// New returns the store of a database.
func New(trail *audit.Trail, pool *pgxpool.Pool, rounds *rounds.Store) *Store {
	return &Store{trail, pool, rounds}
}

const columns = `id, proposal, decision, campaign, contributor, settings, state, epoch, first_round, clean, tainted, marked,
	coalesce(replay, 0), coalesce(result, '\x0000000000000000000000000000000000000000000000000000000000000000'), coalesce(version, 0),
	withdrawn, silent, due, verdict, destroyed, certificate, reason, opened_at, replaying_at, verifying_at, judged_at, published_at, ended_at`

func scan(row pgx.CollectableRow) (Case, error) {
	var c Case
	var settings, verdict string
	err := row.Scan(&c.ID, &c.Proposal, &c.Decision, &c.Campaign, &c.Contributor, &settings, &c.State, &c.Epoch, &c.FirstRound,
		&c.Clean, &c.Tainted, &c.Marked, &c.Replay, &c.Result, &c.Version, &c.Withdrawn, &c.Silent, &c.Due, &verdict, &c.Destroyed,
		&c.Certificate, &c.Reason, &c.OpenedAt, &c.ReplayingAt, &c.VerifyingAt, &c.JudgedAt, &c.PublishedAt, &c.EndedAt)
	if err != nil {
		return c, err
	}
	if c.Settings, err = protocol.Decode[Settings]([]byte(settings)); err != nil {
		return c, fmt.Errorf("settings of case %d: %w", c.ID, err)
	}
	if verdict != "" {
		if c.Verdict, err = protocol.Decode[Verdict]([]byte(verdict)); err != nil {
			return c, fmt.Errorf("verdict of case %d: %w", c.ID, err)
		}
	}
	return c, nil
}

// Case returns one case.
func (s *Store) Case(ctx context.Context, id training.UnlearningID) (Case, error) {
	const q = `select ` + columns + ` from unlearning_cases where id = @id`
	return one(ctx, s.pool, q, id)
}

// lock is the step that reads a case and keeps it until the act ends.
func lock(ctx context.Context, tx *audit.Tx, id training.UnlearningID, state string) (Case, error) {
	if tx.Actor.Job == "" {
		return Case{}, governance.Errorf(governance.Forbidden, "A decision of the community moves an unlearning case, and nobody else.")
	}
	const q = `select ` + columns + ` from unlearning_cases where id = @id for update`
	c, err := one(ctx, tx, q, id)
	if err == nil && c.State != state {
		err = governance.Errorf(governance.Conflict, "Unlearning case %d is %s.", id, c.State)
	}
	return c, err
}

func one(ctx context.Context, db pg.Reader, q string, id training.UnlearningID) (Case, error) {
	rows, _ := db.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	c, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, governance.Errorf(governance.NotFound, "There is no unlearning case %d.", id)
	}
	if err != nil {
		return c, fmt.Errorf("read unlearning case %d: %w", id, err)
	}
	return c, nil
}

// Cases lists cases, newest first; before is the last id of the page before, 0
// for the first page.
func (s *Store) Cases(ctx context.Context, before training.UnlearningID) ([]Case, error) {
	const q = `select ` + columns + ` from unlearning_cases where @before = 0 or id < @before order by id desc limit 50`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"before": int64(before)})
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list unlearning cases: %w", err)
	}
	return found, nil
}

// move is the step of every transition, guarded by state and epoch.
func move(ctx context.Context, tx *audit.Tx, c Case, to, reason string) error {
	const update = `
		update unlearning_cases set state = @to, epoch = epoch + 1, reason = @reason,
			replaying_at = case when @to = 'replaying' then @now else replaying_at end,
			verifying_at = case when @to = 'verifying' then @now else verifying_at end,
			judged_at = case when @to in ('passed', 'failed') then @now else judged_at end,
			published_at = case when @to = 'published' then @now else published_at end,
			ended_at = case when @to in ('closed', 'failed') then @now else ended_at end
		where id = @id and state = @from and epoch = @epoch`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{
		"to": to, "reason": reason, "now": tx.Now(ctx), "id": c.ID, "from": c.State, "epoch": c.Epoch,
	})
	if err != nil {
		return fmt.Errorf("move unlearning case %d to %s: %w", c.ID, to, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "Unlearning case %d has moved on.", c.ID)
	}
	return nil
}
