package voting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// CastSealed records a member's sealed envelope; a later one replaces it. The
// choice inside is known to nobody here.
func (v *Voting) CastSealed(ctx context.Context, actor governance.Actor, poll governance.PollID, sealed []byte) (audit.Receipt, error) {
	hash := sha256.Sum256(sealed)
	return v.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightVote); err != nil {
			return nil, err
		}
		about, err := requireOpen(ctx, tx, poll, true)
		if err != nil {
			return nil, err
		}
		const upsert = `
			insert into envelopes (poll, member, envelope, hash, day) values (@poll, @member, @envelope, @hash, @day)
			on conflict (poll, member) do update set envelope = @envelope, hash = @hash, day = @day`
		args := pgx.StrictNamedArgs{
			"poll": poll, "member": tx.Actor.Member, "envelope": sealed, "hash": hash[:],
			"day": tx.Now(ctx).Truncate(24 * time.Hour),
		}
		if _, err := tx.Exec(ctx, upsert, args); err != nil {
			return nil, fmt.Errorf("cast envelope in poll %d: %w", poll, err)
		}
		return Sealed{poll, about, hex.EncodeToString(hash[:])}, nil
	})
}

// Sealed is the event of a secret ballot. Its entry holds the envelope's hash
// and the day, and enters the log with the others of its poll, sorted by hash.
type Sealed struct {
	Poll     governance.PollID `json:"poll"`
	Of       governance.Ref    `json:"of"`
	Envelope string            `json:"envelope"` // hex SHA-256
}

// Kind is for ever.
func (Sealed) Kind() string { return "ballot.sealed" }

// Subject is the poll.
func (e Sealed) Subject() governance.Ref { return governance.RefTo(governance.RefPoll, e.Poll) }

// About is the election that asks.
func (e Sealed) About() []governance.Ref { return []governance.Ref{e.Of} }

// Held names the group that is released together.
func (e Sealed) Held() string { return string(e.Subject()) }

// Sentence says what a stranger reads.
func (e Sealed) Sentence() audit.Sentence {
	return audit.Say("cast a sealed ballot in ", e.Of)
}

// Replay notes that the member voted; a member may have sealed several times
// on one day, so the order of the same member's envelopes is not known.
func (e Sealed) Replay(s *audit.State, entry translog.Entry) error {
	p, err := s.Poll(e.Poll)
	if err != nil {
		return err
	}
	if p.Closed || !p.Secret {
		return fmt.Errorf("%w: sealed ballot in poll %d", audit.ErrContradiction, e.Poll)
	}
	p.Ballots[governance.MemberID(governance.Ref(entry.Actor).ID())] = e.Envelope
	return nil
}

// Leaf returns the hash under which the entry of a member's present envelope
// is, or will be, in the log: SHA-256(0x00 ‖ entry). The entry holds nothing
// but what the row does, so that it can be told again until the envelopes are
// destroyed; NotFound without an envelope.
func (v *Voting) Leaf(ctx context.Context, poll governance.PollID, member governance.MemberID) ([sha256.Size]byte, error) {
	const q = `
		select p.about, encode(e.hash, 'hex'), e.day::timestamptz
		from envelopes e join polls p on p.id = e.poll where e.poll = @poll and e.member = @member`
	ev := Sealed{Poll: poll}
	var day time.Time
	err := v.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"poll": poll, "member": member}).Scan(&ev.Of, &ev.Envelope, &day)
	if errors.Is(err, pgx.ErrNoRows) {
		return [sha256.Size]byte{}, governance.Errorf(governance.NotFound, "You have no sealed ballot in poll %d.", poll)
	}
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("read envelope in poll %d: %w", poll, err)
	}
	return audit.LeafOf(governance.Actor{Member: member}, day, ev)
}

// Envelopes returns the sealed ballots of a closed poll, sorted by hash, so
// that nothing of their order is kept.
func (v *Voting) Envelopes(ctx context.Context, poll governance.PollID) ([][]byte, error) {
	const q = `
		select e.envelope from envelopes e join polls p on p.id = e.poll
		where e.poll = @poll and p.state = 'closed' order by e.hash`
	rows, _ := v.pool.Query(ctx, q, pgx.StrictNamedArgs{"poll": poll})
	list, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("read envelopes of poll %d: %w", poll, err)
	}
	return list, nil
}

// Publish is a step that makes the opened ballots of a closed poll public:
// trackers and rankings, sorted by tracker.
func Publish(ctx context.Context, tx *audit.Tx, poll governance.PollID, opened []envelope.Ballot) error {
	opened = slices.Clone(opened)
	slices.SortFunc(opened, func(a, b envelope.Ballot) int { return slices.Compare(a.Tracker[:], b.Tracker[:]) })
	batch := &pgx.Batch{}
	const insert = `insert into opened_ballots (poll, tracker, ranking) values (@poll, @tracker, @ranking)`
	for _, b := range opened {
		batch.Queue(insert, pgx.StrictNamedArgs{"poll": poll, "tracker": b.Tracker[:], "ranking": b.Ranking})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("publish ballots of poll %d: %w", poll, err)
	}
	return nil
}

// Destroy is a step that removes the envelopes of a counted poll for ever.
func Destroy(ctx context.Context, tx *audit.Tx, poll governance.PollID) (int64, error) {
	const q = `
		delete from envelopes e using polls p
		where e.poll = @poll and p.id = e.poll and p.state = 'counted'`
	tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"poll": poll})
	if err != nil {
		return 0, fmt.Errorf("destroy envelopes of poll %d: %w", poll, err)
	}
	return tag.RowsAffected(), nil
}

// OpenedBallot is one line of the published list.
type OpenedBallot struct {
	Tracker []byte
	Ranking []int
}

// OpenedBallots lists the published ballots of a counted poll by tracker.
func (v *Voting) OpenedBallots(ctx context.Context, poll governance.PollID) ([]OpenedBallot, error) {
	const q = `select tracker, ranking from opened_ballots where poll = @poll order by tracker`
	rows, _ := v.pool.Query(ctx, q, pgx.StrictNamedArgs{"poll": poll})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OpenedBallot])
	if err != nil {
		return nil, fmt.Errorf("read opened ballots of poll %d: %w", poll, err)
	}
	return list, nil
}

var _ = audit.Register[Sealed]()
