package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser is a tab of Chromium in which a person walks through the site.
type browser struct {
	t    *testing.T
	ctx  context.Context
	site *site
}

// newBrowser opens Chromium, with the pages' scripts or without. It skips
// where there is none, unless ALTHING_REQUIRE_BROWSER is 1.
func newBrowser(t *testing.T, s *site, script bool) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("ALTHING_REQUIRE_BROWSER") == "1" {
			t.Fatal("no chromium on this machine, and ALTHING_REQUIRE_BROWSER asks for one")
		}
		t.Skip("no chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // chromium does not start as root without
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	b := &browser{t, ctx, s}
	// The first run starts the browser, which lives as long as its context.
	if err := chromedp.Run(ctx, emulation.SetScriptExecutionDisabled(!script)); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return b
}

// patience bounds one step of a walk on a busy machine.
const patience = 40 * time.Second

func (b *browser) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.fail(what, err)
	}
}

func (b *browser) fail(what string, err error) {
	b.t.Helper()
	var at, text string
	_ = chromedp.Run(b.ctx, chromedp.Location(&at), chromedp.Text("main", &text, chromedp.ByQuery))
	b.t.Fatalf("%s: %v; at %s the page says: %.600s", what, err, at, strings.Join(strings.Fields(text), " "))
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.run("open "+path, chromedp.Navigate(b.site.url+path), chromedp.WaitVisible("main", chromedp.ByQuery))
}

// fill types into the fields of the page, by name.
func (b *browser) fill(values ...string) {
	b.t.Helper()
	for i := 0; i+1 < len(values); i += 2 {
		field := fmt.Sprintf(`main [name=%q]`, values[i])
		b.run("fill in "+values[i], chromedp.SetValue(field, values[i+1], chromedp.ByQuery))
	}
}

// press clicks what a selector finds and waits for the page that answers.
func (b *browser) press(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		b.fail("press "+selector, err)
	}
}

// tick clicks what a selector finds on this page.
func (b *browser) tick(selector string) {
	b.t.Helper()
	b.run("tick "+selector, chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
}

// sees reloads the page until its text holds all the words, as a person does
// who waits for a vote to close.
func (b *browser) sees(words ...string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var text string
		b.run("read the page", chromedp.Text("main", &text, chromedp.ByQuery))
		missing := ""
		for _, w := range words {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the page never says %q, but: %.900s", missing, strings.Join(strings.Fields(text), " "))
		}
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		_, err := chromedp.RunResponse(ctx, chromedp.Reload())
		cancel()
		if err != nil {
			b.fail("reload", err)
		}
	}
}

// shot saves a picture of the page where ALTHING_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("ALTHING_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.run("picture of "+name, chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// signUp makes an account as a person does.
func (b *browser) signUp(name string) {
	b.t.Helper()
	b.open("/sign-in")
	b.press(`main form[action="/sign-in/local"] button`)
	b.press(`main a[href^="/local/register"]`)
	b.fill("name", name, "password", "correct horse battery", "again", "correct horse battery")
	b.press(`main form[action^="/local/register"] button`)
	b.run("be signed in", chromedp.WaitVisible(`nav[aria-label="Personal"] details summary`, chromedp.ByQuery))
}

// TestWalkInABrowser walks the way of a member: sign in, write, table,
// discuss, vote, read the result; with the pages' scripts and without.
func TestWalkInABrowser(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%v", script), func(t *testing.T) {
			s := newSite(t)
			founder := s.join(t, "signy")
			s.foundWith(t, founder, url.Values{"class.2.voting": {"8"}})
			b := newBrowser(t, s, script)
			b.signUp("astrid")
			b.shot(fmt.Sprintf("walk-%v-home", script))
			b.open("/edit/Village_pump")
			b.fill("text", "# Welcome\n\nAsk **here**.", "summary", "begin")
			b.press(`main form button[value="save"]`)
			b.sees("Ask here.")
			b.open("/proposals/new")
			b.fill("title", "Vote for a day", "text", "Eight seconds are few.", "policy.changes", "class.2.voting = 1d")
			b.tick(`main input[name="motion"][value="policy"]`)
			b.press(`main form button[value="save"]`)
			b.sees("Vote for a day", "draft")
			founder.get("/proposals/1").send("/proposals/1/sponsors", nil)
			b.open("/proposals/1")
			b.press(`main form[action="/proposals/1/state"] button[value="table"]`)
			b.sees("Your ballot")
			b.shot(fmt.Sprintf("walk-%v-vote", script))
			b.tick(`main input[name="choice"][value="yes"]`)
			b.fill("reason", "A day is <b>fair</b>.")
			b.press(`main form[action="/proposals/1/ballot"] button`)
			b.sees("Your ballot now says yes", "A day is <b>fair</b>.")
			founder.get("/proposals/1").send("/proposals/1/ballot", url.Values{"choice": {"yes"}})
			b.sees("Adopted and carried out")
			b.shot(fmt.Sprintf("walk-%v-adopted", script))
			b.open("/policies/class.2.voting")
			b.sees("1 day")
			b.open("/log")
			b.sees("Proposal 1: Vote for a day")
			b.lendNode()
			b.reportAnswer()
			judge := s.join(t, "mod")
			memberstest.Grant(t, &audittest.Bench{Trail: s.trail, Pool: s.pool}, s.memberNamed(t, "mod"), members.Moderators, time.Time{})
			judge.get("/cases").send("/cases/1/claim", nil).want(http.StatusOK, "Record decision")
			judge.send("/cases/1/decision", url.Values{
				"action": {"warn"}, "facts": {"The answer is not Go."}, "do": {"decide"},
				"reasoning": {"It would not compile, and a reader could take it for an example to follow."},
			}).want(http.StatusOK, "It would not compile")
			b.open("/cases/1")
			b.sees("It would not compile")
			b.shot(fmt.Sprintf("walk-%v-case", script))
			b.open("/certificates")
			b.sees("Nothing")
		})
	}
}

// lendNode registers a node and reads its join token, which is shown once.
func (b *browser) lendNode() {
	b.t.Helper()
	b.open("/nodes/new")
	b.sees("Your text stays; what leaves can reveal parts of it")
	b.fill("name", "laptop")
	b.press(`main form[action="/nodes/new"] button`)
	b.sees("aj1.")
	b.open("/nodes")
	b.sees("laptop")
}

// reportAnswer asks the model and reports what it says.
func (b *browser) reportAnswer() {
	b.t.Helper()
	b.open("/playground")
	b.fill("prompt", "func main() {", "tokens", "24", "temperature", "0")
	b.press(`main form[action="/playground/complete"] button`)
	b.sees("Answer", "seed")
	b.tick(`main details.values summary`)
	b.tick(`main form[action="/flags"] input[type="radio"]`)
	b.fill("reason", "This is not Go.")
	b.press(`main form[action="/flags"] button`)
	b.open("/changes")
	b.sees("reported")
}

// memberNamed finds a member by name.
func (s *site) memberNamed(t *testing.T, name string) governance.MemberID {
	t.Helper()
	list, err := s.stores.Members.List(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Name == name {
			return m.ID
		}
	}
	t.Fatalf("there is no member %q", name)
	return 0
}
