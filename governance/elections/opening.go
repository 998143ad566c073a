package elections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance/envelope"
	"filippo.io/age"
)

// Opening is what came out of the envelopes.
type Opening struct {
	Ballots  []envelope.Ballot
	Rejected []string // hashes of envelopes that hold no ballot of this poll, hex, sorted
}

// Open opens the envelopes in memory. What cannot be opened, or holds no
// ballot of this poll, is rejected by its hash, which accuses nobody: a voter
// can seal to a wrong key. Of two envelopes with one tracker the later by hash
// is rejected, so that a copied ballot counts once. A key that is none of the
// manifest's recipients is an error: a lost key must not become an election
// without ballots.
func (s Sealed) Open(key *age.X25519Identity) (Opening, error) {
	if !slices.Contains(s.Manifest.Recipients, key.Recipient().String()) {
		return Opening{}, fmt.Errorf("open envelopes of poll %d: the ballot key at hand is not a recipient of this poll; restore the key that it was opened with", s.Poll)
	}
	var o Opening
	seen := map[envelope.Tracker]bool{}
	for _, sealed := range s.Envelopes {
		ballot, err := envelope.Open(sealed, s.Poll, s.Options, key)
		if err != nil || seen[ballot.Tracker] {
			hash := sha256.Sum256(sealed)
			o.Rejected = append(o.Rejected, hex.EncodeToString(hash[:]))
			continue
		}
		seen[ballot.Tracker] = true
		o.Ballots = append(o.Ballots, ballot)
	}
	return o, nil
}
