package governance

import "strconv"

// Identities, a type each, so that a poll cannot be passed for a member. They
// are assigned by Postgres and shown as they are: /polls/7.
type (
	// MemberID names a member: a person, identified by (issuer, subject).
	MemberID int64
	// NodeID names a machine that trains for its owner, a member.
	NodeID int64
	// PageID names a revisioned page: a policy, a proposal's text, a talk page.
	PageID int64
	// RevisionID names one saved text of a page.
	RevisionID int64
	// PollID names a question that is open to an electorate.
	PollID int64
	// ProposalID names a proposal: a motion with its text and its stages.
	ProposalID int64
	// ElectionID names an election to an office.
	ElectionID int64
	// CaseID names a moderation case.
	CaseID int64
	// FlagID names one member's flag on one output.
	FlagID int64
	// EntryID names a pending entry of the trail before it has an index in
	// the log. It is not a position in the log.
	EntryID int64
)

// String returns the decimal form used in addresses and entries.
func (id MemberID) String() string   { return strconv.FormatInt(int64(id), 10) }
func (id NodeID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id PageID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id RevisionID) String() string { return strconv.FormatInt(int64(id), 10) }
func (id PollID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id ProposalID) String() string { return strconv.FormatInt(int64(id), 10) }
func (id ElectionID) String() string { return strconv.FormatInt(int64(id), 10) }
func (id CaseID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id FlagID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id EntryID) String() string    { return strconv.FormatInt(int64(id), 10) }
