package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/handlers"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
	"filippo.io/age"
)

// trainMotion and unlearnMotion are what a decision to train and one to
// forget may say. Training changes what is served and can be taken back;
// forgetting destroys keys and cannot.
var (
	trainMotion = proposals.MotionKind{Class: policies.Reversible, Check: func(params []byte) ([]byte, error) {
		r, err := protocol.ParseRecipe(params)
		if err != nil {
			return nil, governance.FieldErrorf("params", "This cannot be trained: %v.", err)
		}
		return json.Marshal(r)
	}}
	unlearnMotion = proposals.MotionKind{Class: policies.Destructive, Check: func(params []byte) ([]byte, error) {
		f, err := protocol.ParseForget(params)
		if err != nil {
			return nil, governance.FieldErrorf("params", "This cannot be forgotten: %v.", err)
		}
		return json.Marshal(f)
	}}
)

// auditMotion is what a decision to name an auditor may say. Who has read an
// update cannot unread it.
var auditMotion = proposals.MotionKind{Class: policies.Destructive, Check: func(params []byte) ([]byte, error) {
	a, err := protocol.ParseAudit(params)
	if err == nil {
		_, err = age.ParseX25519Recipient(a.Recipient)
	}
	if err != nil {
		return nil, governance.FieldErrorf("params", "This cannot be audited: %v.", err)
	}
	return json.Marshal(a)
}}

// numberField is a field for the number of what it is named after.
type numberField struct {
	name string
	to   *int64
}

func (f numberField) read(value func(name string) string) error {
	n, err := strconv.ParseInt(value(f.name), 10, 64)
	if err != nil || n < 1 {
		return governance.FieldErrorf(f.name, "Write the number of the %s.", f.name)
	}
	*f.to = n
	return nil
}

// auditForm is how a member writes a decision to name an auditor.
func auditForm() handlers.MotionForm {
	read := func(params string) (protocol.Audit, map[string]string) {
		a, err := protocol.ParseAudit([]byte(params))
		if err != nil {
			return a, nil
		}
		values := map[string]string{"member": strconv.FormatInt(a.Member, 10), "recipient": a.Recipient}
		for name, n := range map[string]int64{"round": a.Round, "campaign": a.Campaign} {
			if n != 0 {
				values[name] = strconv.FormatInt(n, 10)
			}
		}
		return a, values
	}
	return handlers.MotionForm{
		Kind: protocol.MotionAudit, Label: "Let an auditor read updates",
		Help: "Updates can reveal text, so nobody reads them. An auditor whom this names gets them encrypted to the auditor's own key, and computes rounds again.",
		Parts: []handlers.MotionPart{{Fields: []handlers.MotionField{
			{Name: "campaign", Label: "Number of the campaign", Help: "All its rounds; or leave it empty and name one round."},
			{Name: "round", Label: "Number of the round", Help: "As in the address of the round's page."},
			{Name: "member", Label: "Member number of the auditor", Help: "As in the address of the member's page."},
			{Name: "recipient", Label: "The auditor's public key", Help: "Made by the auditor with age-keygen; it begins with age1. The secret half stays with the auditor.", Wide: true},
		}}},
		Fill: handlers.FromQuery("campaign", "round", "member", "recipient"),
		Encode: func(_ *http.Request, value func(string) string) (json.RawMessage, error) {
			a := protocol.Audit{Recipient: value("recipient")}
			for _, f := range []numberField{{"campaign", &a.Campaign}, {"round", &a.Round}, {"member", &a.Member}} {
				if value(f.name) == "" && f.name != "member" {
					continue
				}
				if err := f.read(value); err != nil {
					return nil, err
				}
			}
			if _, err := age.ParseX25519Recipient(a.Recipient); err != nil {
				return nil, governance.FieldErrorf("recipient", "This is no public key of age: it begins with age1 and has 62 characters.")
			}
			if (a.Round == 0) == (a.Campaign == 0) {
				return nil, governance.FieldErrorf("campaign", "Name a campaign or a round, and not both.")
			}
			return json.Marshal(a)
		},
		Decode: func(params string) map[string]string {
			_, values := read(params)
			return values
		},
		Facts: func(_ context.Context, params string) []ui.Fact {
			a, values := read(params)
			if values == nil {
				return nil
			}
			of := ui.Link("all rounds of campaign "+values["campaign"], href.Campaign(a.Campaign))
			if a.Round != 0 {
				of = ui.Link("round "+values["round"], href.Round(a.Round))
			}
			return []ui.Fact{
				{Label: "Does", Value: ui.Plain("gives updates to an auditor, encrypted to the auditor's key; this cannot be taken back")},
				{Label: "Auditor", Value: ui.Link("member "+values["member"], href.Member(a.Member))},
				{Label: "Of", Value: of},
				{Label: "Key", Value: ui.Digest(a.Recipient)},
			}
		},
	}
}

// unlearnForm is how a member writes a decision to forget a contributor's
// records.
func unlearnForm() handlers.MotionForm {
	return handlers.MotionForm{
		Kind: protocol.MotionUnlearn, Label: "Forget a contributor's records",
		Help: "Every round since those records first counted is trained again without them; what was trained on them is withdrawn, and the key to the contributor's updates is destroyed.",
		Parts: []handlers.MotionPart{{Fields: []handlers.MotionField{
			{Name: "contributor", Label: "Member number of the contributor", Help: "As in the address of the member's page."},
			{Name: "campaign", Label: "Number of the campaign", Help: "Whose rounds are trained again."},
		}}},
		Fill: handlers.FromQuery("contributor", "campaign"),
		Encode: func(_ *http.Request, value func(string) string) (json.RawMessage, error) {
			f := protocol.Forget{Method: "rollback"}
			for _, n := range []numberField{{"contributor", &f.Contributor}, {"campaign", &f.Campaign}} {
				if err := n.read(value); err != nil {
					return nil, err
				}
			}
			return json.Marshal(f)
		},
		Decode: func(params string) map[string]string {
			f, err := protocol.ParseForget([]byte(params))
			if err != nil {
				return nil
			}
			return map[string]string{"contributor": strconv.FormatInt(f.Contributor, 10), "campaign": strconv.FormatInt(f.Campaign, 10)}
		},
		Facts: func(_ context.Context, params string) []ui.Fact {
			f, err := protocol.ParseForget([]byte(params))
			if err != nil {
				return nil
			}
			return []ui.Fact{
				{Label: "Does", Value: ui.Plain("forgets all records of one contributor, for good")},
				{Label: "Contributor", Value: ui.Link("member "+strconv.FormatInt(f.Contributor, 10), href.Member(f.Contributor))},
				{Label: "Trained again", Value: ui.Link("campaign "+strconv.FormatInt(f.Campaign, 10), href.Campaign(f.Campaign))},
				{Label: "Method", Value: ui.Plain(f.Method + ": exact, from the last checkpoint that the records never touched")},
			}
		},
	}
}
