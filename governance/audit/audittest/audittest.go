// Package audittest gives tests a trail on a database of their own. When the
// test ends, the trail is sequenced and verified: every test of every store is
// a test of the log as well.
package audittest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/note"
)

// Bench is a trail with everything that a test moves by hand.
type Bench struct {
	Trail     *audit.Trail
	Pool      *pgxpool.Pool
	Sequencer *audit.Sequencer
	Log       *audit.Log
	Verifier  note.Verifier
	Store     *Memory

	mu     sync.Mutex
	offset time.Duration
}

// New returns a bench whose trail is verified when the test ends.
func New(t testing.TB) *Bench {
	t.Helper()
	b := &Bench{Store: &Memory{}}
	b.Pool = pgtest.New(t, func(ctx context.Context, _ *pgxpool.Pool) error { return b.Verify(ctx) })
	var err error
	if b.Trail, err = audit.New(b.Pool, audit.Options{Offset: b.Offset}); err != nil {
		t.Fatalf("open trail: %v", err)
	}
	private, public, err := note.GenerateKey(rand.Reader, "althing.test/log")
	if err != nil {
		t.Fatalf("make log key: %v", err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatalf("open log key: %v", err)
	}
	if b.Verifier, err = note.NewVerifier(public); err != nil {
		t.Fatalf("open log key: %v", err)
	}
	if b.Log, err = audit.NewLog(b.Pool, public); err != nil {
		t.Fatalf("open log: %v", err)
	}
	b.Sequencer = audit.NewSequencer(b.Trail, signer, b.Verifier, b.Store, slog.New(slog.DiscardHandler))
	return b
}

// Verify sequences what is pending and checks the whole trail.
func (b *Bench) Verify(ctx context.Context) error {
	if err := b.Sequence(ctx); err != nil {
		return err
	}
	return audit.Verify(ctx, b.Pool)
}

// Sequence numbers and signs everything that is committed.
func (b *Bench) Sequence(ctx context.Context) error {
	for {
		n, err := b.Sequencer.Step(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Break makes the last statement of every later act fail: its entry.
func (b *Bench) Break(t testing.TB) {
	t.Helper()
	const broken = `
		create function broken() returns trigger language plpgsql as $$ begin raise exception 'disk on fire'; end $$;
		create trigger broken before insert on audit_entries for each row execute function broken()`
	if _, err := b.Pool.Exec(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
}

// Offset is how far the bench's clock is ahead of the database's.
func (b *Bench) Offset() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.offset
}

// Travel moves the clock of every later act forward.
func (b *Bench) Travel(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offset += d
}

// Now is what an act's clock would show, by this machine's clock; for reads
// that take a time.
func (b *Bench) Now() time.Time { return time.Now().UTC().Add(b.Offset()) }

// Memory is a CheckpointStore that a test can break.
type Memory struct {
	mu     sync.Mutex
	signed []byte
	// Fail, if set, is asked before and after each swap is carried out.
	Fail func(after bool) error
}

// Load returns the last signed checkpoint.
func (m *Memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signed, nil
}

// Swap keeps a new checkpoint.
func (m *Memory) Swap(_ context.Context, old, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if string(m.signed) != string(old) {
		return audit.ErrFork
	}
	if m.Fail != nil {
		if err := m.Fail(false); err != nil {
			return err
		}
	}
	m.signed = signed
	if m.Fail != nil {
		return m.Fail(true)
	}
	return nil
}
