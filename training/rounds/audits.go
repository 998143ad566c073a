package rounds

import (
	"context"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

var _ = audit.Register[AuditorNamed]()

// AuditorNamed says whom a decision lets read updates.
type AuditorNamed struct {
	Proposal  governance.ProposalID `json:"proposal"`
	Decision  governance.EntryID    `json:"decision"`
	Round     training.RoundID      `json:"round,omitempty"`
	Campaign  training.CampaignID   `json:"campaign,omitempty"`
	Member    governance.MemberID   `json:"member"`
	Recipient string                `json:"recipient"`
}

// Kind is the kind of the entry, for ever.
func (AuditorNamed) Kind() string { return "round.auditor" }

// Subject is the round, or the campaign.
func (e AuditorNamed) Subject() governance.Ref {
	if e.Round != 0 {
		return roundRef(e.Round)
	}
	return campaignRef(e.Campaign)
}

// About names the auditor and the proposal.
func (e AuditorNamed) About() []governance.Ref {
	return []governance.Ref{governance.RefTo(governance.RefMember, e.Member), governance.RefTo("proposal", e.Proposal)}
}

// Sentence says who may read what.
func (e AuditorNamed) Sentence() audit.Sentence {
	return audit.Say("gave the updates of ", e.Subject(), " to ", governance.RefTo(governance.RefMember, e.Member), " as auditor, as ", governance.RefTo("proposal", e.Proposal), " decided")
}

// NameAuditor carries out a decision to audit. also, if not nil, joins the
// act: the step that marks the proposal as carried out. A second call for a
// decision is a Conflict.
func (s *Store) NameAuditor(ctx context.Context, actor governance.Actor, decision governance.EntryID, also func(context.Context, *audit.Tx) error) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := onlyJob(tx, "names an auditor"); err != nil {
			return nil, err
		}
		d, _, err := DecisionOf(ctx, tx, decision)
		if err != nil {
			return nil, err
		}
		if d.Motion != protocol.MotionAudit {
			return nil, governance.Errorf(governance.Invalid, "The decision is to %s and names no auditor.", d.Motion)
		}
		a, err := protocol.ParseAudit([]byte(d.Params))
		if err != nil {
			return nil, governance.Errorf(governance.Invalid, "The audit cannot be carried out: %v.", err)
		}
		if err := s.insertAudit(ctx, tx, decision, d.Proposal, a); err != nil {
			return nil, err
		}
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return nil, err
			}
		}
		return AuditorNamed{
			Proposal: governance.ProposalID(d.Proposal), Decision: decision, Round: training.RoundID(a.Round),
			Campaign: training.CampaignID(a.Campaign), Member: governance.MemberID(a.Member), Recipient: a.Recipient,
		}, s.crash("name auditor")
	})
	return err
}

// insertAudit is the step that writes whom a decision named.
func (s *Store) insertAudit(ctx context.Context, tx *audit.Tx, decision governance.EntryID, proposal int64, a protocol.Audit) error {
	const insert = `
		insert into audits (decision, proposal, round, campaign, member, recipient, named_at)
		values (@decision, @proposal, nullif(@round, 0), nullif(@campaign, 0), @member, @recipient, @now)`
	_, err := tx.Exec(ctx, insert, pgx.StrictNamedArgs{
		"decision": decision, "proposal": proposal, "round": a.Round, "campaign": a.Campaign, "member": a.Member,
		"recipient": a.Recipient, "now": tx.Now(ctx),
	})
	if err != nil {
		return pg.Translate(fmt.Errorf("name auditor of decision %d: %w", decision, err), map[string]error{
			"audits_pkey":          governance.Errorf(governance.Conflict, "This decision has named its auditor already."),
			"audits_round_fkey":    governance.Errorf(governance.Invalid, "There is no round %d.", a.Round),
			"audits_campaign_fkey": governance.Errorf(governance.Invalid, "There is no campaign %d.", a.Campaign),
			"audits_member_fkey":   governance.Errorf(governance.Invalid, "There is no member %d.", a.Member),
		})
	}
	return nil
}

// Reader says to whom the updates of a round may be given: an empty recipient
// means in plain, because the campaign's text is public; else they are
// encrypted to it. Nobody is member 0. Who may not read them is told so, and
// what would change that.
func (s *Store) Reader(ctx context.Context, round training.RoundID, member governance.MemberID) (recipient string, err error) {
	r, err := s.Round(ctx, round)
	if err != nil {
		return "", err
	}
	c, err := s.Campaign(ctx, r.Campaign)
	if err != nil || c.Recipe.Public {
		return "", err
	}
	const q = `
		select recipient from audits where member = @member and (round = @round or campaign = @campaign)
		order by decision desc limit 1`
	err = s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"member": member, "round": round, "campaign": r.Campaign}).Scan(&recipient)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", governance.Errorf(governance.Forbidden, "The updates of round %d can reveal the text that they were made of, so nobody reads them but the platform and auditors whom a decision of the community names. A proposal to audit names one. What the log says of the round anyone can verify without them.", round)
	}
	if err != nil {
		return "", fmt.Errorf("look for auditors of round %d: %w", round, err)
	}
	return recipient, nil
}
