package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// KeyMember is the session value that holds the member's number in decimal.
const KeyMember = "member"

// touch is how stale seen_at may be: a signed-in view costs one select, and
// one update only once in this time.
const touch = 5 * time.Minute

// Sessions is the table behind scs (github.com/alexedwards/scs), whose CtxStore
// it implements. It must run with HashTokenInStore, so that the tokens seen
// here are hashes. It decides by its own clock when a session has ended and
// ignores the times that scs computes.
type Sessions struct {
	pool     *pgxpool.Pool
	now      func() time.Time
	idle     time.Duration
	lifetime time.Duration
}

// NewSessions returns the table with its clock. A session ends idle after its
// last use, and lifetime after it was made, whichever is first.
func NewSessions(pool *pgxpool.Pool, now func() time.Time, idle, lifetime time.Duration) *Sessions {
	return &Sessions{pool: pool, now: now, idle: idle, lifetime: lifetime}
}

// FindCtx returns the data of a session that has not ended.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	const q = `
		select data, seen_at from sessions
		where token = @token and made_at > @made and seen_at > @seen`
	now := s.now()
	args := pgx.StrictNamedArgs{"token": token, "made": now.Add(-s.lifetime), "seen": now.Add(-s.idle)}
	var data []byte
	var seen time.Time
	err := s.pool.QueryRow(ctx, q, args).Scan(&data, &seen)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read session: %w", err)
	}
	if now.Sub(seen) < touch {
		return data, true, nil
	}
	err = s.keep(ctx, `update sessions set seen_at = @now where token = @token`, pgx.StrictNamedArgs{"token": token, "now": now})
	return data, err == nil, err
}

// CommitCtx saves a session. Its time of making is that of its first save.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) error {
	_, values, err := Codec{}.Decode(data)
	if err != nil {
		return err
	}
	var member *governance.MemberID
	if text, ok := values[KeyMember].(string); ok {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("save session: member %q: %w", text, err)
		}
		member = (*governance.MemberID)(&id)
	}
	return s.keep(ctx, `
		insert into sessions (token, member, data, made_at, seen_at) values (@token, @member, @data, @now, @now)
		on conflict (token) do update set member = @member, data = @data, seen_at = @now`,
		pgx.StrictNamedArgs{"token": token, "member": member, "data": data, "now": s.now()})
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.keep(ctx, `delete from sessions where token = @token`, pgx.StrictNamedArgs{"token": token})
}

// EndAll signs a member out on every browser.
func (s *Sessions) EndAll(ctx context.Context, member governance.MemberID) error {
	return s.keep(ctx, `delete from sessions where member = @member`, pgx.StrictNamedArgs{"member": member})
}

// Count returns on how many browsers a member is signed in.
func (s *Sessions) Count(ctx context.Context, member governance.MemberID) (int64, error) {
	const q = `select count(*) from sessions where member = @member and made_at > @made and seen_at > @seen`
	now := s.now()
	args := pgx.StrictNamedArgs{"member": member, "made": now.Add(-s.lifetime), "seen": now.Add(-s.idle)}
	var n int64
	if err := s.pool.QueryRow(ctx, q, args).Scan(&n); err != nil {
		return 0, fmt.Errorf("count sessions of member %d: %w", member, err)
	}
	return n, nil
}

// Sweep deletes sessions that have ended; a job calls it now and then.
func (s *Sessions) Sweep(ctx context.Context) error {
	now := s.now()
	return s.keep(ctx, `delete from sessions where made_at <= @made or seen_at <= @seen`,
		pgx.StrictNamedArgs{"made": now.Add(-s.lifetime), "seen": now.Add(-s.idle)})
}

func (s *Sessions) keep(ctx context.Context, q string, args pgx.StrictNamedArgs) error {
	return pg.Keep(ctx, s.pool, "sessions", func(ctx context.Context, db pg.Querier) error {
		_, err := db.Exec(ctx, q, args)
		return err
	})
}

// Find is FindCtx for callers without a context; scs does not use it.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for callers without a context; scs does not use it.
func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx for callers without a context; scs does not use it.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// Codec writes a session's values, all strings, as JSON: readable by an
// operator, and unlike gob without types that a later version must still know.
type Codec struct{}

type stored struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode refuses values that are not strings: that is a fault of ours.
func (Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	out := stored{Deadline: deadline.UTC(), Values: make(map[string]string, len(values))}
	for key, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("encode session: value %q is a %T, want a string", key, value)
		}
		out.Values[key] = text
	}
	return json.Marshal(out)
}

// Decode is the reverse of Encode.
func (Codec) Decode(data []byte) (time.Time, map[string]any, error) {
	var in stored
	if err := json.Unmarshal(data, &in); err != nil {
		return time.Time{}, nil, fmt.Errorf("decode session: %w", err)
	}
	values := make(map[string]any, len(in.Values))
	for key, text := range in.Values {
		values[key] = text
	}
	return in.Deadline, values, nil
}
