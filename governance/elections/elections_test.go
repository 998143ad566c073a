package elections_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/governance/voting"
	"filippo.io/age"
)

type house struct {
	*audittest.Bench
	elections *elections.Elections
	voting    *voting.Voting
	store     *members.Store
	key       *age.X25519Identity
	members   []governance.MemberID
}

func newHouse(t *testing.T, people int) *house {
	t.Helper()
	b := audittest.New(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	e, err := elections.New(b.Trail, b.Pool, key.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Bench: b, elections: e, voting: voting.New(b.Trail, b.Pool), store: members.New(b.Trail, b.Pool, b.Now), key: key}
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("Member %d", 100+i)
	}
	h.members = memberstest.Join(t, b, names...)
	return h
}

func by(id governance.MemberID) governance.Actor { return governance.Actor{Member: id} }

var job = governance.Job("advance-election")

// called makes an election in which the first n members stand.
func (h *house) called(t *testing.T, n int) governance.ElectionID {
	t.Helper()
	r, err := h.elections.Call(t.Context(), by(h.members[0]), members.Moderators)
	if err != nil {
		t.Fatal(err)
	}
	id := governance.ElectionID(r.Subject.ID())
	for _, m := range h.members[:n] {
		if _, err := h.elections.Stand(t.Context(), by(m), id, "I would read every case."); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func (h *house) advance(t *testing.T, id governance.ElectionID, from string) {
	t.Helper()
	h.Travel(8 * 24 * time.Hour)
	if _, err := h.elections.Advance(t.Context(), job, id, from); err != nil {
		t.Fatalf("advance from %s: %v", from, err)
	}
}

func secretOf(m governance.MemberID) []byte {
	s := sha256.Sum256(fmt.Appendf(nil, "secret of %d", m))
	return s[:]
}

func (h *house) cast(t *testing.T, id governance.ElectionID, m governance.MemberID, ranking ...int) envelope.Tracker {
	t.Helper()
	tracker, _, err := h.elections.Cast(t.Context(), by(m), id, ranking, secretOf(m))
	if err != nil {
		t.Fatalf("cast by %d: %v", m, err)
	}
	return tracker
}

func (h *house) certify(t *testing.T, id governance.ElectionID) {
	t.Helper()
	sealed, err := h.elections.Sealed(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := sealed.Open(h.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.elections.Certify(t.Context(), job, id, opening); err != nil {
		t.Fatalf("certify: %v", err)
	}
}

// served reads the log as a stranger does and rebuilds the state from it.
func (h *house) served(t *testing.T) (*audit.State, []translog.Entry, []byte) {
	t.Helper()
	if err := h.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, visit := audit.Replay()
	var entries []translog.Entry
	var all bytes.Buffer
	_, err := translog.Verify(func(path string, _ int64) ([]byte, error) {
		if path == "checkpoint" {
			s, err := h.Log.Checkpoint(t.Context())
			return s.Note, err
		}
		tile, err := translog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		data, err := h.Log.Tile(t.Context(), tile)
		all.Write(data)
		return data, err
	}, h.Verifier, func(i int64, e translog.Entry) error {
		entries = append(entries, e)
		return visit(i, e)
	})
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	return state, entries, all.Bytes()
}

func TestElectionFromCallToOffice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 4)
	if _, err := h.elections.Withdraw(t.Context(), by(h.members[3]), id); err != nil {
		t.Fatal(err)
	}
	h.advance(t, id, elections.Nomination)
	rankings := [][]int{{1, 2}, {1, 2}, {1, 3}, {2, 1}, {3}, {3, 1, 2}, {1}, {2}, {3, 2}, {1, 2, 3}}
	for i, r := range rankings {
		h.cast(t, id, h.members[i], r...)
	}
	last := h.cast(t, id, h.members[9], 2, 3) // a later vote replaces the earlier one
	h.advance(t, id, elections.Voting)
	if _, _, err := h.elections.Cast(t.Context(), by(h.members[10]), id, []int{1}, secretOf(1)); !governance.Is(err, governance.Conflict) {
		t.Errorf("cast after the close: got %v, want Conflict", err)
	}
	h.certify(t, id)
	e, err := h.elections.Get(t.Context(), id)
	if err != nil || e.State != elections.Certified || e.Cast != int64(len(rankings)) || e.Roll != 12 {
		t.Errorf("election: %+v, %v; want certified with 10 of 12", e, err)
	}
	count, err := h.elections.Count(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := []governance.MemberID{h.members[0], h.members[1], h.members[2]}
	if got := slices.Sorted(slices.Values(count.Elected)); !slices.Equal(got, want) {
		t.Errorf("elected %v, want %v: three stood for three seats", got, want)
	}
	if line := elections.Line(last[:], []int{2, 3}); !slices.Contains(count.Lines, line) || !slices.IsSorted(trackers(t, count.Lines)) {
		t.Errorf("list %q, want it sorted by tracker and with %q", count.Lines, line)
	}
	holders, err := h.store.Holders(t.Context(), members.Moderators)
	if err != nil || len(holders) != 3 || holders[0].Expires.IsZero() {
		t.Errorf("holders: %+v, %v; want three with a term", holders, err)
	}
	state, _, _ := h.served(t)
	poll := state.Polls[e.Poll]
	if len(poll.Opened) != len(rankings) || poll.Result == "" || !state.Rights[want[0]]["moderators"] {
		t.Errorf("rebuilt: %+v, rights %v", poll, state.Rights[want[0]])
	}
	if poll.Beacon != count.Beacon {
		t.Errorf("beacon: rebuilt %s, counted %s", poll.Beacon, count.Beacon)
	}
}

func trackers(t *testing.T, lines []string) []string {
	t.Helper()
	list := make([]string, len(lines))
	for i, line := range lines {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Fields(line)[0])
		if err != nil {
			t.Fatal(err)
		}
		list[i] = hex.EncodeToString(raw)
	}
	return list
}

func TestStagesOfAnElectionRefuse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 11)
	id := h.called(t, 2)
	stranger := by(999)
	open := func() {
		h.advance(t, id, elections.Nomination)
	}
	for _, tt := range []struct {
		name string
		act  func() error
		want governance.Kind
	}{
		{"a second election to the office", func() error {
			_, err := h.elections.Call(t.Context(), by(h.members[1]), members.Moderators)
			return err
		}, governance.Conflict},
		{"an office that is not elected", func() error {
			_, err := h.elections.Call(t.Context(), by(h.members[1]), members.Founders)
			return err
		}, governance.Invalid},
		{"call as a stranger", func() error { _, err := h.elections.Call(t.Context(), stranger, members.Moderators); return err }, governance.Forbidden},
		{"stand as a stranger", func() error { _, err := h.elections.Stand(t.Context(), stranger, id, "x"); return err }, governance.Forbidden},
		{"stand without a word", func() error { _, err := h.elections.Stand(t.Context(), by(h.members[3]), id, " "); return err }, governance.Invalid},
		{"stand in nothing", func() error { _, err := h.elections.Stand(t.Context(), by(h.members[3]), 99, "x"); return err }, governance.NotFound},
		{"withdraw without standing", func() error { _, err := h.elections.Withdraw(t.Context(), by(h.members[3]), id); return err }, governance.Conflict},
		{"advance by hand", func() error {
			_, err := h.elections.Advance(t.Context(), by(h.members[0]), id, elections.Nomination)
			return err
		}, governance.Forbidden},
		{"advance too early", func() error { _, err := h.elections.Advance(t.Context(), job, id, elections.Nomination); return err }, governance.Unavailable},
		{"vote before the opening", func() error {
			_, _, err := h.elections.Cast(t.Context(), by(h.members[0]), id, []int{1}, secretOf(1))
			return err
		}, governance.Conflict},
		{"count before the close", func() error { _, err := h.elections.Sealed(t.Context(), id); return err }, governance.Conflict},
		{"open", func() error { open(); return nil }, 0},
		{"advance twice", func() error { _, err := h.elections.Advance(t.Context(), job, id, elections.Nomination); return err }, governance.Conflict},
		{"stand while members vote", func() error { _, err := h.elections.Stand(t.Context(), by(h.members[3]), id, "x"); return err }, governance.Conflict},
		{"withdraw while members vote", func() error { _, err := h.elections.Withdraw(t.Context(), by(h.members[0]), id); return err }, governance.Conflict},
		{"vote as a stranger", func() error {
			_, _, err := h.elections.Cast(t.Context(), stranger, id, []int{1}, secretOf(1))
			return err
		}, governance.Forbidden},
		{"rank nobody", func() error {
			_, _, err := h.elections.Cast(t.Context(), by(h.members[0]), id, nil, secretOf(1))
			return err
		}, governance.Invalid},
		{"rank one twice", func() error {
			_, _, err := h.elections.Cast(t.Context(), by(h.members[0]), id, []int{1, 1}, secretOf(1))
			return err
		}, governance.Invalid},
		{"rank who does not stand", func() error {
			_, _, err := h.elections.Cast(t.Context(), by(h.members[0]), id, []int{3}, secretOf(1))
			return err
		}, governance.Invalid},
		{"vote without a secret", func() error {
			_, _, err := h.elections.Cast(t.Context(), by(h.members[0]), id, []int{1}, nil)
			return err
		}, governance.Invalid},
		{"certify by hand", func() error {
			_, err := h.elections.Certify(t.Context(), by(h.members[0]), id, elections.Opening{})
			return err
		}, governance.Forbidden},
		{"certify before the close", func() error {
			_, err := h.elections.Certify(t.Context(), job, id, elections.Opening{})
			return err
		}, governance.Conflict},
		{"result before certification", func() error { _, err := h.elections.Count(t.Context(), id); return err }, governance.Conflict},
		{"destroy before certification", func() error { _, err := h.elections.Destroy(t.Context(), job, id); return err }, governance.Conflict},
	} {
		if err := tt.act(); governance.KindOf(err) != tt.want {
			t.Errorf("%s: got %v, want kind %d", tt.name, err, tt.want)
		}
	}
}

func TestElectionIsVoidAndNotRetried(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name               string
		people, candidates int
		reason             string
	}{
		{"nine voters", 9, 2, "at least 10 voters, and there are 9"},
		{"nobody stood", 10, 0, "Nobody stood."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.people)
			id := h.called(t, tt.candidates)
			h.advance(t, id, elections.Nomination)
			e, err := h.elections.Get(t.Context(), id)
			if err != nil || e.State != elections.Void || !strings.Contains(e.Reason, tt.reason) || e.Poll != 0 {
				t.Errorf("election %+v, %v; want void: %s", e, err, tt.reason)
			}
			if _, err := h.elections.Call(t.Context(), by(h.members[0]), members.Moderators); err != nil {
				t.Errorf("call again after a void election: %v", err)
			}
		})
	}
}

func TestNobodyIsElectedWithoutABallot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 10)
	id := h.called(t, 2)
	h.advance(t, id, elections.Nomination)
	h.advance(t, id, elections.Voting)
	h.certify(t, id)
	count, err := h.elections.Count(t.Context(), id)
	if err != nil || len(count.Elected) != 0 {
		t.Errorf("elected %v, %v; want nobody", count.Elected, err)
	}
	h.served(t)
}

func TestWhoHasLeftIsNotGivenTheOffice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 11)
	id := h.called(t, 2)
	h.advance(t, id, elections.Nomination)
	for _, m := range h.members[2:] {
		h.cast(t, id, m, 1, 2)
	}
	if err := h.store.Leave(t.Context(), by(h.members[0])); err != nil {
		t.Fatal(err)
	}
	h.advance(t, id, elections.Voting)
	h.certify(t, id)
	holders, err := h.store.Holders(t.Context(), members.Moderators)
	if err != nil || len(holders) != 1 || holders[0].Member != h.members[1] {
		t.Errorf("holders %+v, %v; want only member %d", holders, err, h.members[1])
	}
}

// TestAlienEnvelopesAreRejectedByHash seals to a wrong key, and copies a
// tracker.
func TestAlienEnvelopesAreRejectedByHash(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 2)
	h.advance(t, id, elections.Nomination)
	tracker := h.cast(t, id, h.members[0], 1, 2)
	e, err := h.elections.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	alien, err := envelope.Seal(envelope.Ballot{Poll: e.Poll, Ranking: []int{2}}, other.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	copied, err := envelope.Seal(envelope.Ballot{Poll: e.Poll, Tracker: tracker, Ranking: []int{1, 2}}, h.key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for i, sealed := range [][]byte{alien, copied} {
		if _, err := h.voting.CastSealed(t.Context(), by(h.members[1+i]), e.Poll, sealed); err != nil {
			t.Fatal(err)
		}
	}
	h.advance(t, id, elections.Voting)
	sealed, err := h.elections.Sealed(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.Open(other); err == nil {
		t.Error("a key that is no recipient: want an error, not an election without ballots")
	}
	h.certify(t, id)
	count, err := h.elections.Count(t.Context(), id)
	if err != nil || count.Ballots != 1 || count.Rejected != 2 {
		t.Errorf("counted %d, rejected %d, %v; want 1 and 2", count.Ballots, count.Rejected, err)
	}
	h.served(t)
}

func TestEnvelopesAreDestroyedOnTheirDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 10)
	id := h.called(t, 1)
	h.advance(t, id, elections.Nomination)
	h.cast(t, id, h.members[4], 1)
	h.advance(t, id, elections.Voting)
	h.certify(t, id)
	if _, err := h.elections.Destroy(t.Context(), job, id); !governance.Is(err, governance.Unavailable) {
		t.Errorf("on the first day: got %v, want Unavailable", err)
	}
	h.Travel(91 * 24 * time.Hour)
	if _, err := h.elections.Destroy(t.Context(), job, id); err != nil {
		t.Fatal(err)
	}
	if _, err := h.elections.Destroy(t.Context(), job, id); !governance.Is(err, governance.Conflict) {
		t.Errorf("a second time: got %v, want Conflict", err)
	}
	var left int
	if err := h.Pool.QueryRow(t.Context(), `select count(*) from envelopes`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d envelopes left, %v", left, err)
	}
	if _, err := h.elections.Count(t.Context(), id); err != nil {
		t.Errorf("the result after the envelopes are gone: %v", err)
	}
}

// TestActsOfElectionsLeaveNothingWhenTheLastStatementFails breaks each act at
// its entry.
func TestActsOfElectionsLeaveNothingWhenTheLastStatementFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 2)
	h.advance(t, id, elections.Nomination)
	h.cast(t, id, h.members[0], 1, 2)
	h.advance(t, id, elections.Voting)
	sealed, err := h.elections.Sealed(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := sealed.Open(h.key)
	if err != nil {
		t.Fatal(err)
	}
	h.Break(t)
	const counts = `select concat((select count(*) from opened_ballots), ' ', (select count(*) from memberships), ' ', (select string_agg(state, ',') from elections), ' ', (select count(*) from polls where state = 'counted'))`
	count := func() (s string) {
		if err := h.Pool.QueryRow(t.Context(), counts).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := count()
	if _, err := h.elections.Certify(t.Context(), job, id, opening); err == nil {
		t.Error("certify with a broken trail: want an error")
	}
	if after := count(); after != before {
		t.Errorf("ballots, memberships, states, counted polls: %s before, %s after", before, after)
	}
}
