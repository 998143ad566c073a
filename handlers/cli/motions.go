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
			for name, to := range map[string]*int64{"contributor": &f.Contributor, "campaign": &f.Campaign} {
				n, err := strconv.ParseInt(value(name), 10, 64)
				if err != nil || n < 1 {
					return nil, governance.FieldErrorf(name, "Write the number of the %s.", name)
				}
				*to = n
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
