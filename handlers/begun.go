package handlers

import (
	"context"
	"fmt"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
)

// begun is a campaign that a decision began, with its rounds, so that a reader
// of the decision is one click from all that followed.
type begun struct {
	rounds.Campaign
	accepted []rounds.Round
}

func (s *Site) begunBy(ctx context.Context, id governance.ProposalID) ([]begun, error) {
	campaigns, err := s.Rounds.OfProposal(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []begun
	for _, c := range campaigns {
		b := begun{Campaign: c}
		all, err := s.Rounds.Rounds(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.State == rounds.Accepted {
				b.accepted = append(b.accepted, r)
			}
		}
		list = append(list, b)
	}
	return list, nil
}

// caseOpenedBy is the unlearning case that a decision opened, 0 for none.
func (s *Site) caseOpenedBy(ctx context.Context, id governance.ProposalID) (training.UnlearningID, error) {
	cases, err := s.Unlearning.Cases(ctx, 0)
	if err != nil {
		return 0, err
	}
	for _, c := range cases {
		if c.Proposal == id {
			return c.ID, nil
		}
	}
	return 0, nil
}

// sentence names the campaign, what it belongs to and its rounds.
func (b begun) sentence() ui.Rich {
	text := ui.Cat(ui.Plain(" It began "), ui.Link("campaign "+b.ID.String(), href.Campaign(int64(b.ID))))
	if b.Unlearning != 0 {
		text = ui.Cat(text, ui.Plain(" for "), caseLink(b.Unlearning))
	}
	for i, r := range b.accepted {
		sep := ", "
		if i == 0 {
			sep = fmt.Sprintf(", with %d accepted rounds: ", len(b.accepted))
		}
		text = ui.Cat(text, ui.Plain(sep), ui.Link(strconv.Itoa(r.Number), href.Round(int64(r.ID))))
	}
	return ui.Cat(text, ui.Plain("."))
}

// caseLink leads to an unlearning case, which is its certificate once it is closed.
func caseLink(id training.UnlearningID) ui.Rich {
	return ui.Link("unlearning case "+id.String(), href.Certificate(int64(id)))
}
