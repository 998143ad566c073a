package gallery

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files anew; then look at the difference")

// render answers a page as its golden file keeps it: a line break between
// tags, and without the hashes of static files, which change with each byte of
// a style sheet.
func render(t *testing.T, e Entry) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Page.Render(context.Background(), &b); err != nil {
		t.Fatalf("render %s: %v", e.Name, err)
	}
	text := strings.ReplaceAll(b.String(), "><", ">\n<")
	return regexp.MustCompile(`(/static/[^."]+)\.[0-9a-f]{12}\.`).ReplaceAllString(text, "$1.HASH.") + "\n"
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			got := render(t, e)
			path := filepath.Join("testdata", "golden", e.Name+".html")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; run go test -update and look at the new file", err)
			}
			if line := firstDifference(got, string(want)); line != "" {
				t.Errorf("%s differs from its golden file; run go test -update and look.\n%s", e.Name, line)
			}
		})
	}
}

// TestNoGoldenFileIsLeftOver fails for a file whose page is gone.
func TestNoGoldenFileIsLeftOver(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.html")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(Entries()) {
		t.Errorf("%d golden files for %d pages", len(files), len(Entries()))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := at(g, i), at(w, i)
		if a != b {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, a, b)
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// TestStructure holds for every page: one h1, no id twice, every reference to
// an id leads somewhere, every field has a label, every form that writes has an
// operation id or no effect in the log, no inline script or style.
func TestStructure(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, e := range Entries() {
		if names[e.Name] {
			t.Errorf("two entries are named %s", e.Name)
		}
		names[e.Name] = true
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			page := parse(t, e)
			if n := len(page.find("h1")); n != 1 {
				t.Errorf("%d h1, want 1", n)
			}
			for _, part := range []string{"main", "footer", "header"} {
				if n := len(page.find(part)); n != 1 {
					t.Errorf("%d %s, want 1", n, part)
				}
			}
			page.checkIDs(t)
			page.checkForms(t)
			for _, n := range page.all {
				if attr(n, "style") != "" || hasHandler(n) || n.Data == "style" {
					t.Errorf("inline style or script in <%s>", n.Data)
				}
				if n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil && strings.TrimSpace(n.FirstChild.Data) != "") {
					t.Error("inline script")
				}
				if h := attr(n, "href"); strings.Contains(h, "TemplFailedSanitization") || h == "#" || n.Data == "a" && !hasAttr(n, "href") {
					t.Errorf("link %q leads nowhere", h)
				}
				if n.Data == "svg" && attr(n, "role") == "img" && attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" {
					t.Error("figure without a name")
				}
			}
		})
	}
}

// document is a parsed page.
type document struct {
	all []*html.Node
	ids map[string]int
}

func parse(t *testing.T, e Entry) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(render(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	d := document{ids: map[string]int{}}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			d.all = append(d.all, n)
			if id := attr(n, "id"); id != "" {
				d.ids[id]++
			}
		}
	}
	return d
}

func (d document) find(tag string) []*html.Node {
	var found []*html.Node
	for _, n := range d.all {
		if n.Data == tag {
			found = append(found, n)
		}
	}
	return found
}

func (d document) checkIDs(t *testing.T) {
	for id, n := range d.ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, n := range d.all {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby") + " " + attr(n, "for"))
		if h := attr(n, "href"); strings.HasPrefix(h, "#") {
			refs = append(refs, h[1:])
		}
		for _, id := range refs {
			if d.ids[id] == 0 {
				t.Errorf("<%s> refers to %q, which is not on the page", n.Data, id)
			}
		}
	}
}

// free are the forms without an operation id: they write no entry of the log.
var free = []string{"/sign-out", "/sign-in/", "/local/", "/elections/10/check", "/elections/9/result"}

func (d document) checkForms(t *testing.T) {
	labels := map[string]bool{}
	for _, l := range d.find("label") {
		labels[attr(l, "for")] = true
	}
	for _, tag := range []string{"input", "textarea", "select"} {
		for _, n := range d.find(tag) {
			if kind := attr(n, "type"); kind == "hidden" || kind == "radio" && attr(n, "id") == "" {
				continue
			}
			if !labels[attr(n, "id")] && attr(n, "aria-label") == "" {
				t.Errorf("field %q has no label", attr(n, "name"))
			}
		}
	}
	for _, f := range d.find("form") {
		if !strings.EqualFold(attr(f, "method"), "post") {
			continue
		}
		ops := 0
		for n := range f.Descendants() {
			if attr(n, "name") == "op" && attr(n, "value") != "" {
				ops++
			}
		}
		isFree := slices.ContainsFunc(free, func(p string) bool { return strings.HasPrefix(attr(f, "action"), p) })
		if ops != 1 && !isFree {
			t.Errorf("form to %s has %d operation ids, want 1", attr(f, "action"), ops)
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// hasHandler says whether the element has an attribute like onclick.
func hasHandler(n *html.Node) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") })
}

func hasAttr(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// TestGoldenCatchesChanges makes sure that the comparison can fail.
func TestGoldenCatchesChanges(t *testing.T) {
	if firstDifference("a\nb\n", "a\nc\n") == "" || firstDifference("a\n", "a\nb\n") == "" {
		t.Error("two different pages compare as equal")
	}
	if got := firstDifference("a\nb", "a\nb"); got != "" {
		t.Errorf("equal pages differ: %s", got)
	}
}
