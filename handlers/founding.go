package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// foundingForm shows the form that founds the community to whoever opened the
// link that the server printed.
func (s *Site) foundingForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	secret := r.URL.Query().Get("secret")
	if err := s.Policies.Founds(r.Context(), secret); err != nil {
		return answer{}, err
	}
	if s.sessions.Member(r) == 0 {
		return seeOther(href.SignIn(r.URL.RequestURI())), nil
	}
	values := map[policies.Key]ui.Input{}
	for _, p := range policies.Catalogue() {
		values[p.Key] = ui.Input{Value: typed(p)}
	}
	return s.founding(r, values, "", newOperation(), 0)
}

// foundingFields are the parameters whose fields have names of their own.
var foundingFields = map[policies.Key]string{
	policies.CommunityName: "name", policies.CommunityPurpose: "purpose", policies.ModelName: "model",
}

// typed is a default as a person would type it.
func typed(p policies.Parameter) string {
	if _, own := foundingFields[p.Key]; own {
		return "" // a community chooses its own
	}
	return p.Default
}

func (s *Site) founding(r *http.Request, values map[policies.Key]ui.Input, whole, op string, status int) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Found the community", NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	p := webpages.FoundingPage{Chrome: chrome, Action: href.Founding() + "?" + r.URL.RawQuery, Name: values[policies.CommunityName],
		Purpose: values[policies.CommunityPurpose], Model: values[policies.ModelName], Problem: whole, Operation: op}
	for _, param := range policies.Catalogue() {
		in := values[param.Key]
		switch param.Unit {
		case policies.Choice:
			o := ui.Options{ID: string(param.Key), Label: param.Group + ": " + param.Title, Description: param.Help, Value: in.Value, Problem: in.Problem}
			for _, c := range param.Choices {
				o.Items = append(o.Items, ui.Option{Value: c, Label: c})
			}
			p.Rules = append(p.Rules, o)
		case policies.Text:
		default:
			p.Periods = append(p.Periods, webpages.FoundingParameter{
				ID: string(param.Key), Label: param.Group + ": " + param.Title, Why: param.Help, Unit: unitName(param.Unit), Input: in,
			})
		}
	}
	return answer{page: webpages.Founding(p), status: status}, nil
}

func unitName(u policies.Unit) string {
	switch u {
	case policies.Seconds:
		return "seconds, or 5d, 3h, 20m"
	case policies.Permille:
		return "thousandths"
	case policies.PPM:
		return "millionths"
	}
	return "a number"
}

// found carries the founding out.
func (s *Site) found(_ http.ResponseWriter, r *http.Request) (answer, error) {
	values := map[policies.Key]ui.Input{}
	var changes []policies.Change
	for _, param := range policies.Catalogue() {
		name := string(param.Key)
		if field, ok := foundingFields[param.Key]; ok {
			name = field
		}
		value := r.PostForm.Get(name)
		values[param.Key] = ui.Input{Value: value}
		if value != "" {
			changes = append(changes, policies.Change{Key: param.Key, Value: value})
		}
	}
	actor, err := s.actor(r)
	if err == nil {
		_, err = s.Policies.Found(r.Context(), actor, r.URL.Query().Get("secret"), changes)
	}
	if err != nil && wrongForm(err) {
		for key, in := range values {
			in.Problem = problem(err, string(key))
			values[key] = in
		}
		return s.founding(r, values, problem(err, ""), r.PostForm.Get("op"), http.StatusUnprocessableEntity)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Home()), nil
}
