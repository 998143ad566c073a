package rounds_test

import (
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training/rounds"
)

// TestTheLogSaysWhichUpdatesAreInexact reports one update of the builtin
// engine and one of an external trainer, whose own words stay out of the log.
func TestTheLogSaysWhichUpdatesAreInexact(t *testing.T) {
	t.Parallel()
	o := open(t, 1, nil)
	o.begin()
	for i, trainer := range []string{"builtin", "torch 2.6.0 cuda"} {
		rep := o.update(o.next(o.nodes[i]))
		rep.Trainer = trainer
		if err := o.report(rep, o.nodes[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes, err := o.Log.Changes(t.Context(), audit.Filter{Limit: 10, Kinds: []string{"update.received"}})
	if err != nil || len(changes) != 2 {
		t.Fatalf("%d updates in the log, %v, want 2", len(changes), err)
	}
	for _, c := range changes {
		e, ok := c.Event.(rounds.UpdateReceived)
		if !ok {
			t.Fatalf("the event is a %T", c.Event)
		}
		says := ""
		for _, p := range c.Sentence {
			says += p.Text
		}
		if want := e.Node == o.nodes[1]; e.Inexact != want || strings.Contains(says, "within a tolerance") != want || strings.Contains(says, "torch") {
			t.Errorf("node %d: inexact %v, %q; want %v", e.Node, e.Inexact, says, want)
		}
	}
}
