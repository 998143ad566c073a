package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// Outcome is how an attempt at a round stands, as the figure of a lineage
// shows it.
type Outcome struct {
	Campaign training.CampaignID
	Number   int
	State    string
}

// Outcomes lists the attempts of some campaigns in their order.
func (s *Store) Outcomes(ctx context.Context, campaigns []training.CampaignID) ([]Outcome, error) {
	const q = `select campaign, number, state from rounds where campaign = any(@campaigns) order by campaign, number, attempt`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"campaigns": campaigns})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Outcome])
	if err != nil {
		return nil, fmt.Errorf("list outcomes of rounds: %w", err)
	}
	return found, nil
}

// Family lists a campaign with the replays of it, or a replay with the
// campaign that it replays and the other replays of that; in the order of
// their beginning.
func (s *Store) Family(ctx context.Context, id training.CampaignID) ([]Campaign, error) {
	const q = `select ` + campaignColumns + ` from campaigns c join campaigns o on o.id = @id
		where coalesce(o.replays, o.id) in (c.id, c.replays) order by c.id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, scanCampaign)
	if err != nil {
		return nil, fmt.Errorf("list the family of campaign %d: %w", id, err)
	}
	return found, nil
}
