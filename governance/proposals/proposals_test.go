package proposals_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/governance/voting"
)

type house struct {
	*audittest.Bench
	proposals *proposals.Proposals
	voting    *voting.Voting
	policies  *policies.Policies
	members   []governance.MemberID
}

func newHouse(t *testing.T, people int) *house {
	t.Helper()
	b := audittest.New(t)
	h := &house{
		Bench:    b,
		voting:   voting.New(b.Trail, b.Pool),
		policies: policies.New(b.Trail, b.Pool),
		proposals: proposals.New(b.Trail, b.Pool, proposals.Kinds{
			"policy": proposals.PolicyMotion, proposals.MotionResolution: proposals.Resolution,
		}),
	}
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("Member %d", 100+i)
	}
	h.members = memberstest.Join(t, b, names...)
	return h
}

func by(id governance.MemberID) governance.Actor { return governance.Actor{Member: id} }

var job = governance.Job("advance-proposal")

func text(title string) proposals.Text {
	return proposals.Text{Title: title, Body: "Because.", HTML: "<p>Because.</p>"}
}

// tabled makes a proposal and brings it into discussion.
func (h *house) tabled(t *testing.T, motion proposals.Motion) governance.ProposalID {
	t.Helper()
	r, err := h.proposals.Create(t.Context(), by(h.members[0]), text("A change"), motion)
	if err != nil {
		t.Fatal(err)
	}
	id := governance.ProposalID(r.Subject.ID())
	for _, m := range h.members[1:3] {
		if _, err := h.proposals.Sponsor(t.Context(), by(m), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.proposals.Table(t.Context(), by(h.members[0]), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (h *house) advance(t *testing.T, id governance.ProposalID, from string) {
	t.Helper()
	h.Travel(60 * 24 * time.Hour)
	if _, err := h.proposals.Advance(t.Context(), job, id, from); err != nil {
		t.Fatalf("advance from %s: %v", from, err)
	}
}

func (h *house) state(t *testing.T, id governance.ProposalID) proposals.Proposal {
	t.Helper()
	p, err := h.proposals.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var shorter = proposals.Motion{Kind: "policy", Params: `[{"key":"class.1.voting","value":"2h"}]`}

func TestProposalFromDraftToPolicyInForce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 5)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	p := h.state(t, id)
	for i, choice := range []string{voting.Yes, voting.Yes, voting.No, voting.Abstain, voting.Yes} {
		if _, err := h.voting.Cast(t.Context(), by(h.members[i]), p.Poll, choice, "because"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.voting.Cast(t.Context(), by(h.members[2]), p.Poll, voting.Yes, ""); err != nil {
		t.Fatalf("change ballot: %v", err)
	}
	if _, err := h.proposals.Advance(t.Context(), job, id, proposals.Voting); !governance.Is(err, governance.Conflict) {
		t.Errorf("count before the close: got %v, want Conflict", err)
	}
	h.advance(t, id, proposals.Voting)
	if _, err := h.voting.Cast(t.Context(), by(h.members[2]), p.Poll, voting.No, ""); !governance.Is(err, governance.Conflict) {
		t.Errorf("cast after close: got %v, want Conflict", err)
	}
	h.advance(t, id, proposals.Waiting)
	d, err := h.proposals.Decision(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	done := func(ctx context.Context, tx *audit.Tx) error {
		return proposals.Finish(ctx, tx, id, proposals.Done, "In force.")
	}
	if _, err := h.policies.Adopt(t.Context(), job, id, []byte(d.Params), done); err != nil {
		t.Fatal(err)
	}
	if _, err := h.policies.Adopt(t.Context(), job, id, []byte(d.Params), done); !governance.Is(err, governance.Conflict) {
		t.Errorf("enacted twice: got %v, want Conflict", err)
	}
	inForce, err := policies.Current(t.Context(), h.Pool)
	if err != nil || inForce.Duration("class.1.voting") != 2*time.Hour {
		t.Errorf("in force: %v, %v; want 2 hours", inForce, err)
	}
	h.replays(t, func(s *audit.State) {
		poll := s.Polls[p.Poll]
		if !poll.Closed || len(poll.Ballots) != 5 || poll.Ballots[h.members[2]] != voting.Yes || s.Policies["class.1.voting"] != "7200" {
			t.Errorf("rebuilt: %+v, policies %v", poll, s.Policies)
		}
	})
}

// replays rebuilds the state from the served log alone.
func (h *house) replays(t *testing.T, check func(*audit.State)) {
	t.Helper()
	if err := h.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, visit := audit.Replay()
	_, err := translog.Verify(func(path string, _ int64) ([]byte, error) {
		if path == "checkpoint" {
			s, err := h.Log.Checkpoint(t.Context())
			return s.Note, err
		}
		tile, err := translog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return h.Log.Tile(t.Context(), tile)
	}, h.Verifier, visit)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	check(state)
}

func TestProposalRejectedBelowItsQuorum(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	if _, err := h.voting.Cast(t.Context(), by(h.members[0]), h.state(t, id).Poll, voting.Yes, ""); err != nil {
		t.Fatal(err)
	}
	h.advance(t, id, proposals.Voting)
	if got := h.state(t, id).State; got != proposals.Rejected {
		t.Errorf("with 1 of 12 ballots: state %s, want rejected", got)
	}
}

func TestStagesRefuse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	r, err := h.proposals.Create(t.Context(), by(h.members[0]), text("A change"), shorter)
	if err != nil {
		t.Fatal(err)
	}
	id := governance.ProposalID(r.Subject.ID())
	stranger := by(999)
	for _, tt := range []struct {
		name string
		act  func() error
		want governance.Kind
	}{
		{"table without sponsors", func() error { _, err := h.proposals.Table(t.Context(), by(h.members[0]), id); return err }, governance.Conflict},
		{"table by another", func() error { _, err := h.proposals.Table(t.Context(), by(h.members[1]), id); return err }, governance.Forbidden},
		{"sponsor oneself", func() error { _, err := h.proposals.Sponsor(t.Context(), by(h.members[0]), id); return err }, governance.Conflict},
		{"sponsor as a stranger", func() error { _, err := h.proposals.Sponsor(t.Context(), stranger, id); return err }, governance.Forbidden},
		{"create as a stranger", func() error {
			_, err := h.proposals.Create(t.Context(), stranger, text("x"), shorter)
			return err
		}, governance.Forbidden},
		{"unknown motion", func() error {
			_, err := h.proposals.Create(t.Context(), by(h.members[0]), text("x"), proposals.Motion{Kind: "war", Params: "{}"})
			return err
		}, governance.Invalid},
		{"unknown policy", func() error {
			_, err := h.proposals.Create(t.Context(), by(h.members[0]), text("x"), proposals.Motion{Kind: "policy", Params: `[{"key":"x","value":"1"}]`})
			return err
		}, governance.Invalid},
		{"advance by hand", func() error {
			_, err := h.proposals.Advance(t.Context(), by(h.members[0]), id, proposals.Draft)
			return err
		}, governance.Forbidden},
		{"advance a draft", func() error { _, err := h.proposals.Advance(t.Context(), job, id, proposals.Draft); return err }, governance.Conflict},
		{"edit by another", func() error {
			_, err := h.proposals.Edit(t.Context(), by(h.members[1]), id, text("x"), shorter)
			return err
		}, governance.Forbidden},
		{"edit from an old base", func() error {
			_, err := h.proposals.Edit(t.Context(), by(h.members[0]), id, text("x"), shorter)
			return err
		}, governance.Conflict},
		{"vote on nothing", func() error { _, err := h.voting.Cast(t.Context(), by(h.members[0]), 99, voting.Yes, ""); return err }, governance.NotFound},
	} {
		if err := tt.act(); governance.KindOf(err) != tt.want {
			t.Errorf("%s: got %v, want kind %d", tt.name, err, tt.want)
		}
	}
}

func TestTextIsFrozenWhileMembersVote(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	p := h.state(t, id)
	edited := text("Other")
	edited.Base = p.Revision
	if _, err := h.proposals.Edit(t.Context(), by(h.members[0]), id, edited, shorter); !governance.Is(err, governance.Conflict) {
		t.Errorf("edit while voting: got %v, want Conflict", err)
	}
	store := pages.New(h.Trail, h.Pool)
	draft := pages.Draft{Title: proposals.PageTitle(id), Base: p.Revision, Body: "x", HTML: "x"}
	if _, err := store.Save(t.Context(), by(h.members[0]), draft); !governance.Is(err, governance.Forbidden) {
		t.Errorf("edit the page behind the proposal: got %v, want Forbidden", err)
	}
}

// TestDoubleVote lets every voter vote twice at the same moment, yes and no.
func TestDoubleVote(t *testing.T) {
	t.Parallel()
	people := 60
	if os.Getenv("ALTHING_SOAK") != "" {
		people = 10_001
	}
	h := newHouse(t, people)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	poll := h.state(t, id).Poll
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32) // more would only wait for a connection until their time is over
	for _, m := range h.members {
		for _, choice := range []string{voting.Yes, voting.No} {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if _, err := h.voting.Cast(t.Context(), by(m), poll, choice, ""); err != nil {
					t.Errorf("member %d: %v", m, err)
				}
			})
		}
	}
	wg.Wait()
	p, err := h.voting.Get(t.Context(), poll, 0)
	if err != nil || p.Cast != int64(people) {
		t.Errorf("%d voters twice at once: %d ballots, %v", people, p.Cast, err)
	}
	h.advance(t, id, proposals.Voting)
	h.replays(t, func(s *audit.State) {
		if got := len(s.Polls[poll].Ballots); got != people {
			t.Errorf("rebuilt: %d ballots, want %d", got, people)
		}
	})
}

func TestRetryOfAnOlderPostDoesNotUndoANewerOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	poll := h.state(t, id).Poll
	post := func(op, choice string) (audit.Receipt, error) {
		return h.voting.Cast(t.Context(), governance.Member(h.members[0], governance.NewOperation("operation-"+op, choice)), poll, choice, "")
	}
	for _, p := range [][2]string{{"A", voting.Yes}, {"B", voting.No}, {"A", voting.Yes}} {
		if _, err := post(p[0], p[1]); err != nil {
			t.Fatal(err)
		}
	}
	p, err := h.voting.Get(t.Context(), poll, h.members[0])
	if err != nil || p.Choice != voting.No {
		t.Errorf("yes (A), no (B), retry of A: ballot is %q, %v; want no", p.Choice, err)
	}
}

// TestActLeavesNothingWhenItsLastStatementFails breaks each act at its entry.
func TestActLeavesNothingWhenItsLastStatementFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 4)
	id := h.tabled(t, shorter)
	h.advance(t, id, proposals.Discussion)
	poll := h.state(t, id).Poll
	h.Break(t)
	count := func() string {
		var n string
		const q = `select concat((select count(*) from ballots), ' ', (select count(*) from proposals), ' ', (select count(*) from revisions), ' ', (select count(*) from polls where state <> 'open'))`
		if err := h.Pool.QueryRow(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	h.Travel(60 * 24 * time.Hour)
	for name, act := range map[string]func() error{
		"create": func() error {
			_, err := h.proposals.Create(t.Context(), by(h.members[0]), text("x"), shorter)
			return err
		},
		"advance": func() error { _, err := h.proposals.Advance(t.Context(), job, id, proposals.Voting); return err },
	} {
		if err := act(); err == nil || governance.KindOf(err) != 0 {
			t.Errorf("%s: got %v, want an internal error", name, err)
		}
	}
	h.Travel(-60 * 24 * time.Hour)
	if _, err := h.voting.Cast(t.Context(), by(h.members[0]), poll, voting.Yes, ""); err == nil {
		t.Error("cast: want an error")
	}
	if after := count(); after != before {
		t.Errorf("rows of ballots, proposals, revisions, closed polls: %s before, %s after", before, after)
	}
}

func TestEditConflictNamesTheLatest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1)
	store := pages.New(h.Trail, h.Pool)
	save := func(base governance.RevisionID, body string) (audit.Receipt, error) {
		return store.Save(t.Context(), by(h.members[0]), pages.Draft{Title: "Help", Base: base, Body: body, HTML: body})
	}
	if _, err := save(0, "one"); err != nil {
		t.Fatal(err)
	}
	latest, err := store.Latest(t.Context(), "HELP")
	if err != nil {
		t.Fatal(err)
	}
	_, err = save(0, "two")
	var conflict *pages.EditConflict
	if !governance.Is(err, governance.Conflict) || !errors.As(err, &conflict) || conflict.Latest != latest.ID {
		t.Errorf("save from an old base: got %v, want a Conflict that names revision %d", err, latest.ID)
	}
	if _, err := save(latest.ID, "three"); err != nil {
		t.Fatal(err)
	}
	found, err := store.Search(t.Context(), "three", 10)
	if err != nil || len(found) != 1 || found[0].Title != "Help" {
		t.Errorf("search: %v, %v", found, err)
	}
}
