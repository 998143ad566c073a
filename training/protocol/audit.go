package protocol

import (
	"fmt"
	"regexp"
)

// MotionAudit is the kind of motion that names an auditor.
const MotionAudit = "audit"

// Audit is what such a decision says: which member may read the updates of
// one round, or of all rounds of one campaign. The platform encrypts them to
// the recipient, whose secret half only the auditor holds.
type Audit struct {
	Round     int64  `json:"round,omitempty"`    // 0 where a campaign is named
	Campaign  int64  `json:"campaign,omitempty"` // 0 where a round is named
	Member    int64  `json:"member"`
	Recipient string `json:"recipient"` // age X25519, "age1…"
}

// recipientForm is Bech32 of 32 bytes. Whoever encrypts checks the sum as well.
var recipientForm = regexp.MustCompile(`^age1[02-9ac-hj-np-z]{58}$`)

// ParseAudit reads the params of a decision to audit strictly.
func ParseAudit(data []byte) (Audit, error) {
	a, err := Decode[Audit](data)
	if err != nil {
		return Audit{}, fmt.Errorf("audit: %w", err)
	}
	if a.Round < 0 || a.Campaign < 0 || (a.Round == 0) == (a.Campaign == 0) {
		return Audit{}, fmt.Errorf("audit: round %d and campaign %d: want one of the two", a.Round, a.Campaign)
	}
	if a.Member < 1 {
		return Audit{}, fmt.Errorf("audit: member %d: want the number of the auditor", a.Member)
	}
	if !recipientForm.MatchString(a.Recipient) {
		return Audit{}, fmt.Errorf("audit: recipient %q: want a public key as age-keygen writes it, age1…", a.Recipient)
	}
	return a, nil
}
