package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// MotionForm is how a member writes a kind of motion: plain fields that
// Encode turns into its params. Kinds of training are wired in from outside.
type MotionForm struct {
	Kind    string
	Label   string // of the choice: "Train the model"
	Help    string
	Note    ui.Rich // above the fields
	Presets []ui.Option
	Parts   []MotionPart // the first stands open; the others, if there are any, fold away
	// Fill makes the values of all fields: of a preset, or "" for a new form.
	Fill func(r *http.Request, preset string, value func(name string) string) map[string]string
	// Encode makes the params of the motion; the fields of its errors are names.
	Encode func(r *http.Request, value func(name string) string) (json.RawMessage, error)
	// Decode makes the values of the fields from params, for editing.
	Decode func(params string) map[string]string
	// Facts says on the proposal's page what the motion would do.
	Facts func(ctx context.Context, params string) []ui.Fact
}

// MotionPart is a group of fields of a motion's form.
type MotionPart struct {
	Title  string // "" of the first
	Note   string
	Fields []MotionField
}

// MotionField is one field of a motion's form: a choice where it has Choices,
// else a line, or several lines in an Area.
type MotionField struct {
	Name    string
	Label   string
	Help    string
	Terms   ui.Rich // links to the glossary
	Choices []ui.Option
	Area    bool
	Wide    bool // as a digest is
}

// ResolutionForm and PolicyForm are the motions that need no training.
var ResolutionForm = MotionForm{
	Kind: proposals.MotionResolution, Label: "Nothing by software: state a will",
	Fill:   FromQuery(),
	Encode: func(*http.Request, func(string) string) (json.RawMessage, error) { return json.RawMessage("{}"), nil },
	Decode: func(string) map[string]string { return nil },
	Facts:  func(context.Context, string) []ui.Fact { return nil },
}

// PolicyForm sets policies, a line each: key = value.
var PolicyForm = MotionForm{
	Kind: policies.MotionPolicy, Label: "Change policies",
	Parts: []MotionPart{{Fields: []MotionField{{Name: "changes", Label: "New values", Help: "One per line, as class.1.voting = 7d. The list of policies names every key.", Area: true}}}},
	Fill: func(r *http.Request, _ string, _ func(string) string) map[string]string {
		if key := r.URL.Query().Get("key"); key != "" {
			return map[string]string{"changes": key + " = "}
		}
		return nil
	},
	Encode: encodePolicies,
	Decode: func(params string) map[string]string {
		var lines []string
		changes, err := policies.ParseMotion([]byte(params))
		if err != nil {
			return nil
		}
		for _, c := range changes {
			lines = append(lines, string(c.Key)+" = "+c.Value)
		}
		return map[string]string{"changes": strings.Join(lines, "\n")}
	},
	Facts: func(_ context.Context, params string) []ui.Fact {
		changes, err := policies.ParseMotion([]byte(params))
		if err != nil {
			return nil
		}
		var facts []ui.Fact
		for _, c := range changes {
			p, _ := policies.Find(c.Key)
			facts = append(facts, ui.Fact{Label: p.Group + ": " + p.Title, Value: ui.Plain(p.Show(c.Value))})
		}
		return facts
	},
}

func encodePolicies(_ *http.Request, value func(string) string) (json.RawMessage, error) {
	var changes []policies.Change
	for _, line := range strings.Split(value("changes"), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, v, ok := strings.Cut(line, "=")
		if !ok {
			return nil, governance.FieldErrorf("changes", "The line %q has no equals sign.", line)
		}
		changes = append(changes, policies.Change{Key: policies.Key(strings.TrimSpace(key)), Value: strings.TrimSpace(v)})
	}
	if len(changes) == 0 {
		return nil, governance.FieldErrorf("changes", "Write at least one line, as class.1.voting = 7d.")
	}
	if _, err := policies.CheckChanges(changes); err != nil {
		return nil, governance.FieldErrorf("changes", "%s", err.Error())
	}
	return json.Marshal(changes)
}

// form finds the form of a kind of motion.
func (s *Site) form(kind string) (MotionForm, bool) {
	for _, f := range s.motions {
		if f.Kind == kind {
			return f, true
		}
	}
	return MotionForm{}, false
}

// value reads a field of the form as it was typed.
func (f MotionForm) value(r *http.Request) func(string) string {
	return func(name string) string { return strings.TrimSpace(r.PostForm.Get(f.Kind + "." + name)) }
}

// motionOf reads the motion that a form holds.
func (s *Site) motionOf(r *http.Request) (proposals.Motion, error) {
	f, ok := s.form(r.PostForm.Get("motion"))
	if !ok {
		return proposals.Motion{}, governance.FieldErrorf("motion", "Choose what happens if the proposal passes.")
	}
	value := f.value(r)
	if chosen := value("preset"); chosen != value("filled") {
		return proposals.Motion{Kind: f.Kind}, governance.FieldErrorf("preset", "This preset has been chosen, and its numbers have not been filled in: the fields still hold other ones. Press “Use this preset” first.")
	}
	params, err := f.Encode(r, value)
	return proposals.Motion{Kind: f.Kind, Params: string(params)}, err
}

// presetFilled reports whether the form asks for a preset's numbers, and the
// motion whose they are.
func (s *Site) presetFilled(r *http.Request) (MotionForm, bool) {
	kind, ok := strings.CutPrefix(r.PostForm.Get("do"), "preset.")
	if !ok {
		return MotionForm{}, false
	}
	return s.form(kind)
}

// motionFields are the fields of every kind of motion with their values.
func (s *Site) motionFields(kind string, values func(MotionForm) map[string]string, err error) (ui.Options, []webpages.ProposalMotion) {
	options := ui.Options{ID: "motion", Label: "What happens if it passes", Value: kind, Problem: problem(err, "motion")}
	var motions []webpages.ProposalMotion
	for _, f := range s.motions {
		options.Items = append(options.Items, ui.Option{Value: f.Kind, Label: f.Label, Description: f.Help})
		if len(f.Parts) == 0 {
			continue
		}
		in := motionInputs{form: f, values: values(f)}
		if kind == "" || kind == f.Kind {
			in.err = err
		}
		m := in.motion()
		m.Other = kind != "" && kind != f.Kind
		motions = append(motions, m)
	}
	return options, motions
}

// motionInputs are the values of one motion's fields and what is wrong with them.
type motionInputs struct {
	form   MotionForm
	values map[string]string
	err    error
}

func (in motionInputs) motion() webpages.ProposalMotion {
	f := in.form
	m := webpages.ProposalMotion{Kind: f.Kind, Label: f.Label, Note: f.Note, Filled: in.values["filled"]}
	if len(f.Presets) > 0 {
		m.Presets = ui.Options{
			ID: f.Kind + ".preset", Label: "Preset", Items: f.Presets, Value: in.values["preset"], Problem: problem(in.err, "preset"),
		}
	}
	for i, p := range f.Parts {
		part := webpages.ProposalPart{Title: p.Title, Note: p.Note}
		for _, field := range p.Fields {
			part.Fields = append(part.Fields, in.field(field))
			m.Open = m.Open || i > 0 && problem(in.err, field.Name) != ""
		}
		m.Parts = append(m.Parts, part)
	}
	return m
}

func (in motionInputs) field(m MotionField) webpages.ProposalField {
	id := in.form.Kind + "." + m.Name
	value, wrong := in.values[m.Name], problem(in.err, m.Name)
	if len(m.Choices) > 0 {
		return webpages.ProposalField{Choice: ui.Options{ID: id, Label: m.Label, Description: m.Help, Help: m.Terms, Items: m.Choices, Value: value, Problem: wrong}}
	}
	return webpages.ProposalField{Area: m.Area, Wide: m.Wide || m.Area, Text: ui.TextInput{
		ID: id, Label: m.Label, Description: m.Help, Help: m.Terms, Input: ui.Input{Value: value, Problem: wrong}, Rows: 4,
	}}
}

// FromQuery fills fields from the address, for links that begin a proposal.
func FromQuery(names ...string) func(*http.Request, string, func(string) string) map[string]string {
	return func(r *http.Request, _ string, _ func(string) string) map[string]string {
		values := map[string]string{}
		for _, n := range names {
			values[n] = r.URL.Query().Get(n)
		}
		return values
	}
}
