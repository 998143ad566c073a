package handlers

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/tally"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// classNames are what the classes of proposals are called.
var classNames = map[int]string{policies.Reversible: "1, reversible", policies.PolicyChange: "2, policy", policies.Destructive: "3, destructive"}

// chips are the states of a proposal as a list shows them.
var chips = map[string]ui.Chip{
	proposals.Draft: {Text: "draft"}, proposals.Discussion: {Text: "in discussion"}, proposals.Voting: {Text: "voting", Kind: "warning"},
	proposals.Waiting: {Text: "passed, waiting", Kind: "success"}, proposals.Adopted: {Text: "being carried out", Kind: "success"},
	proposals.Done: {Text: "carried out", Kind: "success"}, proposals.Failed: {Text: "could not be carried out", Kind: "error"},
	proposals.Rejected: {Text: "rejected", Kind: "error"}, proposals.Withdrawn: {Text: "withdrawn"},
}

func proposalLine(p proposals.Summary, names map[governance.Ref]string) webpages.ProposalLine {
	by := link(memberRef(p.Author), names)[0]
	line := webpages.ProposalLine{ID: int64(p.ID), Title: p.Title, Class: classNames[p.Class], Stage: chips[p.State], By: by.Text, ByURL: by.Href}
	if p.Roll > 0 {
		line.Tally = fmt.Sprintf("%d yes, %d no, %d abstain of %d", p.Yes, p.No, p.Abstain, p.Roll)
	}
	if p.Until != nil {
		line.Closes = shortMoment(*p.Until)
	}
	return line
}

// proposalView is all that the page of a proposal is made of.
type proposalView struct {
	proposals.Proposal
	chrome  layout.Chrome
	poll    voting.Poll
	ballots []voting.Ballot
	inForce policies.Values
	would   []ui.Fact             // what the motion would do
	begun   []begun               // what its decision set going
	unlearn training.UnlearningID // the case that it opened; 0 for none
	names   map[governance.Ref]string
	html    string
	now     time.Time
	err     error      // of a ballot that was sent
	form    url.Values // of that ballot
}

func voters(list []voting.Ballot) []governance.Ref {
	refs := make([]governance.Ref, len(list))
	for i, b := range list {
		refs[i] = memberRef(b.Member)
	}
	return refs
}

// refs are the names that the page needs.
func (v proposalView) refs() []governance.Ref {
	refs := append(voters(v.ballots), memberRef(v.Author))
	for _, m := range v.Sponsors {
		refs = append(refs, memberRef(m))
	}
	return refs
}

func (v proposalView) page() webpages.ProposalPage {
	p := webpages.ProposalPage{
		Chrome: v.chrome, ID: int64(v.ID), HTML: v.html, Stages: v.stages(), Infobox: v.infobox(), Sponsors: v.sponsors(), Moves: v.moves(),
		MotionNote: "The software does this, and nothing else, if the proposal is adopted.",
		Record: ui.Cat(ui.Plain("Every act on this proposal is in the log: "),
			ui.Link("its changes", href.Changes(href.Filter{Subject: "proposal:" + v.ID.String()})), ui.Plain(".")),
	}
	p.Motion = v.would
	if v.Poll != 0 {
		p.Vote = v.vote()
		p.Ballots = ballotLines(v.ballots, v.names, v.chrome.MemberID)
		p.BallotNote = fmt.Sprintf("%d of %d; all are public", len(v.ballots), v.poll.Cast)
	}
	p.Result = v.result()
	return p
}

var stageNames = []struct{ state, name string }{
	{proposals.Draft, "Draft"}, {proposals.Discussion, "Discussion"}, {proposals.Voting, "Voting"},
	{proposals.Waiting, "Waiting"}, {proposals.Adopted, "Execution"}, {proposals.Done, "Done"},
}

// stages is the tracker: what is done, what is now, what is to come.
func (v proposalView) stages() []ui.Stage {
	var list []ui.Stage
	now := -1
	for i, s := range stageNames {
		if s.state == v.State {
			now = i
		}
	}
	switch v.State {
	case proposals.Rejected:
		now = 3
	case proposals.Failed:
		now = 5
	case proposals.Withdrawn:
		now = 1
	}
	for i, s := range stageNames {
		stage := ui.Stage{Name: s.name}
		switch {
		case i < now || i == now && v.State == proposals.Done:
			stage.State = "done"
		case i == now:
			stage.State = "now"
			if v.Until != nil {
				stage.Note = "to " + shortMoment(*v.Until).Text
			}
			if c, ok := chips[v.State]; ok && (v.State == proposals.Rejected || v.State == proposals.Failed || v.State == proposals.Withdrawn) {
				stage.Name, stage.Note = c.Text, ""
			}
		}
		list = append(list, stage)
	}
	return list
}

func (v proposalView) infobox() ui.Infobox {
	first := ui.FactGroup{Facts: []ui.Fact{
		{Label: "Class", Value: ui.Plain(classNames[v.Class])},
		{Label: "Stage", Chip: chips[v.State]},
		{Label: "Author", Value: link(memberRef(v.Author), v.names)},
	}}
	if v.Until != nil {
		first.Facts = append(first.Facts, ui.Fact{Label: "Until", Value: richMoment(*v.Until)})
	}
	text := ui.FactGroup{Title: "Text", Facts: []ui.Fact{
		{Label: "Revision", Value: ui.Link(ui.Count(v.Number), href.ProposalHistory(int64(v.ID)))},
		{Label: "Digest", Value: ui.Digest(shortDigest(hex.EncodeToString(v.Digest)))},
	}}
	box := ui.Infobox{Caption: "Proposal " + v.ID.String(), Groups: []ui.FactGroup{first, text}}
	if v.Poll != 0 {
		box.Groups = append(box.Groups, ui.FactGroup{Title: "Electorate", Facts: []ui.Fact{
			{Label: "Roll", Value: ui.Link(ui.Count(v.poll.Roll)+" members", href.ProposalRoll(int64(v.ID)))},
			{Label: "Roll digest", Value: ui.Digest(shortDigest(hex.EncodeToString(v.poll.RollDigest)))},
			{Label: "Ballots", Value: ui.Plain("public, may be changed until the close")},
		}})
	}
	return box
}

func (v proposalView) sponsors() webpages.ProposalSponsors {
	s := webpages.ProposalSponsors{Needed: int(v.inForce.Int(policies.Sponsors)), Have: len(v.Sponsors), Operation: newOperation()}
	mine := governance.MemberID(v.chrome.MemberID)
	s.CanLend = v.State == proposals.Draft && mine != 0 && mine != v.Author
	for i, m := range v.Sponsors {
		if i > 0 {
			s.Names = ui.Cat(s.Names, ui.Plain(", "))
		}
		s.Names = ui.Cat(s.Names, link(memberRef(m), v.names))
		s.CanLend = s.CanLend && m != mine
	}
	return s
}

func (v proposalView) moves() []webpages.ProposalMove {
	if governance.MemberID(v.chrome.MemberID) != v.Author {
		return nil
	}
	var moves []webpages.ProposalMove
	if v.State == proposals.Draft {
		moves = append(moves, webpages.ProposalMove{Name: "table", Text: "Table this proposal", Look: "primary", Operation: newOperation()})
	}
	if v.State == proposals.Draft || v.State == proposals.Discussion {
		moves = append(moves, webpages.ProposalMove{Name: "withdraw", Text: "Withdraw", Look: "destructive", Operation: newOperation()})
	}
	return moves
}

// vote is the panel of the poll: the rule in words before its numbers.
func (v proposalView) vote() *webpages.ProposalVote {
	c := v.poll.Counts
	vote := &webpages.ProposalVote{Tally: ui.Tally{
		Label: fmt.Sprintf("Proposal %d", v.ID), Yes: int(c.Yes), No: int(c.No), Abstain: int(c.Abstain), Roll: int(v.poll.Roll),
	}}
	rule, err := v.poll.TallyRule()
	if err != nil {
		return vote
	}
	if rule.FloorDen > 0 {
		vote.Tally.Floor = int((v.poll.Roll*rule.FloorNum + rule.FloorDen - 1) / rule.FloorDen)
	}
	outcome := rule.Evaluate(c)
	needs := rule.Preview(int(v.poll.Roll))
	if v.voting() {
		needs += " " + outcome.Sentence()
	}
	vote.Rule = ui.Plain(needs)
	vote.RuleNote = ui.Plain(fmt.Sprintf("Rule %s, version %d, frozen when voting opened. Abstentions count for the quorum and not for the majority.", rule.Name, rule.Version))
	for _, cond := range outcome.Conditions {
		vote.Conditions = append(vote.Conditions, condition(cond))
	}
	v.addBallot(vote)
	return vote
}

func condition(c tally.Condition) webpages.ProposalCondition {
	state := ui.Chip{Text: "not yet", Kind: "warning"}
	if c.Holds {
		state = ui.Chip{Text: "holds", Kind: "success"}
	}
	return webpages.ProposalCondition{Name: c.Name, Needed: c.Needed, Now: c.Now, State: state}
}

// voting reports whether ballots are taken.
func (v proposalView) voting() bool {
	return v.poll.State == voting.StateOpen && v.now.Before(v.poll.Closes)
}

// addBallot adds the reader's ballot, or says why there is none.
func (v proposalView) addBallot(vote *webpages.ProposalVote) {
	switch {
	case !v.voting():
		vote.Why = ui.Cat(ui.Plain("Voting closed on "), richMoment(v.poll.Closes), ui.Plain("."))
	case v.chrome.MemberID == 0:
		vote.Why = ui.Cat(ui.Link("Sign in", href.SignIn(href.Proposal(int64(v.ID)))), ui.Plain(" to cast a ballot, if you are on the roll."))
	case !v.poll.OnRoll:
		vote.Why = ui.Plain("You are not on the roll, which was frozen when voting opened.")
	default:
		vote.Ballot = &webpages.ProposalBallotForm{
			Question: "Should this proposal be adopted, as in revision " + ui.Count(v.Number) + "?", Choice: v.poll.Choice,
			Reason: ui.Input{Value: v.poll.Reason}, Until: moment(v.poll.Closes), Operation: newOperation(),
		}
		if v.poll.Choice != "" {
			vote.Ballot.Cast = ui.Cat(ui.Plain("Your ballot now says "), ui.Bold(v.poll.Choice), ui.Plain(". You may change it until the close."))
		}
		if v.err != nil {
			vote.Ballot.Choice, vote.Ballot.Reason.Value = v.form.Get("choice"), v.form.Get("reason")
			vote.Ballot.Problem, vote.Ballot.Reason.Problem = problem(v.err, "choice"), problem(v.err, "reason")
		}
	}
}

func ballotLines(list []voting.Ballot, names map[governance.Ref]string, mine int64) []webpages.ProposalBallot {
	lines := make([]webpages.ProposalBallot, len(list))
	for i, b := range list {
		who := link(memberRef(b.Member), names)[0]
		lines[i] = webpages.ProposalBallot{
			Member: who.Text, MemberURL: who.Href, Choice: b.Choice, Reason: b.Reason, Cast: shortMoment(b.At), Self: int64(b.Member) == mine,
		}
	}
	return lines
}

// result is the sentence at the top once the vote is over.
// followed leads to what the decision began: campaigns and their rounds, or the
// case whose rounds are not trained again yet.
func (v proposalView) followed() ui.Rich {
	var text ui.Rich
	for _, b := range v.begun {
		text = ui.Cat(text, b.sentence())
	}
	if len(v.begun) == 0 && v.unlearn != 0 {
		text = ui.Cat(ui.Plain(" See "), caseLink(v.unlearn), ui.Plain("."))
	}
	return text
}

func (v proposalView) result() *webpages.ProposalResult {
	c := v.poll.Counts
	counted := fmt.Sprintf("%d yes, %d no, %d abstentions of %d members", c.Yes, c.No, c.Abstain, v.poll.Roll)
	switch v.State {
	case proposals.Rejected:
		return &webpages.ProposalResult{Kind: "error", Text: ui.Plain("Rejected: " + counted + ".")}
	case proposals.Waiting:
		return &webpages.ProposalResult{Kind: "success", Text: ui.Cat(ui.Plain("Passed: "+counted+". It is carried out after "), richMoment(*v.Until), ui.Plain("."))}
	case proposals.Adopted:
		return &webpages.ProposalResult{Kind: "success", Text: ui.Cat(ui.Plain("Adopted: "+counted+". It is being carried out. "+v.Outcome), v.followed())}
	case proposals.Done:
		return &webpages.ProposalResult{Kind: "success", Text: ui.Cat(ui.Plain("Adopted and carried out: "+counted+". "+v.Outcome), v.followed())}
	case proposals.Failed:
		return &webpages.ProposalResult{Kind: "error", Text: ui.Plain("Adopted with " + counted + ", but it could not be carried out. " + v.Outcome)}
	}
	return nil
}
