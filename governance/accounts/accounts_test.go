package accounts

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/jackc/pgx/v5/pgxpool"
)

// clock is moved by hand.
type clock struct{ unix atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(1_800_000_000)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(c.unix.Load(), 0).UTC() }
func (c *clock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }
func id(n int) string                    { return fmt.Sprintf("%043d", n) }
func withMember(values map[string]any) []byte {
	data, err := Codec{}.Encode(time.Unix(0, 0), values)
	if err != nil {
		panic(err)
	}
	return data
}

const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"

func TestAccountNamesAreUnique(t *testing.T) {
	t.Parallel()
	s := New(pgtest.New(t), newClock().now)
	first, err := s.Register(t.Context(), "ada", hash)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(t.Context(), "ada", hash); !governance.Is(err, governance.Invalid) {
		t.Errorf("the same name again: got %v, want Invalid", err)
	}
	a, err := s.ByName(t.Context(), "ada")
	if err != nil || a != (Account{first, "ada", hash}) {
		t.Errorf("ByName: got %+v, %v", a, err)
	}
	if err := s.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ByID(t.Context(), first); !governance.Is(err, governance.NotFound) {
		t.Errorf("after deletion: got %v, want NotFound", err)
	}
	if _, err := s.Register(t.Context(), "grace", "secret"); err == nil {
		t.Error("a password that is not hashed was stored")
	}
}

func TestCodeIsTakenOnceAndInTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := New(pgtest.New(t), c.now)
	account, err := s.Register(t.Context(), "ada", hash)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(n int) string {
		t.Helper()
		if err := s.Begin(t.Context(), id(n), []byte("asked"), c.now().Add(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		return id(n)
	}
	one := begin(1)
	if err := s.SaveCode(t.Context(), one, "code"); !governance.Is(err, governance.NotFound) {
		t.Errorf("code before the password: got %v, want NotFound", err)
	}
	if err := s.SignIn(t.Context(), one, account); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveCode(t.Context(), one, "code"); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveCode(t.Context(), one, "other"); !governance.Is(err, governance.NotFound) {
		t.Errorf("a second code: got %v, want NotFound", err)
	}
	var took atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r, err := s.TakeCode(context.Background(), "code")
			switch {
			case err == nil && r.ID == one && r.Account == account && r.SignedIn.Equal(c.now()):
				took.Add(1)
			case !governance.Is(err, governance.NotFound):
				t.Errorf("take: got %+v, %v; want the request or NotFound", r, err)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		t.Errorf("16 exchanges of one code: %d succeeded, want 1", took.Load())
	}
	two := begin(2)
	c.advance(10*time.Minute - time.Second)
	if _, err := s.Request(t.Context(), two); err != nil {
		t.Errorf("one second before the end: %v", err)
	}
	c.advance(time.Second)
	if _, err := s.Request(t.Context(), two); !governance.Is(err, governance.NotFound) {
		t.Errorf("at the end: got %v, want NotFound", err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s.pool, "sign_in_codes"); n != 0 {
		t.Errorf("after sweeping: %d rows, want 0", n)
	}
}

func count(t *testing.T, pool *pgxpool.Pool, table string) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), "select count(*) from "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	const idle, lifetime = 24 * time.Hour, 14 * 24 * time.Hour
	for _, tt := range []struct {
		name  string
		steps []time.Duration // a request after each
		alive bool
	}{
		{"one second before idle", []time.Duration{idle - time.Second}, true},
		{"idle", []time.Duration{idle}, false},
		{"used in between", []time.Duration{idle - time.Second, idle - time.Second}, true},
		{"within minutes of use", []time.Duration{time.Minute, idle - time.Minute - time.Second}, true},
		{"one second before the end", append(daily(13), 12*time.Hour, 12*time.Hour+12*time.Second), true},
		{"the end", append(daily(13), 12*time.Hour, 12*time.Hour+13*time.Second), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := NewSessions(pgtest.New(t), c.now, idle, lifetime)
			if err := s.Commit(id(1), withMember(nil), time.Time{}); err != nil {
				t.Fatal(err)
			}
			var alive bool
			for _, step := range tt.steps {
				c.advance(step)
				var err error
				if _, alive, err = s.Find(id(1)); err != nil {
					t.Fatal(err)
				}
			}
			if alive != tt.alive {
				t.Errorf("requests after %v: alive %v, want %v", tt.steps, alive, tt.alive)
			}
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := count(t, s.pool, "sessions"); (n == 1) != tt.alive {
				t.Errorf("after sweeping: %d rows, alive %v", n, tt.alive)
			}
		})
	}
}

// daily is use once a day, a second early.
func daily(days int) (steps []time.Duration) {
	for range days {
		steps = append(steps, 24*time.Hour-time.Second)
	}
	return steps
}

func TestSigningOutEverywhere(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := NewSessions(pool, newClock().now, time.Hour, time.Hour)
	const people = `insert into members (issuer, subject, name, skeleton, joined_at) select 'i', n::text, n::text, n::text, now() from generate_series(1, 2) n`
	if _, err := pool.Exec(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	for n, member := range []string{"1", "1", "2"} {
		if err := s.Commit(id(n), withMember(map[string]any{KeyMember: member}), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Count(t.Context(), 1); err != nil || n != 2 {
		t.Errorf("browsers of member 1: got %d, %v; want 2", n, err)
	}
	if err := s.EndAll(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for n, want := range []bool{false, false, true} {
		if _, alive, err := s.Find(id(n)); err != nil || alive != want {
			t.Errorf("session %d: alive %v, %v; want %v", n, alive, err, want)
		}
	}
	if err := s.Delete(id(2)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, "sessions"); n != 0 {
		t.Errorf("after all: %d rows, want 0", n)
	}
}

func TestCodec(t *testing.T) {
	t.Parallel()
	want := map[string]any{"member": "7", "name": "Ada \"x\" \u2028"}
	at, got, err := Codec{}.Decode(withMember(want))
	if err != nil || !maps.Equal(got, want) || !at.Equal(time.Unix(0, 0)) {
		t.Errorf("decoded: got %v, %v, %v; want %v", at, got, err, want)
	}
	if _, err := (Codec{}).Encode(time.Time{}, map[string]any{"n": 1}); err == nil || !strings.Contains(err.Error(), `"n"`) {
		t.Errorf("a number: got %v, want an error that names the key", err)
	}
}
