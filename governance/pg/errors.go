package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5/pgconn"
)

// code is the SQLSTATE of an error of Postgres, or "". The codes are listed in
// appendix A of the manual, "PostgreSQL Error Codes".
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Constraint is the name of the constraint that err says was violated (unique,
// foreign key, check, not null or exclusion: class 23), or "".
func Constraint(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) && strings.HasPrefix(e.Code, "23") {
		return e.ConstraintName
	}
	return ""
}

// Retryable reports that the transaction was rolled back only because of
// others at the same moment (serialization failure, deadlock): the same act
// may be tried again from its beginning.
func Retryable(err error) bool {
	c := code(err)
	return c == "40001" || c == "40P01"
}

// Unavailable reports that the database could not be reached, or had no time
// for us: connection lost or refused, server starting or stopping, no more
// connections, waited too long for a lock, or the statement's time was over.
// After it nobody knows whether a commit succeeded; an operation id finds out.
func Unavailable(err error) bool {
	if err == nil {
		return false
	}
	switch c := code(err); {
	case strings.HasPrefix(c, "08"), // connection exception
		strings.HasPrefix(c, "57P"), // shutting down, crashed, starting up
		c == "53300",                // too many connections
		c == "55P03",                // lock timeout
		c == "57014",                // statement timeout
		c == "25P03",                // idle in transaction
		c == "58030":                // input or output error of the disk
		return !errors.Is(err, context.Canceled)
	case c != "":
		return false
	}
	var refused *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &refused) || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// Translate turns what the database refused into what a person may read:
// a violated constraint into the error that byName has for it, a full disk
// into governance.Full, a database that is away or busy into
// governance.Unavailable. Every other error comes back as it is, because it is
// a fault of ours. The cause stays in the chain.
func Translate(err error, byName map[string]error) error {
	if err == nil {
		return nil
	}
	if name := Constraint(err); name != "" {
		if refusal, ok := byName[name]; ok {
			return fmt.Errorf("%w (%w)", refusal, err)
		}
		return err
	}
	switch {
	case code(err) == "53100": // disk full
		refusal := governance.Errorf(governance.Full, "The server's disk is full, so nothing was saved. The people who run it have to make room.")
		return fmt.Errorf("%w (%w)", refusal, err)
	case Retryable(err), Unavailable(err):
		refusal := governance.Errorf(governance.Unavailable, "The database is busy or away, so this may not have been saved. Please try again in a moment.")
		return fmt.Errorf("%w (%w)", refusal, err)
	}
	return err
}
