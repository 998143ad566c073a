// Package browsertest opens Chromium for tests: a tab in which somebody reads
// and clicks, with the pages' scripts or without, and the looks in which every
// page must hold (look.go). What the browser complains about by itself is kept
// by a Watcher (watch.go).
//
// A test that needs a browser skips where there is none; CI sets
// ALTHING_REQUIRE_BROWSER=1, and then its absence is a failure. Where
// ALTHING_SCREENSHOTS names a folder, pictures are written to it.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Patience bounds one step in a browser on a machine that has much else to do.
const Patience = time.Minute

// Tab is the one tab of a browser of its own. Two tabs of one browser will not
// do: the hidden one draws no frames, and waiting for one may never end.
type Tab struct {
	t    testing.TB
	tab  func() context.Context // lives as long as the browser
	base string
}

// Open starts Chromium for the site at base, "http://localhost:8080", and ends
// it with the test.
func Open(t testing.TB, base string, script bool) *Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // chromium does not start as root without
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	// The first run starts the browser, which lives as long as its context.
	if err := chromedp.Run(ctx, emulation.SetScriptExecutionDisabled(!script)); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return &Tab{t, func() context.Context { return ctx }, base}
}

// chromium finds the browser.
func chromium(t testing.TB) string {
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

// Run does something in the tab; what names it when it fails.
func (b *Tab) Run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab(), Patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.fail(what, err)
	}
}

func (b *Tab) fail(what string, err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab(), Patience)
	defer cancel()
	var at, text string
	_ = chromedp.Run(ctx, chromedp.Location(&at), chromedp.Text("body", &text, chromedp.ByQuery)) // only for the message
	b.t.Fatalf("%s: %v; at %s the page says: %.600s", what, err, at, line(text))
}

func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// Visit opens an address of the site.
func (b *Tab) Visit(path string) {
	b.t.Helper()
	b.Run("open "+path, chromedp.Navigate(b.base+path), chromedp.WaitVisible("body", chromedp.ByQuery))
}

// At returns the path of the present page.
func (b *Tab) At() string {
	b.t.Helper()
	at := ""
	b.Run("ask where this is", chromedp.Location(&at))
	return strings.TrimPrefix(at, b.base)
}

// Fill types into fields of the page: pairs of name and value.
func (b *Tab) Fill(values ...string) {
	b.t.Helper()
	for i := 0; i+1 < len(values); i += 2 {
		b.Run("fill in "+values[i], chromedp.SetValue(fmt.Sprintf(`main [name=%q]`, values[i]), values[i+1], chromedp.ByQuery))
	}
}

// Value is what a field of the page holds.
func (b *Tab) Value(name string) string {
	b.t.Helper()
	value := ""
	b.Run("read "+name, chromedp.Value(fmt.Sprintf(`main [name=%q]`, name), &value, chromedp.ByQuery))
	return value
}

// Press clicks what a selector finds and waits for the page that answers.
func (b *Tab) Press(selector string) {
	b.t.Helper()
	b.leave("press "+selector, chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
}

// leave does what leads to another page and waits for that.
func (b *Tab) leave(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab(), Patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		b.fail(what, err)
	}
}

// Tick clicks what a selector finds and stays on this page.
func (b *Tab) Tick(selector string) {
	b.t.Helper()
	b.Run("tick "+selector, chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
}

// Text is what can be read in the page's main part, on one line.
func (b *Tab) Text() string {
	b.t.Helper()
	text := ""
	b.Run("read the page", chromedp.Text("main", &text, chromedp.ByQuery))
	return line(text)
}

// Sees reloads the page until its text holds all the words, as a person does
// who waits for a vote to close.
func (b *Tab) Sees(words ...string) {
	b.t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		text, missing := b.Text(), ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s never says %q, but: %.900s", b.At(), missing, text)
		}
		b.leave("reload", chromedp.Reload())
	}
}

// Shot saves a picture of the whole page where pictures are wanted.
func (b *Tab) Shot(name string) {
	b.t.Helper()
	dir := os.Getenv("ALTHING_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.Run("picture of "+name, chromedp.FullScreenshot(&png, 100))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
