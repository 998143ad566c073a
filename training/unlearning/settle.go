package unlearning

import (
	"context"
	"encoding/json"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
)

// Check is one line of a verdict, as the log and the certificate hold it:
// figures are decimal strings, "" where there is none (not measured, an open
// band, no test).
type Check struct {
	ID     string `json:"id"` // "V1" canaries, "V2" coin flips, …
	Name   string `json:"name"`
	Unit   string `json:"unit"`
	Before string `json:"before"` // of the tainted weights
	Value  string `json:"value"`  // of the clean weights
	Low    string `json:"low"`    // of the band
	High   string `json:"high"`
	P      string `json:"p"`
	Alpha  string `json:"alpha"`
	Gates  bool   `json:"gates"` // a failure refuses the version
	Passed bool   `json:"passed"`
	Note   string `json:"note"`
}

// Audit is one re-computation of a part of the replay.
type Audit struct {
	Auditor string           `json:"auditor"` // "platform" or "node/4"
	Round   training.RoundID `json:"round"`   // of the replay
	Want    string           `json:"want"`    // digest in the log, hex
	Got     string           `json:"got"`
}

// Verdict is what verification found.
type Verdict struct {
	Passed bool    `json:"passed"`
	Checks []Check `json:"checks"`
	Audits []Audit `json:"audits"`
}

// Judge records the verdict, which was computed before the act.
func (s *Store) Judge(ctx context.Context, actor governance.Actor, id training.UnlearningID, epoch int, v Verdict) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("judge unlearning case %d: %w", id, err)
	}
	_, err = s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		c, err := lock(ctx, tx, id, Verifying)
		if err != nil {
			return nil, err
		}
		if c.Epoch != epoch {
			return nil, governance.Errorf(governance.Conflict, "Unlearning case %d has moved on.", id)
		}
		state, reason := Passed, ""
		if !v.Passed {
			state, reason = Failed, failure(v)
		}
		if err := move(ctx, tx, c, state, reason); err != nil {
			return nil, err
		}
		const update = `update unlearning_cases set verdict = @verdict where id = @id`
		if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"verdict": string(text), "id": id}); err != nil {
			return nil, fmt.Errorf("judge unlearning case %d: %w", id, err)
		}
		const close = `select count(*) from assignments where unlearning = @id and state = 'open' and kind <> 'suppress'`
		ev := Judged{Case: id, Result: c.Result.Hex(), Passed: v.Passed, Checks: v.Checks, Audits: v.Audits}
		if err := tx.QueryRow(ctx, close, pgx.StrictNamedArgs{"id": id}).Scan(&ev.Unanswered); err != nil {
			return nil, fmt.Errorf("judge unlearning case %d: %w", id, err)
		}
		return ev, tx.Enqueue(ctx, rounds.UnlearningArgs{Case: id}, nil)
	})
	return err
}

// failure names the first check that refuses the version.
func failure(v Verdict) string {
	for _, c := range v.Checks {
		if c.Gates && !c.Passed {
			return fmt.Sprintf("%s (%s): %s", c.Name, c.ID, c.Note)
		}
	}
	return "the verdict is not passed"
}

// Publish serves the clean version and withdraws every tainted one: the act of
// the job after a passed verdict. Where the replay ended at the weights with
// which the campaign began, there is no new version, and the newest clean one
// is served.
func (s *Store) Publish(ctx context.Context, actor governance.Actor, id training.UnlearningID, p models.Publication) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		c, err := lock(ctx, tx, id, Passed)
		if err != nil {
			return nil, err
		}
		if p.Weights != c.Result || p.Campaign != c.Replay {
			return nil, fmt.Errorf("publish for unlearning case %d: weights %s of campaign %d, want %s of %d", id, p.Weights, p.Campaign, c.Result, c.Replay)
		}
		p.Decision = c.Decision
		ev := CleanPublished{Case: id, Campaign: c.Campaign, Weights: c.Result.Hex(), Card: training.DigestOf([]byte(p.Card)).Hex()}
		const whole = `select base from campaigns where id = @id`
		var base training.Digest
		if err := tx.QueryRow(ctx, whole, pgx.StrictNamedArgs{"id": c.Campaign}).Scan(&base); err != nil {
			return nil, fmt.Errorf("publish for unlearning case %d: %w", id, err)
		}
		if c.Result != base {
			if ev.Version, err = models.Add(ctx, tx, p); err != nil {
				return nil, err
			}
		}
		if ev.Withdrawn, err = models.WithdrawTainted(ctx, tx, fmt.Sprintf("unlearning case %d", id)); err != nil {
			return nil, err
		}
		if err := move(ctx, tx, c, Published, ""); err != nil {
			return nil, err
		}
		const update = `update unlearning_cases set version = nullif(@version, 0), withdrawn = @withdrawn where id = @id`
		args := pgx.StrictNamedArgs{"version": int64(ev.Version), "withdrawn": ids(ev.Withdrawn), "id": id}
		if _, err := tx.Exec(ctx, update, args); err != nil {
			return nil, fmt.Errorf("publish for unlearning case %d: %w", id, err)
		}
		return ev, tx.Enqueue(ctx, rounds.UnlearningArgs{Case: id}, nil)
	})
	return err
}

func ids(versions []training.VersionID) []int64 {
	out := make([]int64, len(versions))
	for i, v := range versions {
		out[i] = int64(v)
	}
	return out
}

// Close notes that the key to the contributor's stored updates was destroyed,
// and sets the certificate down: the act of the job that destroyed it.
func (s *Store) Close(ctx context.Context, actor governance.Actor, id training.UnlearningID, certificate []byte) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		c, err := lock(ctx, tx, id, Published)
		if err != nil {
			return nil, err
		}
		destroyed, err := rounds.Destroyed(ctx, tx, c.Contributor)
		if err != nil {
			return nil, err
		}
		if err := move(ctx, tx, c, Closed, ""); err != nil {
			return nil, err
		}
		const update = `update unlearning_cases set destroyed = @destroyed, certificate = @certificate where id = @id`
		if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"destroyed": destroyed, "certificate": certificate, "id": id}); err != nil {
			return nil, fmt.Errorf("close unlearning case %d: %w", id, err)
		}
		at := tx.Now(ctx).AddDate(0, 0, int(c.Settings.Destroy))
		if err := tx.EnqueueAt(ctx, rounds.DestroyArgs{Case: id}, at); err != nil {
			return nil, err
		}
		return CaseClosed{Case: id, Contributor: c.Contributor, Destroyed: destroyed, Certificate: training.DigestOf(certificate).Hex()}, nil
	})
	return err
}

// Destroyed notes that the files of tainted weights, and of the updates that
// were trained from them, were removed: the act of the job that removed them,
// as many days after the case closed as the policy says.
func (s *Store) Destroyed(ctx context.Context, actor governance.Actor, id training.UnlearningID) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := lock(ctx, tx, id, Closed); err != nil {
			return nil, err
		}
		n, err := models.Destroyed(ctx, tx, id)
		if err == nil && n == 0 {
			err = governance.Errorf(governance.Conflict, "Nothing that unlearning case %d tainted is left.", id)
		}
		return TaintedDestroyed{Case: id, Checkpoints: n}, err
	})
	return err
}
