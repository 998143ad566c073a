package corpus

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// Used is the step that notes that an update of a node counted in a round. The
// first note stays.
func Used(ctx context.Context, tx *audit.Tx, campaign training.CampaignID, node governance.NodeID, owner governance.MemberID, round int) error {
	const insert = `
		insert into first_uses (campaign, node, owner, round) values (@campaign, @node, @owner, @round)
		on conflict (campaign, node) do nothing`
	args := pgx.StrictNamedArgs{"campaign": campaign, "node": node, "owner": owner, "round": round}
	if _, err := tx.Exec(ctx, insert, args); err != nil {
		return fmt.Errorf("note first use of node %d in campaign %d: %w", node, campaign, err)
	}
	return nil
}

// FirstUse returns the number of the first round of a campaign in which
// anything of a contributor counted, or 0 if nothing did.
func FirstUse(ctx context.Context, db pg.Reader, campaign training.CampaignID, owner governance.MemberID) (int, error) {
	const q = `select coalesce(min(round), 0) from first_uses where campaign = @campaign and owner = @owner`
	var round int
	if err := db.QueryRow(ctx, q, pgx.StrictNamedArgs{"campaign": campaign, "owner": owner}).Scan(&round); err != nil {
		return 0, fmt.Errorf("first use of member %d in campaign %d: %w", owner, campaign, err)
	}
	return round, nil
}

// Trained lists the campaigns in which anything of a contributor counted,
// with the first round of each.
func (s *Store) Trained(ctx context.Context, owner governance.MemberID) (map[training.CampaignID]int, error) {
	const q = `select campaign, min(round) from first_uses where owner = @owner group by campaign`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"owner": owner})
	found := map[training.CampaignID]int{}
	var campaign training.CampaignID
	var round int
	if _, err := pgx.ForEachRow(rows, []any{&campaign, &round}, func() error {
		found[campaign] = round
		return nil
	}); err != nil {
		return nil, fmt.Errorf("campaigns of member %d: %w", owner, err)
	}
	return found, nil
}
