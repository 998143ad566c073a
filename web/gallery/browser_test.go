package gallery

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codeberg.org/althing/althing/web/browsertest"
)

// TestInABrowser opens every page in light, in dark and 360 px wide. Axe finds
// no fault, nothing scrolls sideways, nothing is asked of another host, and the
// Content-Security-Policy is not broken. With ALTHING_SCREENSHOTS=FOLDER it
// writes a picture of each.
func TestInABrowser(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/", Handler())
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>x</title><link rel="icon" href="data:,"><img src="http://elsewhere.invalid/x.png"><div style="width: 5000px">wide</div>`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	quiet, checked := browsertest.Open(t, server.URL, true), browsertest.Open(t, server.URL, true)
	watch := quiet.Watch()
	look := func(path string, l browsertest.Look) []string {
		quiet.Visit(path)
		faults := watch.Take()
		if wide := quiet.Sideways(); wide != "" {
			faults = append(faults, wide)
		}
		checked.Visit(path)
		return append(faults, checked.Faults(l)...)
	}
	// The checks themselves are checked: this page breaks them all.
	faults := append(look("/broken", browsertest.Looks[0]), watch.Take()...)
	for _, want := range []string{"scrolls sideways", "asks another host", "image-alt"} {
		if !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("the broken page is not found out: no %q in %q", want, faults)
		}
	}
	for _, l := range browsertest.Looks {
		quiet.Wear(l)
		checked.Wear(l)
		for _, e := range Entries() {
			for _, f := range look("/gallery/"+e.Name, l) {
				t.Errorf("%s, %s: %s", e.Name, l.Name, f)
			}
			quiet.Shot(e.Name + "-" + l.Name)
		}
		for _, f := range watch.Take() {
			t.Errorf("one of the last pages, %s: %s", l.Name, f)
		}
	}
}
