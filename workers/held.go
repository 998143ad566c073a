package workers

import (
	"context"
	"fmt"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/riverqueue/river"
)

type openHeldCase struct {
	river.WorkerDefaults[rounds.HeldArgs]
	t Training
}

// Work opens the case of an update that the checks held back, once.
func (w *openHeldCase) Work(ctx context.Context, job *river.Job[rounds.HeldArgs]) error {
	round, node := job.Args.Round, job.Args.Node
	r, err := w.t.Rounds.Round(ctx, round)
	if err != nil {
		return err
	}
	c, err := w.t.Rounds.Campaign(ctx, r.Campaign)
	if err != nil {
		return err
	}
	updates, err := w.t.Rounds.Updates(ctx, round)
	if err != nil {
		return err
	}
	held := moderation.HeldUpdate{Node: node, Round: governance.RefTo(rounds.RefRound, round), Version: int64(c.Version)}
	for _, u := range updates {
		if u.Node == node {
			held.Owner = u.Owner
		}
	}
	found, err := w.t.Rounds.Checks(ctx, round)
	if err != nil {
		return err
	}
	spots, err := w.t.Rounds.Spots(ctx, round, node)
	if err != nil {
		return err
	}
	spot := spotFacts(spots)
	held.Spot = spot != ""
	held.Facts = spot + factsOf(found, node)
	_, err = w.t.Cases.OpenHeld(ctx, actor(job), held)
	return settled(err)
}

// spotFacts says in sentences what training a node's update again gave, if
// that was another update.
func spotFacts(spots []rounds.Spot) string {
	var text strings.Builder
	for _, k := range spots {
		if k.State != rounds.SpotHeld {
			continue
		}
		fmt.Fprintf(&text, "spot: the update has the digest %s.\n", k.Digest.Hex())
		for _, t := range k.Asked {
			if d := t.Digest(); t.Kind != protocol.Share && !d.IsZero() {
				fmt.Fprintf(&text, "spot: node %d trained it again and got %s.\n", t.Node, d.Hex())
			}
		}
		fmt.Fprintf(&text, "spot: held (%s). The update is in the checkpoint of its round: it came out after that was made.\n", k.Reason)
	}
	return text.String()
}

// factsOf says in sentences what the checks found of a node's update, what
// held it first.
func factsOf(found []rounds.Check, node governance.NodeID) string {
	var why, beside strings.Builder
	for _, f := range found {
		if f.Node != node || f.Value == "" {
			continue
		}
		to := &beside
		if rounds.Excluded(f.Outcome) {
			to = &why
		}
		fmt.Fprintf(to, "%s: %s", f.Name, f.Value)
		if f.Threshold != "" {
			fmt.Fprintf(to, " beside %s", f.Threshold)
		}
		fmt.Fprintf(to, ", %s (%s).\n", f.Outcome, f.Note)
	}
	return why.String() + beside.String()
}
