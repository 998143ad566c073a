package handlers

import (
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func (s *Site) policies(_ http.ResponseWriter, r *http.Request) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Policies in force", Section: href.Policies()})
	if err != nil {
		return answer{}, err
	}
	list, err := s.Policies.List(r.Context())
	if err != nil {
		return answer{}, err
	}
	names, err := s.Log.Names(r.Context(), decisions(list))
	if err != nil {
		return answer{}, err
	}
	p := pages.PoliciesPage{Chrome: chrome, At: moment(s.now())}
	for _, f := range list {
		p.Policies = append(p.Policies, pages.PolicyLine{
			Name: string(f.Key), Title: f.Group + ": " + f.Title, Says: f.Show(f.Value), Class: "class 2, policy", Since: since(f), Decided: decidedBy(f, names),
		})
	}
	return show(pages.Policies(p)), nil
}

func decisions(list []policies.Standing) []governance.Ref {
	var refs []governance.Ref
	for _, f := range list {
		refs = append(refs, f.DecidedBy)
	}
	return refs
}

func decidedBy(f policies.Standing, names map[governance.Ref]string) ui.Rich {
	switch {
	case f.Version == 0:
		return ui.Plain("the default")
	case f.DecidedBy.Kind() == "community":
		return ui.Plain("the founding")
	}
	return link(f.DecidedBy, names)
}

func since(f policies.Standing) ui.When {
	if f.Version == 0 {
		return ui.When{}
	}
	return shortMoment(f.At)
}

func (s *Site) policy(_ http.ResponseWriter, r *http.Request) (answer, error) {
	key := policies.Key(href.Title(r.PathValue("name")))
	past, err := s.Policies.Past(r.Context(), key)
	if err != nil {
		return answer{}, err
	}
	param, _ := policies.Find(key)
	names, err := s.Log.Names(r.Context(), decisions(past))
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: param.Title, Section: href.Policies()})
	if err != nil {
		return answer{}, err
	}
	value := param.Default
	if len(past) > 0 {
		value = past[0].Value
	}
	p := pages.PolicyPage{
		Chrome: chrome, ProposeURL: href.ProposalNew() + "?motion=policy&key=" + string(key),
		Parameters: []pages.PolicyParameter{{Name: param.Title, Value: param.Show(value), Meaning: param.Help}},
		Infobox: ui.Infobox{Caption: param.Title, Groups: []ui.FactGroup{{Facts: []ui.Fact{
			{Label: "In force", Value: ui.Plain(param.Show(value))}, {Label: "Default", Value: ui.Plain(param.Show(param.Default))},
			{Label: "Group", Value: ui.Plain(param.Group)}, {Label: "Key", Value: ui.Code(string(key))},
		}}}},
	}
	for i, f := range past {
		change := param.Show(f.Value)
		if i+1 < len(past) {
			change = strings.Join([]string{param.Show(past[i+1].Value), change}, " → ")
		}
		p.Past = append(p.Past, pages.PolicyPast{From: since(f), Change: change, Decided: decidedBy(f, names)})
	}
	return show(pages.Policy(p)), nil
}
