package browsertest

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is Deque's accessibility checker, MPL-2.0, for tests only; the licence
// stands beside it.
//
//go:embed testdata/axe/axe.min.js
var axe string

// Look is a way in which pages are opened.
type Look struct {
	Name   string
	width  int64  // CSS pixels
	scheme string // that the reader's system asks for
	rules  string // what axe looks for
}

// Looks are light, dark and 360 px wide. The markup is the same in each, so
// that only the first looks for everything: WCAG 2.0 to 2.2, A and AA, and
// what is good practice.
var Looks = []Look{
	{"light", 1280, "light", `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`},
	{"dark", 1280, "dark", `{type: "rule", values: ["color-contrast"]}`},
	{"narrow", 360, "light", `{type: "rule", values: ["target-size", "scrollable-region-focusable", "page-has-heading-one"]}`},
}

// Wear opens every following page in a look.
func (b *Tab) Wear(l Look) {
	b.t.Helper()
	b.Run("look "+l.Name, emulation.SetDeviceMetricsOverride(l.width, 900, 1, l.width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}))
}

// Faults is what axe finds on the present page in a look, a line each.
func (b *Tab) Faults(l Look) (faults []string) {
	b.t.Helper()
	// A colour on its way from one look to the next is the colour of neither.
	const settle = `document.getAnimations().forEach(a => { if (Number.isFinite(a.effect.getComputedTiming().endTime)) a.finish() })`
	ask := fmt.Sprintf(`axe.run(document, {runOnly: %s}).then(r => r.violations.map(v =>
		v.id + ": " + v.help + " at " + v.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(" | ")))`, l.rules)
	b.Run("check "+b.At(), chromedp.Evaluate(settle, nil), chromedp.Evaluate(axe, nil),
		chromedp.Evaluate(ask, &faults, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return faults
}

// Sideways says how far the present page scrolls to the side and what sticks
// out; "" if it does not.
func (b *Tab) Sideways() string {
	b.t.Helper()
	const measure = `(() => {
		const max = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= max) return "";
		const out = [...document.body.querySelectorAll("*")].find(e => e.getBoundingClientRect().right > max + 1 && !e.closest(".table-scroll, pre, .hidden-visually, .skip"));
		return "scrolls sideways: " + document.documentElement.scrollWidth + " px in " + max + (out ? ": " + out.outerHTML.slice(0, 120) : "");
	})()`
	wide := ""
	b.Run("measure "+b.At(), chromedp.Evaluate(measure, &wide))
	return wide
}

// Hold reports what axe finds on the present page in every look, and what
// scrolls to the side: for pages that answer a form and have no address.
func (b *Tab) Hold() {
	b.t.Helper()
	for _, l := range Looks {
		b.Wear(l)
		b.Shot("hold-" + l.Name + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(b.At()))
		b.report(l)
	}
	b.Wear(Looks[0])
}

// report tells what is wrong with the present page in a look.
func (b *Tab) report(l Look) {
	b.t.Helper()
	faults := b.Faults(l)
	if wide := b.Sideways(); wide != "" {
		faults = append(faults, wide)
	}
	for _, f := range faults {
		b.t.Errorf("%s, %s: %s", b.At(), l.Name, f)
	}
}

// Inspect opens pages in every look and reports what axe finds and what
// scrolls to the side.
func (b *Tab) Inspect(paths ...string) {
	b.t.Helper()
	for _, l := range Looks {
		b.Wear(l)
		for _, path := range paths {
			b.Visit(path)
			b.Shot("page-" + l.Name + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
			b.report(l)
		}
	}
	b.Wear(Looks[0])
}
