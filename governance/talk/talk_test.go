package talk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/talk"
)

type house struct {
	*audittest.Bench
	talk    *talk.Talk
	members []governance.MemberID
	on      governance.Ref
}

func newHouse(t *testing.T) *house {
	t.Helper()
	b := audittest.New(t)
	h := &house{Bench: b, talk: talk.New(b.Trail, b.Pool)}
	h.members = memberstest.Join(t, b, "Anna", "Birk", "Cilla")
	h.on = governance.RefTo(governance.RefMember, h.members[0]) // a member has a name, and a talk page
	return h
}

func by(id governance.MemberID) governance.Actor { return governance.Actor{Member: id} }

func text(s string) talk.Text { return talk.Text{Body: s, HTML: "<p>" + s + "</p>"} }

func (h *house) comments(t *testing.T) []talk.Comment {
	t.Helper()
	list, err := h.talk.Comments(t.Context(), h.on, 50)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// outline is a discussion as one reads it: a dash for each level.
func (h *house) outline(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, c := range h.comments(t) {
		lines = append(lines, strings.Repeat("-", c.Depth)+strings.TrimSuffix(strings.TrimPrefix(c.HTML, "<p>"), "</p>"))
	}
	return lines
}

func (h *house) find(t *testing.T, said string) talk.CommentID {
	t.Helper()
	for _, c := range h.comments(t) {
		if c.HTML == "<p>"+said+"</p>" {
			return c.ID
		}
	}
	t.Fatalf("nobody said %q", said)
	return 0
}

func TestAnswersStandBelowWhatTheyAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	start := func(said string) {
		if _, err := h.talk.Start(t.Context(), by(h.members[1]), h.on, "About  "+said, text(said)); err != nil {
			t.Fatal(err)
		}
	}
	reply := func(to, said string) {
		if _, err := h.talk.Reply(t.Context(), by(h.members[2]), h.find(t, to), text(said)); err != nil {
			t.Fatal(err)
		}
	}
	start("one")
	reply("one", "first answer")
	start("two")
	reply("one", "second answer")
	reply("first answer", "canary answer to the first")
	want := []string{"one", "-first answer", "--canary answer to the first", "-second answer", "two"}
	if got := h.outline(t); !slices.Equal(got, want) {
		t.Errorf("outline %q, want %q", got, want)
	}
	if n, err := h.talk.Count(t.Context(), h.on); err != nil || n != 5 {
		t.Errorf("count %d, %v; want 5", n, err)
	}
	if title := h.comments(t)[0].Title; title != "About one" {
		t.Errorf("title %q, want %q", title, "About one")
	}
	const q = `select count(*) from audit_entries where convert_from(data, 'UTF8') like '%canary%'`
	var n int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d entries hold a text, %v", n, err)
	}
	changes, err := h.Log.Changes(t.Context(), audit.Filter{Refs: []governance.Ref{h.on}, Kinds: []string{"talk.said"}})
	if err != nil || len(changes) != 5 {
		t.Errorf("%d changes of the subject, %v; want 5", len(changes), err)
	}
}

func TestAnswersAreNotDeeperThanTheTableAllows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if _, err := h.talk.Start(t.Context(), by(h.members[1]), h.on, "Depth", text("0")); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < talk.MaxDepth; i++ {
		if _, err := h.talk.Reply(t.Context(), by(h.members[2]), h.find(t, fmt.Sprint(i-1)), text(fmt.Sprint(i))); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	last := h.find(t, fmt.Sprint(talk.MaxDepth-1))
	if _, err := h.talk.Reply(t.Context(), by(h.members[2]), last, text("too deep")); !governance.Is(err, governance.Invalid) {
		t.Errorf("answer %d: got %v, want Invalid", talk.MaxDepth, err)
	}
}

func TestHiddenCommentKeepsItsAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	memberstest.Grant(t, h.Bench, h.members[2], members.Moderators, time.Time{})
	if _, err := h.talk.Start(t.Context(), by(h.members[1]), h.on, "Rude", text("rude word")); err != nil {
		t.Fatal(err)
	}
	id := h.find(t, "rude word")
	if _, err := h.talk.Reply(t.Context(), by(h.members[0]), id, text("please not so")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.talk.Hide(t.Context(), by(h.members[2]), id, "an insult"); err != nil {
		t.Fatal(err)
	}
	got := h.comments(t)
	if len(got) != 2 || got[0].HTML != "" || got[0].Hidden != "an insult" || got[1].Depth != 1 {
		t.Errorf("after hiding: %+v", got)
	}
	if _, err := h.talk.Hide(t.Context(), by(h.members[2]), id, "again"); !governance.Is(err, governance.Conflict) {
		t.Errorf("hide twice: got %v, want Conflict", err)
	}
	const q = `select count(*) from comments where concat(body, html) like '%rude%'`
	var n int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows still hold the text, %v", n, err)
	}
}

func TestTalkRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if _, err := h.talk.Start(t.Context(), by(h.members[1]), h.on, "One", text("one")); err != nil {
		t.Fatal(err)
	}
	id := h.find(t, "one")
	start := func(m governance.MemberID, on governance.Ref, title, said string) func() error {
		return func() error { _, err := h.talk.Start(t.Context(), by(m), on, title, text(said)); return err }
	}
	for _, tt := range []struct {
		name string
		act  func() error
		want governance.Kind
	}{
		{"start as a stranger", start(999, h.on, "x", "x"), governance.Forbidden},
		{"start about nothing", start(h.members[1], "page/99", "x", "x"), governance.NotFound},
		{"start without a subject", start(h.members[1], h.on, "  ", "x"), governance.Invalid},
		{"start with a long subject", start(h.members[1], h.on, strings.Repeat("x", 121), "x"), governance.Invalid},
		{"start with an invisible subject", start(h.members[1], h.on, "x\u202ey", "x"), governance.Invalid},
		{"say nothing", start(h.members[1], h.on, "x", " \n"), governance.Invalid},
		{"say too much", start(h.members[1], h.on, "x", strings.Repeat("x", 20_001)), governance.Invalid},
		{"say a zero byte", start(h.members[1], h.on, "x", "a\x00b"), governance.Invalid},
		{"reply as a stranger", func() error { _, err := h.talk.Reply(t.Context(), by(999), id, text("x")); return err }, governance.Forbidden},
		{"reply to nothing", func() error { _, err := h.talk.Reply(t.Context(), by(h.members[1]), 999, text("x")); return err }, governance.NotFound},
		{"hide as a member", func() error { _, err := h.talk.Hide(t.Context(), by(h.members[1]), id, "x"); return err }, governance.Forbidden},
		{"about nothing", func() error { _, err := h.talk.About(t.Context(), 999); return err }, governance.NotFound},
	} {
		if err := tt.act(); governance.KindOf(err) != tt.want {
			t.Errorf("%s: got %v, want kind %d", tt.name, err, tt.want)
		}
	}
	if got := h.outline(t); len(got) != 1 {
		t.Errorf("after refusals: %q, want one comment", got)
	}
}

func TestTalkLeavesNothingWhenTheLastStatementFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if _, err := h.talk.Start(t.Context(), by(h.members[1]), h.on, "One", text("one")); err != nil {
		t.Fatal(err)
	}
	id := h.find(t, "one")
	h.Break(t)
	for name, act := range map[string]func() (audit.Receipt, error){
		"start": func() (audit.Receipt, error) {
			return h.talk.Start(t.Context(), by(h.members[1]), h.on, "x", text("x"))
		},
		"reply": func() (audit.Receipt, error) { return h.talk.Reply(t.Context(), by(h.members[1]), id, text("x")) },
	} {
		if _, err := act(); err == nil || governance.KindOf(err) != 0 {
			t.Errorf("%s: got %v, want an internal error", name, err)
		}
	}
	const q = `select (select count(*) from threads) + (select count(*) from comments)`
	var n int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want the first thread and its comment", n, err)
	}
}
