package voting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/tally"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// States of a poll.
const (
	StateOpen    = "open"
	StateClosed  = "closed"  // no ballot is taken; a secret poll is being opened
	StateCounted = "counted" // the result stands
)

// Close is a step that ends the taking of ballots when the poll's time has
// come. It waits for ballots under way. Too early, or closed already, is a Conflict.
func Close(ctx context.Context, tx *audit.Tx, poll governance.PollID) error {
	const lock = `select state, closes_at from polls where id = @poll for update`
	var p Poll
	err := tx.QueryRow(ctx, lock, pgx.StrictNamedArgs{"poll": poll}).Scan(&p.State, &p.Closes)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return governance.Errorf(governance.NotFound, "There is no poll %d.", poll)
	case err != nil:
		return fmt.Errorf("close poll %d: %w", poll, err)
	case p.State != StateOpen:
		return governance.Errorf(governance.Conflict, "Poll %d is closed already.", poll)
	case tx.Now(ctx).Before(p.Closes):
		return governance.Errorf(governance.Conflict, "Poll %d is open until %s.", poll, p.Closes.UTC().Format("2 January 2006, 15:04:05 UTC"))
	}
	const q = `update polls set state = 'closed' where id = @poll`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"poll": poll}); err != nil {
		return fmt.Errorf("close poll %d: %w", poll, err)
	}
	return nil
}

// Counted is the part of a closing event that Replay needs.
type Counted struct {
	Poll   governance.PollID `json:"poll"`
	Result string            `json:"result"` // canonical JSON
}

// Record is a step that keeps what the count of a closed poll said.
func Record(ctx context.Context, tx *audit.Tx, poll governance.PollID, result any) (Counted, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return Counted{}, fmt.Errorf("record result of poll %d: %w", poll, err)
	}
	canonical, err := translog.Canonical(raw)
	if err != nil {
		return Counted{}, fmt.Errorf("record result of poll %d: %w", poll, err)
	}
	const q = `update polls set state = 'counted', result = @result where id = @poll and state = 'closed'`
	tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"poll": poll, "result": string(canonical)})
	if err != nil {
		return Counted{}, fmt.Errorf("record result of poll %d: %w", poll, err)
	}
	if tag.RowsAffected() == 0 {
		return Counted{}, governance.Errorf(governance.Conflict, "Poll %d is not waiting for its count.", poll)
	}
	return Counted{poll, string(canonical)}, nil
}

// Decision is the result of a yes-or-no poll. It holds numbers and the
// verdict, not the sentences of a page, whose wording may change.
type Decision struct {
	Counts  tally.Counts  `json:"counts"`
	Passed  bool          `json:"passed"`
	Verdict tally.Verdict `json:"verdict"`
}

// Decide is a step that counts the public ballots of a poll under its frozen
// rule.
func Decide(ctx context.Context, tx *audit.Tx, poll governance.PollID) (Decision, error) {
	const q = `
		select p.rule, p.roll_size,
			count(*) filter (where b.choice = 'yes'), count(*) filter (where b.choice = 'no'), count(*) filter (where b.choice = 'abstain')
		from polls p left join ballots b on b.poll = p.id where p.id = @poll group by p.id`
	var rule string
	var d Decision
	c := &d.Counts
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"poll": poll}).Scan(&rule, &c.Electorate, &c.Yes, &c.No, &c.Abstain); err != nil {
		return Decision{}, fmt.Errorf("count poll %d: %w", poll, err)
	}
	outcome, err := Evaluate(rule, d.Counts)
	d.Passed, d.Verdict = outcome.Passed, outcome.Verdict
	return d, err
}

// Evaluate applies a frozen rule to counts.
func Evaluate(rule string, c tally.Counts) (tally.Outcome, error) {
	var r tally.Rule
	if err := json.Unmarshal([]byte(rule), &r); err != nil {
		return tally.Outcome{}, fmt.Errorf("read frozen rule: %w", err)
	}
	return r.Evaluate(c), nil
}

// ReplayDecision checks in a rebuilt state that a yes-or-no result is what
// the ballots give, and closes the poll.
func ReplayDecision(s *audit.State, c Counted) error {
	p, err := s.Poll(c.Poll)
	if err != nil {
		return err
	}
	if p.Closed {
		return fmt.Errorf("%w: poll %d is closed twice", audit.ErrContradiction, c.Poll)
	}
	counts := tally.Counts{Electorate: p.Roll}
	for _, choice := range p.Ballots {
		switch choice {
		case Yes:
			counts.Yes++
		case No:
			counts.No++
		case Abstain:
			counts.Abstain++
		}
	}
	outcome, err := Evaluate(p.Rule, counts)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(Decision{counts, outcome.Passed, outcome.Verdict})
	if err != nil {
		return err
	}
	canonical, err := translog.Canonical(raw)
	if err != nil {
		return err
	}
	if string(canonical) != c.Result {
		return fmt.Errorf("%w: the ballots of poll %d give %s, the entry says %s", audit.ErrContradiction, c.Poll, canonical, c.Result)
	}
	p.Closed, p.Result = true, c.Result
	return nil
}
