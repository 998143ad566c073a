package cli

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/web/browsertest"
	"github.com/chromedp/chromedp"
)

// signUp makes an account as a person does.
func signUp(b *browsertest.Tab, name string) {
	b.Visit("/sign-in")
	b.Press(`main form[action="/sign-in/local"] button`)
	b.Press(`main a[href^="/local/register"]`)
	b.Fill("name", name, "password", "correct horse battery", "again", "correct horse battery")
	b.Press(`main form[action^="/local/register"] button`)
	b.Run("be signed in", chromedp.WaitVisible(`nav[aria-label="Personal"] details summary`, chromedp.ByQuery))
}

// TestWalkInABrowser walks the way of a member: sign in, write, table,
// discuss, vote, read the result; with the pages' scripts and without.
func TestWalkInABrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%v", script), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			founder := s.join(t, "signy")
			s.foundWith(t, founder, url.Values{"class.2.voting": {"8"}})
			b := browsertest.Open(t, s.url, script)
			signUp(b, "astrid")
			b.Shot(fmt.Sprintf("walk-%v-home", script))
			b.Visit("/edit/Village_pump")
			b.Fill("text", "# Welcome\n\nAsk **here**.", "summary", "begin")
			b.Press(`main form button[value="save"]`)
			b.Sees("Ask here.")
			b.Visit("/proposals/new")
			b.Fill("title", "Vote for a day", "text", "Eight seconds are few.", "policy.changes", "class.2.voting = 1d")
			b.Tick(`main input[name="motion"][value="policy"]`)
			b.Press(`main form button[value="save"]`)
			b.Sees("Vote for a day", "draft")
			discuss(b)
			founder.get("/proposals/1").send("/proposals/1/sponsors", nil)
			b.Visit("/proposals/1")
			b.Press(`main form[action="/proposals/1/state"] button[value="table"]`)
			b.Sees("Your ballot")
			b.Shot(fmt.Sprintf("walk-%v-vote", script))
			b.Tick(`main input[name="choice"][value="yes"]`)
			b.Fill("reason", "A day is <b>fair</b>.")
			b.Press(`main form[action="/proposals/1/ballot"] button`)
			b.Sees("Your ballot now says yes", "A day is <b>fair</b>.")
			founder.get("/proposals/1").send("/proposals/1/ballot", url.Values{"choice": {"yes"}})
			b.Sees("Adopted and carried out")
			b.Shot(fmt.Sprintf("walk-%v-adopted", script))
			b.Visit("/policies/class.2.voting")
			b.Sees("1 day")
			b.Visit("/log")
			b.Sees("Proposal 1: Vote for a day")
			lendNode(b)
			reportAnswer(b)
			decideCase(t, s, script)
			b.Visit("/cases/1")
			b.Sees("It would not compile")
			b.Shot(fmt.Sprintf("walk-%v-case", script))
			b.Visit("/certificates")
			b.Sees("Nothing")
		})
	}
}

// lendNode registers a node and reads its join token, which is shown once.
func lendNode(b *browsertest.Tab) {
	b.Visit("/nodes/new")
	b.Sees("Your text stays; what leaves can reveal parts of it")
	b.Fill("name", "laptop")
	b.Press(`main form[action="/nodes/new"] button`)
	b.Sees("aj1.")
	b.Visit("/nodes")
	b.Sees("laptop")
}

// reportAnswer asks the model and reports what it says.
func reportAnswer(b *browsertest.Tab) {
	b.Visit("/playground")
	b.Fill("prompt", "func main() {", "tokens", "24", "temperature", "0")
	b.Press(`main form[action="/playground/complete"] button`)
	b.Sees("Answer", "seed")
	b.Tick(`main details.values summary`)
	b.Tick(`main form[action="/flags"] input[type="radio"]`)
	b.Fill("reason", "This is not Go.")
	b.Press(`main form[action="/flags"] button`)
	b.Visit("/changes")
	b.Sees("reported")
}

// discuss begins a discussion of the proposal.
func discuss(b *browsertest.Tab) {
	b.Visit("/proposals/1/talk")
	b.Fill("title", "Why a day?", "text", "Who is *away* for an hour should have a say.")
	b.Press(`main form[action="/proposals/1/talk"] button`)
	b.Sees("Why a day?", "Who is away for an hour")
}

// decideCase is a moderator's part, in a browser of their own: to claim what
// was reported and to decide it with reasons.
func decideCase(t *testing.T, s *site, script bool) {
	judge := browsertest.Open(t, s.url, script)
	signUp(judge, "mod")
	memberstest.Grant(t, &audittest.Bench{Trail: s.trail, Pool: s.pool}, s.memberNamed(t, "mod"), members.Moderators, time.Time{})
	judge.Visit("/cases")
	judge.Press(`main form[action="/cases/1/claim"] button`)
	judge.Visit("/cases/1")
	judge.Tick(`main form[action="/cases/1/decision"] input[name="action"][value="warn"]`)
	judge.Fill("facts", "The answer is not Go.", "reasoning", "It would not compile, and a reader could take it for an example to follow.")
	judge.Press(`main form[action="/cases/1/decision"] button[value="decide"]`)
	judge.Sees("It would not compile")
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
