package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AccountID names an account of the local provider. In tokens it is the
// subject; it is not a member's number.
type AccountID int64

// Account is who signs in with a name and a password.
type Account struct {
	ID       AccountID
	Name     string // in its compared form
	Password string // argon2id, as "$argon2id$v=19$m=…,t=…,p=…$salt$hash"
}

// Store keeps the local provider's accounts and requests.
type Store struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// New returns the store with its clock.
func New(pool *pgxpool.Pool, now func() time.Time) *Store { return &Store{pool: pool, now: now} }

// refused says what a violated constraint means to a person.
var refused = map[string]error{
	"accounts_name": governance.FieldErrorf("name", "Somebody has this name already. Please take another."),
}

// Register makes an account. The name is in its compared form and the
// password hashed; the provider has checked both.
func (s *Store) Register(ctx context.Context, name, password string) (AccountID, error) {
	var id AccountID
	err := pg.Keep(ctx, s.pool, "accounts", func(ctx context.Context, db pg.Querier) error {
		const insert = `insert into accounts (name, password, made_at) values (@name, @password, @now) returning id`
		args := pgx.StrictNamedArgs{"name": name, "password": password, "now": s.now()}
		return pg.Translate(db.QueryRow(ctx, insert, args).Scan(&id), refused)
	})
	return id, err
}

// ByName returns the account of a name; NotFound if there is none.
func (s *Store) ByName(ctx context.Context, name string) (Account, error) {
	const q = `select id, name, password from accounts where name = @name`
	return s.one(ctx, q, pgx.StrictNamedArgs{"name": name})
}

// ByID returns an account; NotFound if there is none.
func (s *Store) ByID(ctx context.Context, id AccountID) (Account, error) {
	const q = `select id, name, password from accounts where id = @id`
	return s.one(ctx, q, pgx.StrictNamedArgs{"id": id})
}

func (s *Store) one(ctx context.Context, q string, args pgx.StrictNamedArgs) (Account, error) {
	rows, _ := s.pool.Query(ctx, q, args)
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Account])
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, governance.Errorf(governance.NotFound, "There is no such account.")
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

// Delete removes an account with its pending requests, as when its owner
// leaves. Deleting what is not there is no error.
func (s *Store) Delete(ctx context.Context, id AccountID) error {
	return pg.Keep(ctx, s.pool, "accounts", func(ctx context.Context, db pg.Querier) error {
		const q = `delete from accounts where id = @id`
		_, err := db.Exec(ctx, q, pgx.StrictNamedArgs{"id": id})
		return err
	})
}
