package pages_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/pages"
)

type house struct {
	*audittest.Bench
	pages     *pages.Pages
	moderator governance.Actor
	member    governance.Actor
}

func newHouse(t *testing.T) *house {
	t.Helper()
	b := audittest.New(t)
	ids := memberstest.Join(t, b, "Asta", "Bera")
	memberstest.Grant(t, b, ids[0], members.Moderators, time.Time{})
	return &house{b, pages.New(b.Trail, b.Pool), governance.Actor{Member: ids[0]}, governance.Actor{Member: ids[1]}}
}

// saved saves texts one after the other and returns the revisions.
func (h *house) saved(t *testing.T, title string, texts ...string) (revisions []pages.Revision) {
	t.Helper()
	for _, text := range texts {
		base := governance.RevisionID(0)
		if n := len(revisions); n > 0 {
			base = revisions[n-1].ID
		}
		if _, err := h.pages.Save(t.Context(), h.member, pages.Draft{Title: title, Base: base, Body: text, HTML: "<p>" + text + "</p>"}); err != nil {
			t.Fatal(err)
		}
		r, err := h.pages.Latest(t.Context(), title)
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, r)
	}
	return revisions
}

func (h *house) sentence(t *testing.T) string {
	t.Helper()
	changes, err := h.Log.Changes(t.Context(), audit.Filter{Limit: 1})
	if err != nil || len(changes) != 1 {
		t.Fatalf("newest change: %v, %v", changes, err)
	}
	var words strings.Builder
	for _, part := range changes[0].Event.Sentence() {
		words.WriteString(part.Text + string(part.Ref))
	}
	return words.String()
}

// TestProtectedPageIsEditedByModeratorsOnly, and opened again by them.
func TestProtectedPageIsEditedByModeratorsOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.saved(t, "Village pump", "Water.")[0]
	protect := func(who governance.Actor, level, reason string) error {
		_, err := h.pages.Protect(t.Context(), who, first.Page, level, reason)
		return err
	}
	for _, tt := range []struct {
		name          string
		who           governance.Actor
		level, reason string
		want          governance.Kind
	}{
		{"by a member", h.member, pages.Moderators, "They edit in turns.", governance.Forbidden},
		{"without a reason", h.moderator, pages.Moderators, " ", governance.Invalid},
		{"with a long reason", h.moderator, pages.Moderators, strings.Repeat("x", 501), governance.Invalid},
		{"with two lines", h.moderator, pages.Moderators, "a\nb", governance.Invalid},
		{"as frozen", h.moderator, "frozen", "They edit in turns.", governance.Invalid},
		{"as it is", h.moderator, pages.Everybody, "They edit in turns.", governance.Conflict},
	} {
		if err := protect(tt.who, tt.level, tt.reason); !governance.Is(err, tt.want) {
			t.Errorf("protect %s: got %v, want kind %v", tt.name, err, tt.want)
		}
	}
	if err := protect(h.moderator, pages.Moderators, " They edit in turns. "); err != nil {
		t.Fatal(err)
	}
	if got, want := h.sentence(t), "protected page/1: only moderators may edit it"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
	page, err := h.pages.Latest(t.Context(), "Village pump")
	if err != nil || page.Protection != pages.Moderators || page.Protected != "They edit in turns." {
		t.Errorf("page %+v, %v; want protected with the reason", page, err)
	}
	var salt []byte
	if err := h.Pool.QueryRow(t.Context(), `select protection_salt from pages`).Scan(&salt); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(append(salt, page.Protected...))
	changes, err := h.Log.Changes(t.Context(), audit.Filter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ev, ok := changes[0].Event.(pages.Protected); !ok || ev.Reason != hex.EncodeToString(digest[:]) {
		t.Errorf("the entry holds %+v, want the digest %x of the reason", changes[0].Event, digest)
	}
	draft := pages.Draft{Title: "Village pump", Base: first.ID, Body: "Wine.", HTML: "<p>Wine.</p>"}
	if _, err := h.pages.Save(t.Context(), h.member, draft); !governance.Is(err, governance.Forbidden) {
		t.Errorf("a member edits a protected page: got %v, want Forbidden", err)
	}
	if _, err := h.pages.Save(t.Context(), h.moderator, draft); err != nil {
		t.Errorf("a moderator edits a protected page: %v", err)
	}
	if err := protect(h.moderator, pages.Everybody, "They have agreed."); err != nil {
		t.Fatal(err)
	}
	h.saved(t, "Another page", "x")
}

// TestHiddenTextIsGone: of a hidden revision the text is nowhere in the
// tables, and its line with the digest stays.
func TestHiddenTextIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	revisions := h.saved(t, "Village pump", "Asta lives in Hafnarstreet 4.", "Water.")
	old, latest := revisions[0], revisions[1]
	for _, tt := range []struct {
		name     string
		who      governance.Actor
		revision governance.RevisionID
		reason   string
		want     governance.Kind
	}{
		{"by a member", h.member, old.ID, "An address.", governance.Forbidden},
		{"without a reason", h.moderator, old.ID, "", governance.Invalid},
		{"the latest", h.moderator, latest.ID, "An address.", governance.Conflict},
		{"none", h.moderator, 99, "An address.", governance.Conflict},
	} {
		if _, err := h.pages.Hide(t.Context(), tt.who, tt.revision, tt.reason); !governance.Is(err, tt.want) {
			t.Errorf("hide %s: got %v, want kind %v", tt.name, err, tt.want)
		}
	}
	if _, err := h.pages.Hide(t.Context(), h.moderator, old.ID, " An address. "); err != nil {
		t.Fatal(err)
	}
	if got, want := h.sentence(t), "hid the text of revision 1 of page/1"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
	if _, err := h.pages.Hide(t.Context(), h.moderator, old.ID, "An address."); !governance.Is(err, governance.Conflict) {
		t.Errorf("hide twice: got %v, want Conflict", err)
	}
	if _, err := h.pages.Body(t.Context(), old.ID); !governance.Is(err, governance.NotFound) {
		t.Errorf("read a hidden text: got %v, want NotFound", err)
	}
	now, err := h.pages.Revision(t.Context(), old.ID)
	if err != nil || now.Hidden != "An address." || string(now.Digest) != string(old.Digest) {
		t.Errorf("the hidden revision is %+v, %v; want its reason and its digest", now, err)
	}
	const q = `select count(*) from revisions r where r::text like '%Hafnarstreet%'`
	var left int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&left); err != nil || left != 0 {
		t.Errorf("the text is in %d rows, %v; want none", left, err)
	}
}

// TestModeratorsActsLeaveNothingWhenTheEntryFails breaks the last statement.
func TestModeratorsActsLeaveNothingWhenTheEntryFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	revisions := h.saved(t, "Village pump", "First.", "Second.")
	h.Break(t)
	if _, err := h.pages.Protect(t.Context(), h.moderator, revisions[0].Page, pages.Moderators, "x"); err == nil {
		t.Error("protect with a broken trail: want an error")
	}
	if _, err := h.pages.Hide(t.Context(), h.moderator, revisions[0].ID, "x"); err == nil {
		t.Error("hide with a broken trail: want an error")
	}
	r, err := h.pages.Revision(t.Context(), revisions[0].ID)
	if err != nil || r.Protection != "" || r.Protected != "" || r.Hidden != "" {
		t.Errorf("after both failed: %+v, %v; want a page as before", r, err)
	}
	if text, err := h.pages.Body(t.Context(), revisions[0].ID); err != nil || text != "First." {
		t.Errorf("the text is %q, %v; want it as before", text, err)
	}
}
