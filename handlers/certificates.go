package handlers

import (
	"fmt"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// askToForget begins a proposal to forget a contributor's records.
func askToForget() string { return href.ProposalNew() + "?motion=unlearn" }

// certificates lists the cases that are closed and those that run.
func (s *Site) certificates(_ http.ResponseWriter, r *http.Request) (answer, error) {
	list, err := s.Unlearning.Cases(r.Context(), formID[training.UnlearningID](r, "before"))
	if err != nil {
		return answer{}, err
	}
	refs := make([]governance.Ref, len(list))
	for i, c := range list {
		refs[i] = proposalRef(c.Proposal)
	}
	names, err := s.Log.Names(r.Context(), refs)
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Certificates of unlearning", Section: href.Certificates()})
	if err != nil {
		return answer{}, err
	}
	p := pages.CertificatesPage{Chrome: chrome}
	if chrome.MemberID != 0 {
		p.AskURL = askToForget()
	}
	for _, c := range list {
		line := certificateLine(c, names)
		if c.Certificate == nil && c.EndedAt == nil {
			p.Running = append(p.Running, line)
		} else {
			p.Certificates = append(p.Certificates, line)
		}
	}
	return show(pages.Certificates(p)), nil
}

// certificate is the page of a case, from the decision to the clean version.
func (s *Site) certificate(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[training.UnlearningID](r, "id")
	if err != nil {
		return answer{}, err
	}
	v := certificateView{site: origin(r)}
	if v.Case, err = s.Unlearning.Case(r.Context(), id); err != nil {
		return answer{}, err
	}
	if v.draft, err = s.Unlearning.Draft(r.Context(), id); err != nil {
		return answer{}, err
	}
	if v.decided, err = s.Log.EntryIndex(r.Context(), v.Decision); err != nil {
		return answer{}, err
	}
	ref := governance.RefTo(rounds.RefUnlearning, id)
	if v.changes, err = s.Log.Changes(r.Context(), audit.Filter{Refs: []governance.Ref{ref}, Limit: 100}); err != nil {
		return answer{}, err
	}
	if v.names, err = s.namesOf(r.Context(), v.changes, v.refs()...); err != nil {
		return answer{}, err
	}
	if v.chrome, err = s.chrome(r, v.frame()); err != nil {
		return answer{}, err
	}
	return show(pages.Certificate(v.page())), nil
}

// frame is what the page has around its text.
func (v certificateView) frame() layout.Chrome {
	c := layout.Chrome{Title: fmt.Sprintf("Unlearning case %d", v.ID), Section: href.Certificates()}
	if v.Certificate != nil {
		c.Title = fmt.Sprintf("Certificate of unlearning case %d", v.ID)
		c.Tools = []layout.ToolGroup{{Title: "Export", Links: []layout.Link{{Text: "Certificate as JSON", Href: href.CertificateFile(int64(v.ID))}}}}
	}
	return c
}

// certificateFile is the certificate, byte for byte as its digest stands in
// the log.
func (s *Site) certificateFile(w http.ResponseWriter, r *http.Request) {
	id, err := pathID[training.UnlearningID](r, "id")
	var c unlearning.Case
	if err == nil {
		c, err = s.Unlearning.Case(r.Context(), id)
	}
	if err == nil && c.Certificate == nil {
		err = governance.Errorf(governance.NotFound, "Unlearning case %d is %s; it has no certificate yet.", id, c.State)
	}
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="certificate-%d.json"`, id))
	_, _ = w.Write(c.Certificate)
}

// checksPassed counts the checks that decide.
func checksPassed(v unlearning.Verdict) string {
	passed, all := 0, 0
	for _, c := range v.Checks {
		if c.Gates {
			all++
		}
		if c.Gates && c.Passed {
			passed++
		}
	}
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d passed", passed, all)
}

func caseChip(c unlearning.Case) ui.Chip {
	switch c.State {
	case unlearning.Closed:
		return ui.Chip{Text: "forgotten", Kind: "success"}
	case unlearning.Failed:
		return ui.Chip{Text: "failed", Kind: "error"}
	}
	return ui.Chip{Text: c.State, Kind: "warning"}
}

func certificateLine(c unlearning.Case, names map[governance.Ref]string) pages.CertificateLine {
	line := pages.CertificateLine{
		Title: fmt.Sprintf("Unlearning case %d", c.ID), Href: href.Unlearning(int64(c.ID)), Decided: link(proposalRef(c.Proposal), names),
		Verdict: caseChip(c), Checks: checksPassed(c.Verdict), When: shortMoment(c.OpenedAt),
	}
	if c.Certificate != nil {
		line.Title, line.Href = fmt.Sprintf("Certificate of case %d", c.ID), href.Certificate(int64(c.ID))
	}
	if c.EndedAt != nil {
		line.When = shortMoment(*c.EndedAt)
	}
	return line
}
