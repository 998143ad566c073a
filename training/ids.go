package training

import "strconv"

// Identities of training, assigned by Postgres and shown as they are.
type (
	// CampaignID names a campaign: N rounds under one mandate.
	CampaignID int64
	// RoundID names one round of a campaign.
	RoundID int64
	// VersionID names a version: a gated checkpoint that is served.
	VersionID int64
	// AssignmentID names what one node is asked to do in one round.
	AssignmentID int64
	// UnlearningID names an unlearning case.
	UnlearningID int64
)

// String returns the decimal form used in addresses and entries.
func (id CampaignID) String() string   { return strconv.FormatInt(int64(id), 10) }
func (id RoundID) String() string      { return strconv.FormatInt(int64(id), 10) }
func (id VersionID) String() string    { return strconv.FormatInt(int64(id), 10) }
func (id AssignmentID) String() string { return strconv.FormatInt(int64(id), 10) }
func (id UnlearningID) String() string { return strconv.FormatInt(int64(id), 10) }
