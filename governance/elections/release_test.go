package elections_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/translog"
)

var releaseJob = governance.Job("release-ballots")

// leavesOf are the hashes of the sealed ballots in the served log, in its order.
func leavesOf(t *testing.T, entries []translog.Entry) (leaves [][]byte) {
	t.Helper()
	for _, e := range entries {
		if e.Kind != "ballot.sealed" {
			continue
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		leaf := sha256.Sum256(append([]byte{0}, data...))
		leaves = append(leaves, leaf[:])
	}
	return leaves
}

// TestSealedBallotsEnterTheLogDaily: hashes of past days enter in one sorted
// batch once enough members wait, others wait for the close, and every voter's
// promise names an entry that is then there.
func TestSealedBallotsEnterTheLogDaily(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	promiser, err := envelope.NewPromiser("althing.test/log", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	h.elections.Promising(promiser)
	id := h.called(t, 3)
	h.advance(t, id, elections.Nomination)
	h.Travel(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(30 * time.Hour))) // six in the morning, so that a test at midnight is none of two days
	release := func(when string, want governance.Kind) {
		t.Helper()
		if _, err := h.elections.Release(t.Context(), releaseJob, id); want != 0 && !governance.Is(err, want) || want == 0 && err != nil {
			t.Errorf("release %s: got %v, want kind %v", when, err, want)
		}
	}
	promises := map[governance.MemberID]envelope.Promise{}
	vote := func(m governance.MemberID, ranking ...int) {
		t.Helper()
		h.cast(t, id, m, ranking...)
		signed, key, err := h.elections.Promise(t.Context(), id, m)
		if err != nil {
			t.Fatal(err)
		}
		if promises[m], err = envelope.OpenPromise([]byte(signed), key); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range h.members[:6] {
		vote(m, 1, 2)
	}
	replaced := promises[h.members[2]].Entry
	vote(h.members[2], 3)
	release("on the same day", governance.Conflict)
	h.Travel(24 * time.Hour)
	if _, err := h.elections.Release(t.Context(), by(h.members[0]), id); !governance.Is(err, governance.Forbidden) {
		t.Errorf("release by a member: got %v, want Forbidden", err)
	}
	vote(h.members[6], 2) // on the day of the release: not in the batch
	release("on the next day", 0)
	release("again", governance.Conflict)

	state, entries, _ := h.served(t)
	first := leavesOf(t, entries)
	if len(first) != 7 || !slices.IsSortedFunc(first, bytes.Compare) {
		t.Errorf("the first batch: %d sealed ballots, sorted %v; want 7 in the order of their hashes", len(first), slices.IsSortedFunc(first, bytes.Compare))
	}
	if got := len(state.Polls[1].Ballots); got != 6 {
		t.Errorf("rebuilt from the log: %d members voted, want 6", got)
	}
	h.Travel(24 * time.Hour)
	vote(h.members[7], 1)
	release("with one of a past day", governance.Conflict)

	h.advance(t, id, elections.Voting)
	release("after the close", governance.Conflict)
	_, entries, _ = h.served(t)
	leaves := leavesOf(t, entries)
	if len(leaves) != 9 || !slices.EqualFunc(leaves[:7], first, bytes.Equal) || !slices.IsSortedFunc(leaves[7:], bytes.Compare) {
		t.Errorf("after the close: %d sealed ballots, want the 7 and then 2 in the order of their hashes", len(leaves))
	}
	closed := entries[len(entries)-1].At
	for m, p := range promises {
		if !slices.ContainsFunc(leaves, func(l []byte) bool { return bytes.Equal(l, p.Entry[:]) }) {
			t.Errorf("the entry promised to %d is not in the log", m)
		}
		if p.Poll != 1 || p.By.After(closed.Add(48*time.Hour)) {
			t.Errorf("promised to %d: poll %d by %v", m, p.Poll, p.By)
		}
	}
	if !slices.ContainsFunc(leaves, func(l []byte) bool { return bytes.Equal(l, replaced[:]) }) {
		t.Error("the entry of a replaced ballot, promised too, is not in the log")
	}
	h.certify(t, id)
	const q = `select count(*) from audit_held`
	var held int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&held); err != nil || held != 0 {
		t.Errorf("%d entries are held after the close, %v; want 0", held, err)
	}
}

// TestPromiseWithoutABallot: who has not voted is promised nothing.
func TestPromiseWithoutABallot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 3)
	h.advance(t, id, elections.Nomination)
	h.cast(t, id, h.members[0], 1)
	if _, _, err := h.elections.Promise(t.Context(), id, h.members[0]); !governance.Is(err, governance.NotFound) {
		t.Errorf("promise of a server without a key for it: got %v, want NotFound", err)
	}
	promiser, err := envelope.NewPromiser("althing.test/log", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	h.elections.Promising(promiser)
	if _, _, err := h.elections.Promise(t.Context(), id, h.members[1]); !governance.Is(err, governance.NotFound) {
		t.Errorf("promise without a ballot: got %v, want NotFound", err)
	}
	if _, _, err := h.elections.Promise(t.Context(), 99, h.members[0]); !governance.Is(err, governance.NotFound) {
		t.Errorf("promise in no election: got %v, want NotFound", err)
	}
}

// TestReleaseThatFailsLeavesEverythingHeld breaks the last statement of the act.
func TestReleaseThatFailsLeavesEverythingHeld(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 3)
	h.advance(t, id, elections.Nomination)
	for _, m := range h.members[:6] {
		h.cast(t, id, m, 1, 2)
	}
	h.Travel(24 * time.Hour)
	const refuse = `alter table audit_entries add constraint no_release check (kind <> 'election.released')`
	if _, err := h.Pool.Exec(t.Context(), refuse); err != nil {
		t.Fatal(err)
	}
	if _, err := h.elections.Release(t.Context(), releaseJob, id); err == nil {
		t.Fatal("release succeeded, want the constraint's error")
	}
	const q = `select (select count(*) from audit_held), (select count(*) from audit_entries where kind = 'ballot.sealed')`
	var held, released int
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&held, &released); err != nil || held != 6 || released != 0 {
		t.Errorf("%d held, %d released, %v; want 6, 0", held, released, err)
	}
}
