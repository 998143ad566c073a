package handlers

import (
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
// Encode turns into its params. Kinds of training are wired in from outside,
// because pages know nothing of them.
type MotionForm struct {
	Kind   string
	Label  string // of the choice: "Train the model"
	Help   string
	Fields []MotionField
	// Encode makes the params of the motion; the error's field is a field's name.
	Encode func(value func(name string) string) (json.RawMessage, error)
	// Decode makes the values of the fields from params, for editing.
	Decode func(params string) map[string]string
	// Facts says on the proposal's page what the motion would do.
	Facts func(params string) []ui.Fact
}

// MotionField is one field of a motion's form.
type MotionField struct {
	Name    string
	Label   string
	Help    string
	Default func(r *http.Request) string
	Area    bool
}

// ResolutionForm and PolicyForm are the motions that need no training.
var ResolutionForm = MotionForm{
	Kind: proposals.MotionResolution, Label: "Nothing by software: state a will",
	Encode: func(func(string) string) (json.RawMessage, error) { return json.RawMessage("{}"), nil },
	Decode: func(string) map[string]string { return nil },
	Facts:  func(string) []ui.Fact { return nil },
}

// PolicyForm sets policies, a line each: key = value.
var PolicyForm = MotionForm{
	Kind: policies.MotionPolicy, Label: "Change policies",
	Fields: []MotionField{{Name: "changes", Label: "New values", Help: "One per line, as class.1.voting = 7d. The list of policies names every key.", Area: true}},
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
	Facts: func(params string) []ui.Fact {
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

func encodePolicies(value func(string) string) (json.RawMessage, error) {
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

// motionOf reads the motion that a form holds.
func (s *Site) motionOf(r *http.Request) (proposals.Motion, error) {
	f, ok := s.form(r.PostForm.Get("motion"))
	if !ok {
		return proposals.Motion{}, governance.FieldErrorf("motion", "Choose what happens if the proposal passes.")
	}
	params, err := f.Encode(func(name string) string { return strings.TrimSpace(r.PostForm.Get(f.Kind + "." + name)) })
	return proposals.Motion{Kind: f.Kind, Params: string(params)}, err
}

// motionFields are the fields of every kind of motion with their values.
func (s *Site) motionFields(value func(f MotionForm, name string) string, err error) (ui.Options, []webpages.ProposalField) {
	options := ui.Options{ID: "motion", Label: "What happens if it passes", Problem: problem(err, "motion")}
	var fields []webpages.ProposalField
	for _, f := range s.motions {
		options.Items = append(options.Items, ui.Option{Value: f.Kind, Label: f.Label, Description: f.Help})
		for _, m := range f.Fields {
			in := ui.Input{Value: value(f, m.Name)}
			if options.Value == "" || options.Value == f.Kind {
				in.Problem = problem(err, m.Name)
			}
			fields = append(fields, webpages.ProposalField{For: f.Label, Area: m.Area, Field: ui.TextInput{
				ID: f.Kind + "." + m.Name, Label: m.Label, Description: m.Help, Input: in, Optional: true, Rows: 4,
			}})
		}
	}
	return options, fields
}
