package members_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

func open(t *testing.T) (*audittest.Bench, *members.Store) {
	t.Helper()
	b := audittest.New(t)
	return b, members.New(b.Trail, b.Pool, b.Now)
}

func joining(issuer, subject, name string) members.Joining {
	return members.Joining{Identity: members.Identity{Issuer: issuer, Subject: subject}, Name: name}
}

// asked is the event of acts that only ask a step something.
type asked struct {
	N int64 `json:"n"`
}

func (asked) Kind() string             { return "test.asked" }
func (asked) Subject() governance.Ref  { return "test/1" }
func (asked) Sentence() audit.Sentence { return audit.Say("asked") }

var _ = audit.Register[asked]()

func act(t *testing.T, b *audittest.Bench, actor governance.Actor, step func(context.Context, *audit.Tx) error) error {
	t.Helper()
	_, err := b.Trail.Act(t.Context(), actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		return asked{}, step(ctx, tx)
	})
	return err
}

func require(t *testing.T, b *audittest.Bench, id governance.MemberID, right members.Right) error {
	t.Helper()
	return act(t, b, governance.Member(id, governance.Operation{}), func(ctx context.Context, tx *audit.Tx) error {
		return members.Require(ctx, tx, right)
	})
}

func TestIdentityIsIssuerAndSubject(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	var ids []governance.MemberID
	for i, j := range []members.Joining{
		joining("https://one.test", "7", "Ada"),
		joining("https://two.test", "7", "Grace"),
		joining("https://one.test", "8", "Alan"),
		joining("https://one.test", "7", "Somebody else"), // is a member already
	} {
		id, err := s.Join(t.Context(), j)
		if err != nil {
			t.Fatalf("join %d: %v", i, err)
		}
		ids = append(ids, id)
	}
	if ids[3] != ids[0] || ids[0] == ids[1] || ids[1] == ids[2] || ids[0] == ids[2] {
		t.Errorf("ids of one/7, two/7, one/8, one/7 again: got %v; want three members, the last as the first", ids)
	}
	m, err := s.ByIdentity(t.Context(), members.Identity{Issuer: "https://two.test", Subject: "7"})
	if err != nil || m.ID != ids[1] || m.Name != "Grace" || !m.Left.IsZero() {
		t.Errorf("two/7: got %+v, %v; want Grace, member %d", m, err, ids[1])
	}
	if _, err := s.ByIdentity(t.Context(), members.Identity{Issuer: "https://two.test", Subject: "8"}); !governance.Is(err, governance.NotFound) {
		t.Errorf("two/8: got %v, want NotFound", err)
	}
	if n, err := s.Count(t.Context()); err != nil || n != 3 {
		t.Errorf("count: got %d, %v; want 3", n, err)
	}
	names, err := b.Log.Names(t.Context(), []governance.Ref{governance.RefTo(governance.RefMember, ids[0])})
	if err != nil || names[governance.RefTo(governance.RefMember, ids[0])] != "Ada" {
		t.Errorf("name in lists: got %v, %v; want Ada", names, err)
	}
}

func TestSimultaneousFirstSignInsMakeOneMember(t *testing.T) {
	t.Parallel()
	_, s := open(t)
	ids := make([]governance.MemberID, 12)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = s.Join(t.Context(), joining("https://one.test", "7", "Ada")); err != nil {
				t.Errorf("try %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if slices.Min(ids) != slices.Max(ids) {
		t.Errorf("12 tries at once: got members %v, want one", ids)
	}
}

func TestInvitationsAreUsedOnce(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	host := memberstest.Join(t, b, "Host")[0]
	actor := governance.Member(host, governance.NewOperation("operation-1", "invite"))
	secret, err := s.Invite(t.Context(), actor, time.Hour)
	if err != nil || len(secret) < 40 {
		t.Fatalf("invite: got %q, %v", secret, err)
	}
	if _, err := s.Invite(t.Context(), actor, time.Hour); !governance.Is(err, governance.Conflict) {
		t.Errorf("the same form again: got %v, want Conflict", err)
	}
	var stored int
	const search = `select count(*) from invitations where encode(hash, 'base64') like '%' || $1 || '%' or encode(hash, 'hex') like '%' || $1 || '%'`
	if err := b.Pool.QueryRow(t.Context(), search, secret[:20]).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("secret in the table: got %d rows, %v; want 0", stored, err)
	}
	guest := joining("https://one.test", "g", "Guest")
	guest.RequireInvitation = true
	for _, tt := range []struct{ name, secret string }{{"none", ""}, {"blank", "  "}, {"invented", strings.Repeat("x", 43)}} {
		guest.Invitation = tt.secret
		if _, err := s.Join(t.Context(), guest); !governance.Is(err, governance.Invalid) {
			t.Errorf("invitation %s: got %v, want Invalid", tt.name, err)
		}
	}
	var wg sync.WaitGroup
	admitted := make([]error, 8)
	for i := range admitted {
		wg.Go(func() {
			j := joining("https://one.test", fmt.Sprint("g", i), "Guest "+string(rune('A'+i)))
			j.RequireInvitation, j.Invitation = true, secret
			_, admitted[i] = s.Join(t.Context(), j)
		})
	}
	wg.Wait()
	if n := len(slices.DeleteFunc(slices.Clone(admitted), func(err error) bool { return err != nil })); n != 1 {
		t.Errorf("8 guests with one invitation: %d admitted, want 1 (%v)", n, admitted)
	}
	late, err := s.Invite(t.Context(), governance.Member(host, governance.Operation{}), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.Travel(time.Hour + time.Second)
	guest.Invitation = late
	if _, err := s.Join(t.Context(), guest); !governance.Is(err, governance.Invalid) {
		t.Errorf("expired invitation: got %v, want Invalid", err)
	}
	if n, err := s.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("members: got %d, %v; want 2, nobody refused left a row", n, err)
	}
}

func TestRightsFollowGroupsAndEnd(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ids := memberstest.Join(t, b, "Ada", "Grace")
	ada := ids[0]
	if err := require(t, b, ada, members.RightVote); err != nil {
		t.Errorf("a member's vote: %v", err)
	}
	err := require(t, b, ada, members.RightModerate)
	if !governance.Is(err, governance.Forbidden) || !strings.Contains(err.Error(), "moderate") || !strings.Contains(err.Error(), "Moderators") {
		t.Errorf("a member who moderates: got %v; want Forbidden, naming the right and its group", err)
	}
	memberstest.Grant(t, b, ada, members.Moderators, b.Now().Add(time.Hour))
	if err := require(t, b, ada, members.RightModerate); err != nil {
		t.Errorf("within the term: %v", err)
	}
	held, err := s.Holders(t.Context(), members.Moderators)
	if err != nil || len(held) != 1 || held[0].Member != ada || held[0].Name != "Ada" || held[0].Reason != "test/1" {
		t.Errorf("holders: got %+v, %v; want Ada by test/1", held, err)
	}
	if got, err := s.RightsOf(t.Context(), ada); err != nil || !slices.Contains(got, members.RightModerate) || slices.Contains(got, members.RightFound) {
		t.Errorf("rights of Ada: got %v, %v; want moderate among them and not found", got, err)
	}
	b.Travel(time.Hour + time.Second)
	if err := require(t, b, ada, members.RightModerate); !governance.Is(err, governance.Forbidden) {
		t.Errorf("after the term: got %v, want Forbidden", err)
	}
	if groups, err := s.GroupsOf(t.Context(), ada); err != nil || len(groups) != 1 || groups[0].Group != members.Members {
		t.Errorf("groups after the term: got %+v, %v; want members only", groups, err)
	}
	memberstest.Grant(t, b, ada, members.Moderators, time.Time{})
	memberstest.Revoke(t, b, ada, members.Moderators)
	if err := require(t, b, ada, members.RightModerate); !governance.Is(err, governance.Forbidden) {
		t.Errorf("after revocation: got %v, want Forbidden", err)
	}
	if err := require(t, b, 99, members.RightVote); !governance.Is(err, governance.Forbidden) {
		t.Errorf("nobody's vote: got %v, want Forbidden", err)
	}
	visitor := act(t, b, governance.Job("visit"), func(ctx context.Context, tx *audit.Tx) error {
		return members.Require(ctx, tx, members.RightVote)
	})
	if !governance.Is(visitor, governance.Unauthenticated) {
		t.Errorf("an actor who is no member: got %v, want Unauthenticated", visitor)
	}
}

func TestSuspensionTakesOneRightForATime(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ada := memberstest.Join(t, b, "Ada")[0]
	suspend := func(d time.Duration) error {
		return act(t, b, governance.Job("case"), func(ctx context.Context, tx *audit.Tx) error {
			return members.Suspend(ctx, tx, ada, members.RightDiscuss, tx.Now(ctx).Add(d), "case/8")
		})
	}
	restore := func() error {
		return act(t, b, governance.Job("appeal"), func(ctx context.Context, tx *audit.Tx) error {
			return members.Restore(ctx, tx, ada, members.RightDiscuss)
		})
	}
	if err := suspend(0); !governance.Is(err, governance.Invalid) {
		t.Errorf("a suspension that ends now: got %v, want Invalid", err)
	}
	if err := restore(); !governance.Is(err, governance.Conflict) {
		t.Errorf("restore what is not suspended: got %v, want Conflict", err)
	}
	if err := suspend(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := require(t, b, ada, members.RightDiscuss); !governance.Is(err, governance.Forbidden) || !strings.Contains(err.Error(), "suspended until") {
		t.Errorf("during suspension: got %v, want Forbidden with its end", err)
	}
	if err := require(t, b, ada, members.RightVote); err != nil {
		t.Errorf("another right during suspension: %v", err)
	}
	if got, _ := s.RightsOf(t.Context(), ada); slices.Contains(got, members.RightDiscuss) || !slices.Contains(got, members.RightVote) {
		t.Errorf("rights during suspension: got %v", got)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if err := require(t, b, ada, members.RightDiscuss); err != nil {
		t.Errorf("after an appeal: %v", err)
	}
	if err := suspend(time.Hour); err != nil {
		t.Fatal(err)
	}
	b.Travel(time.Hour + time.Second)
	if err := require(t, b, ada, members.RightDiscuss); err != nil {
		t.Errorf("after the time: %v", err)
	}
}

func TestRollIsWhoMayVoteNow(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ids := memberstest.Join(t, b, "Ada", "Grace", "Alan", "Edsger")
	if err := s.Leave(t.Context(), governance.Member(ids[1], governance.Operation{})); err != nil {
		t.Fatal(err)
	}
	memberstest.Revoke(t, b, ids[2], members.Members)
	memberstest.Grant(t, b, ids[0], members.Moderators, time.Time{}) // does not count twice
	var roll []governance.MemberID
	err := act(t, b, governance.Job("open-poll"), func(ctx context.Context, tx *audit.Tx) (err error) {
		roll, err = members.Roll(ctx, tx)
		return err
	})
	want := []governance.MemberID{ids[0], ids[3]}
	if err != nil || !slices.Equal(roll, want) {
		t.Errorf("roll: got %v, %v; want %v", roll, err, want)
	}
	if n, err := s.CountVoters(t.Context()); err != nil || n != 2 {
		t.Errorf("voters: got %d, %v; want 2", n, err)
	}
}

func TestLeavingForgetsThePerson(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ids := memberstest.Join(t, b, "Ada", "Grace")
	actor := governance.Member(ids[0], governance.Operation{})
	if err := s.Leave(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	m, err := s.ByID(t.Context(), ids[0])
	if err != nil || m.Name != members.FormerMember || m.Left.IsZero() {
		t.Errorf("who left: got %+v, %v; want a former member with the time", m, err)
	}
	var traces int
	const search = `
		select (select count(*) from members m where m::text ilike '%ada%')
		+ (select count(*) from names n where n.name ilike '%ada%')
		+ (select count(*) from audit_entries where convert_from(data, 'utf8') ilike '%ada%')`
	if err := b.Pool.QueryRow(t.Context(), search).Scan(&traces); err != nil || traces != 0 {
		t.Errorf("traces of the name: got %d, %v; want 0", traces, err)
	}
	if err := require(t, b, ids[0], members.RightVote); !governance.Is(err, governance.Forbidden) {
		t.Errorf("vote after leaving: got %v, want Forbidden", err)
	}
	if err := s.Leave(t.Context(), actor); !governance.Is(err, governance.Conflict) {
		t.Errorf("leave twice: got %v, want Conflict", err)
	}
	if err := s.Leave(t.Context(), governance.Job("x")); !governance.Is(err, governance.Unauthenticated) {
		t.Errorf("leave as nobody: got %v, want Unauthenticated", err)
	}
	again, err := s.Join(t.Context(), joining(memberstest.Issuer, "Ada", "Ada"))
	if err != nil || again == ids[0] {
		t.Errorf("joining again: got member %d, %v; want a new number", again, err)
	}
	if list, err := s.List(t.Context(), 0, 10); err != nil || len(list) != 2 || list[0].Name != "Grace" || list[1].Name != "Ada" {
		t.Errorf("list: got %+v, %v; want Grace and the new Ada", list, err)
	}
	if list, err := s.List(t.Context(), ids[1], 10); err != nil || len(list) != 1 || list[0].ID != again {
		t.Errorf("next page: got %+v, %v; want member %d", list, err, again)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ids := memberstest.Join(t, b, "Ada", "Grace")
	actor := governance.Member(ids[0], governance.Operation{})
	if err := s.Rename(t.Context(), actor, "Countess of Lovelace"); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(t.Context(), actor, "Gracе"); !governance.Is(err, governance.Invalid) { // Cyrillic е
		t.Errorf("name that looks like another: got %v, want Invalid", err)
	}
	if err := s.Rename(t.Context(), governance.Member(99, governance.Operation{}), "Nobody's"); !governance.Is(err, governance.Forbidden) {
		t.Errorf("rename without right: got %v, want Forbidden", err)
	}
	if m, _ := s.ByID(t.Context(), ids[0]); m.Name != "Countess of Lovelace" {
		t.Errorf("name: got %q", m.Name)
	}
}

// TestActsLeaveNothingWhenTheEntryFails makes the last statement of each act
// fail and compares every table with its state before.
func TestActsLeaveNothingWhenTheEntryFails(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	ids := memberstest.Join(t, b, "Ada", "Grace")
	b.Break(t)
	const state = `
		select coalesce((select string_agg(m::text, ' ' order by id) from members m), '')
		|| coalesce((select string_agg(m::text, ' ' order by member, group_name) from memberships m), '')
		|| coalesce((select string_agg(i::text, ' ') from invitations i), '')
		|| coalesce((select string_agg(n::text, ' ' order by ref) from names n), '')`
	read := func() (got string) {
		if err := b.Pool.QueryRow(t.Context(), state).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := read()
	actor := governance.Member(ids[0], governance.Operation{})
	for _, tt := range []struct {
		name string
		act  func() error
	}{
		{"join", func() error { _, err := s.Join(t.Context(), joining("https://x.test", "1", "New")); return err }},
		{"rename", func() error { return s.Rename(t.Context(), actor, "Other") }},
		{"invite", func() error { _, err := s.Invite(t.Context(), actor, time.Hour); return err }},
		{"leave", func() error { return s.Leave(t.Context(), actor) }},
	} {
		if err := tt.act(); err == nil || governance.KindOf(err) != 0 {
			t.Errorf("%s: got %v, want a fault of ours", tt.name, err)
		}
		if after := read(); after != before {
			t.Errorf("%s left something:\n%s\nbefore:\n%s", tt.name, after, before)
		}
	}
}

// TestReplayRebuildsGroups compares the groups that entries give with the table.
func TestReplayRebuildsGroups(t *testing.T) {
	t.Parallel()
	b, s := open(t)
	founder := joining("https://x.test", "1", "First")
	founder.Founder = true
	if _, err := s.Join(t.Context(), founder); err != nil {
		t.Fatal(err)
	}
	ids := memberstest.Join(t, b, "Ada", "Grace")
	if err := s.Leave(t.Context(), governance.Member(ids[0], governance.Operation{})); err != nil {
		t.Fatal(err)
	}
	rows, _ := b.Pool.Query(t.Context(), `select data from audit_entries order by id`)
	entries, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	state, visit := audit.Replay()
	for i, data := range entries {
		e, err := translog.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := visit(int64(i), e); err != nil {
			t.Fatalf("replay entry %d: %v", i, err)
		}
	}
	var replayed []string
	for id, groups := range state.Rights {
		for g := range groups {
			replayed = append(replayed, fmt.Sprintf("%d %s", id, g))
		}
	}
	slices.Sort(replayed)
	rows, _ = b.Pool.Query(t.Context(), `select member || ' ' || group_name from memberships order by 1`)
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !slices.Equal(stored, replayed) {
		t.Errorf("from entries: %v; from the table: %v, %v", replayed, stored, err)
	}
}

func TestEveryRightHasALineAndAGroup(t *testing.T) {
	t.Parallel()
	carried := map[members.Right]bool{}
	for _, g := range members.Groups() {
		if g.Title == "" || g.Description == "" || !g.Group.Known() {
			t.Errorf("group %q: got %+v; want title and description", g.Group, g)
		}
		for _, r := range g.Rights {
			carried[r] = true
		}
	}
	for _, r := range members.Rights() {
		if r.Deed == "" || r.Description == "" || !carried[r.Right] {
			t.Errorf("right %q: got %+v, carried %v; want deed, description and a group", r.Right, r, carried[r.Right])
		}
		delete(carried, r.Right)
	}
	if len(carried) != 0 {
		t.Errorf("groups carry rights without a line: %v", carried)
	}
}
