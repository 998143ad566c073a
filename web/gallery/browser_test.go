package gallery

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is Deque's accessibility checker, MPL-2.0, for tests only; the licence
// stands beside it.
//
//go:embed testdata/axe/axe.min.js
var axe string

// looks are the three ways in which every page is opened.
var looks = []struct {
	name   string
	width  int64
	scheme string
	check  string // what axe looks for
}{
	{"light", 1280, "light", everything},
	{"dark", 1280, "dark", `{type: "rule", values: ["color-contrast"]}`}, // the markup is that of light
	{"narrow", 360, "light", `{type: "rule", values: ["target-size", "scrollable-region-focusable", "page-has-heading-one"]}`},
}

// everything is WCAG 2.0 to 2.2, A and AA, and what is good practice.
const everything = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// browser finds chromium or skips; CI demands it with ALTHING_REQUIRE_BROWSER.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("ALTHING_REQUIRE_BROWSER") == "1" {
		t.Fatal("no chromium on this machine, and ALTHING_REQUIRE_BROWSER asks for one")
	}
	t.Skip("no chromium on this machine")
	return ""
}

// patience is how long one step in a browser may take on a machine that has
// much else to do.
const patience = time.Minute

// open starts a browser with one tab and ends it with the test.
func open(t *testing.T, options []chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Run(tab); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return tab
}

// TestInABrowser opens every page in light, in dark and 360 px wide. Axe finds
// no fault, nothing scrolls sideways, nothing is asked of another host, and the
// Content-Security-Policy is not broken. With ALTHING_SCREENSHOTS=FOLDER it
// writes a picture of each.
func TestInABrowser(t *testing.T) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser(t)))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // chromium does not start as root without
	}
	mux := http.NewServeMux()
	mux.Handle("/", Handler())
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>x</title><link rel="icon" href="data:,"><img src="http://elsewhere.invalid/x.png"><div style="width: 5000px">wide</div>`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	// Axe sets styles of its own, which the policy of the page refuses and the
	// browser reports; so it works in a browser of its own, where nobody
	// listens. Two tabs of one browser will not do: the hidden one draws no
	// frames, and waiting for one may never end.
	quiet, checked := open(t, options), open(t, options)
	watch := &watcher{host: server.URL}
	chromedp.ListenTarget(quiet, watch.event)
	if err := chromedp.Run(quiet, network.Enable(), log.Enable(), runtime.Enable()); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	// The checks themselves are checked: this page breaks them all.
	faults, _ := visit(t, quiet, server.URL+"/broken")
	faults = append(append(faults, watch.take()...), accessibility(t, checked, server.URL+"/broken", everything)...)
	for _, want := range []string{"scrolls sideways", "asks another host", "image-alt"} {
		if !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("the broken page is not found out: no %q in %q", want, faults)
		}
	}
	for _, look := range looks {
		t.Run(look.name, func(t *testing.T) {
			set := []chromedp.Action{
				emulation.SetDeviceMetricsOverride(look.width, 900, 1, look.width < 500),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}),
			}
			for _, tab := range []context.Context{quiet, checked} {
				ctx, cancel := context.WithTimeout(tab, patience)
				err := chromedp.Run(ctx, set...)
				cancel()
				if err != nil {
					t.Fatalf("set the screen: %v", err)
				}
			}
			for _, e := range Entries() {
				url := server.URL + "/gallery/" + e.Name
				faults, shot := visit(t, quiet, url)
				faults = append(faults, watch.take()...)
				faults = append(faults, accessibility(t, checked, url, look.check)...)
				for _, f := range faults {
					t.Errorf("%s, %s: %s", e.Name, look.name, f)
				}
				save(t, e.Name+"-"+look.name+".png", shot)
			}
			for _, f := range watch.take() {
				t.Errorf("one of the last pages, %s: %s", look.name, f)
			}
		})
	}
}

// visit opens a page, looks whether it scrolls sideways, and takes a picture
// when pictures are wanted.
func visit(t *testing.T, tab context.Context, url string) (faults []string, shot []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	const scrolls = `(() => {
		const max = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= max) return "";
		const out = [...document.body.querySelectorAll("*")].find(e => e.getBoundingClientRect().right > max + 1 && !e.closest(".table-scroll, pre, .hidden-visually, .skip"));
		return document.documentElement.scrollWidth + " px in " + max + (out ? ": " + out.outerHTML.slice(0, 120) : "");
	})()`
	var wide string
	actions := []chromedp.Action{chromedp.Navigate(url), chromedp.Evaluate(scrolls, &wide)}
	if os.Getenv("ALTHING_SCREENSHOTS") != "" {
		actions = append(actions, chromedp.FullScreenshot(&shot, 100))
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	if wide != "" {
		faults = append(faults, "scrolls sideways: "+wide)
	}
	return faults, shot
}

// accessibility runs axe on a page and answers what it finds.
func accessibility(t *testing.T, tab context.Context, url, rules string) (faults []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	check := `axe.run(document, {runOnly: ` + rules + `})
		.then(r => r.violations.map(v => v.id + ": " + v.help + " at " + v.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(" | ")))`
	err := chromedp.Run(ctx, chromedp.Navigate(url), chromedp.Evaluate(axe, nil),
		chromedp.Evaluate(check, &faults, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err != nil {
		t.Fatalf("check %s: %v", url, err)
	}
	return faults
}

func save(t *testing.T, name string, shot []byte) {
	t.Helper()
	dir := os.Getenv("ALTHING_SCREENSHOTS")
	if dir == "" || len(shot) == 0 {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

// watcher keeps what the browser asked for and complained about.
type watcher struct {
	host string
	mu   sync.Mutex
	seen []string
}

func (w *watcher) event(ev any) {
	fault := ""
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		url := ev.Request.URL
		if !strings.HasPrefix(url, w.host) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			fault = "asks another host: " + url
		}
	case *log.EventEntryAdded:
		// The gallery has no event streams, so live.js gets a 404; that is all.
		if ev.Entry.Level == log.LevelError && !strings.HasSuffix(ev.Entry.URL, "/events") {
			fault = fmt.Sprintf("the browser says: %s %s", ev.Entry.Text, ev.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = "script fails: " + ev.ExceptionDetails.Error()
	}
	if fault != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, fault)
	}
}

// take answers what was seen since the last call. The browser reports a moment
// late, so a fault may stand beside the name of the next page.
func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}
