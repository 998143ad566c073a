package voting

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Voting is the store of polls.
type Voting struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Voting { return &Voting{trail, pool} }

// Opening is what a poll is opened with.
type Opening struct {
	About      governance.Ref // the proposal or election that asks
	Rule       any            // frozen as JSON
	Secret     bool
	Options    int // candidates of a ranking; 0 for yes, no, abstain
	Closes     time.Time
	TextDigest []byte // of the frozen text, if there is one
	Minimum    int64  // voters below which a secret poll is refused
}

// Opened is the part of an opening event that Replay needs. The event of the
// act that opens a poll embeds it.
type Opened struct {
	Poll       governance.PollID `json:"poll"`
	Secret     bool              `json:"secret"`
	Rule       string            `json:"rule"`
	Options    int               `json:"options"`
	Roll       int64             `json:"roll"`
	RollDigest string            `json:"roll_digest"`
	TextDigest string            `json:"text_digest"`
	Closes     string            `json:"closes"`
}

// Open is a step that opens a poll and freezes the roll: everybody who may
// vote at the act's time.
func Open(ctx context.Context, tx *audit.Tx, o Opening) (Opened, error) {
	voters, err := members.Roll(ctx, tx)
	if err != nil {
		return Opened{}, err
	}
	if len(voters) == 0 {
		return Opened{}, governance.Errorf(governance.Conflict, "Nobody may vote, so nothing can be put to a vote.")
	}
	if o.Secret && int64(len(voters)) < o.Minimum {
		return Opened{}, governance.Errorf(governance.Conflict, "A secret poll needs at least %d voters, and there are %d: with fewer the result itself would tell who voted how.", o.Minimum, len(voters))
	}
	raw, err := json.Marshal(o.Rule)
	if err != nil {
		return Opened{}, fmt.Errorf("open poll: rule: %w", err)
	}
	rule, err := translog.Canonical(raw)
	if err != nil {
		return Opened{}, fmt.Errorf("open poll: rule: %w", err)
	}
	digest := RollDigest(voters)
	opened := Opened{
		Secret: o.Secret, Rule: string(rule), Options: o.Options, Roll: int64(len(voters)),
		RollDigest: hex.EncodeToString(digest[:]), TextDigest: hex.EncodeToString(o.TextDigest),
		Closes: o.Closes.UTC().Format(time.RFC3339Nano),
	}
	const insert = `
		insert into polls (about, secret, rule, options, roll_size, roll_digest, text_digest, opened_at, closes_at)
		values (@about, @secret, @rule, @options, @size, @digest, @text, @now, @closes) returning id`
	args := pgx.StrictNamedArgs{
		"about": o.About, "secret": o.Secret, "rule": opened.Rule, "options": o.Options, "size": opened.Roll,
		"digest": digest[:], "text": append([]byte{}, o.TextDigest...), "now": tx.Now(ctx), "closes": o.Closes,
	}
	if err := tx.QueryRow(ctx, insert, args).Scan(&opened.Poll); err != nil {
		return Opened{}, fmt.Errorf("open poll about %s: %w", o.About, err)
	}
	const roll = `insert into roll (poll, member) select @poll, unnest(@members::bigint[])`
	ids := make([]int64, len(voters))
	for i, v := range voters {
		ids[i] = int64(v)
	}
	if _, err := tx.Exec(ctx, roll, pgx.StrictNamedArgs{"poll": opened.Poll, "members": ids}); err != nil {
		return Opened{}, fmt.Errorf("freeze roll of poll %d: %w", opened.Poll, err)
	}
	return opened, nil
}

// RollDigest commits to a roll: SHA-256 over the member numbers, ascending,
// eight bytes each, most significant first.
func RollDigest(voters []governance.MemberID) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	for _, v := range voters {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// ReplayOpened notes an opened poll in a rebuilt state.
func ReplayOpened(s *audit.State, about governance.Ref, o Opened) error {
	if _, twice := s.Polls[o.Poll]; twice {
		return fmt.Errorf("%w: poll %d is opened twice", audit.ErrContradiction, o.Poll)
	}
	s.Polls[o.Poll] = &audit.PollState{
		About: about, Rule: o.Rule, Roll: o.Roll, Secret: o.Secret, Ballots: map[governance.MemberID]string{},
	}
	return nil
}
