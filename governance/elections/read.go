package elections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/tally"
	"github.com/jackc/pgx/v5"
)

// Election is an election as a page shows it.
type Election struct {
	ID        governance.ElectionID
	Office    members.Group
	Seats     int
	Term      time.Duration
	CalledBy  governance.MemberID
	Called    time.Time
	State     string
	Until     *time.Time        // end of the present stage
	Poll      governance.PollID // 0 before voting
	Reason    string            // why it is void
	Ended     *time.Time
	Destroy   *time.Time // day on which the envelopes go
	Destroyed *time.Time
	Roll      int64 // 0 before voting
	Cast      int64 // members who voted
	Closes    *time.Time
}

const columns = `
	e.id, e.office, e.seats, e.term_seconds * 1000000000, e.called_by, e.called_at, e.state, e.until, coalesce(e.poll, 0), e.reason,
	e.ended_at, e.destroy_at, e.destroyed_at, coalesce(p.roll_size, 0),
	case when e.state = 'certified' then (select count(*) from opened_ballots b where b.poll = e.poll)
	else (select count(*) from envelopes v where v.poll = e.poll) end, p.closes_at`

// Get returns one election.
func (e *Elections) Get(ctx context.Context, id governance.ElectionID) (Election, error) {
	const q = `select ` + columns + ` from elections e left join polls p on p.id = e.poll where e.id = @id`
	rows, _ := e.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Election])
	if errors.Is(err, pgx.ErrNoRows) {
		return Election{}, governance.Errorf(governance.NotFound, "There is no election %d.", id)
	}
	if err != nil {
		return Election{}, fmt.Errorf("read election %d: %w", id, err)
	}
	return found, nil
}

// List returns elections, newest first, older than before (0 for the newest).
func (e *Elections) List(ctx context.Context, before governance.ElectionID, limit int) ([]Election, error) {
	const q = `
		select ` + columns + ` from elections e left join polls p on p.id = e.poll
		where @before = 0 or e.id < @before order by e.id desc limit @limit`
	rows, _ := e.pool.Query(ctx, q, pgx.StrictNamedArgs{"before": int64(before), "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Election])
	if err != nil {
		return nil, fmt.Errorf("list elections: %w", err)
	}
	return list, nil
}

// Candidate is who stands.
type Candidate struct {
	Member    governance.MemberID
	Number    int // on ballots; 0 before voting
	Statement string
}

// Candidates lists who stands, by number, before voting by member.
func (e *Elections) Candidates(ctx context.Context, id governance.ElectionID) ([]Candidate, error) {
	const q = `
		select member, coalesce(number, 0), statement from candidates
		where election = @id order by number nulls first, member`
	rows, _ := e.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Candidate])
	if err != nil {
		return nil, fmt.Errorf("read candidates of election %d: %w", id, err)
	}
	return list, nil
}

// Offices lists the groups that an election can fill.
func Offices() []members.Group { return []members.Group{members.Moderators} }

// BallotOrder returns the candidates in an order drawn for one voter, the same
// at every look, so that no candidate is always first; and the seed to be
// shown, which anybody computes from the manifest and the member's number.
func BallotOrder(manifest []byte, member governance.MemberID, candidates []Candidate) (string, []Candidate) {
	seed := sha256.Sum256(slices.Concat(manifest, []byte(" ballot of member "+member.String())))
	ids := make([]string, len(candidates))
	for i, c := range candidates {
		ids[i] = strconv.Itoa(c.Number)
	}
	ordered := make([]Candidate, len(candidates))
	for i, at := range tally.LotOrder(seed, nil, ids) {
		ordered[i] = candidates[at]
	}
	return hex.EncodeToString(seed[:8]), ordered
}

// Count is a certified election counted again from its published ballots.
type Count struct {
	Result
	Manifest Manifest
	Digest   string // of the manifest, hex
	Roll     int64
	Closed   time.Time
	Lines    []string // the published list
	Lot      []int    // order in which ties fall
	tally.Sensitivity
}

// Count reads the published ballots and counts them, by the rule and by Meek's
// for comparison. It is a Conflict before certification. A list that is not
// the one of the result is an error.
func (e *Elections) Count(ctx context.Context, id governance.ElectionID) (Count, error) {
	const q = `
		select p.id, p.rule, p.result, p.roll_size, p.closes_at from elections e join polls p on p.id = e.poll
		where e.id = @id and e.state = 'certified'`
	var poll governance.PollID
	var rule, result string
	var c Count
	err := e.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&poll, &rule, &result, &c.Roll, &c.Closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Count{}, governance.Errorf(governance.Conflict, "Election %d has no result.", id)
	}
	if err != nil {
		return Count{}, fmt.Errorf("read result of election %d: %w", id, err)
	}
	if err := json.Unmarshal([]byte(result), &c.Result); err != nil {
		return Count{}, fmt.Errorf("read result of election %d: %w", id, err)
	}
	opened, err := e.voting.OpenedBallots(ctx, poll)
	if err != nil {
		return Count{}, err
	}
	rankings := make([][]int, len(opened))
	for i, b := range opened {
		c.Lines, rankings[i] = append(c.Lines, Line(b.Tracker, b.Ranking)), b.Ranking
	}
	if list := ListDigest(c.Lines); hex.EncodeToString(list[:]) != c.List {
		return Count{}, fmt.Errorf("read result of election %d: the published list is not the one that was counted", id)
	}
	return c, c.count(rule, rankings)
}

func (c *Count) count(rule string, rankings [][]int) error {
	manifest, digest, err := ParseManifest(rule)
	if err != nil {
		return err
	}
	beacon, err := hex.DecodeString(c.Beacon)
	if err != nil {
		return fmt.Errorf("read beacon: %w", err)
	}
	c.Manifest, c.Digest, c.Lot = manifest, hex.EncodeToString(digest[:]), manifest.Lot(digest, beacon)
	if len(rankings) == 0 {
		return nil
	}
	c.Sensitivity, err = tally.Sensitive(manifest.Profile("", manifest.ids(), rankings), c.Lot)
	return err
}

// Rankings returns the published rankings without their trackers.
func (c Count) Rankings() [][]int {
	list := make([][]int, 0, len(c.Lines))
	for _, line := range c.Lines {
		if _, ranking, err := parseLine(line); err == nil {
			list = append(list, ranking)
		}
	}
	return list
}
