package handlers

import (
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// The page of a round says of each spot check what came of it, or until when
// it waits, among the other checks and in a table of its own.
func TestRoundPageShowsSpotChecks(t *testing.T) {
	t.Parallel()
	ended := noon
	spots := []rounds.Spot{
		{Node: 1, State: rounds.SpotPassed, Digest: training.DigestOf([]byte("1")), EndedAt: &ended, Reason: "the replay gave the same bytes"},
		{Node: 2, State: rounds.SpotHeld, Digest: training.DigestOf([]byte("2")), EndedAt: &ended, Reason: "two of three agree"},
		{Node: 3, State: rounds.SpotNotRun, Digest: training.DigestOf([]byte("3")), EndedAt: &ended, Reason: "the node declined"},
		{Node: 4, State: rounds.SpotSharing, Digest: training.DigestOf([]byte("4")), Due: noon.Add(time.Hour)},
	}
	spots[2].Asked = []rounds.SpotTask{{Spot: 3, Node: 3, Kind: protocol.Share, State: "refused"}}
	spots[3].Asked = []rounds.SpotTask{{Spot: 4, Node: 4, Kind: protocol.Share, State: "open"}, {Spot: 4, Node: 5, Kind: protocol.Replay, State: "refused"}, {Spot: 4, Node: 6, Kind: protocol.Replay, State: "closed"}}
	var found []rounds.Check
	for n := range governance.NodeID(5) {
		found = append(found, rounds.Check{Node: n + 1, Number: 3, Name: "norm", Value: "1", Outcome: rounds.CheckPass},
			rounds.Check{Node: n + 1, Name: "spot", Value: "0", Threshold: "10", Outcome: rounds.CheckNotRun, Note: "not drawn"})
	}
	merged := spotted(found, spots)
	for i, want := range []string{rounds.CheckPass, rounds.CheckHold, rounds.CheckNotRun, rounds.CheckNotRun, rounds.CheckNotRun} {
		if got := merged[2*i+1]; got.Outcome != want || merged[2*i].Outcome != rounds.CheckPass {
			t.Errorf("node %d: %+v, want %s, and nothing else changed", i+1, got, want)
		}
	}
	if merged[9].Note != "not drawn" || merged[3].Note != "two of three agree" {
		t.Errorf("notes: %q and %q", merged[9].Note, merged[3].Note)
	}
	page := rendered(t, pages.Round(pages.RoundPage{ID: 7, Spots: spotRows(spots, map[governance.Ref]string{nodeRef(2): "oslo-ws-2"})}))
	wants(t, page, "Spot checks", "oslo-ws-2", "confirmed", "not confirmed", "not run", "waits for the node", "two of three agree",
		"has until 19 Nov 2026, 13:00", "declined", "did not answer", shortDigest(spots[0].Digest.Hex()))
	wants(t, rendered(t, pages.NodeNew(pages.NodeNewPage{Public: pages.PublicData{Command: "althing node run --public --text FOLDER", Nodes: nodesDeclare(1), Running: []ui.Rich{ui.Link("Campaign 3", "/campaigns/3")}}})),
		"If all of your text is public", "One node declares that now.", "Campaign 3")
}
