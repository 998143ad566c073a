// Package memberstest gives the tests of other stores members to act with.
package memberstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
)

// Issuer vouches for every member made here.
const Issuer = "https://sign-in.test"

// Join makes a member of each name and returns their numbers in that order.
func Join(t testing.TB, b *audittest.Bench, names ...string) []governance.MemberID {
	t.Helper()
	store := members.New(b.Trail, b.Pool, b.Now)
	ids := make([]governance.MemberID, len(names))
	for i, name := range names {
		id, err := store.Join(t.Context(), members.Joining{Identity: members.Identity{Issuer: Issuer, Subject: name}, Name: name})
		if err != nil {
			t.Fatalf("join as %q: %v", name, err)
		}
		ids[i] = id
	}
	return ids
}

// granted is the act of Grant and Revoke.
type granted struct {
	Member governance.MemberID `json:"member"`
	Group  members.Group       `json:"group"`
	Held   bool                `json:"held"`
}

func (granted) Kind() string              { return "test.granted" }
func (g granted) Subject() governance.Ref { return governance.RefTo(governance.RefMember, g.Member) }
func (g granted) Sentence() audit.Sentence {
	return audit.Say(fmt.Sprintf("%s %v: ", g.Group, g.Held), g.Subject())
}

var _ = audit.Register[granted]()

// Grant puts a member into a group without an election; a zero until has no end.
func Grant(t testing.TB, b *audittest.Bench, id governance.MemberID, group members.Group, until time.Time) {
	t.Helper()
	change(t, b, granted{id, group, true}, func(ctx context.Context, tx *audit.Tx) error {
		return members.Grant(ctx, tx, id, group, until, "test/1")
	})
}

// Revoke takes a member out of a group.
func Revoke(t testing.TB, b *audittest.Bench, id governance.MemberID, group members.Group) {
	t.Helper()
	change(t, b, granted{id, group, false}, func(ctx context.Context, tx *audit.Tx) error {
		return members.Revoke(ctx, tx, id, group)
	})
}

func change(t testing.TB, b *audittest.Bench, g granted, step func(context.Context, *audit.Tx) error) {
	t.Helper()
	_, err := b.Trail.Act(t.Context(), governance.Job("test"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		return g, step(ctx, tx)
	})
	if err != nil {
		t.Fatalf("%+v: %v", g, err)
	}
}
