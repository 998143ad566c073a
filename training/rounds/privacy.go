package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// spent counts, for each member, the aggregated rounds of a campaign and of its
// replays that hold something of the member: what was published spends privacy,
// whether or not the round was accepted afterwards.
const spent = `
	select u.owner, count(distinct u.round)
	from updates u join rounds r on r.id = u.round join campaigns c on c.id = r.campaign
	where u.weight > 0 and coalesce(c.replays, c.id) = (select coalesce(replays, id) from campaigns where id = @campaign)
	group by u.owner order by u.owner`

// Spent returns in how many aggregated rounds of a campaign and its replays
// each member took part. The accountant turns the count into ε.
func (s *Store) Spent(ctx context.Context, campaign training.CampaignID) (map[governance.MemberID]int, error) {
	rows, _ := s.pool.Query(ctx, spent, pgx.StrictNamedArgs{"campaign": campaign})
	return collectSpent(rows, campaign)
}

func collectSpent(rows pgx.Rows, campaign training.CampaignID) (map[governance.MemberID]int, error) {
	type part struct {
		Owner  governance.MemberID
		Rounds int
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
	if err != nil {
		return nil, fmt.Errorf("count rounds of members in campaign %d: %w", campaign, err)
	}
	list := make(map[governance.MemberID]int, len(found))
	for _, p := range found {
		list[p.Owner] = p.Rounds
	}
	return list, nil
}
