package handlers

import (
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/web/href"
	webpages "codeberg.org/althing/althing/web/pages"
)

// electionResult is the count, stage by stage. A tracker is looked up by POST,
// so that none stands in an address.
func (s *Site) electionResult(_ http.ResponseWriter, r *http.Request) (answer, error) {
	e, count, names, err := s.counted(r)
	if err != nil {
		return answer{}, err
	}
	comments, err := s.Talk.Count(r.Context(), electionRef(e.ID))
	if err != nil {
		return answer{}, err
	}
	c := electionChrome(e, href.ElectionResult(int64(e.ID)), comments)
	c.Title += ", result"
	v := resultView{Election: e, count: count, names: names, tracker: strings.TrimSpace(r.PostForm.Get("receipt"))}
	if v.chrome, err = s.chrome(r, c); err != nil {
		return answer{}, err
	}
	page, err := v.page()
	return show(webpages.ElectionResult(page)), err
}

// counted reads a certified election with its count and the candidates' names.
func (s *Site) counted(r *http.Request) (elections.Election, elections.Count, []string, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return elections.Election{}, elections.Count{}, nil, err
	}
	e, err := s.Elections.Get(r.Context(), id)
	if err != nil {
		return e, elections.Count{}, nil, err
	}
	count, err := s.Elections.Count(r.Context(), id)
	if err != nil {
		return e, count, nil, err
	}
	refs := make([]governance.Ref, len(count.Manifest.Candidates))
	for i, m := range count.Manifest.Candidates {
		refs[i] = memberRef(m)
	}
	byRef, err := s.Log.Names(r.Context(), refs)
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = link(ref, byRef).String()
	}
	return e, count, names, err
}

// download begins a file of an election.
func download(w http.ResponseWriter, kind string, id governance.ElectionID, name string) {
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="election-%d-%s"`, id, name))
}

// electionBLT is the file of ballots for whoever counts again.
func (s *Site) electionBLT(w http.ResponseWriter, r *http.Request) {
	e, count, names, err := s.counted(r)
	var file strings.Builder
	if err == nil {
		err = count.WriteBLT(&file, s.electionTitle(e), names)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	download(w, "text/plain", e.ID, "ballots.blt")
	_, _ = io.WriteString(w, file.String())
}

func (s *Site) electionTitle(e elections.Election) string {
	return fmt.Sprintf("Election %d: %s", e.ID, e.Office.Title())
}

// electionList is the published list: trackers and rankings.
func (s *Site) electionList(w http.ResponseWriter, r *http.Request) {
	e, count, _, err := s.counted(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	download(w, "text/csv", e.ID, "ballots.csv")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"tracker", "ranking"})
	for _, line := range count.Lines {
		tracker, ranking, _ := strings.Cut(line, " ")
		_ = out.Write([]string{formulaSafe(tracker), ranking})
	}
	out.Flush()
}

// electionSheet is the count sheet: a line per candidate, a column per stage.
func (s *Site) electionSheet(w http.ResponseWriter, r *http.Request) {
	e, count, names, err := s.counted(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := resultView{Election: e, count: count, names: names}
	download(w, "text/csv", e.ID, "sheet.csv")
	out := csv.NewWriter(w)
	head := []string{"candidate"}
	for _, stage := range v.stages() {
		head = append(head, stage.What)
	}
	_ = out.Write(append(head, "outcome"))
	for _, line := range append(v.sheet(), v.spent(), v.sum()) {
		_ = out.Write(append(append([]string{formulaSafe(line.Name)}, line.Votes...), line.Outcome))
	}
	out.Flush()
}

// electionRoll is who may vote, and on which day each did.
func (s *Site) electionRoll(w http.ResponseWriter, r *http.Request) {
	id, err := pathID[governance.ElectionID](r, "id")
	var e elections.Election
	if err == nil {
		e, err = s.Elections.Get(r.Context(), id)
	}
	if err == nil && e.Poll == 0 {
		err = governance.Errorf(governance.NotFound, "The roll of election %d is frozen when voting opens.", id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.Voting.Participants(r.Context(), e.Poll)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	download(w, "text/csv", id, "roll.csv")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"member", "voted"})
	for _, m := range list {
		day := ""
		if m.Day != nil {
			day = m.Day.UTC().Format("2006-01-02")
		}
		_ = out.Write([]string{m.Member.String(), day})
	}
	out.Flush()
}

// lotText writes the order of the lot for the page.
func lotText(lot []int, names []string) string {
	words := make([]string, len(lot))
	for i, c := range lot {
		words[i] = strconv.Itoa(i+1) + ". " + names[c]
	}
	return strings.Join(words, ", ")
}

func shortHex(b string) string {
	if raw, err := hex.DecodeString(b); err == nil && len(raw) > 0 {
		return shortDigest(b)
	}
	return "none"
}
