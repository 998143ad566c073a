package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// looks are the ways in which every page is opened, and what axe looks for in
// each: the markup of dark and narrow is that of light.
var looks = []struct {
	name   string
	width  int64
	scheme string
	rules  string
}{
	{"light", 1280, "light", `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`},
	{"dark", 1280, "dark", `{type: "rule", values: ["color-contrast"]}`},
	{"narrow", 360, "light", `{type: "rule", values: ["target-size", "scrollable-region-focusable"]}`},
}

// sideways is how far a page scrolls to the side, in words; "" if it does not.
const sideways = `(() => {
	const max = document.documentElement.clientWidth;
	return document.documentElement.scrollWidth > max ? document.documentElement.scrollWidth + " px in " + max : "";
})()`

// inspect opens pages in every look and reports what axe finds and what
// scrolls to the side. The pages are those of a real community.
func (b *browser) inspect(paths ...string) {
	b.t.Helper()
	axe, err := os.ReadFile("../../web/gallery/testdata/axe/axe.min.js")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, look := range looks {
		b.run("look "+look.name, emulation.SetDeviceMetricsOverride(look.width, 900, 1, look.width < 500),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}))
		for _, path := range paths {
			b.open(path)
			b.shot("page-" + look.name + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
			var faults []string
			var wide string
			ask := `axe.run(document, {runOnly: ` + look.rules + `}).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(" | ")))`
			b.run("check "+path, chromedp.Evaluate(sideways, &wide), chromedp.Evaluate(string(axe), nil),
				chromedp.Evaluate(ask, &faults, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
			for _, f := range faults {
				b.t.Errorf("%s, %s: %s", path, look.name, f)
			}
			if wide != "" {
				b.t.Errorf("%s, %s: scrolls sideways, %s", path, look.name, wide)
			}
		}
	}
}

// TestLooks inspects the pages of a community that is served
// elsewhere, as the demonstration's, when ALTHING_LOOK names its address;
// without one it inspects a new community.
func TestLooks(t *testing.T) {
	b := (*browser)(nil)
	if address := os.Getenv("ALTHING_LOOK"); address != "" {
		b = newBrowser(t, &site{url: address}, true)
		b.inspect("/", "/changes", "/campaigns", "/campaigns/1", "/campaigns/2", "/rounds/1", "/rounds/5", "/rounds/9", "/versions", "/versions/1", "/versions/2",
			"/versions/3", "/unlearning/1", "/certificates", "/certificates/1", "/elections/1", "/elections/1/result", "/proposals/1", "/proposals/2", "/proposals/1/talk",
			"/cases/1", "/nodes/all", "/nodes/5", "/members", "/members/2", "/policies", "/log", "/log/entries/60", "/search?q=train")
		return
	}
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	b = newBrowser(t, s, true)
	b.inspect("/", "/changes", "/members", "/members/1", "/policies", "/policies/class.1.voting", "/proposals", "/elections", "/campaigns", "/versions", "/versions/1",
		"/playground", "/certificates", "/log", "/log/entries/2", "/verify", "/wiki/Help", "/wiki/Help:Nodes", "/wiki/Nothing_here", "/history/Help", "/talk/Help",
		"/search?q=vote", "/search?q=zzz", "/nodes/all", "/cases", "/sign-in", "/no/such/page")
}
