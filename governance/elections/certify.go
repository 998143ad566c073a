package elections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/voting"
	"github.com/jackc/pgx/v5"
)

// Sealed is a closed election as the job that opens it reads it.
type Sealed struct {
	Poll      governance.PollID
	Options   int
	Manifest  Manifest
	Envelopes [][]byte // sorted by hash
	beacon    []byte
	digest    [32]byte
}

// Sealed returns the envelopes of an election that waits for its count; any
// other stage is a Conflict.
func (e *Elections) Sealed(ctx context.Context, id governance.ElectionID) (Sealed, error) {
	const q = `
		select p.id, p.options, p.rule, coalesce((
			select sha256('\x00'::bytea || a.data) from audit_entries a
			where a.kind = @closed and a.subject = @subject and a.refs @> array[@subject::text] order by a.id limit 1), '')
		from elections e join polls p on p.id = e.poll where e.id = @id and e.state = 'counting'`
	var s Sealed
	var rule string
	err := e.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "closed": kindClosed, "subject": string(ref(id))}).
		Scan(&s.Poll, &s.Options, &rule, &s.beacon)
	if errors.Is(err, pgx.ErrNoRows) {
		return Sealed{}, governance.Errorf(governance.Conflict, "Election %d is not waiting for its count.", id)
	}
	if err != nil {
		return Sealed{}, fmt.Errorf("read closed election %d: %w", id, err)
	}
	if len(s.beacon) == 0 {
		return Sealed{}, fmt.Errorf("read closed election %d: its closing entry is missing", id)
	}
	if s.Manifest, s.digest, err = ParseManifest(rule); err != nil {
		return Sealed{}, err
	}
	s.Envelopes, err = e.voting.Envelopes(ctx, s.Poll)
	return s, err
}

// maxListed is how many bytes of ballots and rejected hashes an entry takes;
// the log takes 65,535 for the whole entry.
const maxListed = 40 << 10

// Certify publishes the opened ballots with their count and gives the elected
// their office: the act of the job that has opened the envelopes. Whoever
// holds the office from an earlier election keeps it until that term ends.
func (e *Elections) Certify(ctx context.Context, actor governance.Actor, id governance.ElectionID, opening Opening) (audit.Receipt, error) {
	if actor.Job == "" {
		return audit.Receipt{}, governance.Errorf(governance.Forbidden, "Ballots are counted by the job that opens them and not by hand.")
	}
	sealed, err := e.Sealed(ctx, id)
	if err != nil {
		return audit.Receipt{}, err
	}
	if got, want := len(opening.Ballots)+len(opening.Rejected), len(sealed.Envelopes); got != want {
		return audit.Receipt{}, fmt.Errorf("certify election %d: %d ballots and rejected envelopes, want %d", id, got, want)
	}
	lines := listed(opening.Ballots)
	result, err := sealed.Manifest.result(sealed.digest, sealed.beacon, lines, int64(len(opening.Rejected)))
	if err != nil {
		return audit.Receipt{}, fmt.Errorf("count election %d: %w", id, err)
	}
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if found.State != Counting {
			return nil, governance.Errorf(governance.Conflict, "Election %d is certified already.", id)
		}
		if err := voting.Publish(ctx, tx, found.Poll, opening.Ballots); err != nil {
			return nil, err
		}
		counted, err := voting.Record(ctx, tx, found.Poll, result)
		if err != nil {
			return nil, err
		}
		until := tx.Now(ctx).Add(time.Duration(found.Term) * time.Second)
		granted, err := grant(ctx, tx, found.Office, result.Elected, until, ref(id))
		if err != nil {
			return nil, err
		}
		ev := Certification{
			Election: id, Office: found.Office, Counted: counted, Granted: granted,
			Until: until.UTC().Format(time.RFC3339Nano),
		}
		ev.list(lines, opening.Rejected)
		return ev, finish(ctx, tx, id)
	})
}

// list puts what was opened into the entry if it fits.
func (e *Certification) list(lines, rejected []string) {
	e.Ballots, e.Rejected = []string{}, []string{}
	if len(strings.Join(lines, `","`))+67*len(rejected) > maxListed {
		return
	}
	e.Whole = true
	e.Ballots = append(e.Ballots, lines...)
	e.Rejected = append(e.Rejected, slices.Sorted(slices.Values(rejected))...)
}

// grant gives the office to the elected who are still members, in the order
// of their numbers, which is the order of locks.
func grant(ctx context.Context, tx *audit.Tx, office members.Group, elected []governance.MemberID, until time.Time, reason governance.Ref) ([]governance.MemberID, error) {
	ascending := slices.SortedFunc(slices.Values(elected), cmp.Compare)
	gone := map[governance.MemberID]bool{}
	for _, m := range ascending {
		err := members.Grant(ctx, tx, m, office, until, reason)
		switch {
		case governance.Is(err, governance.Conflict): // has left since the ballot opened
			gone[m] = true
		case err != nil:
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(elected), func(m governance.MemberID) bool { return gone[m] }), nil
}

// finish ends the election and sets the day on which its envelopes go.
func finish(ctx context.Context, tx *audit.Tx, id governance.ElectionID) error {
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return err
	}
	destroy := tx.Now(ctx).AddDate(0, 0, int(inForce.Int(policies.EnvelopeDays)))
	const q = `update elections set state = 'certified', ended_at = @now, destroy_at = @destroy where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "now": tx.Now(ctx), "destroy": destroy}); err != nil {
		return fmt.Errorf("certify election %d: %w", id, err)
	}
	return tx.EnqueueAt(ctx, DestroyArgs{id}, destroy)
}

// Destroy removes the sealed envelopes of a certified election when their day
// has come; earlier is Unavailable, a second time a Conflict.
func (e *Elections) Destroy(ctx context.Context, actor governance.Actor, id governance.ElectionID) (audit.Receipt, error) {
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Envelopes are destroyed by time and not by hand.")
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		const q = `select destroy_at from elections where id = @id and state = 'certified' and destroyed_at is null`
		var at time.Time
		err = tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&at)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, governance.Errorf(governance.Conflict, "Election %d has no envelopes to destroy.", id)
		case err != nil:
			return nil, fmt.Errorf("read election %d: %w", id, err)
		case tx.Now(ctx).Before(at):
			return nil, governance.Errorf(governance.Unavailable, "The envelopes of election %d are kept until %s.", id, at.UTC().Format(time.RFC3339))
		}
		n, err := voting.Destroy(ctx, tx, found.Poll)
		if err != nil {
			return nil, err
		}
		const done = `update elections set destroyed_at = @now where id = @id`
		if _, err := tx.Exec(ctx, done, pgx.StrictNamedArgs{"id": id, "now": tx.Now(ctx)}); err != nil {
			return nil, fmt.Errorf("destroy envelopes of election %d: %w", id, err)
		}
		return Destroyed{id, found.Poll, n}, nil
	})
}
