package elections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/voting"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Arguments of the jobs that acts of this package insert. A worker reads the
// state again and does nothing where it has passed.
type (
	// AdvanceArgs ends a stage when its time has come.
	AdvanceArgs struct {
		Election governance.ElectionID `json:"election"`
		From     string                `json:"from"`
	}
	// CountArgs asks to open the envelopes of a closed election and to certify.
	CountArgs struct {
		Election governance.ElectionID `json:"election" river:"unique"`
	}
	// DestroyArgs asks to destroy the envelopes of a certified election.
	DestroyArgs struct {
		Election governance.ElectionID `json:"election"`
	}
)

// Kind of each job, for ever.
func (AdvanceArgs) Kind() string { return "advance-election" }
func (CountArgs) Kind() string   { return "count-election" }
func (DestroyArgs) Kind() string { return "destroy-envelopes" }

type locked struct {
	Office members.Group
	Seats  int
	Term   int64 // seconds
	Voting int64 // seconds
	State  string
	Until  *time.Time
	Poll   governance.PollID
}

// lock reads an election and keeps every other act away from it.
func lock(ctx context.Context, tx *audit.Tx, id governance.ElectionID) (locked, error) {
	const q = `
		select office, seats, term_seconds, voting_seconds, state, until, coalesce(poll, 0)
		from elections where id = @id for update`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[locked])
	if errors.Is(err, pgx.ErrNoRows) {
		return locked{}, governance.Errorf(governance.NotFound, "There is no election %d.", id)
	}
	if err != nil {
		return locked{}, fmt.Errorf("lock election %d: %w", id, err)
	}
	return found, nil
}

// Advance ends a stage whose time has come: nomination opens the ballot,
// voting is closed. It is the act of a job. A stage that ended before is a
// Conflict and one that has not ended yet is Unavailable; neither changes
// anything.
func (e *Elections) Advance(ctx context.Context, actor governance.Actor, id governance.ElectionID, from string) (audit.Receipt, error) {
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Stages end by time and not by hand.")
		}
		found, err := lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if found.State != from || found.Until == nil {
			return nil, governance.Errorf(governance.Conflict, "Election %d is in the stage %q and does not leave %q.", id, found.State, from)
		}
		if tx.Now(ctx).Before(*found.Until) {
			return nil, governance.Errorf(governance.Unavailable, "The stage %q of election %d ends at %s.", from, id, found.Until.UTC().Format(time.RFC3339))
		}
		if from == Nomination {
			return e.open(ctx, tx, id, found)
		}
		return closePoll(ctx, tx, id, found)
	})
}

// open freezes the list of candidates and opens the secret poll. An election
// without a candidate, or with so few voters that the result would tell how
// they voted, is void: nothing that a job could repeat would change that.
func (e *Elections) open(ctx context.Context, tx *audit.Tx, id governance.ElectionID, found locked) (audit.Event, error) {
	inForce, err := policies.Current(ctx, tx)
	if err != nil {
		return nil, err
	}
	roll, err := members.Roll(ctx, tx)
	if err != nil {
		return nil, err
	}
	const number = `
		with numbered as (
			select member, row_number() over (order by member) as n from candidates where election = @election
		)
		update candidates c set number = numbered.n from numbered
		where c.election = @election and c.member = numbered.member returning c.member, c.number`
	rows, _ := tx.Query(ctx, number, pgx.StrictNamedArgs{"election": id})
	candidates := map[int]governance.MemberID{}
	var member governance.MemberID
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&member, &n}, func() error {
		candidates[n] = member
		return nil
	}); err != nil {
		return nil, fmt.Errorf("freeze candidates of election %d: %w", id, err)
	}
	minimum := inForce.Int(policies.SecretMinimum)
	switch {
	case len(candidates) == 0:
		return void(ctx, tx, id, "Nobody stood.")
	case int64(len(roll)) < minimum:
		return void(ctx, tx, id, fmt.Sprintf("A secret ballot needs at least %d voters, and there are %d: with fewer the result itself would tell who voted how.", minimum, len(roll)))
	}
	digest := voting.RollDigest(roll)
	manifest := Manifest{
		Rule: Rule, Version: RuleVersion, Office: string(found.Office), Seats: found.Seats,
		Roll: hex.EncodeToString(digest[:]), Recipients: e.recipients, Beacon: beaconKind,
	}
	for i := range len(candidates) {
		manifest.Candidates = append(manifest.Candidates, candidates[i+1])
	}
	text, err := canonical(manifest)
	if err != nil {
		return nil, fmt.Errorf("manifest of election %d: %w", id, err)
	}
	sum := sha256.Sum256([]byte(text))
	until := tx.Now(ctx).Add(time.Duration(found.Voting) * time.Second)
	opened, err := voting.Open(ctx, tx, voting.Opening{
		About: governance.RefTo(RefElection, id), Rule: manifest, Secret: true, Options: len(candidates),
		Closes: until, TextDigest: sum[:], Minimum: minimum,
	})
	if err != nil {
		return nil, err
	}
	if opened.RollDigest != manifest.Roll || opened.Rule != text {
		return nil, fmt.Errorf("open election %d: the roll changed between two statements", id) // the job comes again
	}
	const q = `update elections set state = 'voting', until = @until, poll = @poll where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "until": until, "poll": opened.Poll}); err != nil {
		return nil, fmt.Errorf("open election %d: %w", id, err)
	}
	return Opened{id, opened}, tx.EnqueueAt(ctx, AdvanceArgs{id, Voting}, until)
}

func void(ctx context.Context, tx *audit.Tx, id governance.ElectionID, reason string) (audit.Event, error) {
	const q = `update elections set state = 'void', until = null, reason = @reason, ended_at = @now where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "reason": reason, "now": tx.Now(ctx)}); err != nil {
		return nil, fmt.Errorf("void election %d: %w", id, err)
	}
	return Voided{id, reason}, nil
}

// closePoll ends the taking of ballots, lets their hashes into the log and
// says in its entry which envelopes will be opened.
func closePoll(ctx context.Context, tx *audit.Tx, id governance.ElectionID, found locked) (audit.Event, error) {
	if err := voting.Close(ctx, tx, found.Poll); err != nil {
		return nil, err
	}
	if _, err := tx.Release(ctx, string(governance.RefTo(governance.RefPoll, found.Poll))); err != nil {
		return nil, err
	}
	const list = `select encode(hash, 'hex') from envelopes where poll = @poll order by hash`
	rows, _ := tx.Query(ctx, list, pgx.StrictNamedArgs{"poll": found.Poll})
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("close election %d: %w", id, err)
	}
	const q = `update elections set state = 'counting', until = null where id = @id`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return nil, fmt.Errorf("close election %d: %w", id, err)
	}
	digest := ListDigest(hashes)
	ev := Closed{id, found.Poll, int64(len(hashes)), hex.EncodeToString(digest[:])}
	return ev, tx.Enqueue(ctx, CountArgs{id}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}})
}
