package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
)

// Request is an authorization request at the local provider, from the first
// redirect until its code is used.
type Request struct {
	ID       string // 32 random bytes, base64url
	Asked    []byte // what the relying party asked, in the provider's own form
	Account  AccountID
	SignedIn time.Time // zero until the password was right
}

var errNoRequest = governance.Errorf(governance.NotFound, "This sign-in has expired or was used already. Please begin again.")

// Begin keeps a new request until a time.
func (s *Store) Begin(ctx context.Context, id string, asked []byte, expires time.Time) error {
	return s.keepRequest(ctx, `insert into sign_in_codes (id, request, expires_at) values (@id, @asked, @expires)`,
		pgx.StrictNamedArgs{"id": id, "asked": asked, "expires": expires})
}

// Request returns a pending request; NotFound once it has expired.
func (s *Store) Request(ctx context.Context, id string) (Request, error) {
	const q = `
		select id, request, coalesce(account, 0), coalesce(signed_in_at, '0001-01-01T00:00:00Z')
		from sign_in_codes where id = @id and expires_at > @now`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id, "now": s.now()})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Request])
	if errors.Is(err, pgx.ErrNoRows) {
		return Request{}, errNoRequest
	}
	if err != nil {
		return Request{}, fmt.Errorf("read sign-in request: %w", err)
	}
	return r, nil
}

// SignIn notes whose password was right.
func (s *Store) SignIn(ctx context.Context, id string, account AccountID) error {
	return s.keepRequest(ctx, `
		update sign_in_codes set account = @account, signed_in_at = @now
		where id = @id and expires_at > @now and code is null`,
		pgx.StrictNamedArgs{"id": id, "account": account, "now": s.now()})
}

// SaveCode gives a request its code, once.
func (s *Store) SaveCode(ctx context.Context, id, code string) error {
	hash := sha256.Sum256([]byte(code))
	return s.keepRequest(ctx, `
		update sign_in_codes set code = @code
		where id = @id and expires_at > @now and code is null and account is not null`,
		pgx.StrictNamedArgs{"id": id, "code": hash[:], "now": s.now()})
}

// TakeCode returns the request of a code and deletes it in the same
// statement: whoever asks second, or at the same moment, gets NotFound.
func (s *Store) TakeCode(ctx context.Context, code string) (Request, error) {
	hash := sha256.Sum256([]byte(code))
	var r Request
	err := pg.Keep(ctx, s.pool, "sign_in_codes", func(ctx context.Context, db pg.Querier) error {
		const q = `
			delete from sign_in_codes where code = @code and expires_at > @now
			returning id, request, account, signed_in_at`
		rows, _ := db.Query(ctx, q, pgx.StrictNamedArgs{"code": hash[:], "now": s.now()})
		var err error
		r, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Request])
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Request{}, errNoRequest
	}
	return r, err
}

// keepRequest writes one row; none is NotFound.
func (s *Store) keepRequest(ctx context.Context, q string, args pgx.StrictNamedArgs) error {
	return pg.Keep(ctx, s.pool, "sign_in_codes", func(ctx context.Context, db pg.Querier) error {
		tag, err := db.Exec(ctx, q, args)
		if err == nil && tag.RowsAffected() == 0 {
			return errNoRequest
		}
		return err
	})
}

// Sweep deletes what has expired, requests here; a job calls it now and then.
// Nothing depends on it but the size of the table.
func (s *Store) Sweep(ctx context.Context) error {
	return pg.Keep(ctx, s.pool, "sign_in_codes", func(ctx context.Context, db pg.Querier) error {
		const q = `delete from sign_in_codes where expires_at <= @now`
		_, err := db.Exec(ctx, q, pgx.StrictNamedArgs{"now": s.now()})
		return err
	})
}
