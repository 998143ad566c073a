package workers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/riverqueue/river"
)

type publishVersion struct {
	river.WorkerDefaults[rounds.PublishArgs]
	t Training
}

// Timeout is that of work with weights.
func (w *publishVersion) Timeout(*river.Job[rounds.PublishArgs]) time.Duration { return long }

// Work puts the result of a finished campaign through the gate: it becomes a
// version and is served, or the log says why not.
func (w *publishVersion) Work(ctx context.Context, job *river.Job[rounds.PublishArgs]) error {
	c, err := w.t.Rounds.Campaign(ctx, job.Args.Campaign)
	if err != nil {
		return err
	}
	all, err := w.t.Rounds.Rounds(ctx, c.ID)
	if err != nil {
		return err
	}
	last, ok := lastAccepted(all)
	if !ok {
		return passed(w.t.Rounds.Withhold(ctx, actor(job), c.ID, "No round was accepted."))
	}
	if pass, why := rounds.Passes(c, last); !pass {
		return passed(w.t.Rounds.Withhold(ctx, actor(job), c.ID, why))
	}
	p, err := Publication(ctx, w.t, c, all)
	if err != nil {
		return err
	}
	_, err = w.t.Models.Publish(ctx, actor(job), p)
	return passed(err)
}

func lastAccepted(all []rounds.Round) (rounds.Round, bool) {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].State == rounds.Accepted {
			return all[i], true
		}
	}
	return rounds.Round{}, false
}

// Publication writes what the version of a campaign's head is called and what
// its card says.
func Publication(ctx context.Context, t Training, c rounds.Campaign, all []rounds.Round) (models.Publication, error) {
	parent, err := t.Models.Version(ctx, c.Version)
	if err != nil {
		return models.Publication{}, err
	}
	members := map[governance.NodeID]bool{}
	for _, r := range all {
		if r.State != rounds.Accepted {
			continue
		}
		updates, err := t.Rounds.Updates(ctx, r.ID)
		if err != nil {
			return models.Publication{}, err
		}
		for _, u := range updates {
			members[u.Node] = true
		}
	}
	name := nextName(parent.Name, c.ID)
	facts := models.Facts{
		Name: name, Licence: parent.Licence, Parent: parent.Name, Campaign: c.ID, Proposal: int64(c.Proposal), Rounds: c.Done,
		Nodes: len(members), Base: c.Base, Weights: c.Head, Forgets: c.Replays != 0, Arith: training.Arithmetic,
	}
	if last, ok := lastAccepted(all); ok && last.Records > 0 {
		facts.Loss, facts.LossBase = last.LossAfter, last.LossBase
	}
	return models.Publication{
		Name: name, Weights: c.Head, Parent: parent.ID, Campaign: c.ID, Decision: c.Decision, Card: models.Card(facts),
	}, nil
}

// nextName calls a version after the founding model and its campaign.
func nextName(parent string, campaign training.CampaignID) string {
	root, _, _ := strings.Cut(parent, " (campaign ")
	return fmt.Sprintf("%s (campaign %d)", root, campaign)
}
