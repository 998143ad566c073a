package moderation_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/moderation"
)

type house struct {
	*audittest.Bench
	cases   *moderation.Moderation
	members []governance.MemberID // 0 and 1 moderate
}

func newHouse(t *testing.T, people int) *house {
	t.Helper()
	b := audittest.New(t)
	h := &house{Bench: b, cases: moderation.New(b.Trail, b.Pool)}
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("Member %d", 100+i)
	}
	h.members = memberstest.Join(t, b, names...)
	for _, m := range h.members[:2] {
		memberstest.Grant(t, b, m, members.Moderators, time.Time{})
	}
	return h
}

func by(id governance.MemberID) governance.Actor { return governance.Actor{Member: id} }

var answer = moderation.Output{Version: 3, Prompt: "Once canaryprompt", Completion: " there was canaryanswer", Seed: 7}

func (h *house) flag(t *testing.T, m governance.MemberID, o moderation.Output) governance.CaseID {
	t.Helper()
	r, err := h.cases.Flag(t.Context(), by(m), o, "harassment", "It names my canaryneighbour.")
	if err != nil {
		t.Fatalf("flag by %d: %v", m, err)
	}
	return governance.CaseID(r.Subject.ID())
}

func (h *house) get(t *testing.T, id governance.CaseID, m governance.MemberID) moderation.Case {
	t.Helper()
	c, err := h.cases.Get(t.Context(), id, m, h.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var verdict = moderation.Decision{
	Action: moderation.Hide, Clause: "harassment", Facts: "It calls a person names.", Reasoning: strings.Repeat("canaryreason ", 4),
}

func TestFlagsOnTheSameOutputMerge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 6)
	first := h.flag(t, h.members[2], answer)
	otherSeed := answer
	otherSeed.Seed = 8
	if again := h.flag(t, h.members[3], otherSeed); again != first {
		t.Errorf("the same answer by another seed: case %d, want %d", again, first)
	}
	longer := answer
	longer.Completion += "."
	if other := h.flag(t, h.members[3], longer); other == first {
		t.Errorf("another answer: case %d again", other)
	}
	if _, err := h.cases.Flag(t.Context(), by(h.members[2]), answer, "danger", ""); !governance.Is(err, governance.Conflict) {
		t.Errorf("a second flag by the same member: got %v, want Conflict", err)
	}
	if c := h.get(t, first, h.members[4]); c.Reporters != 2 || c.Text != "" || c.Flags != nil {
		t.Errorf("case as a member sees it: %+v; want 2 reporters and no text", c)
	}
	queue, err := h.cases.Queue(t.Context(), 0, h.Now(), 10)
	if err != nil || len(queue) != 2 || queue[0].ID != first {
		t.Errorf("queue %+v, %v; want the case with two reporters first", queue, err)
	}
}

// TestFirstFlagsAtTheSameMoment opens one case whatever happens.
func TestFirstFlagsAtTheSameMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	var wg sync.WaitGroup
	for _, m := range h.members {
		wg.Go(func() {
			if _, err := h.cases.Flag(t.Context(), by(m), answer, "other", ""); err != nil {
				t.Errorf("member %d: %v", m, err)
			}
		})
	}
	wg.Wait()
	queue, err := h.cases.Queue(t.Context(), 0, h.Now(), 10)
	if err != nil || len(queue) != 1 || queue[0].Reporters != 12 {
		t.Errorf("queue %+v, %v; want one case with 12 reporters", queue, err)
	}
}

func TestCaseFromFlagToDecision(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.flag(t, h.members[2], answer)
	moderator := by(h.members[0])
	if _, err := h.cases.Claim(t.Context(), moderator, id); err != nil {
		t.Fatal(err)
	}
	c := h.get(t, id, h.members[0])
	if c.Prompt != answer.Prompt || c.Text != answer.Completion || len(c.Flags) != 1 || c.Holder != h.members[0] {
		t.Errorf("case as its holder sees it: %+v", c)
	}
	if c := h.get(t, id, h.members[1]); c.Text != "" || c.Flags != nil || c.Holder != h.members[0] {
		t.Errorf("case as another moderator sees it: %+v; want no text", c)
	}
	if _, err := h.cases.Decide(t.Context(), moderator, id, verdict); err != nil {
		t.Fatal(err)
	}
	if _, err := h.cases.Decide(t.Context(), moderator, id, verdict); !governance.Is(err, governance.Conflict) {
		t.Errorf("decide twice: got %v, want Conflict", err)
	}
	c = h.get(t, id, h.members[3])
	if c.State != moderation.Decided || c.Decision == nil || c.Decision.Action != moderation.Hide || c.Decision.By != h.members[0] {
		t.Errorf("decided case: %+v", c)
	}
	if action, of, err := h.cases.Ruling(t.Context(), answer); err != nil || action != moderation.Hide || of != id {
		t.Errorf("ruling: %q, case %d, %v; want hide", action, of, err)
	}
	if _, err := h.cases.Flag(t.Context(), by(h.members[3]), answer, "other", ""); !governance.Is(err, governance.Conflict) {
		t.Errorf("flag what is decided: got %v, want Conflict", err)
	}
	h.logHoldsNoText(t)
}

func (h *house) logHoldsNoText(t *testing.T) {
	t.Helper()
	const q = `select count(*) from audit_entries where convert_from(data, 'UTF8') like '%canary%'`
	var n int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d entries hold a text, %v", n, err)
	}
}

// TestOneClaimAtATime lets moderators claim at the same moment, and decide.
func TestOneClaimAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 10)
	for _, m := range h.members[2:9] {
		memberstest.Grant(t, h.Bench, m, members.Moderators, time.Time{})
	}
	id := h.flag(t, h.members[9], answer)
	both := func(act func(governance.Actor) error) int64 {
		var done atomic.Int64
		var wg sync.WaitGroup
		for _, m := range h.members[:9] {
			wg.Go(func() {
				switch err := act(by(m)); {
				case err == nil:
					done.Add(1)
				case !governance.Is(err, governance.Conflict):
					t.Errorf("moderator %d: %v", m, err)
				}
			})
		}
		wg.Wait()
		return done.Load()
	}
	if n := both(func(a governance.Actor) error { _, err := h.cases.Claim(t.Context(), a, id); return err }); n != 1 {
		t.Errorf("%d claims at the same moment, want 1", n)
	}
	if n := both(func(a governance.Actor) error { _, err := h.cases.Decide(t.Context(), a, id, verdict); return err }); n != 1 {
		t.Errorf("%d decisions at the same moment, want 1", n)
	}
}

func TestClaimEndsAndIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.flag(t, h.members[2], answer)
	one, two := by(h.members[0]), by(h.members[1])
	act := func(name string, want governance.Kind, do func() (audit.Receipt, error)) {
		t.Helper()
		if _, err := do(); governance.KindOf(err) != want {
			t.Errorf("%s: got %v, want kind %d", name, err, want)
		}
	}
	claim := func(a governance.Actor) func() (audit.Receipt, error) {
		return func() (audit.Receipt, error) { return h.cases.Claim(t.Context(), a, id) }
	}
	renew := func(a governance.Actor) func() (audit.Receipt, error) {
		return func() (audit.Receipt, error) { return h.cases.Renew(t.Context(), a, id) }
	}
	release := func(a governance.Actor) func() (audit.Receipt, error) {
		return func() (audit.Receipt, error) { return h.cases.Release(t.Context(), a, id) }
	}
	act("claim", 0, claim(one))
	act("steal a claim that runs", governance.Conflict, claim(two))
	act("renew another's claim", governance.Conflict, renew(two))
	h.Travel(19 * time.Minute)
	act("renew", 0, renew(one))
	h.Travel(19 * time.Minute)
	act("steal a renewed claim", governance.Conflict, claim(two))
	h.Travel(2 * time.Minute)
	act("renew what has ended", governance.Conflict, renew(one))
	act("decide after the claim's end", governance.Conflict, func() (audit.Receipt, error) { return h.cases.Decide(t.Context(), one, id, verdict) })
	if c := h.get(t, id, h.members[0]); c.Text != "" || c.State != moderation.Open {
		t.Errorf("case after the claim's end: %+v; want open and without text", c)
	}
	act("take over", 0, claim(two))
	act("decide while another holds it", governance.Conflict, func() (audit.Receipt, error) { return h.cases.Decide(t.Context(), one, id, verdict) })
	act("release another's claim", governance.Conflict, release(one))
	act("release", 0, release(two))
	act("decide after release", governance.Conflict, func() (audit.Receipt, error) { return h.cases.Decide(t.Context(), two, id, verdict) })
	act("claim after release", 0, claim(one))
}

func TestModerationRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.flag(t, h.members[2], answer)
	own := h.flag(t, h.members[1], moderation.Output{Version: 1, Prompt: "a", Completion: "b"})
	if _, err := h.cases.Claim(t.Context(), by(h.members[0]), id); err != nil {
		t.Fatal(err)
	}
	decide := func(m governance.MemberID, id governance.CaseID, change func(*moderation.Decision)) func() error {
		d := verdict
		change(&d)
		return func() error { _, err := h.cases.Decide(t.Context(), by(m), id, d); return err }
	}
	asIs := func(*moderation.Decision) {}
	flag := func(m governance.MemberID, o moderation.Output, clause, reason string) func() error {
		return func() error { _, err := h.cases.Flag(t.Context(), by(m), o, clause, reason); return err }
	}
	for _, tt := range []struct {
		name string
		act  func() error
		want governance.Kind
	}{
		{"flag as a stranger", flag(999, answer, "other", ""), governance.Forbidden},
		{"flag nothing", flag(h.members[3], moderation.Output{Version: 1}, "other", ""), governance.Invalid},
		{"flag under no clause", flag(h.members[3], answer, "taste", ""), governance.Invalid},
		{"flag with a novel", flag(h.members[3], answer, "other", strings.Repeat("x", 1001)), governance.Invalid},
		{"flag bytes that are no text", flag(h.members[3], moderation.Output{Version: 1, Completion: "\xff"}, "other", ""), governance.Invalid},
		{"claim as a member", func() error { _, err := h.cases.Claim(t.Context(), by(h.members[3]), id); return err }, governance.Forbidden},
		{"claim the own report", func() error { _, err := h.cases.Claim(t.Context(), by(h.members[1]), own); return err }, governance.Forbidden},
		{"claim nothing", func() error { _, err := h.cases.Claim(t.Context(), by(h.members[1]), 99); return err }, governance.NotFound},
		{"decide as a member", decide(h.members[3], id, asIs), governance.Forbidden},
		{"decide without a claim", decide(h.members[1], id, asIs), governance.Conflict},
		{"decide on the own report", decide(h.members[1], own, asIs), governance.Forbidden},
		{"decide nothing", decide(h.members[0], id, func(d *moderation.Decision) { d.Action = "burn" }), governance.Invalid},
		{"decide without facts", decide(h.members[0], id, func(d *moderation.Decision) { d.Facts = "" }), governance.Invalid},
		{"decide in a word", decide(h.members[0], id, func(d *moderation.Decision) { d.Reasoning = "Bad." }), governance.Invalid},
		{"decide in forty blanks", decide(h.members[0], id, func(d *moderation.Decision) { d.Reasoning = strings.Repeat(" ", 60) }), governance.Invalid},
		{"hide without a clause", decide(h.members[0], id, func(d *moderation.Decision) { d.Clause = "" }), governance.Invalid},
		{"no action needs no clause", decide(h.members[0], id, func(d *moderation.Decision) { d.Action, d.Clause = moderation.NoAction, "" }), 0},
	} {
		if err := tt.act(); governance.KindOf(err) != tt.want {
			t.Errorf("%s: got %v, want kind %d", tt.name, err, tt.want)
		}
	}
}

// TestReporterWhoClaimedFirstDoesNotDecide: a flag that comes after
// the claim is a conflict of interest too.
func TestReporterWhoClaimedFirstDoesNotDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	id := h.flag(t, h.members[2], answer)
	if _, err := h.cases.Claim(t.Context(), by(h.members[0]), id); err != nil {
		t.Fatal(err)
	}
	h.flag(t, h.members[0], answer)
	if _, err := h.cases.Decide(t.Context(), by(h.members[0]), id, verdict); !governance.Is(err, governance.Forbidden) {
		t.Errorf("decide after reporting it oneself: got %v, want Forbidden", err)
	}
}

func TestModerationLeavesNothingWhenTheLastStatementFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.flag(t, h.members[2], answer)
	if _, err := h.cases.Claim(t.Context(), by(h.members[0]), id); err != nil {
		t.Fatal(err)
	}
	h.Break(t)
	const q = `select concat((select count(*) from flags), ' ', (select count(*) from cases), ' ', (select count(*) from decisions), ' ', (select string_agg(concat(state, holder, claimed_until), ',') from cases))`
	count := func() (s string) {
		if err := h.Pool.QueryRow(t.Context(), q).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := count()
	for name, act := range map[string]func() (audit.Receipt, error){
		"flag": func() (audit.Receipt, error) {
			return h.cases.Flag(t.Context(), by(h.members[3]), answer, "other", "")
		},
		"renew":   func() (audit.Receipt, error) { return h.cases.Renew(t.Context(), by(h.members[0]), id) },
		"release": func() (audit.Receipt, error) { return h.cases.Release(t.Context(), by(h.members[0]), id) },
		"decide":  func() (audit.Receipt, error) { return h.cases.Decide(t.Context(), by(h.members[0]), id, verdict) },
	} {
		if _, err := act(); err == nil || governance.KindOf(err) != 0 {
			t.Errorf("%s: got %v, want an internal error", name, err)
		}
		if after := count(); after != before {
			t.Errorf("%s: %s before, %s after", name, before, after)
		}
	}
}
