package members

import (
	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
)

// RefInvitation is the kind of Ref of an invitation.
const RefInvitation = "invitation"

var (
	_ = audit.Register[Joined]()
	_ = audit.Register[Renamed]()
	_ = audit.Register[Invited]()
	_ = audit.Register[Left]()
)

// ReplayGrant notes in a rebuilt state that a member is in a group or no
// longer in it. The Replay of every event whose act granted or revoked calls
// it. State.Rights then holds groups: what a group may do is in this package.
func ReplayGrant(s *audit.State, member governance.MemberID, group Group, held bool) {
	s.Grant(member, string(group), held)
}

// Joined is a person who became a member.
type Joined struct {
	Member     governance.MemberID `json:"member"`
	Invitation int64               `json:"invitation,omitempty"` // 0 without one
	Founder    bool                `json:"founder,omitempty"`    // joined before the founding was complete
}

// Kind is the kind of the entry, for ever.
func (Joined) Kind() string { return "member.joined" }

// Subject is who joined.
func (e Joined) Subject() governance.Ref { return governance.RefTo(governance.RefMember, e.Member) }

// About names the invitation.
func (e Joined) About() []governance.Ref {
	if e.Invitation == 0 {
		return nil
	}
	return []governance.Ref{governance.RefTo(RefInvitation, e.Invitation)}
}

// Sentence says how.
func (e Joined) Sentence() audit.Sentence {
	switch {
	case e.Founder:
		return audit.Say("joined as a founder")
	case e.Invitation != 0:
		return audit.Say("joined by ", governance.RefTo(RefInvitation, e.Invitation))
	}
	return audit.Say("joined")
}

// Replay gives the member the groups that joining gives.
func (e Joined) Replay(s *audit.State, _ translog.Entry) error {
	if _, known := s.Rights[e.Member]; known {
		return audit.ErrContradiction
	}
	ReplayGrant(s, e.Member, Members, true)
	if e.Founder {
		ReplayGrant(s, e.Member, Founders, true)
	}
	return nil
}

// Renamed is a member's change of name. Neither name is in the log, because
// what is in it stays.
type Renamed struct {
	Member governance.MemberID `json:"member"`
}

// Kind is the kind of the entry, for ever.
func (Renamed) Kind() string { return "member.renamed" }

// Subject is whose name it is.
func (e Renamed) Subject() governance.Ref { return governance.RefTo(governance.RefMember, e.Member) }

// Sentence says that, not what: the name is joined when a page is read.
func (Renamed) Sentence() audit.Sentence { return audit.Say("took another name") }

// Invited is an invitation that was made. Its secret is known to its maker.
type Invited struct {
	Invitation int64 `json:"invitation"`
	Expires    int64 `json:"expires"` // Unix seconds
}

// Kind is the kind of the entry, for ever.
func (Invited) Kind() string { return "member.invited" }

// Subject is the invitation.
func (e Invited) Subject() governance.Ref { return governance.RefTo(RefInvitation, e.Invitation) }

// Sentence names it.
func (e Invited) Sentence() audit.Sentence {
	return audit.Say("made ", governance.RefTo(RefInvitation, e.Invitation), " for one person")
}

// Left is a member who left.
type Left struct {
	Member governance.MemberID `json:"member"`
}

// Kind is the kind of the entry, for ever.
func (Left) Kind() string { return "member.left" }

// Subject is who left.
func (e Left) Subject() governance.Ref { return governance.RefTo(governance.RefMember, e.Member) }

// Sentence says it.
func (Left) Sentence() audit.Sentence { return audit.Say("left the community") }

// Replay ends every right.
func (e Left) Replay(s *audit.State, _ translog.Entry) error {
	if !s.Rights[e.Member][string(Members)] {
		return audit.ErrContradiction
	}
	s.Rights[e.Member] = map[string]bool{}
	return nil
}
