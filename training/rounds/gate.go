package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

var _ = audit.Register[CampaignWithheld]()

// Abandon gives up a round that cannot be computed, as when a blob is gone:
// the act of a job after its last try. The round is tried again with another
// cohort.
func (s *Store) Abandon(ctx context.Context, actor governance.Actor, id training.RoundID, reason string) error {
	return s.actOn(ctx, actor, id, "abandons a round", func(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
		if err := inState(r, Collecting, Aggregating, Evaluating); err != nil {
			return nil, err
		}
		return s.abandon(ctx, tx, r, c, reason)
	})
}

// Passes reports whether the last round of a finished campaign passes the
// publishing gate, with the sentence for its page. The loss is compared with
// that of the campaign's base on the same records.
func Passes(c Campaign, last Round) (bool, string) {
	switch {
	case last.Records == 0:
		return false, "Nobody measured the result on at least 20 validation records, so it is not published."
	case !Gate(last.LossBase, last.LossAfter, c.Settings.Worsening):
		return false, fmt.Sprintf("The loss is %s, that of the version before %s: worse by more than the policy allows, so it is not published.", last.LossAfter, last.LossBase)
	}
	return true, fmt.Sprintf("The loss fell from %s to %s on %d records of members.", last.LossBase, last.LossAfter, last.Records)
}

// Withhold records that the result of a finished campaign is not published,
// and why: the act of the job at the gate.
func (s *Store) Withhold(ctx context.Context, actor governance.Actor, id training.CampaignID, reason string) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := onlyJob(tx, "withholds a result"); err != nil {
			return nil, err
		}
		const update = `
			update campaigns set reason = @reason, withheld = true where id = @id and state = 'finished' and not withheld returning head`
		rows, _ := tx.Query(ctx, update, pgx.StrictNamedArgs{"reason": reason, "id": id})
		heads, err := pgx.CollectRows(rows, pgx.RowTo[training.Digest])
		if err != nil {
			return nil, fmt.Errorf("withhold campaign %d: %w", id, err)
		}
		if len(heads) == 0 {
			return nil, governance.Errorf(governance.Conflict, "Campaign %d has no result that could be withheld.", id)
		}
		if err := s.wake(ctx, tx, campaigns); err != nil {
			return nil, err
		}
		return CampaignWithheld{Campaign: id, Checkpoint: heads[0].Hex(), Reason: reason}, nil
	})
	return err
}

// CampaignWithheld says that a campaign's result did not pass the gate.
type CampaignWithheld struct {
	Campaign   training.CampaignID `json:"campaign"`
	Checkpoint string              `json:"checkpoint"`
	Reason     string              `json:"reason"`
}

// Kind is the kind of the entry, for ever.
func (CampaignWithheld) Kind() string { return "campaign.withheld" }

// Subject is the campaign.
func (e CampaignWithheld) Subject() governance.Ref { return campaignRef(e.Campaign) }

// Sentence says why.
func (e CampaignWithheld) Sentence() audit.Sentence {
	return audit.Say("withheld the result of ", e.Subject(), ", "+short(e.Checkpoint)+". "+e.Reason)
}
