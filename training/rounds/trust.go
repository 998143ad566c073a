package rounds

import (
	"context"
	"maps"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
)

// consequences is the step that counts trust, which one update that is held or
// rejected ends, and asks for the case of each that is held.
//
// In campaigns on public data trust decides how often an update is drawn to be
// trained again by another node (checks.Spot). What was drawn waits for that,
// and earns or ends trust when its spot check is over; what lot spared counts
// as confirmed, as in BOINC.
func (s *Store) consequences(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, ev Checked, verdicts map[governance.NodeID]Verdict) error {
	for _, node := range slices.Sorted(maps.Keys(verdicts)) {
		if !verdicts[node].Looked {
			continue
		}
		if err := nodes.Trust(ctx, tx, node, !Excluded(verdicts[node].Outcome)); err != nil {
			return err
		}
		if verdicts[node].Spot == SpotSpared {
			if err := nodes.Confirm(ctx, tx, node, true); err != nil {
				return err
			}
		}
	}
	if err := s.drawSpots(ctx, tx, r, c, ev.Drawn); err != nil {
		return err
	}
	for _, node := range ev.Held {
		if err := tx.Enqueue(ctx, HeldArgs{Round: r.ID, Node: node}, caseOnce()); err != nil {
			return err
		}
	}
	return nil
}
