package voting

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// Choices of a public ballot.
const (
	Yes     = "yes"
	No      = "no"
	Abstain = "abstain"
)

const maxReason = 1000

// Cast records a member's public ballot, or changes it.
func (v *Voting) Cast(ctx context.Context, actor governance.Actor, poll governance.PollID, choice, reason string) (audit.Receipt, error) {
	reason = strings.TrimSpace(reason)
	return v.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightVote); err != nil {
			return nil, err
		}
		switch {
		case choice != Yes && choice != No && choice != Abstain:
			return nil, governance.FieldErrorf("choice", "Choose yes, no or abstain.")
		case utf8.RuneCountInString(reason) > maxReason:
			return nil, governance.FieldErrorf("reason", "A reason has at most %d characters; this one has %d.", maxReason, utf8.RuneCountInString(reason))
		case strings.ContainsRune(reason, 0):
			return nil, governance.FieldErrorf("reason", "The reason contains a zero byte, which cannot be stored.")
		}
		about, err := requireOpen(ctx, tx, poll, false)
		if err != nil {
			return nil, err
		}
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("salt ballot: %w", err)
		}
		const upsert = `
			with before as (select choice from ballots where poll = @poll and member = @member)
			insert into ballots (poll, member, choice, reason, salt, cast_at)
			values (@poll, @member, @choice, @reason, @salt, @now)
			on conflict (poll, member) do update
			set choice = @choice, reason = @reason, salt = @salt, cast_at = @now, changes = ballots.changes + 1
			returning coalesce((select choice from before), '')`
		args := pgx.StrictNamedArgs{
			"poll": poll, "member": tx.Actor.Member, "choice": choice, "reason": reason, "salt": salt, "now": tx.Now(ctx),
		}
		ev := Cast{Poll: poll, Of: about, Choice: choice}
		if err := tx.QueryRow(ctx, upsert, args).Scan(&ev.Before); err != nil {
			return nil, fmt.Errorf("cast ballot in poll %d: %w", poll, err)
		}
		if reason != "" {
			digest := sha256.Sum256(append(salt, reason...))
			ev.Reason = hex.EncodeToString(digest[:])
		}
		return ev, nil
	})
}

// requireOpen locks the poll against its close, and the voter's line of the
// frozen roll against a second ballot at the same moment, so that each ballot
// knows which one it replaces. It fails unless the poll is open for this kind
// of ballot at the act's time.
func requireOpen(ctx context.Context, tx *audit.Tx, poll governance.PollID, secret bool) (governance.Ref, error) {
	const q = `select about, secret, state, closes_at from polls where id = @poll for share`
	const line = `select true from roll where poll = @poll and member = @member for update`
	var p Poll
	var listed []bool
	locks := &pgx.Batch{}
	locks.Queue(q, pgx.StrictNamedArgs{"poll": poll})
	locks.Queue(line, pgx.StrictNamedArgs{"poll": poll, "member": tx.Actor.Member})
	err := tx.Locking(ctx, locks, func(results pgx.BatchResults) error {
		err := results.QueryRow().Scan(&p.About, &p.Secret, &p.State, &p.Closes)
		if err != nil {
			return err
		}
		rows, _ := results.Query()
		listed, err = pgx.CollectRows(rows, pgx.RowTo[bool])
		return err
	})
	if err == nil && len(listed) == 0 {
		return "", governance.Errorf(governance.Forbidden, "You are not on the roll of poll %d, which was frozen when it opened.", poll)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", governance.Errorf(governance.NotFound, "There is no poll %d.", poll)
	case err != nil:
		return "", fmt.Errorf("lock poll %d: %w", poll, err)
	case p.State != StateOpen || !tx.Now(ctx).Before(p.Closes):
		return "", governance.Errorf(governance.Conflict, "Poll %d closed on %s. Your ballot was not changed.", poll, p.Closes.UTC().Format("2 January 2006, 15:04:05 UTC"))
	case p.Secret != secret:
		return "", governance.Errorf(governance.Invalid, "Poll %d takes another kind of ballot.", poll)
	}
	return p.About, nil
}

// Cast is the event of a public ballot, cast or changed.
type Cast struct {
	Poll   governance.PollID `json:"poll"`
	Of     governance.Ref    `json:"of"` // the proposal that asks
	Choice string            `json:"choice"`
	Before string            `json:"before,omitempty"` // the choice that it replaces
	Reason string            `json:"reason,omitempty"` // hex digest of salt and reason
}

// Kind is for ever.
func (Cast) Kind() string { return "ballot.cast" }

// Subject is the poll.
func (e Cast) Subject() governance.Ref { return governance.RefTo(governance.RefPoll, e.Poll) }

// About is the proposal that asks.
func (e Cast) About() []governance.Ref { return []governance.Ref{e.Of} }

// Sentence says what a stranger reads.
func (e Cast) Sentence() audit.Sentence {
	reason := ""
	if e.Reason != "" {
		reason = ", with a reason"
	}
	if e.Before == "" {
		return audit.Say("cast a ballot on ", e.Of, ": "+e.Choice+reason)
	}
	if e.Before == e.Choice {
		return audit.Say("confirmed a ballot on ", e.Of, ": "+e.Choice+reason)
	}
	return audit.Say("changed a ballot on ", e.Of, ": from "+e.Before+" to "+e.Choice+reason)
}

// Replay counts the ballot in the rebuilt poll.
func (e Cast) Replay(s *audit.State, entry translog.Entry) error {
	p, err := s.Poll(e.Poll)
	if err != nil {
		return err
	}
	member := governance.MemberID(governance.Ref(entry.Actor).ID())
	if p.Closed || p.Secret || p.Ballots[member] != e.Before {
		return fmt.Errorf("%w: ballot of member %d in poll %d", audit.ErrContradiction, member, e.Poll)
	}
	p.Ballots[member] = e.Choice
	return nil
}

var _ = audit.Register[Cast]()
