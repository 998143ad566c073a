package handlers

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const (
	maxHits           = 50
	searchesPerMinute = 60 // of one network
)

var digestLike = regexp.MustCompile(`^(sha256:)?[0-9a-f]{8,64}$`)

func (s *Site) search(_ http.ResponseWriter, r *http.Request) (answer, error) {
	words := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(words) > 400 {
		words = strings.ToValidUTF8(words[:400], "")
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Search", Query: words, NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	p := webpages.SearchPage{Chrome: chrome, Action: href.Search(""), Input: ui.Input{Value: words}}
	if words == "" {
		return show(webpages.Search(p)), nil
	}
	found, err := s.Pages.Search(r.Context(), words, maxHits)
	if err != nil {
		return answer{}, err
	}
	for _, f := range found {
		p.Results = append(p.Results, searchLine(f.Title, f.Snippet, fmt.Sprintf("%s bytes, %s", ui.Count(f.Size), shortMoment(f.At).Text)))
	}
	entries, err := s.searchLog(r, words)
	if err != nil {
		return answer{}, err
	}
	p.Results = append(p.Results, entries...)
	p.Count = len(p.Results)
	if p.Count == 0 && len(words) < 200 {
		p.Create = ui.Action{Text: "Write the page “" + words + "”", Href: href.PageEdit(words)}
	}
	return show(webpages.Search(p)), nil
}

// searchLog finds entries of the log that hold the beginning of a digest.
func (s *Site) searchLog(r *http.Request, words string) ([]webpages.SearchResult, error) {
	if !digestLike.MatchString(words) {
		return nil, nil
	}
	hits, err := s.Log.Holding(r.Context(), strings.TrimPrefix(words, "sha256:"), maxHits)
	if err != nil {
		return nil, err
	}
	names, err := s.namesOf(r.Context(), hits)
	if err != nil {
		return nil, err
	}
	var results []webpages.SearchResult
	for _, c := range hits {
		results = append(results, webpages.SearchResult{
			Title: "Entry " + ui.Count(c.Index), Href: entryAddress(c), Kind: "Entry", Snippet: sentence(c, names), Note: shortMoment(c.At).Text,
		})
	}
	return results, nil
}

// searchLine is a found page, with the words that were found marked.
func searchLine(title, snippet, note string) webpages.SearchResult {
	result := webpages.SearchResult{Title: title, Href: href.Page(title), Kind: "Page", Note: note}
	if id, ok := strings.CutPrefix(title, "Proposal:"); ok {
		result.Href, result.Kind = "/proposals/"+id, "Proposal"
	}
	for i, part := range strings.Split(snippet, "«") {
		if i == 0 {
			result.Snippet = append(result.Snippet, ui.Run{Text: part})
			continue
		}
		hit, rest, _ := strings.Cut(part, "»")
		result.Snippet = append(result.Snippet, ui.Run{Text: hit, As: "mark"}, ui.Run{Text: rest})
	}
	return result
}
