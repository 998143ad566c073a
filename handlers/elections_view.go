package handlers

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// electionStates are the stages in words.
var electionStates = map[string]ui.Chip{
	elections.Nomination: {Text: "nominations"},
	elections.Voting:     {Text: "voting"},
	elections.Counting:   {Text: "counting"},
	elections.Certified:  {Text: "certified", Kind: "success"},
	elections.Void:       {Text: "void", Kind: "error"},
}

func electionLine(e elections.Election) webpages.ElectionLine {
	line := webpages.ElectionLine{ID: int64(e.ID), Title: e.Office.Title(), Seats: e.Seats, State: electionStates[e.State]}
	if e.Roll > 0 {
		line.Voted = fmt.Sprintf("%d of %d", e.Cast, e.Roll)
	}
	switch {
	case e.Closes != nil:
		line.Closes = shortMoment(*e.Closes)
	case e.Ended != nil:
		line.Closes = shortMoment(*e.Ended)
	}
	return line
}

func officeLine(office members.Group, holders []members.Membership) webpages.OfficeLine {
	line := webpages.OfficeLine{Name: office.Title()}
	for _, g := range members.Groups() {
		if g.Group == office {
			line.Does = g.Description
		}
	}
	var last time.Time
	for i, h := range holders {
		if i > 0 {
			line.Holders = ui.Cat(line.Holders, ui.Plain(", "))
		}
		line.Holders = ui.Cat(line.Holders, ui.Link(h.Name, href.Member(int64(h.Member))))
		if h.Expires.After(last) {
			last = h.Expires
		}
	}
	line.Seats = len(holders)
	if !last.IsZero() {
		line.Until = shortMoment(last)
	}
	return line
}

// electionView is everything that the page of an election is made of.
type electionView struct {
	elections.Election
	chrome     layout.Chrome
	candidates []elections.Candidate
	poll       voting.Poll
	names      map[governance.Ref]string
	now        time.Time
	form       url.Values
	err        error // of a form that was sent
	receipt    *webpages.ElectionReceipt
}

func (v electionView) page() webpages.ElectionPage {
	p := webpages.ElectionPage{
		Chrome: v.chrome, ID: int64(v.ID), Infobox: v.infobox(), Lead: v.lead(), State: v.state(), Secrecy: secrecy, Count: v.counting(),
	}
	p.Candidates = v.lines(v.candidates)
	switch v.Election.State {
	case elections.Nomination:
		p.Stand = v.stand()
	case elections.Voting:
		v.ballot(&p)
	}
	if v.receipt != nil {
		p.Flash = layout.Flash{Kind: "success", Text: "Your ballot is cast. You may change it until the close; only the last one counts."}
		p.Receipt, p.Ballot = v.receipt, nil
		p.Receipt.How = fmt.Sprintf("The tracker is SHA-256 of the nine bytes “ballot-v1”, the numbers %d (the poll) and %d (you) in eight bytes each, and the secret; tracker and secret are written in base64 for addresses.", v.Poll, v.chrome.MemberID)
	}
	return p
}

func (v electionView) infobox() ui.Infobox {
	box := ui.Infobox{Caption: fmt.Sprintf("Election %d", v.ID), Groups: []ui.FactGroup{
		{Facts: []ui.Fact{
			{Label: "Office", Value: ui.Plain(v.Office.Title())}, {Label: "Seats", Value: ui.Plain(ui.Count(int64(v.Seats)))},
			{Label: "Term", Value: ui.Plain(policies.Period(v.Term))}, {Label: "State", Chip: electionStates[v.Election.State]},
		}},
		{Title: "Counting", Facts: []ui.Fact{{Label: "Rule", Value: ui.Plain("Scottish STV; Meek as a second count")}, {Label: "Ties", Value: ui.Plain("lot from the entry that closes the ballot")}}},
	}}
	if v.Poll != 0 {
		box.Groups = append(box.Groups, ui.FactGroup{Title: "Electorate", Facts: []ui.Fact{
			{Label: "Roll", Value: ui.Link(ui.Count(v.Roll)+" members", href.ElectionRoll(int64(v.ID)))},
			{Label: "Voted", Value: ui.Plain(fmt.Sprintf("%d of %d", v.Cast, v.Roll))},
			{Label: "Manifest", Value: ui.Digest(shortDigest(hex.EncodeToString(v.poll.TextDigest)))},
			{Label: "Closes", Value: richMoment(v.poll.Closes)},
		}})
	}
	return box
}

func (v electionView) lead() ui.Rich {
	return ui.Cat(ui.Plain("The office of "), ui.Bold(v.Office.Title()), ui.Plain(fmt.Sprintf(" has %d seats to fill. %d members stand.", v.Seats, len(v.candidates))))
}

func (v electionView) state() ui.Rich {
	switch v.Election.State {
	case elections.Nomination:
		return ui.Cat(ui.Plain("Nominations are open until "), richMoment(*v.Until), ui.Plain(". Then the list of candidates is frozen and the ballot opens."))
	case elections.Voting:
		return ui.Cat(ui.Bold(left(v.now, *v.Until)+"."), ui.Plain(" "+v.reader()))
	case elections.Counting:
		return ui.Plain("The ballot is closed. The envelopes are being opened and counted; the result follows in a moment.")
	case elections.Certified:
		return ui.Cat(ui.Plain("The ballots are counted. "), ui.Link("See the result, the count and all ballots", href.ElectionResult(int64(v.ID))), ui.Plain("."))
	}
	return ui.Plain("This election is void. " + v.Reason)
}

// reader says how the reader stands in an open ballot.
func (v electionView) reader() string {
	switch {
	case v.chrome.MemberID == 0:
		return "Sign in to vote."
	case !v.poll.OnRoll:
		return "You are not on the roll, which was frozen when the ballot opened."
	case v.poll.Choice == "":
		return "You are on the roll and have not voted."
	}
	return "You have voted. You may vote again until the close; only the last ballot counts."
}

var secrecy = ui.Plain("Ballots are secret, but not from everybody. The server seals each ballot and keeps it sealed, with a key that lies outside the database; whoever runs the server holds that key and could open a ballot. The log shows only that you voted, on which day, and the hash of your envelope, so that no ballot is added, lost or changed unseen; the hashes enter the log in sorted batches, not one by one, and until yours is there you hold a signed promise. At the close all ballots are published without names, in an order that says nothing. The envelopes are destroyed some time after the result.")

func (v electionView) counting() ui.Rich {
	return ui.Plain(fmt.Sprintf("By the Scottish single transferable vote. With %d seats the quota is the number of ballots divided by %d, rounded down, plus one. Who reaches it has a seat; what is above it passes on, at a lower value, to the next choices. Who has least is excluded, and those ballots pass on. Everybody can count again: all ballots are published.", v.Seats, v.Seats+1))
}

func (v electionView) lines(list []elections.Candidate) []webpages.ElectionCandidate {
	lines := make([]webpages.ElectionCandidate, len(list))
	for i, c := range list {
		who := link(memberRef(c.Member), v.names)[0]
		lines[i] = webpages.ElectionCandidate{ID: int64(c.Number), Name: who.Text, MemberURL: who.Href, Statement: c.Statement, Rank: v.form.Get(rankField(c.Number))}
	}
	return lines
}

// ballot adds the ranked ballot in the reader's own order. Someone whose
// receipt is shown has no ranks on the page any more.
func (v electionView) ballot(p *webpages.ElectionPage) {
	if !v.poll.OnRoll || !v.now.Before(*v.Until) {
		return
	}
	seed, order := elections.BallotOrder(v.poll.TextDigest, governance.MemberID(v.chrome.MemberID), v.candidates)
	p.Candidates = v.lines(order)
	p.Ballot = &webpages.ElectionBallot{Seed: seed, Operation: newOperation(), Problem: problem(v.err, "ranking") + problem(v.err, "")}
}

// stand is the form for a candidacy, or for its end.
func (v electionView) stand() *webpages.ElectionStand {
	if v.chrome.MemberID == 0 || !v.now.Before(*v.Until) {
		return nil
	}
	return &webpages.ElectionStand{
		Operation: newOperation(),
		Standing:  slices.ContainsFunc(v.candidates, func(c elections.Candidate) bool { return int64(c.Member) == v.chrome.MemberID }),
		Statement: ui.Input{Value: v.form.Get("statement"), Problem: problem(v.err, "statement")},
	}
}
