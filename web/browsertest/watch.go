package browsertest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Watcher keeps what a browser asked of other hosts and complained about. Axe
// sets styles of its own, which the policy of the pages refuses and the
// browser reports, so a tab that is watched is not the one that is inspected.
type Watcher struct {
	host string
	mu   sync.Mutex
	seen []string
}

// Watch listens to the tab from now on.
func (b *Tab) Watch() *Watcher {
	b.t.Helper()
	w := &Watcher{host: b.base}
	chromedp.ListenTarget(b.tab(), w.event)
	b.Run("listen to the browser", network.Enable(), log.Enable(), runtime.Enable())
	return w
}

func (w *Watcher) event(ev any) {
	fault := ""
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		url := ev.Request.URL
		if !strings.HasPrefix(url, w.host) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			fault = "asks another host: " + url
		}
	case *log.EventEntryAdded:
		// Where no event stream is served, live.js gets a 404; that is all.
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

// Take returns what was seen since the last call. The browser reports a moment
// late, so a fault may stand beside the name of the next page.
func (w *Watcher) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}
