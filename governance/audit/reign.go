package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	batch = 1000                   // entries numbered in one transaction
	poll  = 100 * time.Millisecond // entries of other processes wake nobody here
	rest  = 40 * time.Millisecond  // between two checkpoints, so that a crowd of acts shares one
	await = time.Second            // between two tries to become the one that sequences
)

// sequencing is the number of the advisory lock that one server holds while it
// sequences: "al-sign" as bytes. Migrations have another.
const sequencing = 0x616c2d7369676e

// Run sequences until the context ends, whenever no other server does. It
// returns ErrFork at once; any other failure is logged and tried again.
//
// The one who sequences holds an advisory lock of Postgres and does all its
// work on the connection that holds it. A server that dies loses the connection
// and the lock; so does one that sleeps, after ten seconds of silence. When it
// wakes, its next statement fails, and it changes nothing. That two servers
// never sign different histories does not rest on this lock, but on the swap of
// the last checkpoint: the lock only spares them the quarrel.
func (s *Sequencer) Run(ctx context.Context) error {
	for {
		err := s.reign(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrFork):
			return err
		case err != nil:
			s.log.ErrorContext(ctx, "sequencing failed", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(await):
		}
	}
}

// Open sequences what waits, unless another server does so at this moment:
// what a server does before it answers anybody, so that a history that
// contradicts the last promise is found at the start.
func (s *Sequencer) Open(ctx context.Context) error {
	conn, free, err := s.enthrone(ctx)
	if err != nil || !free {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		n, err := s.step(ctx, conn)
		if err != nil || n < batch {
			return err
		}
	}
}

// enthrone opens a connection that holds the lock, if it is free.
func (s *Sequencer) enthrone(ctx context.Context) (*pgx.Conn, bool, error) {
	acquired, err := s.trail.pool.Acquire(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("sequence: %w", err)
	}
	conn := acquired.Hijack()
	var free bool
	if _, err = conn.Exec(ctx, `set idle_session_timeout = '10s'`); err == nil {
		err = conn.QueryRow(ctx, `select pg_try_advisory_lock(@lock)`, pgx.StrictNamedArgs{"lock": int64(sequencing)}).Scan(&free)
	}
	if err != nil || !free {
		closeErr := conn.Close(context.WithoutCancel(ctx))
		if err != nil {
			err = fmt.Errorf("sequence: take the lock: %w", errors.Join(err, closeErr))
		}
		return nil, false, err
	}
	return conn, true, nil
}

// reign sequences for as long as this server holds the lock; it returns nil if
// it did not get it.
func (s *Sequencer) reign(ctx context.Context) error {
	conn, free, err := s.enthrone(ctx)
	if err != nil || !free {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	s.log.InfoContext(ctx, "this server signs the log")
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		n, err := s.step(ctx, conn)
		switch {
		case ctx.Err() != nil || errors.Is(err, ErrFork) || err != nil && conn.IsClosed():
			return err
		case err != nil:
			s.log.ErrorContext(ctx, "sequencing failed", slog.Any("err", err))
		case n == batch:
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.trail.wake:
		case <-ticker.C:
		}
	}
}
