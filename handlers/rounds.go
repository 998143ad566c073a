package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
)

// round is the page of one round: who took part, what came out.
func (s *Site) round(_ http.ResponseWriter, r *http.Request) (answer, error) {
	v, err := s.roundOf(r)
	if err != nil {
		return answer{}, err
	}
	ref := governance.RefTo(rounds.RefRound, v.ID)
	if v.changes, err = s.Log.Changes(r.Context(), audit.Filter{Refs: []governance.Ref{ref}, Limit: 50}); err != nil {
		return answer{}, err
	}
	if v.draws, err = s.Rounds.Draws(r.Context(), v.ID); err != nil {
		return answer{}, err
	}
	if v.found, v.spots, err = s.checksOf(r.Context(), v.ID); err != nil {
		return answer{}, err
	}
	if v.names, err = s.namesOf(r.Context(), v.changes, slices.Concat(partRefs(v.nodes), drawRefs(v.draws), spotRefs(v.spots), []governance.Ref{proposalRef(v.campaign.Proposal)})...); err != nil {
		return answer{}, err
	}
	if v.again, err = s.trainedAgain(r.Context(), v.Round); err != nil {
		return answer{}, err
	}
	v.site = origin(r)
	v.chrome, err = s.chrome(r, layout.Chrome{
		Title: fmt.Sprintf("Round %d of campaign %d", v.Number, v.Campaign), Section: href.Campaigns(),
		Tools: []layout.ToolGroup{{Title: "Export", Links: []layout.Link{{Text: "Round as JSON", Href: href.RoundManifest(int64(v.ID))}}}},
	})
	if err != nil {
		return answer{}, err
	}
	return show(pages.Round(v.page())), nil
}

// trainedAgain reads the replays of a round: what forgetting somebody made of it.
func (s *Site) trainedAgain(ctx context.Context, of rounds.Round) ([]trainedAgain, error) {
	family, err := s.Rounds.Family(ctx, of.Campaign)
	if err != nil {
		return nil, err
	}
	var list []trainedAgain
	for _, c := range family {
		if c.Replays != of.Campaign {
			continue
		}
		all, err := s.Rounds.Rounds(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.Origin == of.ID && r.State == rounds.Accepted {
				list = append(list, trainedAgain{r, c.Unlearning})
			}
		}
	}
	return list, nil
}

// roundOf reads the round of the address with its parts.
func (s *Site) roundOf(r *http.Request) (roundView, error) {
	var v roundView
	id, err := pathID[training.RoundID](r, "id")
	if err != nil {
		return v, err
	}
	if v.Round, err = s.Rounds.Round(r.Context(), id); err != nil {
		return v, err
	}
	if v.campaign, err = s.Rounds.Campaign(r.Context(), v.Campaign); err != nil {
		return v, err
	}
	if v.nodes, err = s.Rounds.Participants(r.Context(), id); err != nil {
		return v, err
	}
	v.updates, err = s.Rounds.Updates(r.Context(), id)
	return v, err
}

// manifest is a round for programs: everything from which its result follows,
// and nothing that is not in the log. Losses are decimal strings, as there.
type manifest struct {
	Round      training.RoundID    `json:"round"`
	Campaign   training.CampaignID `json:"campaign"`
	Number     int                 `json:"number"`
	Attempt    int                 `json:"attempt"`
	State      string              `json:"state"`
	Replays    training.RoundID    `json:"replays,omitempty"`
	Decision   governance.EntryID  `json:"decision"`
	Recipe     any                 `json:"recipe"`
	Arithmetic string              `json:"arithmetic"`
	Seed       training.Digest     `json:"seed"`
	Cohort     []governance.NodeID `json:"cohort"`
	Base       training.Digest     `json:"base"`
	Checkpoint string              `json:"checkpoint"` // "" before aggregation
	Updates    []manifestUpdate    `json:"updates"`    // in the order of the sum
	Records    int64               `json:"validation_records"`
	LossBase   string              `json:"loss_of_campaign_base"`
	LossBefore string              `json:"loss_before"`
	LossAfter  string              `json:"loss_after"`
}

type manifestUpdate struct {
	Node     governance.NodeID `json:"node"`
	Digest   training.Digest   `json:"digest"`
	Examples int64             `json:"examples"`
	Weight   int64             `json:"weight"`
	Manifest training.Digest   `json:"manifest"`
	Outcome  string            `json:"outcome,omitempty"` // of the checks
	Scale    string            `json:"scale,omitempty"`   // factor of a clipped update
	Divisor  int64             `json:"divisor,omitempty"` // of its weight
}

func (s *Site) roundManifest(w http.ResponseWriter, r *http.Request) {
	v, err := s.roundOf(r)
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	m := manifest{
		Round: v.ID, Campaign: v.Campaign, Number: v.Number, Attempt: v.Attempt, State: v.State, Replays: v.Origin,
		Decision: v.campaign.Decision, Recipe: v.campaign.Recipe, Arithmetic: v.Arithmetic, Seed: v.Seed, Cohort: v.Cohort, Base: v.Base,
		Records: v.Records, LossBase: v.LossBase, LossBefore: v.LossBefore, LossAfter: v.LossAfter, Updates: []manifestUpdate{},
	}
	if !v.Checkpoint.IsZero() {
		m.Checkpoint = v.Checkpoint.Hex()
	}
	for _, u := range v.updates {
		m.Updates = append(m.Updates, manifestUpdate{u.Node, u.Digest, u.Examples, u.Weight, u.Manifest, u.Outcome, u.Scale, u.Divisor})
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(m); err != nil {
		s.log.WarnContext(r.Context(), "manifest of a round broke off", slog.Any("err", err))
	}
}
