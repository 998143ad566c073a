package rounds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"golang.org/x/mod/sumdb/tlog"
)

// OpenCampaign begins the campaign of an adopted proposal: the act of the job
// that carries out a decision to train. The recipe is the decision's own;
// its base must be a published version that nothing taints. also, if not nil,
// joins the act: the step that marks the proposal as carried out. A decision
// has one campaign: a second call is a Conflict.
func (s *Store) OpenCampaign(ctx context.Context, actor governance.Actor, decision governance.EntryID, also func(context.Context, *audit.Tx) error) (training.CampaignID, error) {
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := onlyJob(tx, "opens a campaign"); err != nil {
			return nil, err
		}
		d, hash, err := DecisionOf(ctx, tx, decision)
		if err != nil {
			return nil, err
		}
		if d.Motion != protocol.MotionTrain {
			return nil, governance.Errorf(governance.Invalid, "The decision is to %s and opens no campaign.", d.Motion)
		}
		recipe, err := protocol.ParseRecipe([]byte(d.Params))
		if err != nil {
			return nil, governance.Errorf(governance.Invalid, "The recipe cannot be carried out: %v.", err)
		}
		base, err := training.ParseDigest(recipe.Base)
		if err != nil {
			return nil, governance.Errorf(governance.Invalid, "The recipe's base cannot be read: %v.", err)
		}
		version, err := models.WithWeights(ctx, tx, base)
		if err != nil {
			return nil, err
		}
		base0, err := models.CheckpointOf(ctx, tx, base)
		if err != nil {
			return nil, err
		}
		if base0.TaintedBy != 0 {
			return nil, governance.Errorf(governance.Invalid, "The base was trained on records that unlearning case %d forgets, so nothing is trained from it.", base0.TaintedBy)
		}
		if version.State != models.Published {
			return nil, governance.Errorf(governance.Invalid, "The base was withdrawn (%s), so nothing is trained from it.", version.Reason)
		}
		values, err := policies.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		c := campaignRow{
			Proposal: governance.ProposalID(d.Proposal), Decision: decision, Hash: hash[:], Recipe: recipe,
			Settings: SettingsFrom(values), Base: base, Version: version.ID, Head: base,
		}
		if c.ID, err = s.insertCampaign(ctx, tx, c, d.Params); err != nil {
			return nil, err
		}
		if _, err := s.plan(ctx, tx, c, roundRow{Number: 1, Attempt: 1, Base: base}); err != nil {
			return nil, err
		}
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return nil, err
			}
		}
		return CampaignOpened{
			Campaign: c.ID, Proposal: c.Proposal, Decision: decision, Recipe: d.Params, Base: base.Hex(),
			Version: version.ID, Settings: c.Settings,
		}, s.crash("open campaign")
	})
	if err != nil {
		return 0, err
	}
	return training.CampaignID(receipt.Subject.ID()), nil
}

// DecisionOf is the step that reads what an entry of the trail decided, with
// the entry's leaf hash in the log.
func DecisionOf(ctx context.Context, db pg.Reader, id governance.EntryID) (protocol.Decision, tlog.Hash, error) {
	const q = `select data from audit_entries where id = @id and kind = @kind`
	var data []byte
	err := db.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "kind": protocol.DecisionKind}).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return protocol.Decision{}, tlog.Hash{}, governance.Errorf(governance.NotFound, "Entry %d is no decision of the community.", id)
	}
	if err != nil {
		return protocol.Decision{}, tlog.Hash{}, fmt.Errorf("read decision %d: %w", id, err)
	}
	e, err := translog.Decode(data)
	if err != nil {
		return protocol.Decision{}, tlog.Hash{}, fmt.Errorf("read decision %d: %w", id, err)
	}
	var d protocol.Decision // the entry holds more; this is what training reads
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return d, tlog.Hash{}, fmt.Errorf("read decision %d: %w", id, err)
	}
	return d, tlog.RecordHash(data), nil
}

// insertCampaign is the step that writes a campaign. recipe is the text as it
// was decided.
func (s *Store) insertCampaign(ctx context.Context, tx *audit.Tx, c campaignRow, recipe string) (training.CampaignID, error) {
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		return 0, fmt.Errorf("open campaign: %w", err)
	}
	const insert = `
		insert into campaigns (proposal, decision, decision_hash, recipe, settings, base, version, replays, replays_from, forgets,
			unlearning, state, head, server, opened_at)
		values (@proposal, @decision, @hash, @recipe, @settings, @base, @version, nullif(@replays, 0), nullif(@from, 0),
			nullif(@forgets, 0), nullif(@unlearning, 0), 'running', @base, @server, @now) returning id`
	var id training.CampaignID
	err = tx.QueryRow(ctx, insert, pgx.StrictNamedArgs{
		"proposal": c.Proposal, "decision": c.Decision, "hash": c.Hash, "recipe": recipe, "settings": string(settings),
		"base": c.Base, "version": c.Version, "replays": int64(c.Replays), "from": c.ReplaysFrom, "forgets": int64(c.Forgets),
		"unlearning": int64(c.Unlearning), "server": c.Server, "now": tx.Now(ctx),
	}).Scan(&id)
	if err != nil {
		return 0, pg.Translate(fmt.Errorf("open campaign: %w", err), map[string]error{
			"campaigns_decision_key":   governance.Errorf(governance.Conflict, "This decision has its campaign already."),
			"campaigns_unlearning_key": governance.Errorf(governance.Conflict, "This unlearning case has its replay already."),
		})
	}
	return id, tx.Name(ctx, governance.RefTo(RefCampaign, id), fmt.Sprintf("campaign %d", id))
}

// plan is the step that adds a round and the job that will open it. In a
// replay, r brings the seed and the origin of the round that it replays.
func (s *Store) plan(ctx context.Context, tx *audit.Tx, c campaignRow, r roundRow) (training.RoundID, error) {
	if c.Replays == 0 {
		r.Seed = CohortSeed([32]byte(c.Hash), c.ID, r.Number, r.Attempt)
	}
	const insert = `
		insert into rounds (campaign, number, attempt, state, epoch, base, seed, origin, wanted, arithmetic, planned_at, server_base, present)
		values (@campaign, @number, @attempt, 'planned', 1, @base, @seed, nullif(@origin, 0), @wanted, @arithmetic, @now, @server, @present)
		returning id`
	var id training.RoundID
	err := tx.QueryRow(ctx, insert, pgx.StrictNamedArgs{
		"campaign": c.ID, "number": r.Number, "attempt": r.Attempt, "base": r.Base, "seed": r.Seed[:], "origin": int64(r.Origin),
		"wanted": c.Recipe.Cohort, "arithmetic": training.Arithmetic, "now": tx.Now(ctx),
		"server": r.ServerBase, "present": r.Present,
	}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("plan round %d of campaign %d: %w", r.Number, c.ID, err)
	}
	if err := tx.Name(ctx, governance.RefTo(RefRound, id), fmt.Sprintf("round %d of campaign %d", r.Number, c.ID)); err != nil {
		return 0, err
	}
	return id, tx.Enqueue(ctx, OpenArgs{Round: id}, &river.InsertOpts{MaxAttempts: jobAttempts})
}

// jobAttempts lets River try long: its pause grows with the fourth power of
// the attempt, so ten attempts are about four hours of a database that is away.
const jobAttempts = 10

// end is the step that closes a campaign. A campaign that trained goes to the
// gate, a replay back to its case.
func (s *Store) end(ctx context.Context, tx *audit.Tx, c campaignRow, state, reason string) error {
	const update = `
		update campaigns set state = @state, reason = @reason, ended_at = @now where id = @id and state = 'running'`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"state": state, "reason": reason, "now": tx.Now(ctx), "id": c.ID})
	if err != nil {
		return fmt.Errorf("end campaign %d: %w", c.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "Campaign %d has ended already.", c.ID)
	}
	const sketches = `delete from update_sketches where campaign = @id`
	if _, err := tx.Exec(ctx, sketches, pgx.StrictNamedArgs{"id": c.ID}); err != nil {
		return fmt.Errorf("end campaign %d: %w", c.ID, err)
	}
	if err := s.wake(ctx, tx, campaigns); err != nil {
		return err
	}
	switch {
	case c.Unlearning != 0:
		return tx.Enqueue(ctx, UnlearningArgs{Case: c.Unlearning}, &river.InsertOpts{MaxAttempts: jobAttempts})
	case state == Finished:
		return tx.Enqueue(ctx, PublishArgs{Campaign: c.ID}, &river.InsertOpts{MaxAttempts: jobAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}})
	}
	return nil
}

// Halt is the step that stops a running campaign from outside, with its
// running round: an unlearning case does so. It returns the round that was
// given up, or 0, and whether the campaign ran.
func (s *Store) Halt(ctx context.Context, tx *audit.Tx, id training.CampaignID, reason string) (training.RoundID, bool, error) {
	c, err := lockCampaign(ctx, tx, id)
	if err != nil || c.State != Running {
		return 0, false, err
	}
	const running = `
		select coalesce(max(id), 0) from rounds
		where campaign = @id and state in ('planned', 'selecting', 'collecting', 'aggregating', 'evaluating')`
	var round training.RoundID
	if err := tx.QueryRow(ctx, running, pgx.StrictNamedArgs{"id": id}).Scan(&round); err != nil {
		return 0, false, fmt.Errorf("halt campaign %d: %w", id, err)
	}
	if round != 0 {
		r, _, err := lockRound(ctx, tx, round)
		if err != nil {
			return 0, false, err
		}
		if err := s.move(ctx, tx, r, Abandoned, reason); err != nil {
			return 0, false, err
		}
		shut(tx, r.ID)
	}
	return round, true, s.end(ctx, tx, c, Stopped, reason)
}

// Affected is the step that lists the running campaigns that train from
// tainted weights.
func Affected(ctx context.Context, tx *audit.Tx) ([]training.CampaignID, error) {
	const q = `
		select c.id from campaigns c join checkpoints p on p.digest = c.head
		where c.state = 'running' and p.tainted_by is not null order by c.id`
	rows, _ := tx.Query(ctx, q)
	found, err := pgx.CollectRows(rows, pgx.RowTo[training.CampaignID])
	if err != nil {
		return nil, fmt.Errorf("read affected campaigns: %w", err)
	}
	return found, nil
}

// shut is the step that takes back the assignments of a round that nobody
// waits for any more, at the end of the act.
func shut(tx *audit.Tx, round training.RoundID) {
	const update = `update assignments set state = 'closed' where round = @round and state = 'open' and spot is null`
	tx.Lastly(update, pgx.StrictNamedArgs{"round": round}, func(err error) error {
		return fmt.Errorf("close assignments of round %d: %w", round, err)
	})
}
