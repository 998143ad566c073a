package elections

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/envelope"
	"filippo.io/age"
	"github.com/jackc/pgx/v5"
)

// NewSecret draws the voter's secret of a form. It goes to the voter's browser
// and comes back with the ballot; it is kept nowhere.
func NewSecret() ([]byte, error) {
	secret := make([]byte, envelope.SecretSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("draw a voter's secret: %w", err)
	}
	return secret, nil
}

// Cast seals a ranking in memory and casts the envelope: the way of a voter
// whose browser seals nothing itself. The choice and the secret are in this
// call's memory for its time and nowhere else; the table gets the envelope,
// the log its hash. The same secret gives the same tracker, so a retry gives
// the voter the same receipt.
func (e *Elections) Cast(ctx context.Context, actor governance.Actor, id governance.ElectionID, ranking []int, secret []byte) (envelope.Tracker, audit.Receipt, error) {
	var none envelope.Tracker
	if len(secret) != envelope.SecretSize {
		return none, audit.Receipt{}, governance.Errorf(governance.Invalid, "The form has lost its secret. Load the page again and vote once more.")
	}
	poll, options, manifest, err := e.ballot(ctx, id)
	if err != nil {
		return none, audit.Receipt{}, err
	}
	ballot := envelope.Ballot{Poll: poll, Tracker: envelope.NewTracker(poll, actor.Member, secret), Ranking: ranking}
	if err := ballot.Check(options); err != nil {
		return none, audit.Receipt{}, err
	}
	recipients := make([]age.Recipient, len(manifest.Recipients))
	for i, text := range manifest.Recipients {
		if recipients[i], err = age.ParseX25519Recipient(text); err != nil {
			return none, audit.Receipt{}, fmt.Errorf("recipients of poll %d: %w", poll, err)
		}
	}
	sealed, err := envelope.Seal(ballot, recipients...)
	if err != nil {
		return none, audit.Receipt{}, err
	}
	receipt, err := e.voting.CastSealed(ctx, actor, poll, sealed)
	return ballot.Tracker, receipt, err
}

// ballot reads what sealing needs of an election.
func (e *Elections) ballot(ctx context.Context, id governance.ElectionID) (governance.PollID, int, Manifest, error) {
	const q = `select p.id, p.options, p.rule from elections e join polls p on p.id = e.poll where e.id = @id`
	var poll governance.PollID
	var options int
	var rule string
	err := e.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&poll, &options, &rule)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, Manifest{}, governance.Errorf(governance.Conflict, "Election %d takes no ballots now.", id)
	}
	if err != nil {
		return 0, 0, Manifest{}, fmt.Errorf("read ballot of election %d: %w", id, err)
	}
	m, _, err := ParseManifest(rule)
	return poll, options, m, err
}
