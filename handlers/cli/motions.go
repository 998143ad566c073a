package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/handlers"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
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

// recipeField is one number of a recipe in the form and on the page.
type recipeField struct {
	name, label, help, fallback string
	whole                       *int    // of the recipe; or
	decimal                     *string // as it stands in the log
}

// recipeFields binds the fields of the form to a recipe. What a campaign can
// be given at all is here once, for the form, for reading it and for showing it.
func recipeFields(r *protocol.Recipe) []recipeField {
	return []recipeField{
		{"rounds", "Rounds", "At most so many; nodes train and send an update in each.", "5", &r.Rounds, nil},
		{"steps", "Steps of each node in a round", "", "15", &r.Steps, nil},
		{"batch_tokens", "Tokens in a step", "A multiple of the context.", "2048", &r.BatchTokens, nil},
		{"context", "Context, tokens", "Of one sequence; the model's own context or less.", "128", &r.Context, nil},
		{"learn_rate", "Learning rate", "", "0.002", nil, &r.LearnRate},
		{"cohort", "Nodes wanted in a round", "Drawn by lot from those present; the lot follows from the log.", "5", &r.Cohort, nil},
		{"min_reports", "Least updates", "With fewer the round is tried again. Two is the least: a mean of one would show that one.", "3", &r.MinReports, nil},
		{"deadline", "Seconds a round collects", "", "120", &r.Deadline, nil},
		{"converge", "Stop when the loss falls by less than this share", "0 never stops early.", "0", nil, &r.Converge},
		{"beta1", "AdamW: beta 1", "", "0.9", nil, &r.Beta1},
		{"beta2", "AdamW: beta 2", "", "0.999", nil, &r.Beta2},
		{"epsilon", "AdamW: epsilon", "", "0.00000001", nil, &r.Epsilon},
		{"weight_decay", "AdamW: weight decay", "", "0.01", nil, &r.WeightDecay},
		{"clip_norm", "Largest norm of a step's gradient", "0 for no limit.", "1", nil, &r.ClipNorm},
		{"update_norm", "Largest norm of an update", "0 for no limit.", "0", nil, &r.UpdateNorm},
	}
}

func (f recipeField) text() string {
	if f.whole != nil {
		return strconv.Itoa(*f.whole)
	}
	return *f.decimal
}

// trainForm is how a member writes a decision to train. The base is the
// version that is served while the form is filled in.
func trainForm(store *models.Store) handlers.MotionForm {
	form := handlers.MotionForm{
		Kind: protocol.MotionTrain, Label: "Train the model", Help: "A campaign: nodes train on their own text, and what comes out well is published.",
		Encode: encodeRecipe, Decode: decodeRecipe, Facts: recipeFacts,
	}
	form.Fields = append(form.Fields, handlers.MotionField{
		Name: "base", Label: "Begin from the weights", Help: "Digest of a published version; the one that is served now is filled in.",
		Default: func(r *http.Request) string { return servedWeights(r.Context(), store) },
	})
	for _, f := range recipeFields(new(protocol.Recipe)) {
		form.Fields = append(form.Fields, handlers.MotionField{
			Name: f.name, Label: f.label, Help: f.help, Default: func(*http.Request) string { return f.fallback },
		})
	}
	return form
}

// servedWeights is "" where nothing is served; the proposer names a base.
func servedWeights(ctx context.Context, store *models.Store) string {
	v, err := store.Served(ctx)
	if err != nil {
		return ""
	}
	return v.Weights.Hex()
}

func encodeRecipe(value func(string) string) (json.RawMessage, error) {
	r := protocol.Recipe{Optimizer: "adamw", Aggregator: "fedavg", Arithmetic: training.Arithmetic}
	for _, f := range recipeFields(&r) {
		text := value(f.name)
		if f.decimal != nil {
			if _, err := strconv.ParseFloat(text, 64); err != nil {
				return nil, governance.FieldErrorf(f.name, "%s: write a decimal number, as %s.", f.label, f.fallback)
			}
			*f.decimal = text
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, governance.FieldErrorf(f.name, "%s: write a whole number, as %s.", f.label, f.fallback)
		}
		*f.whole = n
	}
	base, err := training.ParseDigest(value("base"))
	if err != nil {
		return nil, governance.FieldErrorf("base", "Write the digest of a version's weights: 64 hexadecimal digits.")
	}
	r.Base = base.Hex()
	if err := r.Check(); err != nil {
		return nil, governance.FieldErrorf("", "This cannot be trained: %v.", err)
	}
	return json.Marshal(r)
}

func decodeRecipe(params string) map[string]string {
	r, err := protocol.ParseRecipe([]byte(params))
	if err != nil {
		return nil
	}
	values := map[string]string{"base": r.Base}
	for _, f := range recipeFields(&r) {
		values[f.name] = f.text()
	}
	return values
}

func recipeFacts(params string) []ui.Fact {
	r, err := protocol.ParseRecipe([]byte(params))
	if err != nil {
		return nil
	}
	facts := []ui.Fact{{Label: "Does", Value: ui.Plain("trains the model")}, {Label: "Begins from", Value: ui.Digest(r.Base)}}
	for _, f := range recipeFields(&r) {
		facts = append(facts, ui.Fact{Label: f.label, Value: ui.Plain(f.text())})
	}
	return append(facts, ui.Fact{Label: "Optimiser, mean, arithmetic", Value: ui.Plain(strings.Join([]string{r.Optimizer, r.Aggregator, r.Arithmetic}, ", "))})
}

// unlearnForm is how a member writes a decision to forget a contributor's
// records.
func unlearnForm() handlers.MotionForm {
	return handlers.MotionForm{
		Kind: protocol.MotionUnlearn, Label: "Forget a contributor's records",
		Help: "Every round since those records first counted is trained again without them; what was trained on them is withdrawn, and the key to the contributor's updates is destroyed.",
		Fields: []handlers.MotionField{
			{Name: "contributor", Label: "Member number of the contributor", Help: "As in the address of the member's page.", Default: fromQuery("contributor")},
			{Name: "campaign", Label: "Number of the campaign", Help: "Whose rounds are trained again.", Default: fromQuery("campaign")},
		},
		Encode: func(value func(string) string) (json.RawMessage, error) {
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
		Facts: func(params string) []ui.Fact {
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

// fromQuery fills a field from the address, for links that begin a proposal.
func fromQuery(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.URL.Query().Get(name) }
}
