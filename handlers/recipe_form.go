package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
)

// trainer is the form of a decision to train, with what it asks of the stores.
type trainer struct{ Stores }

// TrainForm is how a member writes a decision to train: a preset, and what is
// changed of it. The base is the version that is served while it is filled in.
func TrainForm(s Stores) MotionForm {
	t := trainer{s}
	form := MotionForm{
		Kind: protocol.MotionTrain, Label: "Train the model", Help: "A campaign: nodes train on their own text, and what comes out well is published.",
		Fill: t.fill, Encode: t.encode, Decode: decodeRecipe, Facts: t.facts,
		Note: ui.Cat(ui.Plain("A recipe says how. Take the preset that is nearest to your community, press the button, and change what you know better. "),
			ui.Link("The glossary explains every word", href.Glossary("")), ui.Plain(".")),
	}
	for _, p := range recipes.Presets() {
		form.Presets = append(form.Presets, ui.Option{Value: p.Key, Label: p.Name, Description: p.Summary + " For: " + lower(p.When) + " Costs: " + lower(p.Costs)})
	}
	for i, part := range recipeParts(new(recipeDraft)) {
		var fields []MotionField
		for _, f := range part.fields {
			field := MotionField{Name: f.name, Label: f.label, Help: f.help, Terms: termLinks(append(f.keys, f.terms...))}
			if f.choice != nil || f.yes != nil {
				field.Choices = f.options()
			}
			fields = append(fields, field)
		}
		if i == 0 {
			fields = append(fields, MotionField{Name: "base", Label: "Begin from the weights", Help: "Digest of a published version; the one that is served now is filled in.", Wide: true})
		}
		form.Parts = append(form.Parts, MotionPart{Title: part.title, Note: part.note, Fields: fields})
	}
	return form
}

func lower(sentence string) string {
	if len(sentence) > 1 && sentence[1] >= 'a' && sentence[1] <= 'z' {
		return string(sentence[0]|' ') + sentence[1:]
	}
	return sentence
}

// termLinks lead to the entries of the glossary that explain a field.
func termLinks(keys []string) ui.Rich {
	var links ui.Rich
	for _, k := range keys {
		t, ok := recipes.Lookup(k)
		if !ok {
			continue
		}
		if len(links) > 0 {
			links = ui.Cat(links, ui.Plain(" · "))
		}
		links = ui.Cat(links, ui.Link(t.Name, href.Glossary(k)))
	}
	return links
}

// fill is the form's values for a preset, "" for the first: what the preset
// says, and what was typed of the number of rounds and the base.
func (t trainer) fill(r *http.Request, key string, value func(string) string) map[string]string {
	preset, ok := recipes.ByKey(key)
	if !ok {
		preset = recipes.Presets()[0]
	}
	rounds, err := strconv.Atoi(value("rounds"))
	if err != nil {
		rounds = 5
	}
	served, err := t.Models.Served(r.Context())
	if err != nil {
		served = models.Version{} // nothing is served: the proposer names a base
	}
	base := value("base")
	if base == "" && served.ID != 0 {
		base = served.Weights.Hex()
	}
	values := recipeValues(preset.Recipe(rounds, base, contextOf(served.Config)))
	values["preset"], values["filled"] = preset.Key, preset.Key
	return values
}

// contextOf reads how many tokens a model takes at once; 128 where it does not say.
func contextOf(config string) int {
	var c struct {
		Context int `json:"max_position_embeddings"`
	}
	if json.Unmarshal([]byte(config), &c) != nil || c.Context < 1 {
		return 128
	}
	return c.Context
}

func (t trainer) encode(r *http.Request, value func(string) string) (json.RawMessage, error) {
	where, err := t.circumstances(r.Context())
	if err != nil {
		return nil, err
	}
	recipe, err := readRecipe(value, where)
	if err == nil {
		err = t.checkBase(r.Context(), recipe)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(recipe)
}

// checkBase refuses weights that no published version has, and more context
// than their model takes: a vote for either would begin no campaign.
func (t trainer) checkBase(ctx context.Context, r protocol.Recipe) error {
	list, err := t.Models.Versions(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(v models.Version) bool { return v.Weights.Hex() == r.Base && v.State == models.Published })
	if i < 0 {
		return governance.FieldErrorf("base", "No version that is published has these weights. Copy the digest from the page of a version: the one that is served is usual.")
	}
	if most := contextOf(list[i].Config); r.Context > most {
		return governance.FieldErrorf("context", "%s takes %d tokens at once. Write %d or less.", list[i].Name, most, most)
	}
	return nil
}

// circumstances counts the nodes that a cohort would be drawn from now.
func (t trainer) circumstances(ctx context.Context) (recipes.Circumstances, error) {
	values, err := t.Policies.InForce(ctx)
	if err != nil {
		return recipes.Circumstances{}, err
	}
	ready, err := t.Nodes.Ready(ctx, t.Rounds.Now().Add(-time.Duration(values.Int(policies.SeenWithin))*time.Second))
	return recipes.Circumstances{Nodes: len(ready)}, err
}

func decodeRecipe(params string) map[string]string {
	r, err := protocol.ParseRecipe([]byte(params))
	if err != nil {
		return nil
	}
	return recipeValues(r)
}

// facts say in sentences what a recipe does and what it would cost.
func (t trainer) facts(ctx context.Context, params string) []ui.Fact {
	r, err := protocol.ParseRecipe([]byte(params))
	if err != nil {
		return nil
	}
	facts := describeRecipe(r)
	facts = slices.Insert(facts, 1, ui.Fact{Label: "Begins from", Value: ui.Digest(r.Base)})
	if size := t.parameters(ctx, r.Base); size > 0 {
		facts = append(facts, ui.Fact{Label: "Costs a node", Value: ui.Plain(costs(r, size))})
	}
	return append(facts, privacyFacts(r)...)
}

func period(seconds int) string { return policies.Period(time.Duration(seconds) * time.Second) }

// parameters is how many numbers the model of some weights has: each takes
// four bytes of their file. 0 for weights that no version has.
func (t trainer) parameters(ctx context.Context, base string) int {
	weights, err := training.ParseDigest(base)
	if err != nil {
		return 0
	}
	list, err := t.Models.Versions(ctx)
	if err != nil {
		return 0 // the page stands without its cost
	}
	for _, v := range list {
		if v.Weights == weights {
			return int(v.Size / 4)
		}
	}
	return 0
}

// costs says in bytes what a round costs one node.
func costs(r protocol.Recipe, parameters int) string {
	c := recipes.CostOf(r, parameters)
	down := bytesOf(c.Down) + " down"
	if r.Down.Delta {
		down = "at most " + down
	}
	up := bytesOf(c.Up) + " up"
	if c.Up < c.Raw {
		up += fmt.Sprintf(" instead of %s (%.0f %% of it)", bytesOf(c.Raw), 100*float64(c.Up)/float64(c.Raw))
	}
	tokens := int64(r.Steps) * int64(r.BatchTokens)
	return fmt.Sprintf("%s, %s and training on %s tokens in each round that it is asked in.", down, up, ui.Count(tokens))
}

// describeRecipe says in sentences what a recipe does, each with the words of
// the glossary that explain it.
func describeRecipe(r protocol.Recipe) []ui.Fact {
	facts := []ui.Fact{{Label: "Does", Value: ui.Plain(fmt.Sprintf("trains the model in %d rounds at most, each collecting for %s.", r.Rounds, period(r.Deadline)))}}
	for _, l := range recipes.Describe(r) {
		text := ui.Plain(l.Text)
		if links := termLinks(l.Terms); len(links) > 0 {
			text = ui.Cat(text, ui.Plain(" See "), links)
		}
		facts = append(facts, ui.Fact{Label: l.Label, Value: text})
	}
	return facts
}

// recipeNumbers is every choice and number of a recipe, under the labels of
// the form; what was left empty is left out.
func recipeNumbers(r protocol.Recipe) []ui.Fact {
	d := recipeDraft{Recipe: r, private: r.Privacy.On()}
	var facts []ui.Fact
	for _, part := range recipeParts(&d) {
		for _, f := range part.fields {
			text := f.text()
			for _, o := range f.options() {
				if o.Value == text {
					text = o.Label
				}
			}
			if text != "" {
				facts = append(facts, ui.Fact{Label: f.label, Value: ui.Plain(text)})
			}
		}
	}
	return append(facts, ui.Fact{Label: "Arithmetic", Value: ui.Plain(r.Arithmetic)})
}

// privacyFacts say what a private recipe spends of a member's privacy.
func privacyFacts(r protocol.Recipe) []ui.Fact {
	if !r.Privacy.On() {
		return nil
	}
	return []ui.Fact{{Label: "ε of a member", Value: ui.Plain(fmt.Sprintf(
		"One round spends ε = %s; %d rounds, the most for one member, spend %s of %s at δ = %s.",
		recipes.Epsilon(r.Privacy, 1), r.Privacy.Rounds, recipes.Epsilon(r.Privacy, r.Privacy.Rounds), r.Privacy.Ceiling, r.Privacy.Delta))}}
}

// bytesOf writes a size as people read it.
func bytesOf(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
