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
// Trust decides how often an update is drawn to be computed again by another
// node (checks.Spot). That other node needs the text: shards that their owner
// declares public are not handed over between nodes yet, so what is drawn is
// shown with the round as not run.
func (s *Store) consequences(ctx context.Context, tx *audit.Tx, r roundRow, ev Checked, verdicts map[governance.NodeID]Verdict) error {
	for _, node := range slices.Sorted(maps.Keys(verdicts)) {
		if !verdicts[node].Looked {
			continue
		}
		if err := nodes.Trust(ctx, tx, node, !Excluded(verdicts[node].Outcome)); err != nil {
			return err
		}
	}
	for _, node := range ev.Held {
		if err := tx.Enqueue(ctx, HeldArgs{Round: r.ID, Node: node}, caseOnce()); err != nil {
			return err
		}
	}
	return nil
}
