package rounds_test

import (
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
)

// TestAServerThatSleptInARound holds what it has computed against a round that
// went on without it: a result of an older epoch, one that came second, and a
// judgement of what was judged. None of it changes anything.
func TestAServerThatSleptInARound(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	id := o.begin()
	for _, n := range o.nodes {
		o.train(n)
	}
	if err := o.Rounds.CloseCollection(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	in, err := o.Rounds.Inputs(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	slept := rounds.Result{Epoch: in.Epoch, Checkpoint: training.DigestOf([]byte("of the one that slept")), Size: 100, Weights: map[governance.NodeID]int64{}}
	for _, u := range in.Updates {
		slept.Weights[u.Node] = u.Examples
	}
	refused := func(what string, act func() error) {
		t.Helper()
		before, after := 0, 0
		count(t, o, &before)
		err := act()
		count(t, o, &after)
		if !governance.Is(err, governance.Conflict) || before != after {
			t.Errorf("%s: %v and %d rows or entries more, want a conflict and none", what, err, after-before)
		}
	}
	older := slept
	older.Epoch--
	refused("a result of an older epoch", func() error { return o.Rounds.Aggregate(t.Context(), job, id, older) })
	if err := o.mean(id, "w1"); err != nil {
		t.Fatal(err)
	}
	refused("a second result", func() error { return o.Rounds.Aggregate(t.Context(), job, id, slept) })
	o.measure(falling)
	if err := o.Rounds.Judge(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	refused("a result after the judgement", func() error { return o.Rounds.Aggregate(t.Context(), job, id, slept) })
	refused("a second judgement", func() error { return o.Rounds.Judge(t.Context(), job, id) })
	refused("the collection closed again", func() error { return o.Rounds.CloseCollection(t.Context(), job, id) })
	refused("the round opened again", func() error { return o.Rounds.Open(t.Context(), job, id) })
	if r := o.want(id, rounds.Accepted); r.Checkpoint != training.DigestOf([]byte("w1")) {
		t.Errorf("checkpoint %s, want that of the server that was awake", r.Checkpoint)
	}
}
