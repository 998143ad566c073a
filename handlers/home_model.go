package handlers

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

// addModel adds to the portal what is served, what is in training and what was
// forgotten last.
func (s *Site) addModel(ctx context.Context, p *pages.MainPage) error {
	v, err := s.Models.Served(ctx)
	if err != nil && !governance.Is(err, governance.NotFound) {
		return err
	}
	if err == nil {
		p.Version = &pages.MainVersion{Name: v.Name, ID: int64(v.ID), Facts: []ui.Fact{
			{Label: "Published", Value: richMoment(v.PublishedAt)}, {Label: "Weights", Value: ui.Digest(shortDigest(v.Weights.Hex()))},
		}}
	}
	totals, err := s.Corpus.Totals(ctx)
	if err != nil {
		return err
	}
	campaigns, err := s.Rounds.Campaigns(ctx, 0)
	if err != nil {
		return err
	}
	cases, err := s.Unlearning.Cases(ctx, 0)
	if err != nil {
		return err
	}
	certificates := certified(cases)
	p.Counts = append(p.Counts, pages.MainCount{Number: totals.Nodes, What: "nodes"}, pages.MainCount{Number: int64(len(campaigns)), What: "campaigns"},
		pages.MainCount{Number: int64(len(certificates)), What: "certificates"})
	for _, c := range certificates[:min(3, len(certificates))] {
		p.Certs = append(p.Certs, pages.MainCertificate{
			Title: fmt.Sprintf("Certificate of case %d", c.ID), Href: href.Certificate(int64(c.ID)),
			Note: ui.Cat(ui.Plain("Of the checks that decide, "+checksPassed(c.Verdict)+", "), richMoment(*c.EndedAt)),
		})
	}
	for _, c := range campaigns {
		if c.State == rounds.Running {
			p.Training, err = s.mainTraining(ctx, c)
			return err
		}
	}
	return nil
}

// certified are the cases that have a certificate.
func certified(cases []unlearning.Case) []unlearning.Case {
	var list []unlearning.Case
	for _, c := range cases {
		if c.Certificate != nil && c.EndedAt != nil {
			list = append(list, c)
		}
	}
	return list
}

// mainTraining is the campaign that runs, as the portal shows it.
func (s *Site) mainTraining(ctx context.Context, c rounds.Campaign) (*pages.MainTraining, error) {
	v := campaignView{Campaign: c}
	var err error
	if v.rounds, err = s.Rounds.Rounds(ctx, c.ID); err != nil {
		return nil, err
	}
	if n := len(v.rounds); n > 0 {
		v.latest = v.rounds[n-1]
	}
	name := "campaign " + c.ID.String()
	return &pages.MainTraining{
		Name: name, Text: ui.Cat(v.live().Line, ui.Plain(" "), ui.Link("Follow it", href.Campaign(int64(c.ID)))),
		Loss:  plot.SparkOf{Label: "Loss by round, bits per byte", Points: v.loss().Series[0].Points, Until: float64(planned(c)), Places: 3},
		Facts: []ui.Fact{{Label: "Rounds", Value: ui.Plain(fmt.Sprintf("%d of %d", c.Done, planned(c)))}},
	}, nil
}
