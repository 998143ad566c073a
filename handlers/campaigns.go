package handlers

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"github.com/a-h/templ"
)

// campaignsPerPage is how many the store answers at once.
const campaignsPerPage = 50

func campaignRef(id training.CampaignID) governance.Ref {
	return governance.RefTo(rounds.RefCampaign, id)
}

func proposalRef(id governance.ProposalID) governance.Ref { return governance.RefTo("proposal", id) }

func (s *Site) campaigns(_ http.ResponseWriter, r *http.Request) (answer, error) {
	list, err := s.Rounds.Campaigns(r.Context(), formID[training.CampaignID](r, "before"))
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, c := range list {
		refs[i] = proposalRef(c.Proposal)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Training", Section: href.Campaigns()})
	if err != nil {
		return answer{}, err
	}
	p := pages.CampaignsPage{Chrome: chrome}
	for _, c := range list {
		p.Campaigns = append(p.Campaigns, campaignLine(c, names))
	}
	if n := len(list); n == campaignsPerPage {
		p.Pager = ui.Pager{Older: href.Campaigns() + "?before=" + list[n-1].ID.String(), Label: "campaigns"}
	}
	return show(pages.Campaigns(p)), nil
}

// campaign is the page of one campaign with the round that runs.
func (s *Site) campaign(_ http.ResponseWriter, r *http.Request) (answer, error) {
	v, err := s.campaignOf(r)
	if err != nil {
		return answer{}, err
	}
	if err := s.readFigures(r.Context(), &v); err != nil {
		return answer{}, err
	}
	if v.decided, err = s.Log.EntryIndex(r.Context(), v.Decision); err != nil {
		return answer{}, err
	}
	if err := s.readOrigins(r.Context(), &v); err != nil {
		return answer{}, err
	}
	if v.changes, err = s.Log.Changes(r.Context(), audit.Filter{Refs: []governance.Ref{campaignRef(v.ID)}, Limit: 20}); err != nil {
		return answer{}, err
	}
	refs := slices.Concat(partRefs(v.nodes), drawRefs(v.draws), v.spentRefs(), []governance.Ref{proposalRef(v.Proposal)})
	if v.names, err = s.namesOf(r.Context(), v.changes, refs...); err != nil {
		return answer{}, err
	}
	v.chrome, err = s.chrome(r, layout.Chrome{
		Title: fmt.Sprintf("Campaign %d: %s", v.ID, campaignTitle(v.Campaign, v.names)), Section: href.Campaigns(), Live: v.State == rounds.Running, Toc: v.contents(),
		Tools: []layout.ToolGroup{{Title: "Export", Links: []layout.Link{{Text: "Loss as CSV", Href: href.CampaignLoss(int64(v.ID))}}}},
	})
	if err != nil {
		return answer{}, err
	}
	page, err := v.page()
	return show(pages.Campaign(page)), err
}

// readOrigins reads what the campaign begins from and what came of it.
func (s *Site) readOrigins(ctx context.Context, v *campaignView) (err error) {
	if v.version, err = s.Models.Version(ctx, v.Version); err != nil {
		return err
	}
	if v.tree.versions, err = s.Models.Versions(ctx); err != nil {
		return err
	}
	if v.tree.campaigns, err = s.Rounds.Family(ctx, v.ID); err != nil {
		return err
	}
	v.tree = v.tree.around(v.Campaign)
	return s.readOutcomes(ctx, &v.tree)
}

// readFigures reads what the latest round and the whole campaign are made of.
func (s *Site) readFigures(ctx context.Context, v *campaignView) (err error) {
	if v.there, err = s.Corpus.Strata(ctx); err != nil {
		return err
	}
	if v.trained, err = s.Corpus.StrataOfCampaign(ctx, v.ID); err != nil {
		return err
	}
	if v.counts, err = s.Rounds.CheckCounts(ctx, v.ID); err != nil {
		return err
	}
	if v.Recipe.Privacy.On() {
		if v.spent, err = s.Rounds.Spent(ctx, v.ID); err != nil {
			return err
		}
	}
	if v.latest.ID == 0 {
		return nil
	}
	if v.nodes, err = s.Rounds.Participants(ctx, v.latest.ID); err != nil {
		return err
	}
	if v.draws, err = s.Rounds.Draws(ctx, v.latest.ID); err != nil {
		return err
	}
	if v.updates, err = s.Rounds.Updates(ctx, v.latest.ID); err != nil {
		return err
	}
	v.checks, err = s.lastChecks(ctx, v.rounds)
	return err
}

// lastChecks are the checks of the newest round that has come to them.
func (s *Site) lastChecks(ctx context.Context, list []rounds.Round) ([]rounds.Check, error) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].EvaluatingAt != nil {
			found, _, err := s.checksOf(ctx, list[i].ID)
			return found, err
		}
	}
	return nil, nil
}

// campaignOf reads the campaign of the address and its rounds.
func (s *Site) campaignOf(r *http.Request) (campaignView, error) {
	id, err := pathID[training.CampaignID](r, "id")
	if err != nil {
		return campaignView{}, err
	}
	return s.readCampaign(r.Context(), id)
}

func (s *Site) readCampaign(ctx context.Context, id training.CampaignID) (campaignView, error) {
	var v campaignView
	var err error
	if v.Campaign, err = s.Rounds.Campaign(ctx, id); err != nil {
		return v, err
	}
	if v.rounds, err = s.Rounds.Rounds(ctx, id); err != nil {
		return v, err
	}
	if n := len(v.rounds); n > 0 {
		v.latest = v.rounds[n-1]
	}
	return v, nil
}

// streamLife is how long one stream of events lasts. The browser comes again
// by itself; who reads without script reloads the page.
const streamLife = 5 * time.Minute

// maxStreams bounds how many readers are told at once; the others reload.
const maxStreams = 500

// campaignEvents sends the state of a campaign whenever it changes. It holds
// no connection to the database while it waits.
func (s *Site) campaignEvents(w http.ResponseWriter, r *http.Request) {
	id, err := pathID[training.CampaignID](r, "id")
	if err == nil && s.streams.Add(1) > maxStreams {
		err = governance.Errorf(governance.Unavailable, "Too many readers follow a campaign now. Reload the page to see its state.")
	}
	defer s.streams.Add(-1)
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	for wrote := false; ; wrote = true {
		wake := s.Rounds.Hub().Campaigns() // taken before looking, so that nothing between is missed
		v, err := s.readCampaign(ctx, id)
		if err != nil && !wrote {
			s.plainError(w, r, err)
			return
		}
		if err != nil || sendEvent(ctx, w, pages.CampaignLive(v.live())) != nil || v.State != rounds.Running {
			return
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return
		}
	}
}

// sendEvent writes one server-sent event: the HTML, a data line for each of its
// lines (WHATWG HTML, 9.2.5).
func sendEvent(ctx context.Context, w http.ResponseWriter, part templ.Component) error {
	var html bytes.Buffer
	if err := part.Render(ctx, &html); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for line := range bytes.Lines(html.Bytes()) {
		if _, err := fmt.Fprintf(w, "data: %s\n", bytes.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(w, "\n"); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// campaignLoss is the loss by round for whoever plots it again.
func (s *Site) campaignLoss(w http.ResponseWriter, r *http.Request) {
	v, err := s.campaignOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="campaign-%d-loss.csv"`, v.ID))
	out := csv.NewWriter(w)
	_ = out.Write([]string{"round", "attempt", "state", "records", "loss_of_campaign_base", "loss_before", "loss_after", "byte_frequencies", "checkpoint"})
	for _, x := range v.rounds {
		_ = out.Write([]string{strconv.Itoa(x.Number), strconv.Itoa(x.Attempt), x.State, strconv.FormatInt(x.Records, 10), x.LossBase, x.LossBefore, x.LossAfter, x.Unigram, x.Checkpoint.Hex()})
	}
	out.Flush()
}
