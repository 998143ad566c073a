package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func elections() []Entry {
	list := frame("Elections")
	list.Section = href.Elections()
	seats := ui.Options{ID: "office", Label: "Office", Items: []ui.Option{{Value: "panel", Label: "Review panel"}, {Value: "moderator", Label: "Moderators"}}}
	return []Entry{
		{"elections", pages.Elections(pages.ElectionsPage{
			Chrome: list, CanCall: true,
			Elections: []pages.ElectionLine{
				{ID: 10, Title: "Review panel, two seats", Seats: 2, State: ui.Chip{Text: "voting"}, Voted: "31 of 84", Closes: when("2026-11-25T18:00Z", "25 Nov 2026, 18:00 UTC")},
				{ID: 9, Title: "Moderators", Seats: 3, State: good("counted"), Voted: "61 of 82", Closes: when("2026-10-30T18:00Z", "30 Oct 2026, 18:00 UTC")},
			},
			Offices: []pages.OfficeLine{
				{Name: "Moderators", Seats: 3, Does: "decide cases, protect pages", Holders: ui.Cat(member("Ingvild A."), say(", "), member("Máret"), say(", "), member("Heðin")), Until: when("2027-04-30", "30 April 2027")},
				{Name: "Closer", Seats: 1, Does: "answers objections, closes votes"},
			},
		})},
		{"elections-empty", pages.Elections(pages.ElectionsPage{Chrome: list})},
		{"election-new", pages.ElectionForm(pages.ElectionFormPage{
			Chrome: frame("Call an election"), Action: href.ElectionNew(), Operation: op, Office: seats,
			Problem: "An election of the moderators is under way already.",
			Terms:   []ui.Fact{fact("Seats", "3"), fact("Term", "180 days"), fact("Nominations", "7 days"), fact("Voting", "7 days")},
		})},
		{"election-voting", pages.Election(electing())},
		{"election-cast", pages.Election(electionCast())},
		{"election-nominations", pages.Election(nominations())},
		{"election-check", pages.ElectionCheck(pages.ElectionCheckPage{
			Chrome: frame("Election 10: check your ballot"), ID: 10, Operation: op, Secret: "6n1PZ1mVb0hZr0zq3C4cT7mE0q0Yk1hYV0p3Jx4mW2s", Unranked: "Leif-Arne, Oddný and Reidun are not ranked.",
			Sealing: say("This server seals the ballot in its memory and keeps the sealed envelope. Whoever runs it holds the key that opens it at the close, and could open it before."),
			Ranking: []pages.ElectionRank{{Candidate: 1, Name: "Sunnivá", Rank: "1"}, {Candidate: 3, Name: "Aputsiaq K.", Rank: "2"}},
		})},
		{"election-result", pages.ElectionResult(electionResult())},
	}
}

func electionChrome() layout.Chrome {
	c := views(frame("Election 10: Review panel, two seats"), "Election", href.Election(10), href.ElectionTalk(10), 9)
	c.Section = href.Elections()
	c.Toc = []layout.Link{{Text: "Your ballot", Href: "#ballot"}, {Text: "Who can see a ballot", Href: "#secrecy"}, {Text: "How it will be counted", Href: "#count"}}
	c.Tools = []layout.ToolGroup{{Title: "Earlier", Links: []layout.Link{{Text: "Election 9 (moderators)", Href: href.ElectionResult(9)}, {Text: "All elections", Href: href.Elections()}}}}
	return c
}

func electing() pages.ElectionPage {
	person := func(id int64, name, note, says, speaks, rank string) pages.ElectionCandidate {
		return pages.ElectionCandidate{ID: id, Name: name, MemberURL: href.Member(id), Note: note, Statement: says, More: say("Speaks " + speaks + "."), Rank: rank}
	}
	return pages.ElectionPage{
		Chrome: electionChrome(), ID: 10,
		Infobox: ui.Infobox{Caption: "Election 10", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{fact("Office", "Review panel"), fact("Seats", "2"), fact("Term", "6 months from 1 December 2026"), timeFact("Closes", "2026-11-25T18:00Z", "25 November 2026, 18:00 UTC")}},
			{Title: "Counting", Facts: []ui.Fact{fact("Rule", "Scottish STV; Meek as a second count"), fact("Quota", "Droop, fixed at the close"), fact("Ties", "lot from the public beacon")}},
			{Title: "Electorate", Facts: []ui.Fact{fact("Roll", "84 members"), digestFact("Roll digest", "sha256:c9a7e9b2…534f"), fact("Voted", "31 of 84")}},
		}},
		Lead:  ui.Cat(say("The "), ui.Bold("Review panel"), say(" hears appeals against decisions of moderators. Two of its six seats are free on 1 December 2026. There are five candidates.")),
		State: ui.Cat(ui.Bold("6 days 7 hours left."), say(" You are on the roll and have not voted. You may change your ballot until the close; only the last one counts.")),
		Candidates: []pages.ElectionCandidate{
			person(1, "Sunnivá", "2nd term wanted", "Reviewer since March 2026, 212 cases. I write my reasons in two languages.", "Northern Sámi, Norwegian", "1"),
			person(2, "Leif-Arne", "new", "I teach statistics and want the precision of our detectors checked each month.", "Nynorsk, English", ""),
			person(3, "Aputsiaq K.", "now closer of proposals", "I would leave the office of closer if elected; nobody may hold both.", "Kalaallisut, Danish", "1"),
			person(4, "Oddný", "new", "Archivist. I care most for appeals: they should be answered within a week.", "Icelandic, Faroese", ""),
			person(5, "Reidun", "2nd term wanted", "Night shifts suit me, so that the panel has someone at all hours.", "Nynorsk, Icelandic", ""),
		},
		Ballot:     &pages.ElectionBallot{Seed: "9fcc987047923c83", Operation: op, Problem: "You gave the number 1 twice, to Sunnivá and to Aputsiaq K. Use each number once."},
		Secrecy:    say("Ballots are sealed with a key that this server holds until the close. The server shows no ballot and no count before then, but whoever runs it holds the key and could open one. The log shows only the hash of each envelope, so nothing can be taken out or added unseen."),
		Count:      say("With 31 ballots so far the quota would be 11 (31 divided by 3, rounded down, plus one). Who reaches the quota has a seat; votes above it pass on at a lower value to the next choices."),
		Conditions: []pages.ElectionCondition{{Name: "Member for 7 days before the roll was frozen", You: "yes, since 3 February 2026"}, {Name: "Contributor agreement, version 3, accepted", You: "yes, 12 September 2026"}, {Name: "Not a candidate in this election", You: "yes"}},
	}
}

func electionCast() pages.ElectionPage {
	p := electing()
	p.Flash = layout.Flash{Kind: "success", Text: "Your ballot is cast. You may change it until 25 November 2026, 18:00 UTC."}
	p.Receipt = &pages.ElectionReceipt{
		Tracker: "Zx1m0Qy7dR4wB2n8cVt5uE3kLh6sJp9aGf0oYi1zXrM", Secret: "6n1PZ1mVb0hZr0zq3C4cT7mE0q0Yk1hYV0p3Jx4mW2s",
		How: "The tracker is SHA-256 of “ballot-v1”, poll 31, member 12 (eight bytes each) and the secret, in base64.", Cast: when("2026-11-19T10:40Z", "19 November 2026, 10:40 UTC")}
	p.Ballot.Problem = ""
	p.State = say("You have voted. Only the last ballot counts.")
	return p
}

func nominations() pages.ElectionPage {
	p := electing()
	p.Toc = p.Toc[1:]
	p.Ballot, p.Candidates, p.Conditions = nil, p.Candidates[:2], nil
	p.State = say("Nominations are open until 15 November 2026, 18:00 UTC. The vote opens a day later.")
	p.Stand = &pages.ElectionStand{Operation: op, Statement: ui.Input{Problem: "Say what you would do in the office."}}
	return p
}

func electionResult() pages.ElectionResultPage {
	c := views(frame("Election 9: moderators, result"), "Election", href.ElectionResult(9), href.ElectionTalk(9), 14)
	c.Section = href.Elections()
	c.Toc = []layout.Link{{Text: "Count sheet", Href: "#sheet"}, {Text: "Transfers", Href: "#transfers"}, {Text: "Other methods", Href: "#method"}, {Text: "Find your ballot", Href: "#receipt"}, {Text: "Count it yourself", Href: "#recount"}}
	line := func(name string, won bool, outcome string, votes ...string) pages.CountLine {
		return pages.CountLine{Name: name, Won: won, Votes: votes, Outcome: outcome}
	}
	return pages.ElectionResultPage{
		Chrome: c, ID: 9,
		Infobox: ui.Infobox{Caption: "Election 9", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{fact("Office", "Moderators"), fact("Seats", "3"), timeFact("Closed", "2026-10-30T18:00Z", "30 October 2026, 18:00 UTC")}},
			{Title: "Turnout", Facts: []ui.Fact{fact("Roll", "82 members"), fact("Ballots", "61 (74.4 %)"), fact("Valid", "61; none empty")}},
			{Title: "Count", Facts: []ui.Fact{fact("Rule", "Scottish STV"), fact("Quota", "16 (Droop)"), digestFact("Count digest", "sha256:93d2543b…69d8")}},
		}},
		Lead:     ui.Cat(ui.Bold("Ingvild A."), say(", "), ui.Bold("Máret"), say(" and "), ui.Bold("Heðin"), say(" were elected moderators on 30 October 2026. Of 82 members on the roll, 61 voted. The count took six stages; anybody can repeat it from the file of ballots.")),
		Elected:  []ui.Row{cells(ui.Bold("Ingvild A."), "1, first preferences", "19.00000"), cells(ui.Bold("Máret"), "4, when Pipaluk was excluded", "17.73679"), cells(ui.Bold("Heðin"), "6, when Birna Ösp was excluded", "22.65480")},
		Mattered: ui.Cat(ui.Bold("The method mattered for one seat."), say(" Scottish STV and Meek STV elect the same three. If only first preferences had counted, Birna Ösp (11) would have won the third seat and not Máret (9).")), Changes: true,
		Flow: plot.FlowOf{
			ID: "fl", Title: "Flow of votes over 6 stages", Desc: "Ingvild A. keeps 16 votes from stage 2 on. Máret is elected at stage 4, Heðin at stage 6. Kolbeinn, Pipaluk and Birna Ösp leave in that order.",
			Names: []string{"Ingvild A.", "Máret", "Heðin", "Birna Ösp", "Pipaluk", "Kolbeinn", "not transferable"},
			Stages: []plot.FlowStage{
				flowing(1, 19, 9, 14, 11, 5, 3, 0), flowing(1, 16, 10.73679, 15.26312, 11, 5, 3, .00009), flowing(1, 16, 12.73679, 15.26312, 11, 5, 0, 1.00009),
				flowing(2, 16, 17.73679, 15.26312, 11, 0, 0, 1.00009), flowing(2, 16, 16, 15.6548, 11.48444, 0, 0, 1.86076), flowing(3, 16, 16, 22.6548, 0, 0, 0, 6.3452),
			},
		},
		SheetNote: "quota 16; 61 valid ballots; five decimals, cut and never rounded up",
		Stages:    []pages.CountStage{{What: "First preferences"}, {What: "Surplus of Ingvild A."}, {What: "Kolbeinn excluded"}, {What: "Pipaluk excluded"}, {What: "Surplus of Máret"}, {What: "Birna Ösp excluded"}},
		Sheet: []pages.CountLine{
			line("Ingvild A.", true, "elected, stage 1", "19", "16.00000", "16.00000", "16.00000", "16.00000", "16.00000"),
			line("Máret", true, "elected, stage 4", "9", "10.73679", "12.73679", "17.73679", "16.00000", "16.00000"),
			line("Heðin", true, "elected, stage 6", "14", "15.26312", "15.26312", "15.26312", "15.65480", "22.65480"),
			line("Birna Ösp", false, "excluded, stage 6", "11", "11.00000", "11.00000", "11.00000", "11.48444", "–"),
			line("Pipaluk", false, "excluded, stage 4", "5", "5.00000", "5.00000", "–", "–", "–"),
			line("Kolbeinn", false, "excluded, stage 3", "3", "3.00000", "–", "–", "–", "–"),
		},
		Spent: line("Not transferable", false, "", "0", "0.00009", "1.00009", "1.00009", "1.86076", "6.34520"),
		Sum:   line("Sum", true, "equal in each stage", "61", "61.00000", "61.00000", "61.00000", "61.00000", "61.00000"),
		Transfers: []pages.CountLine{
			line("2: Surplus of Ingvild A.", false, "", "−3.00000", "+1.73679", "+1.26312", "–", "–", "–", "+0.00009"),
			line("3: Kolbeinn excluded", false, "", "–", "+2.00000", "–", "–", "–", "−3.00000", "+1.00000"),
		},
		Methods: []ui.Row{cells("Scottish STV (official)", "Ingvild A., Máret, Heðin", good("official")), cells("Meek STV, quota 14.40377", "Ingvild A., Heðin, Máret", good("same three")), cells("First preferences only", "Ingvild A., Heðin, Birna Ösp", warn("one differs"))},
		Receipt: ui.Input{Value: "Zx1m0Qy7dR4wB2n8cVt5uE3kLh6sJp9aGf0oYi1zXrM"},
		Found:   &pages.ReceiptFound{Counted: true, Text: ui.Cat(ui.Bold("Your ballot was counted."), say(" It is line 38 of 61 in the published list, which shows the ranking beside the tracker."))},
		Recount: ui.Cat(ui.Link("Download the ballots as BLT", href.ElectionBallots(9)), say(" · "), ui.Link("count sheet as CSV", href.ElectionSheet(9)), say(". Then run "), ui.Code("althing tally --rule scottish-stv election-9.blt"), say("; the digest must be the one in the box.")),
		BLT:     "6 3\n8 1 2 3 0\n6 1 4 3 0\n0\n\"Ingvild A.\"\n\"Heðin\"\n\"Birna Ösp\"\n\"Máret\"\n\"Pipaluk\"\n\"Kolbeinn\"\n\"Election 9\"",
	}
}

// flowing is a column in which the first n parties have a seat.
func flowing(n int, values ...float64) plot.FlowStage {
	won := make([]bool, len(values))
	for i := range n {
		won[i] = true
	}
	return plot.FlowStage{Values: values, Won: won}
}
