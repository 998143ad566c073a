// Package envelope seals secret ballots and opens them at the close. A ballot
// is encrypted to the recipients of its poll (age, X25519 or a list of them,
// so that trustees fit later); the log holds the envelope's hash only.
//
// The voter's tracker is SHA-256("ballot-v1" ‖ poll ‖ member ‖ secret): because
// it binds the member and a secret of the voter's own, two like-minded voters
// can never be shown the same line (the clash attack on Debian's 2001 tally
// sheet), and nobody but the voter knows which line is whose.
package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"codeberg.org/althing/althing/governance"
	"filippo.io/age"
)

// Tracker is the line under which a voter finds the own ballot.
type Tracker [sha256.Size]byte

// SecretSize is the size of the voter's secret in bytes.
const SecretSize = 32

// NewTracker computes the tracker of a voter's secret.
func NewTracker(poll governance.PollID, member governance.MemberID, secret []byte) Tracker {
	h := sha256.New()
	h.Write([]byte("ballot-v1"))
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(poll))
	h.Write(n[:])
	binary.BigEndian.PutUint64(n[:], uint64(member))
	h.Write(n[:])
	h.Write(secret)
	return Tracker(h.Sum(nil))
}

// Ballot is what an envelope holds. Ranking lists candidates, numbered from
// 1 in the order of the poll, most preferred first.
type Ballot struct {
	Poll    governance.PollID `json:"poll"`
	Tracker Tracker           `json:"-"`
	Ranking []int             `json:"ranking"`
}

type ballotForm struct {
	Poll    governance.PollID `json:"poll"`
	Tracker []byte            `json:"tracker"`
	Ranking []int             `json:"ranking"`
}

// plainSize hides the length of the ranking: every ballot is padded to it.
const plainSize = 512

// Check reports a ranking that no count could use.
func (b Ballot) Check(options int) error {
	if len(b.Ranking) == 0 {
		return governance.FieldErrorf("ranking", "The ballot is empty. Give at least one candidate a number.")
	}
	seen := slices.Clone(b.Ranking)
	slices.Sort(seen)
	for i, c := range seen {
		if c < 1 || c > options {
			return governance.FieldErrorf("ranking", "There is no candidate number %d.", c)
		}
		if i > 0 && seen[i-1] == c {
			return governance.FieldErrorf("ranking", "A candidate is ranked twice.")
		}
	}
	return nil
}

// Seal encrypts a ballot to every recipient.
func Seal(b Ballot, recipients ...age.Recipient) ([]byte, error) {
	plain, err := json.Marshal(ballotForm{b.Poll, b.Tracker[:], b.Ranking})
	if err != nil {
		return nil, fmt.Errorf("seal ballot: %w", err)
	}
	if len(plain) > plainSize {
		return nil, governance.FieldErrorf("ranking", "The ranking is too long to be sealed.")
	}
	plain = append(plain, bytes.Repeat([]byte{' '}, plainSize-len(plain))...)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		return nil, fmt.Errorf("seal ballot: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("seal ballot: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal ballot: %w", err)
	}
	return out.Bytes(), nil
}

// Open decrypts an envelope. The error tells no more than that it is not a
// ballot of this poll.
func Open(sealed []byte, poll governance.PollID, options int, identities ...age.Identity) (Ballot, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	if err != nil {
		return Ballot{}, fmt.Errorf("open envelope: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, plainSize+1))
	if err != nil || len(plain) != plainSize {
		return Ballot{}, fmt.Errorf("open envelope: want %d bytes of ballot", plainSize)
	}
	var form ballotForm
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return Ballot{}, fmt.Errorf("open envelope: not a ballot")
	}
	if form.Poll != poll || len(form.Tracker) != len(Tracker{}) {
		return Ballot{}, fmt.Errorf("open envelope: a ballot of another poll")
	}
	b := Ballot{Poll: form.Poll, Tracker: Tracker(form.Tracker), Ranking: form.Ranking}
	return b, b.Check(options)
}
