package workers

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/accounts"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/elections"
	"github.com/riverqueue/river"
)

func TestDailyIsOncePerDay(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for after, want := range map[string]string{
		"2026-11-22T00:00:00Z":      "2026-11-22T00:10:00Z",
		"2026-11-22T00:09:59Z":      "2026-11-22T00:10:00Z",
		"2026-11-22T00:10:00Z":      "2026-11-23T00:10:00Z",
		"2026-11-22T23:59:59Z":      "2026-11-23T00:10:00Z",
		"2026-12-31T18:00:00-07:00": "2027-01-02T00:10:00Z", // which is the first of January in UTC
	} {
		if got := daily(10 * time.Minute).Next(at(after)); !got.Equal(at(want)) {
			t.Errorf("daily after %s = %v, want %s", after, got, want)
		}
	}
}

// TestPeriodicJobsDoTheirWork starts a client with the jobs that come by the
// clock and nothing else: the sessions and sign-ins that have ended go and the
// others stay, and the sealed ballots of yesterday are in the log.
func TestPeriodicJobsDoTheirWork(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	office, key, people, id := called(t, b)
	b.Travel(8 * 24 * time.Hour)
	if _, err := office.Advance(t.Context(), governance.Job("advance-election"), id, elections.Nomination); err != nil {
		t.Fatal(err)
	}
	for _, m := range people {
		secret := sha256.Sum256([]byte(m.String()))
		if _, _, err := office.Cast(t.Context(), governance.Actor{Member: m}, id, []int{1}, secret[:]); err != nil {
			t.Fatal(err)
		}
	}
	store, sessions := accounts.New(b.Pool, b.Now), accounts.NewSessions(b.Pool, b.Now, time.Hour, 24*time.Hour)
	begin := func(letter string) {
		t.Helper()
		if err := store.Begin(t.Context(), strings.Repeat(letter, 43), []byte("asked"), b.Now().Add(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		data, err := accounts.Codec{}.Encode(b.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := sessions.Commit(strings.Repeat(letter, 43), data, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	begin("a")
	b.Travel(24 * time.Hour)
	begin("b")

	client, err := NewClient(b.Pool, slog.New(slog.DiscardHandler), Elections(office, key), Housekeeping(store, sessions))
	if err != nil {
		t.Fatal(err)
	}
	client.PeriodicJobs().AddMany(Periodic())
	events, unsubscribe := client.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed)
	defer unsubscribe()
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop client: %v", err)
		}
	})
	patience := time.After(30 * time.Second)
	for waiting := map[string]bool{SweepArgs{}.Kind(): true, ReleaseArgs{}.Kind(): true}; len(waiting) > 0; {
		select {
		case e := <-events:
			if e.Kind == river.EventKindJobFailed {
				t.Fatalf("job %s failed: %+v", e.Job.Kind, e.Job.Errors)
			}
			delete(waiting, e.Job.Kind)
		case <-patience:
			t.Fatalf("never worked: %v", waiting)
		}
	}
	const q = `
		select (select string_agg(left(id, 1), '') from sign_in_codes), (select string_agg(left(token, 1), '') from sessions),
			(select count(*) from audit_held), (select count(*) from audit_entries where kind = 'ballot.sealed')`
	var codes, browsers string
	var held, released int
	if err := b.Pool.QueryRow(t.Context(), q).Scan(&codes, &browsers, &held, &released); err != nil {
		t.Fatal(err)
	}
	if codes != "b" || browsers != "b" || held != 0 || released != len(people) {
		t.Errorf("sign-ins %q, sessions %q, %d sealed ballots held and %d in the log; want b, b, 0, %d", codes, browsers, held, released, len(people))
	}
}
