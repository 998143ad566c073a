package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
)

// OfProposal lists what a decision began: the campaign that trains, or the one
// that trains again without what is forgotten; in the order of their beginning.
func (s *Store) OfProposal(ctx context.Context, id governance.ProposalID) ([]Campaign, error) {
	const q = `select ` + campaignColumns + ` from campaigns c where c.proposal = @proposal order by c.id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"proposal": id})
	found, err := pgx.CollectRows(rows, scanCampaign)
	if err != nil {
		return nil, fmt.Errorf("list campaigns of proposal %d: %w", id, err)
	}
	return found, nil
}
