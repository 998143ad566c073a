package handlers

import (
	"net/http"

	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
)

// glossary explains the words of training.
func (s *Site) glossary(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p := pages.GlossaryPage{}
	var toc []layout.Link
	for _, part := range recipes.Parts() {
		group := pages.GlossaryPart{ID: part.Key, Title: part.Title}
		toc = append(toc, layout.Link{Text: part.Title, Href: "#" + part.Key})
		for _, t := range part.Terms {
			group.Terms = append(group.Terms, pages.GlossaryTerm{Key: t.Key, Name: t.Name, Text: t.Text, Source: t.Source})
		}
		p.Parts = append(p.Parts, group)
	}
	var err error
	p.Chrome, err = s.chrome(r, layout.Chrome{Title: "Glossary of training", Section: href.Campaigns(), Toc: toc})
	return show(pages.Glossary(p)), err
}
