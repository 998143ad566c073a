package members

import (
	"slices"
	"strings"
)

// Right is one thing that a member may do, as the log and the list of rights
// name it.
type Right string

// The rights. Acts ask for them by these names.
const (
	RightDiscuss      Right = "discuss"
	RightEdit         Right = "edit"
	RightPropose      Right = "propose"
	RightVote         Right = "vote"
	RightStand        Right = "stand"
	RightFlag         Right = "flag"
	RightInvite       Right = "invite"
	RightRegisterNode Right = "register-node"
	RightContribute   Right = "contribute"
	RightModerate     Right = "moderate"
	RightProtect      Right = "protect"
	RightHold         Right = "hold"
	RightReview       Right = "review"
	RightFound        Right = "found"
)

// Group is a set of members who hold the same rights.
type Group string

// The groups. Nobody is in more than "members" without an election or the
// founding.
const (
	Members    Group = "members"
	Moderators Group = "moderators"
	Stewards   Group = "stewards"
	Panel      Group = "panel"
	Founders   Group = "founders"
)

// RightInfo is a line of the public list of rights. Deed completes the
// sentence "You may …" and "Only those with the right to … may do this".
type RightInfo struct {
	Right       Right
	Deed        string
	Description string
}

var rights = []RightInfo{
	{RightDiscuss, "discuss", "Write on talk pages and sign there."},
	{RightEdit, "edit pages", "Change the text of pages that are not protected."},
	{RightPropose, "make proposals", "Put a motion before the community, sponsor one, amend one's own, object."},
	{RightVote, "vote", "Be on the roll of every poll and election that opens, and cast a ballot there."},
	{RightStand, "stand for office", "Be a candidate in an election."},
	{RightFlag, "flag outputs", "Report an output of the model, with a reason."},
	{RightInvite, "invite", "Make an invitation that lets one person join."},
	{RightRegisterNode, "register nodes", "Bring a machine that trains, and set what it may do."},
	{RightContribute, "contribute text", "Declare text that the model may learn from, and withdraw it."},
	{RightModerate, "moderate", "Claim flagged outputs and decide about them, with a reason."},
	{RightProtect, "protect pages", "Limit who may edit a page, and hide a revision, with a reason."},
	{RightHold, "place a hold", "Stop something at once and reversibly, until the panel has looked at it."},
	{RightReview, "review decisions", "Decide appeals against moderation, and confirm or lift holds."},
	{RightFound, "found the community", "Set the first rules, until the founding is complete."},
}

// GroupInfo is a line of the public list of groups.
type GroupInfo struct {
	Group       Group
	Title       string
	Description string
	Rights      []Right
}

var groups = []GroupInfo{
	{Members, "Members", "Everybody who has joined and not left.", []Right{
		RightDiscuss, RightEdit, RightPropose, RightVote, RightStand, RightFlag, RightInvite, RightRegisterNode, RightContribute,
	}},
	{Moderators, "Moderators", "Elected for a term to look at what members flag.", []Right{RightModerate, RightProtect}},
	{Stewards, "Stewards", "Elected for a term to keep training going; they can stop it, not decide it.", []Right{RightHold}},
	{Panel, "Review panel", "Elected for a term to decide appeals. Nobody reviews a decision of their own.", []Right{RightReview}},
	{Founders, "Founders", "Who set the community up, until the founding is complete.", []Right{RightFound}},
}

// Rights returns the public list of rights. The caller owns it.
func Rights() []RightInfo { return slices.Clone(rights) }

// Groups returns the public list of groups with their rights. The caller owns it.
func Groups() []GroupInfo {
	out := slices.Clone(groups)
	for i := range out {
		out[i].Rights = slices.Clone(out[i].Rights)
	}
	return out
}

// Known reports whether there is such a group.
func (g Group) Known() bool {
	return slices.ContainsFunc(groups, func(i GroupInfo) bool { return i.Group == g })
}

// Title returns the name of the group that people read.
func (g Group) Title() string {
	for _, info := range groups {
		if info.Group == g {
			return info.Title
		}
	}
	return string(g)
}

// deed completes "the right to …".
func (r Right) deed() string {
	for _, info := range rights {
		if info.Right == r {
			return info.Deed
		}
	}
	return string(r)
}

// groupsWith returns the groups that carry the right, as SQL takes them.
func groupsWith(r Right) []string {
	var with []string
	for _, info := range groups {
		if slices.Contains(info.Rights, r) {
			with = append(with, string(info.Group))
		}
	}
	return with
}

// holders names who has the right: "Moderators or Founders".
func (r Right) holders() string {
	var titles []string
	for _, g := range groupsWith(r) {
		titles = append(titles, Group(g).Title())
	}
	return strings.Join(titles, " or ")
}
