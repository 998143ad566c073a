package elections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// Released: hashes of sealed ballots entered the log while the poll is open.
type Released struct {
	Election governance.ElectionID `json:"election"`
	Poll     governance.PollID     `json:"poll"`
	Entries  int64                 `json:"entries"`
	Before   string                `json:"before"` // the first day that is not in it, as 2026-11-22
}

// Kind is for ever.
func (Released) Kind() string { return "election.released" }

// Subject is the election.
func (e Released) Subject() governance.Ref { return ref(e.Election) }

// About is the poll.
func (e Released) About() []governance.Ref { return pollRef(e.Poll) }

// Sentence says what a stranger reads.
func (e Released) Sentence() audit.Sentence {
	return audit.Say("put the hashes of sealed ballots of ", e.Subject(), fmt.Sprintf(" that were cast before %s into the log: %d, sorted", e.Before, e.Entries))
}

// Replay checks that the ballots were let in while the poll was open.
func (e Released) Replay(s *audit.State, _ translog.Entry) error {
	p, err := s.Poll(e.Poll)
	if err != nil {
		return err
	}
	if p.Closed || !p.Secret || e.Entries < 1 {
		return fmt.Errorf("%w: sealed ballots of election %d", audit.ErrContradiction, e.Election)
	}
	return nil
}

var _ = audit.Register[Released]()

// Open lists the elections that take ballots.
func (e *Elections) Open(ctx context.Context) ([]governance.ElectionID, error) {
	const q = `select id from elections where state = 'voting' order by id`
	rows, _ := e.pool.Query(ctx, q)
	list, err := pgx.CollectRows(rows, pgx.RowTo[governance.ElectionID])
	if err != nil {
		return nil, fmt.Errorf("list elections that take ballots: %w", err)
	}
	return list, nil
}

// Release lets the hashes of sealed ballots into the log, sorted, without
// waiting for the close: those of past days, when as many members wait as the
// policy asks for. Fewer, or none, is a Conflict, and they wait for more or
// for the close. It is the act of a job and may run at any time of the day.
func (e *Elections) Release(ctx context.Context, actor governance.Actor, id governance.ElectionID) (audit.Receipt, error) {
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Sealed ballots enter the log by time and not by hand.")
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if found.State != Voting {
			return nil, governance.Errorf(governance.Conflict, "Election %d takes no ballots now.", id)
		}
		inForce, err := policies.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		today := tx.Now(ctx).Truncate(24 * time.Hour)
		group := string(governance.RefTo(governance.RefPoll, found.Poll))
		waiting, err := tx.Waiting(ctx, group, today)
		if err != nil {
			return nil, err
		}
		if floor := inForce.Int(policies.ReleaseFloor); waiting < floor {
			return nil, governance.Errorf(governance.Conflict, "%d members wait for their sealed ballots of election %d to enter the log; a batch has at least %d.", waiting, id, floor)
		}
		n, err := tx.ReleaseBefore(ctx, group, today)
		if err != nil {
			return nil, err
		}
		return Released{id, found.Poll, n, today.Format(time.DateOnly)}, nil
	})
}

// Promise signs for a member that the entry of the own sealed ballot will be
// in the log soon after the close, at the latest, and returns the promise and
// the public key that checks it. NotFound without a sealed ballot, and in a
// community whose platform signs none.
func (e *Elections) Promise(ctx context.Context, id governance.ElectionID, member governance.MemberID) (signed, key string, err error) {
	if e.promiser == nil {
		return "", "", governance.Errorf(governance.NotFound, "This server signs no promises.")
	}
	const q = `select p.id, p.closes_at from elections e join polls p on p.id = e.poll where e.id = @id`
	var promise envelope.Promise
	err = e.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&promise.Poll, &promise.By)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", governance.Errorf(governance.NotFound, "Election %d has no ballots.", id)
	}
	if err != nil {
		return "", "", fmt.Errorf("read poll of election %d: %w", id, err)
	}
	promise.By = promise.By.Add(envelope.Grace).Truncate(time.Second)
	if promise.Entry, err = e.voting.Leaf(ctx, promise.Poll, member); err != nil {
		return "", "", err
	}
	signed, err = e.promiser.Sign(promise)
	return signed, e.promiser.Key(), err
}

// Promising makes the store sign promises.
func (e *Elections) Promising(p *envelope.Promiser) *Elections {
	e.promiser = p
	return e
}
