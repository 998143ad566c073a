package voting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/tally"
	"github.com/jackc/pgx/v5"
)

// Poll is a poll as a page shows it.
type Poll struct {
	ID         governance.PollID
	About      governance.Ref
	Secret     bool
	Rule       string // canonical JSON, frozen
	Options    int
	Roll       int64
	RollDigest []byte
	TextDigest []byte
	Opened     time.Time
	Closes     time.Time
	State      string
	Result     string
	Counts     tally.Counts // public polls
	Cast       int64        // ballots or envelopes
	OnRoll     bool         // the member who asks
	Choice     string       // of the member who asks; "sealed" in a secret poll
	Reason     string
}

// Get returns a poll with its counts so far, as a member (or nobody, 0) sees
// it: one query.
func (v *Voting) Get(ctx context.Context, id governance.PollID, member governance.MemberID) (Poll, error) {
	const q = `
		select p.about, p.secret, p.rule, p.options, p.roll_size, p.roll_digest, p.text_digest, p.opened_at, p.closes_at, p.state, p.result,
			count(b.member) filter (where b.choice = 'yes'), count(b.member) filter (where b.choice = 'no'),
			count(b.member) filter (where b.choice = 'abstain'),
			(select count(*) from envelopes e where e.poll = p.id),
			exists (select 1 from roll r where r.poll = p.id and r.member = @member),
			coalesce(max(b.choice) filter (where b.member = @member),
				(select 'sealed' from envelopes e where e.poll = p.id and e.member = @member), ''),
			coalesce(max(b.reason) filter (where b.member = @member), '')
		from polls p left join ballots b on b.poll = p.id where p.id = @id group by p.id`
	p := Poll{ID: id}
	c := &p.Counts
	err := v.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "member": member}).Scan(
		&p.About, &p.Secret, &p.Rule, &p.Options, &p.Roll, &p.RollDigest, &p.TextDigest, &p.Opened, &p.Closes, &p.State, &p.Result,
		&c.Yes, &c.No, &c.Abstain, &p.Cast, &p.OnRoll, &p.Choice, &p.Reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return Poll{}, governance.Errorf(governance.NotFound, "There is no poll %d.", id)
	}
	if err != nil {
		return Poll{}, fmt.Errorf("read poll %d: %w", id, err)
	}
	c.Electorate = p.Roll
	if !p.Secret {
		p.Cast = c.Yes + c.No + c.Abstain
	}
	return p, nil
}

// TallyRule returns the frozen rule of a public poll.
func (p Poll) TallyRule() (tally.Rule, error) {
	var r tally.Rule
	if err := json.Unmarshal([]byte(p.Rule), &r); err != nil {
		return r, fmt.Errorf("read rule of poll %d: %w", p.ID, err)
	}
	return r, nil
}

// Ballot is a public ballot.
type Ballot struct {
	Member  governance.MemberID
	Choice  string
	Reason  string
	At      time.Time
	Changes int
}

// Ballots lists the public ballots of a poll, the latest first.
func (v *Voting) Ballots(ctx context.Context, poll governance.PollID, limit int) ([]Ballot, error) {
	const q = `
		select member, choice, reason, cast_at, changes from ballots
		where poll = @poll order by cast_at desc, member limit @limit`
	rows, _ := v.pool.Query(ctx, q, pgx.StrictNamedArgs{"poll": poll, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Ballot])
	if err != nil {
		return nil, fmt.Errorf("read ballots of poll %d: %w", poll, err)
	}
	return list, nil
}

// Participant is a member on a roll and, if the member voted, the day.
type Participant struct {
	Member governance.MemberID
	Day    *time.Time
}

// Participants lists the roll of a poll and who has voted, by member number.
func (v *Voting) Participants(ctx context.Context, poll governance.PollID) ([]Participant, error) {
	const q = `
		select r.member, coalesce(e.day::timestamptz, date_trunc('day', b.cast_at))
		from roll r left join envelopes e using (poll, member) left join ballots b using (poll, member)
		where r.poll = @poll order by r.member`
	rows, _ := v.pool.Query(ctx, q, pgx.StrictNamedArgs{"poll": poll})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Participant])
	if err != nil {
		return nil, fmt.Errorf("read roll of poll %d: %w", poll, err)
	}
	return list, nil
}
