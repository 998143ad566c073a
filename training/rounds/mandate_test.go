package rounds_test

import (
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

// The proofs of one checkpoint are kept for a moment. A decision that was
// logged within that moment is shown all the same, and at once.
func TestMandateOfADecisionAfterTheKeptProofs(t *testing.T) {
	t.Parallel()
	stands := time.Now().UTC() // for the store: what it keeps is always the newest
	b := roundstest.NewWith(t, founding, rounds.Options{Now: func() time.Time { return stands }})
	nodes := []governance.NodeID{b.Node(1, 5000), b.Node(2, 6000)}
	ask := func() protocol.Assignment {
		t.Helper()
		id, err := b.Rounds.OpenCampaign(t.Context(), job, b.Decide(protocol.MotionTrain, b.Recipe(1, 2)), nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &opened{Bench: b, campaign: id, nodes: nodes, t: t}
		o.begin()
		return o.next(nodes[0])
	}
	first := ask()
	if err := b.Rounds.Report(t.Context(), governance.Node(nodes[0], b.Operation()), protocol.Report{
		Assignment: first.ID, Epoch: first.Epoch, Refused: "not today",
	}); err != nil {
		t.Fatal(err)
	}
	second := ask()
	if second.Campaign == first.Campaign || second.Mandate.Decision.Index <= first.Mandate.Decision.Index {
		t.Errorf("second mandate: got campaign %d and entry %d, after campaign %d and entry %d",
			second.Campaign, second.Mandate.Decision.Index, first.Campaign, first.Mandate.Decision.Index)
	}
}
