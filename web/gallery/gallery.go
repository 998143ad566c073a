// Package gallery shows every page of the site in its states, with invented
// data and without a database, for whoever works on the looks.
//
// The story is the one of the design pages: the Skald community, 84 members,
// on 19 November 2026 at 10:40 UTC. People and digests are invented. The same
// entries are the golden files, and a real browser opens each of them in light,
// dark and on a narrow screen.
package gallery

import (
	"fmt"
	"html"
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"codeberg.org/althing/althing/static"
	"codeberg.org/althing/althing/web/layout"
)

// Entry is a page in one state.
type Entry struct {
	Name string // in the address and of the golden file: "proposal-voting"
	Page templ.Component
}

// Entries answers all pages in all their states.
func Entries() []Entry {
	return slices.Concat(portal(), wiki(), moderatorTools(), people(), machines(), proposals(), elections(), policies(), versions(), campaigns(), recipes(), review(), certificates(), logs())
}

// Handler serves the list of entries at /, each entry at /gallery/NAME, and the
// static files. It is for development: nothing in it is true.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><html lang=en><title>Gallery</title><h1>Pages</h1><ul>")
		for _, e := range Entries() {
			name := html.EscapeString(e.Name)
			fmt.Fprintf(w, `<li><a href="/gallery/%s">%s</a></li>`, name, name)
		}
	})
	for _, e := range Entries() {
		mux.Handle("GET /gallery/"+e.Name, secure(templ.Handler(e.Page)))
	}
	return mux
}

// secure sends the same policy as the site, so that a page which needs more
// shows itself here.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", layout.Policy)
		w.Header().Set("Link", static.Preload())
		next.ServeHTTP(w, r)
	})
}
