package nodeapi_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/workers"
	"codeberg.org/althing/althing/workers/agent"
)

// spots waits until every spot check of a round is over.
func (w *whole) spots(ctx context.Context, id training.RoundID) (list []rounds.Spot) {
	w.t.Helper()
	w.until("spot checks", func() bool {
		var err error
		if list, err = w.Rounds.Spots(ctx, id, 0); err != nil {
			w.t.Fatal(err)
		}
		for _, k := range list {
			if !k.Over() {
				return false
			}
		}
		return true
	})
	return list
}

// TestMachinesTrainEachOthersUpdatesAgain goes all the way: three members'
// machines train on public data, hand over what they trained on, train each
// other's updates again and get the same bytes. A fourth, which is not public,
// is not asked for anything. (Nodes that lie are in package workers.)
func TestMachinesTrainEachOthersUpdatesAgain(t *testing.T) {
	t.Parallel()
	w := newWholeWith(t, rounds.Options{Choose: workers.Choose})
	ctx, cancel := context.WithCancel(context.Background())
	cancelBefore := w.cancel
	w.cancel = func() { cancel(); cancelBefore() }
	for i, owner := range memberstest.Join(t, w.Bench.Bench, "Anna", "Bert", "Cleo", "Dora") {
		text := t.TempDir()
		for n := range 300 {
			line := fmt.Sprintf("Member %d writes record %d: the law is made by those who live under it, %d times.\n", i, n, n*n)
			if err := os.WriteFile(filepath.Join(text, fmt.Sprintf("%03d.txt", n)), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.machineWith(ctx, owner, text, agent.Limits{Threads: 1 + i%2, Public: i < 3})
	}
	w.until("manifests", func() bool {
		total, err := w.Corpus.Totals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.api.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		return total.Nodes == 4 && total.Public == 3
	})
	recipe := w.Recipe(1, 3)
	recipe.Steps, recipe.BatchTokens, recipe.Context, recipe.LearnRate, recipe.MinReports, recipe.Public = 6, 64, 32, "0.01", 3, true
	id := w.one(ctx, recipe)
	list := w.spots(ctx, id)
	if len(list) != 3 {
		t.Fatalf("spot checks: %+v, want one of each public node\n%s", list, &w.said)
	}
	for _, k := range list {
		if k.State != rounds.SpotPassed || len(k.Asked) != 2 || k.Asked[1].Owner == k.Owner || k.Asked[1].Digest() != k.Digest {
			t.Errorf("spot check of node %d: %s (%s), asked %+v\n%s", k.Node, k.State, k.Reason, k.Asked, &w.said)
		}
		w.until("shard removed", func() bool {
			_, err := w.parts.Blobs.Stat(ctx, *k.Sealed)
			return governance.Is(err, governance.NotFound)
		})
		n, err := w.nodes.Node(ctx, k.Node)
		if err != nil || n.Confirmed != 1 {
			t.Errorf("node %d: %d confirmed updates, %v; want 1", k.Node, n.Confirmed, err)
		}
	}
	compressed := recipe // the same with another form of updates, which is trained again as well
	compressed.Up.Codec = protocol.Int8
	other := w.one(ctx, compressed)
	for _, k := range w.spots(ctx, other) {
		if k.State != rounds.SpotPassed {
			t.Errorf("spot check of node %d, sent as int8: %s (%s)", k.Node, k.State, k.Reason)
		}
	}
	w.mu.Lock()
	said := w.said.String()
	w.mu.Unlock()
	if n := strings.Count(said, "again, for a spot check"); n < 6 {
		t.Errorf("the machines say of %d replays, want 6 or more:\n%s", n, said)
	}
	if strings.Contains(said, "refused") {
		t.Errorf("something was refused on the way:\n%s", said)
	}
}
