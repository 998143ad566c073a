package handlers

import (
	"errors"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/wikitext"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// proposalForm shows the form of a new draft or of one that is edited.
func (s *Site) proposalForm(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p := webpages.ProposalFormPage{Operation: newOperation()}
	kind, decoded := r.URL.Query().Get("motion"), map[string]string(nil)
	if r.PathValue("id") != "" {
		found, body, err := s.editable(r)
		if err != nil {
			return answer{}, err
		}
		p.Base, p.Heading.Value, p.Text.Value, kind = int64(found.Revision), found.Title, body, found.Motion
		if f, ok := s.form(kind); ok {
			decoded = f.Decode(found.Params)
		}
	}
	p.Motions, p.Fields = s.motionFields(kind, func(f MotionForm) map[string]string {
		if f.Kind == kind && decoded != nil {
			return decoded
		}
		return f.Fill(r, "", func(string) string { return "" })
	}, nil)
	return s.showProposalForm(r, p, 0)
}

// editable reads a proposal and its text for its form.
func (s *Site) editable(r *http.Request) (proposals.Proposal, string, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return proposals.Proposal{}, "", err
	}
	found, err := s.Proposals.Get(r.Context(), id)
	if err != nil {
		return found, "", err
	}
	body, err := s.Pages.Body(r.Context(), found.Revision)
	return found, body, err
}

func (s *Site) showProposalForm(r *http.Request, p webpages.ProposalFormPage, status int) (answer, error) {
	title := "A new proposal"
	p.Action, p.Back = href.ProposalNew(), href.Proposals("")
	if r.PathValue("id") != "" {
		title = "Editing proposal " + r.PathValue("id")
		p.Action, p.Back = r.URL.Path, strings.TrimSuffix(r.URL.Path, "/edit")
	}
	var err error
	if p.Chrome, err = s.chrome(r, layout.Chrome{Title: title, Section: href.Proposals("")}); err != nil {
		return answer{}, err
	}
	return answer{page: webpages.ProposalForm(p), status: status}, nil
}

func (s *Site) proposalCreate(_ http.ResponseWriter, r *http.Request) (answer, error) {
	return s.saveProposal(r, func(actor governance.Actor, text proposals.Text, motion proposals.Motion) (audit.Receipt, error) {
		return s.Proposals.Create(r.Context(), actor, text, motion)
	})
}

func (s *Site) proposalEdit(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.ProposalID](r, "id")
	if err != nil {
		return answer{}, err
	}
	return s.saveProposal(r, func(actor governance.Actor, text proposals.Text, motion proposals.Motion) (audit.Receipt, error) {
		return s.Proposals.Edit(r.Context(), actor, id, text, motion)
	})
}

// saveProposal reads the form, previews it or runs the act.
func (s *Site) saveProposal(r *http.Request, act func(governance.Actor, proposals.Text, proposals.Motion) (audit.Receipt, error)) (answer, error) {
	text := proposals.Text{
		Title: r.PostForm.Get("title"), Base: formID[governance.RevisionID](r, "base"),
		Body: r.PostForm.Get("text"), Summary: r.PostForm.Get("summary"),
	}
	if _, ok := s.presetFilled(r); ok {
		return s.showProposalForm(r, s.typedProposal(r, nil), 0)
	}
	html, err := wikitext.Render(text.Body)
	text.HTML = html
	var motion proposals.Motion
	if err == nil && (r.PostForm.Get("do") != "preview" || r.PostForm.Get("motion") != "") {
		motion, err = s.motionOf(r)
	}
	if err == nil && r.PostForm.Get("do") == "preview" {
		return s.previewProposal(r, html, motion)
	}
	var receipt audit.Receipt
	if err == nil {
		var actor governance.Actor
		if actor, err = s.actor(r); err == nil {
			receipt, err = act(actor, text, motion)
		}
	}
	if err == nil {
		return seeOther(href.Proposal(receipt.Subject.ID())), nil
	}
	return s.proposalFailed(r, err)
}

// previewProposal shows the form again under what it would say and do.
func (s *Site) previewProposal(r *http.Request, html string, motion proposals.Motion) (answer, error) {
	p := s.typedProposal(r, nil)
	p.Preview = html
	if f, ok := s.form(motion.Kind); ok {
		p.Would = f.Facts(r.Context(), motion.Params)
	}
	return s.showProposalForm(r, p, 0)
}

func (s *Site) proposalFailed(r *http.Request, err error) (answer, error) {
	var conflict *pages.EditConflict
	p := s.typedProposal(r, err)
	switch {
	case errors.As(err, &conflict):
		edit := webpages.EditPage{Text: p.Text}
		if err := s.addConflict(r.Context(), &edit, conflict.Latest); err != nil {
			return answer{}, err
		}
		p.Conflict, p.Base, p.Operation = edit.Conflict, edit.Base, newOperation()
		return s.showProposalForm(r, p, http.StatusConflict)
	case wrongForm(err):
		return s.showProposalForm(r, p, http.StatusUnprocessableEntity)
	}
	return answer{}, err
}

// typedProposal is the form as it was typed, with its problems.
func (s *Site) typedProposal(r *http.Request, err error) webpages.ProposalFormPage {
	p := webpages.ProposalFormPage{
		Base: int64(formID[governance.RevisionID](r, "base")), Operation: r.PostForm.Get("op"),
		Heading: ui.Input{Value: r.PostForm.Get("title"), Problem: problem(err, "title")},
		Text:    ui.Input{Value: r.PostForm.Get("text"), Problem: problem(err, "body")},
		Summary: ui.Input{Value: r.PostForm.Get("summary"), Problem: problem(err, "summary")},
		Problem: problem(err, "") + problem(err, "params"),
	}
	filled, asked := s.presetFilled(r)
	kind := r.PostForm.Get("motion")
	if asked {
		kind = filled.Kind
	}
	p.Motions, p.Fields = s.motionFields(kind, func(f MotionForm) map[string]string {
		value := f.value(r)
		if asked && f.Kind == filled.Kind {
			return f.Fill(r, value("preset"), value)
		}
		return typedValues(f, value)
	}, err)
	return p
}

// typedValues are the values of a motion's fields as they were typed.
func typedValues(f MotionForm, value func(string) string) map[string]string {
	values := map[string]string{"preset": value("preset"), "filled": value("filled")}
	for _, part := range f.Parts {
		for _, field := range part.Fields {
			values[field.Name] = value(field.Name)
		}
	}
	return values
}
