package moderation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// States of a case.
const (
	Open    = "open"
	Claimed = "claimed"
	Decided = "decided"
)

// RefCase is the kind of reference to a case.
const RefCase = "case"

// Moderation is the store of cases.
type Moderation struct {
	trail *audit.Trail
	pool  *pgxpool.Pool
}

// New returns the store.
func New(trail *audit.Trail, pool *pgxpool.Pool) *Moderation { return &Moderation{trail, pool} }

// Output is one answer of the model, with what repeats it.
type Output struct {
	Version    int64
	Prompt     string
	Completion string
	Seed       int64
}

// Hash names the output: the same version that said the same after the same
// prompt, whatever the seed. It stays in the database, because a short text
// could be found from its hash.
func (o Output) Hash() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{"output-v1", strconv.FormatInt(o.Version, 10), o.Prompt, o.Completion} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write([]byte(part))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (o Output) check() error {
	switch {
	case o.Version < 1 || o.Completion == "":
		return governance.Errorf(governance.Invalid, "There is no answer to report. Ask the model again and report what it says.")
	case len(o.Prompt) > 32_000 || len(o.Completion) > 64_000:
		return governance.Errorf(governance.Invalid, "The answer is too long to be reported.")
	case !utf8.ValidString(o.Prompt+o.Completion) || strings.ContainsRune(o.Prompt+o.Completion, 0):
		return governance.Errorf(governance.Invalid, "The answer contains bytes that cannot be stored.")
	}
	return nil
}

// Clause is a reason for which an output may be reported.
type Clause struct{ Value, Label string }

var clauses = []Clause{
	{"personal-data", "Personal data: it says how to reach or recognise a private person"},
	{"works-of-others", "Works of others: it repeats a text that we may not use"},
	{"harassment", "Harassment: it insults or threatens a person or a group"},
	{"danger", "Danger: following it could hurt somebody"},
	{"other", "Something else"},
}

// Clauses lists the clauses in the order of forms. The caller owns the list.
func Clauses() []Clause { return slices.Clone(clauses) }

func checkClause(value string) error {
	if !slices.ContainsFunc(clauses, func(c Clause) bool { return c.Value == value }) {
		return governance.FieldErrorf("clause", "Choose what is wrong with the answer.")
	}
	return nil
}

const maxReason = 1000 // characters

func checkText(field, name, text string, least, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case n < least && least == 1:
		return governance.FieldErrorf(field, "%s: please write something.", name)
	case n < least:
		return governance.FieldErrorf(field, "%s: write at least %d characters; this has %d. The person who reported will read it.", name, least, n)
	case n > most:
		return governance.FieldErrorf(field, "%s: at most %d characters; this has %d.", name, most, n)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return governance.FieldErrorf(field, "%s: it contains bytes that cannot be stored.", name)
	}
	return nil
}

// newSalt keeps short texts from being guessed by their digests.
func newSalt() ([]byte, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("salt text: %w", err)
	}
	return salt, nil
}

func digest(salt []byte, texts ...string) string {
	h := sha256.New()
	h.Write(salt)
	for _, t := range texts {
		fmt.Fprintf(h, "%d:", len(t))
		h.Write([]byte(t))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Flag reports an output. Its receipt names the case: a new one, or the one
// that others have opened on the same output.
func (m *Moderation) Flag(ctx context.Context, actor governance.Actor, output Output, clause, reason string) (audit.Receipt, error) {
	reason = strings.TrimSpace(reason)
	return m.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := members.Require(ctx, tx, members.RightFlag); err != nil {
			return nil, err
		}
		if err := errors.Join(output.check(), checkClause(clause), checkText("reason", "Reason", reason, 0, maxReason)); err != nil {
			return nil, err
		}
		found, err := openCase(ctx, tx, output)
		if err != nil {
			return nil, err
		}
		salt, err := newSalt()
		if err != nil {
			return nil, err
		}
		const insert = `
			insert into flags (case_id, member, clause, reason, salt, at)
			values (@case, @member, @clause, @reason, @salt, @now) returning id`
		ev := Flagged{
			Case: found.id, Version: output.Version, Output: digest(found.salt, output.Prompt, output.Completion), Clause: clause, New: found.fresh,
		}
		args := pgx.StrictNamedArgs{
			"case": found.id, "member": tx.Actor.Member, "clause": clause, "reason": reason, "salt": salt, "now": tx.Now(ctx),
		}
		if err := tx.QueryRow(ctx, insert, args).Scan(&ev.Flag); err != nil {
			return nil, pg.Translate(fmt.Errorf("flag output of version %d: %w", output.Version, err), map[string]error{
				"flags_once": governance.Errorf(governance.Conflict, "You have reported this answer already, in case %d.", found.id),
			})
		}
		if reason != "" {
			ev.Reason = digest(salt, reason)
		}
		return ev, tx.Name(ctx, ev.Subject(), fmt.Sprintf("Case %d", found.id))
	})
}

type opened struct {
	id    governance.CaseID
	salt  []byte
	fresh bool
}

// openCase finds the case of an output or opens it. Two first flags at the
// same moment meet at the unique hash: one waits for the other and joins it.
func openCase(ctx context.Context, tx *audit.Tx, output Output) (opened, error) {
	salt, err := newSalt()
	if err != nil {
		return opened{}, err
	}
	hash := output.Hash()
	const insert = `
		insert into cases (output, version, seed, prompt, completion, salt, opened_at)
		values (@output, @version, @seed, @prompt, @completion, @salt, @now)
		on conflict (output) do nothing returning id`
	rows, _ := tx.Query(ctx, insert, pgx.StrictNamedArgs{
		"output": hash[:], "version": output.Version, "seed": output.Seed, "prompt": output.Prompt,
		"completion": output.Completion, "salt": salt, "now": tx.Now(ctx),
	})
	fresh, err := pgx.CollectRows(rows, pgx.RowTo[governance.CaseID])
	if err != nil {
		return opened{}, fmt.Errorf("open case on version %d: %w", output.Version, err)
	}
	if len(fresh) == 1 {
		return opened{fresh[0], salt, true}, nil
	}
	const q = `select id, salt, state from cases where output = @output for share`
	var found opened
	var state string
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"output": hash[:]}).Scan(&found.id, &found.salt, &state); err != nil {
		return opened{}, fmt.Errorf("find case on version %d: %w", output.Version, err)
	}
	if state == Decided {
		return opened{}, governance.Errorf(governance.Conflict, "This answer was reported before and is decided: see case %d.", found.id)
	}
	return found, nil
}
