package elections

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/voting"
	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Stages of an election.
const (
	Nomination = "nomination"
	Voting     = "voting"
	Counting   = "counting" // closed; the envelopes are being opened
	Certified  = "certified"
	Void       = "void"
)

// RefElection is the kind of reference to an election.
const RefElection = "election"

// offices that can be filled by an election, each with its policies.
var offices = map[members.Group]struct{ seats, term policies.Key }{
	members.Moderators: {policies.ModeratorSeats, policies.ModeratorTerm},
}

// Elections is the store of elections.
type Elections struct {
	trail      *audit.Trail
	pool       *pgxpool.Pool
	voting     *voting.Voting
	recipients []string
	promiser   *envelope.Promiser // nil without promises
}

// New returns the store. recipients are the public age keys to which the
// ballots of elections that open from now on are sealed; each alone opens them.
func New(trail *audit.Trail, pool *pgxpool.Pool, recipients ...string) (*Elections, error) {
	if len(recipients) == 0 {
		return nil, errors.New("elections need a recipient of sealed ballots")
	}
	for _, r := range recipients {
		if _, err := age.ParseX25519Recipient(r); err != nil {
			return nil, fmt.Errorf("recipient of sealed ballots: %w", err)
		}
	}
	return &Elections{trail: trail, pool: pool, voting: voting.New(trail, pool), recipients: recipients}, nil
}

// Call begins an election: members may stand from now on. Its receipt names
// the election. An office has one election at a time.
func (e *Elections) Call(ctx context.Context, actor governance.Actor, office members.Group) (audit.Receipt, error) {
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightPropose); err != nil {
			return nil, err
		}
		keys, ok := offices[office]
		if !ok {
			return nil, governance.FieldErrorf("office", "There is no election to this office.")
		}
		inForce, err := policies.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		until := tx.Now(ctx).Add(inForce.Duration(policies.NominationPeriod))
		ev := Called{Office: office, Seats: int(inForce.Int(keys.seats)), Nominations: until.UTC().Format(time.RFC3339Nano)}
		const insert = `
			insert into elections (office, seats, term_seconds, voting_seconds, called_by, called_at, state, until)
			values (@office, @seats, @term, @voting, @member, @now, 'nomination', @until) returning id`
		args := pgx.StrictNamedArgs{
			"office": office, "seats": ev.Seats, "term": inForce.Int(keys.term), "voting": inForce.Int(policies.ElectionPeriod),
			"member": tx.Actor.Member, "now": tx.Now(ctx), "until": until,
		}
		if err := tx.QueryRow(ctx, insert, args).Scan(&ev.Election); err != nil {
			return nil, pg.Translate(fmt.Errorf("call election: %w", err), map[string]error{
				"elections_open": governance.Errorf(governance.Conflict, "An election of the %s is under way already.", strings.ToLower(office.Title())),
			})
		}
		if err := tx.Name(ctx, ev.Subject(), fmt.Sprintf("Election %d: %s", ev.Election, office.Title())); err != nil {
			return nil, err
		}
		return ev, tx.EnqueueAt(ctx, AdvanceArgs{ev.Election, Nomination}, until)
	})
}

const maxStatement = 600 // characters

// Stand makes the member a candidate, or gives a candidate another statement,
// until voting opens. The statement is plain text.
func (e *Elections) Stand(ctx context.Context, actor governance.Actor, id governance.ElectionID, statement string) (audit.Receipt, error) {
	statement = strings.TrimSpace(strings.ReplaceAll(statement, "\r\n", "\n"))
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightStand); err != nil {
			return nil, err
		}
		if err := checkStatement(statement); err != nil {
			return nil, err
		}
		if err := requireNomination(ctx, tx, id); err != nil {
			return nil, err
		}
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return nil, fmt.Errorf("salt statement: %w", err)
		}
		digest := sha256.Sum256(append(salt, statement...))
		const upsert = `
			insert into candidates (election, member, statement, salt, digest, stood_at)
			values (@election, @member, @statement, @salt, @digest, @now)
			on conflict (election, member) do update set statement = @statement, salt = @salt, digest = @digest`
		args := pgx.StrictNamedArgs{
			"election": id, "member": tx.Actor.Member, "statement": statement, "salt": salt, "digest": digest[:], "now": tx.Now(ctx),
		}
		if _, err := tx.Exec(ctx, upsert, args); err != nil {
			return nil, fmt.Errorf("stand in election %d: %w", id, err)
		}
		return Stood{id, hex.EncodeToString(digest[:])}, nil
	})
}

func checkStatement(statement string) error {
	n := utf8.RuneCountInString(statement)
	switch {
	case n == 0:
		return governance.FieldErrorf("statement", "Say what you would do in the office.")
	case n > maxStatement:
		return governance.FieldErrorf("statement", "A statement has at most %d characters; this one has %d.", maxStatement, n)
	case !utf8.ValidString(statement) || strings.ContainsFunc(statement, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return governance.FieldErrorf("statement", "The statement contains a character that cannot be shown.")
	}
	return nil
}

// Withdraw takes a candidacy back before voting opens.
func (e *Elections) Withdraw(ctx context.Context, actor governance.Actor, id governance.ElectionID) (audit.Receipt, error) {
	return e.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightStand); err != nil {
			return nil, err
		}
		if err := requireNomination(ctx, tx, id); err != nil {
			return nil, err
		}
		const q = `delete from candidates where election = @election and member = @member`
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"election": id, "member": tx.Actor.Member})
		if err != nil {
			return nil, fmt.Errorf("withdraw from election %d: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil, governance.Errorf(governance.Conflict, "You do not stand in election %d.", id)
		}
		return Withdrew{id}, nil
	})
}

// requireNomination keeps the list of candidates open until the act ends.
func requireNomination(ctx context.Context, tx *audit.Tx, id governance.ElectionID) error {
	const q = `select state, until from elections where id = @id for share`
	var state string
	var until *time.Time
	err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&state, &until)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return governance.Errorf(governance.NotFound, "There is no election %d.", id)
	case err != nil:
		return fmt.Errorf("lock election %d: %w", id, err)
	case state != Nomination || until == nil || !tx.Now(ctx).Before(*until):
		return governance.Errorf(governance.Conflict, "The nominations of election %d are closed; the list of candidates is frozen.", id)
	}
	return nil
}
