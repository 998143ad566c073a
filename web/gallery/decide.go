package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func proposals() []Entry {
	list := frame("Proposals")
	list.Section = href.Proposals("")
	list.Actions = []layout.Tab{{Text: "All", Href: href.Proposals(""), Current: true}, {Text: "Open to vote", Href: href.Proposals("voting")}, {Text: "Drafts", Href: href.Proposals("draft")}}
	return []Entry{
		{"proposals", pages.Proposals(pages.ProposalsPage{
			Chrome: list, CanWrite: true,
			Proposals: []pages.ProposalLine{
				{ID: 217, Title: "Lower the clip norm to 0.8", Class: "1, reversible", Stage: ui.Chip{Text: "discussion"}, By: "Kolbeinn", ByURL: href.Member(8), Closes: when("", "")},
				{ID: 212, Title: "Unlearn the Sandoy interviews", Class: "3, destructive", Stage: ui.Chip{Text: "voting"}, By: "Marjun P.", ByURL: href.Member(9), Tally: "27 yes, 6 no, 5 abstain of 84", Closes: when("2026-11-23T14:00Z", "23 Nov 2026, 14:00 UTC")},
				{ID: 214, Title: "A help desk in Danish", Class: "2, policy", Stage: good("passed"), By: "Pipaluk", ByURL: href.Member(7), Tally: "29 yes, 4 no, 3 abstain of 84", Closes: when("2026-11-19T10:30Z", "19 Nov 2026, 10:30 UTC")},
			},
			Pager: ui.Pager{Older: "/proposals?before=212", Label: "proposals"},
		})},
		{"proposals-empty", pages.Proposals(pages.ProposalsPage{Chrome: list})},
		{"proposal-voting", pages.Proposal(voting())},
		{"proposal-visitor", pages.Proposal(asVisitor())},
		{"proposal-draft", pages.Proposal(draft())},
		{"proposal-passed", pages.Proposal(passed())},
		{"proposal-ballots", pages.Ballots(pages.BallotsPage{Chrome: frame("Ballots on Proposal 212"), Lead: say("All 38 ballots, newest first. Each is a leaf of the log."), Ballots: voting().Ballots})},
		{"proposal-roll", pages.Ballots(pages.BallotsPage{
			Chrome: frame("Roll of Proposal 212"), Lead: say("The roll was frozen when the vote opened, 16 November 2026, 14:00 UTC."),
			Roll: []pages.RollLine{
				{Member: "Ingvild A.", MemberURL: href.Member(3), On: true, Why: "member for 7 days, agreement accepted"},
				{Member: "Hallgerd", MemberURL: href.Member(11), Why: "member since 18 November, after the roll was frozen"},
			},
		})},
		{"proposal-new", pages.ProposalForm(proposalForm("New proposal", 0))},
		{"proposal-edit", pages.ProposalForm(proposalForm("Editing Proposal 217", 2))},
		{"objection-new", pages.ObjectionForm(pages.ObjectionFormPage{
			Chrome: frame("Objection to Proposal 212"), Action: href.ProposalObject(212), Back: href.Proposal(212), Operation: op,
			Names: ui.Options{ID: "clause", Label: "It breaks or harms", Items: []ui.Option{{Value: "2.3", Label: "Corpus policy 2.3"}, {Value: "harm", Label: "a measured harm"}}},
			Text:  ui.Input{Value: "Too short.", Problem: "Write at least 80 characters: which words of the clause, or which figure."},
		})},
	}
}

func proposalChrome() layout.Chrome {
	c := views(frame("Proposal 212: Unlearn the Sandoy interviews"), "Page", href.Proposal(212), href.ProposalTalk(212), 23,
		layout.Tab{Text: "Read", Href: href.Proposal(212), Current: true}, layout.Tab{Text: "View history", Href: href.ProposalHistory(212)})
	c.Section = href.Proposals("")
	c.Subline = say("From Althing, decisions of the Skald community")
	c.Toc = []layout.Link{{Text: "Voting", Href: "#vote"}, {Text: "What happens if it passes", Href: "#motion"}, {Text: "Objections", Href: "#objections"}, {Text: "Ballots", Href: "#ballots"}, {Text: "Record", Href: "#record"}}
	c.Tools = []layout.ToolGroup{
		{Title: "Decision", Links: []layout.Link{{Text: "Roll of members", Href: href.ProposalRoll(212)}, {Text: "Ballots as CSV", Href: href.ProposalBallotsFile(212)}}},
		{Title: "Follow", Links: []layout.Link{{Text: "Related changes", Href: href.Changes(href.Filter{Subject: "proposal:212"})}, {Text: "Atom feed", Href: href.Feed(href.Filter{Subject: "proposal:212"})}}},
	}
	return c
}

func voting() pages.ProposalPage {
	closes := ui.Moment("2026-11-23T14:00Z", "23 November 2026, 14:00 UTC")
	ballot := func(name, choice, reason, at, text string) pages.ProposalBallot {
		return pages.ProposalBallot{Member: name, MemberURL: href.Member(int64(len(name))), Choice: choice, Reason: reason, Cast: when(at, text)}
	}
	return pages.ProposalPage{
		Chrome: proposalChrome(), ID: 212,
		Stages: []ui.Stage{
			{Name: "Draft", Note: "26 Oct", State: "done"}, {Name: "Discussion", Note: "2–16 Nov 2026", State: "done"}, {Name: "Voting", Note: "to 23 Nov, 14:00 UTC", State: "now"},
			{Name: "Waiting", Note: "to 7 Dec, 14:00 UTC"}, {Name: "Execution", Note: "36 to 48 rounds"}, {Name: "Certificate", Note: "with re-checks"},
		},
		Infobox: ui.Infobox{Caption: "Proposal 212", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{fact("Class", "3, destructive"), fact("Stage", "Voting"), factOf("Closes", closes), factOf("Tabled by", member("Marjun P.")), factOf("Sponsors", ui.Cat(member("Máret"), say(", "), member("Jógvan"), say(", "), member("Birna Ösp"), say(" (3 of 3)")))}},
			{Title: "Text", Facts: []ui.Fact{factOf("Revision", ui.Cat(ui.Link("9", href.ProposalHistory(212)), say(", frozen 16 Nov 2026, 14:00 UTC"))), digestFact("Digest", "sha256:2522daaa…830a")}},
			{Title: "Electorate", Facts: []ui.Fact{factOf("Roll", ui.Link("84 members", href.ProposalRoll(212))), digestFact("Roll digest", "sha256:74f3698d…07ff"), fact("Ballots", "public, may be changed until the close")}},
		}},
		HTML: `<p>This proposal asks to <b>remove the Sandoy interviews</b> from Skald and to prove the removal. The collection holds 2,009 pieces of transcribed talk that <a href="/members/8">Tórbjørn</a> added in May 2026.</p>` +
			`<p>Because ownership is disputed, members decide. If the proposal fails, nothing is unlearned and the dispute goes back to discussion.</p>`,
		MotionNote: "The software starts an unlearning case with this scope. It may do nothing else under this decision.",
		Motion: []ui.Fact{
			fact("Forget set", "1,953 pieces, 612,480 tokens: 1.6 % of all tokens used"), fact("Method", "exact rollback to the checkpoint of round 94, then rounds 95–118 again"),
			fact("Time", "6 to 8 days on 18 nodes, about 1,140 node hours"), fact("Test afterwards", "coin-flip watermark, extraction, bits per byte, replay by three members"),
		},
		Vote: &pages.ProposalVote{
			Tally:    ui.Tally{Label: "Proposal 212", Yes: 27, No: 6, Abstain: 5, Roll: 84, Floor: 34},
			Rule:     ui.Cat(say("With today’s "), ui.Bold("84 members"), say(" this needs "), ui.Bold("34 yes"), say(", three yes for every no, and an answer to every objection. If it closed now it would "), ui.Bold("not pass"), say(": 7 yes are missing.")),
			RuleNote: ui.Cat(say("Rule "), ui.Link("three-quarters-plus-floor", href.Policy("decision-rules")), say(", version 4. Abstentions count for nothing.")),
			Conditions: []pages.ProposalCondition{
				{Name: "Share of yes among yes and no", Needed: "at least 75 %", Now: "27 of 33 = 81.8 %", State: good("holds")},
				{Name: "Yes among all members", Needed: "at least 34 of 84 (40 %)", Now: "27; 7 more are needed", State: warn("not yet")},
				{Name: "Reasoned objections", Needed: "each has an answer", Now: "1 of 1 answered", State: good("holds")},
			},
			Ballot: &pages.ProposalBallotForm{
				Question: "Should the Sandoy interviews be unlearned as in revision 9?", Problem: "Choose yes, no or abstain.",
				Reason: ui.Input{Value: "A doubt about consent is enough."}, Until: when("2026-11-23T14:00Z", "23 November 2026, 14:00 UTC"), Operation: op,
			},
		},
		Objections: []pages.ProposalObjection{{
			ID: 1, Title: "Objection 1: Faroese loses its only spoken register",
			By:       ui.Cat(member("Ragnhild S."), say(", 12 November 2026, 18:20 UTC. Names "), ui.Link("Corpus policy 2.3", href.Policy("corpus")), say(".")),
			Text:     "<p>All other Faroese text in the corpus is written. The dialogue passages alone rise by 3.8 %.</p>",
			AnswerBy: ui.Cat(say("Answer of the closer, "), member("Aputsiaq K."), say(", 14 November 2026, 11:05 UTC.")),
			Answer:   "<p>The objection is well founded. Revision 9 therefore holds a plan: 640 passages of new dialogue join campaign 8.</p>",
			Dissent:  "Ragnhild S. keeps her dissent; it will stand in the closing statement in her own words.",
		}},
		ObjectURL: href.ProposalObject(212), BallotNote: "3 of 38; all are public",
		Ballots: []pages.ProposalBallot{
			ballot("Jógvan", "Yes", "My aunt is on tape 41. She agreed to an archive in 1998. Nobody could have meant this.", "2026-11-19T10:39Z", "19 Nov 2026, 10:39 UTC"),
			ballot("Oddný", "Abstain", "I know two of the families. I leave this to others.", "2026-11-19T08:20Z", "19 Nov 2026, 08:20 UTC"),
			ballot("Ragnhild S.", "No", "", "2026-11-18T19:04Z", "18 Nov 2026, 19:04 UTC"),
		},
		Record: ui.Cat(say("Tabled in entry "), entry(46871), say(", voting opened in entry "), entry(47902), say(", latest ballot in entry "), entry(48213), say(". Each ballot is a leaf of the log.")),
	}
}

func asVisitor() pages.ProposalPage {
	p := voting()
	c := visitor(p.Title)
	c.Views, c.Actions, c.Toc, c.Section = p.Views, p.Actions, p.Toc, p.Section
	p.Chrome, p.ObjectURL, p.Vote.Ballot = c, "", nil
	p.Vote.Why = ui.Cat(say("Members on the roll may vote. "), ui.Link("Sign in", href.SignIn(href.Proposal(212))), say(" to see whether you are."))
	return p
}

func draft() pages.ProposalPage {
	p := voting()
	p.Title, p.ID, p.Vote, p.Ballots, p.Objections, p.ObjectURL = "Proposal 217: Lower the clip norm to 0.8", 217, nil, nil, nil, ""
	p.HTML = "<p>Updates are clipped to norm 1.0. A lower norm lets each update tell less about its text, at some cost in speed.</p>"
	p.Stages = []ui.Stage{{Name: "Draft", Note: "since 19 Nov", State: "now"}, {Name: "Discussion", Note: "14 days"}, {Name: "Voting", Note: "7 days"}, {Name: "Enacted"}}
	p.Motion, p.MotionNote = []ui.Fact{fact("Parameter", "training.clip_norm: 1.0 → 0.8")}, "The parameter changes when the vote closes."
	p.Sponsors = pages.ProposalSponsors{Needed: 3, Have: 1, Names: member("Kolbeinn"), CanLend: true, Operation: op}
	p.Moves = []pages.ProposalMove{{Name: "table", Text: "Table it", Look: "progressive", Operation: op}, {Name: "withdraw", Text: "Withdraw it", Look: "destructive", Operation: op}}
	p.Toc, p.Record = nil, ui.Cat(say("Drafted in entry "), entry(48203), say("."))
	return p
}

func passed() pages.ProposalPage {
	p := voting()
	p.Title, p.ID, p.ObjectURL, p.Objections = "Proposal 214: A help desk in Danish", 214, "", nil
	p.HTML = "<p>Two members answer questions in Danish for an hour a week.</p>"
	p.Stages = []ui.Stage{{Name: "Draft", Note: "1 Nov", State: "done"}, {Name: "Discussion", State: "done"}, {Name: "Voting", State: "done"}, {Name: "Enacted", Note: "19 Nov 2026, 10:30 UTC", State: "now"}}
	p.Vote.Tally = ui.Tally{Label: "Proposal 214", Yes: 29, No: 4, Abstain: 3, Roll: 84}
	p.Vote.Ballot, p.Vote.Conditions = nil, p.Vote.Conditions[:1]
	p.Vote.Rule = say("It needed more yes than no, and 17 ballots.")
	p.Vote.Why = say("The vote closed on 19 November 2026, 10:30 UTC.")
	p.Result = &pages.ProposalResult{Kind: "success", Text: ui.Cat(ui.Bold("Passed"), say(" with 29 yes, 4 no and 3 abstentions, in entry "), entry(48211), say(".")), Dissent: []string{"Kolbeinn: it should be paid, or it will stop in spring."}}
	p.Motion, p.MotionNote, p.Toc = nil, "", nil
	return p
}

func proposalForm(title string, base int64) pages.ProposalFormPage {
	return pages.ProposalFormPage{
		Chrome: frame(title), Action: href.ProposalNew(), Back: href.Proposals(""), Base: base, Operation: op,
		Heading: ui.Input{Value: "Lower the clip norm to 0.8"}, Text: ui.Input{Problem: "Write at least a sentence."},
		Motions: ui.Options{ID: "motion", Label: "If it passes, the software should", Value: "policy", Items: []ui.Option{
			{Value: "none", Label: "do nothing: people carry it out"}, {Value: "policy", Label: "change a policy"}, {Value: "train", Label: "run a campaign"}, {Value: "publish", Label: "publish a version"}, {Value: "unlearn", Label: "unlearn something"},
		}},
		Fields: []pages.ProposalMotion{{Kind: "policy", Label: "Change policies", Parts: []pages.ProposalPart{{Fields: []pages.ProposalField{
			{Text: ui.TextInput{ID: "parameter", Label: "Parameter", Input: ui.Input{Value: "training.clip_norm"}}}, {Text: ui.TextInput{ID: "value", Label: "New value", Input: ui.Input{Value: "0.8"}}},
		}}}}},
	}
}

func policies() []Entry {
	list := frame("Policies in force")
	list.Section = href.Policies()
	return []Entry{
		{"policies", pages.Policies(pages.PoliciesPage{
			Chrome: list, At: when("2026-11-19T10:40Z", "19 November 2026, 10:40 UTC"),
			Policies: []pages.PolicyLine{
				{Name: "voting", Title: "Voting", Says: "7 days, quorum 20 % of the roll", Class: "two thirds", Since: when("2026-01-04", "4 January 2026"), Decided: say("the founding")},
				{Name: "corpus", Title: "Corpus", Says: "no language may lose a register without a plan", Class: "two thirds", Since: when("2026-06-01", "1 June 2026"), Decided: ui.Link("Proposal 171", href.Proposal(171))},
			},
		})},
		{"policies-empty", pages.Policies(pages.PoliciesPage{Chrome: list, At: when("2026-11-19T10:40Z", "19 November 2026, 10:40 UTC")})},
		{"policy", pages.Policy(pages.PolicyPage{
			Chrome: frame("Policy: Voting"), ProposeURL: href.ProposalNew(), HTML: "<p>Whoever is on the roll may vote. Abstentions count for the quorum only.</p>",
			Infobox: ui.Infobox{Caption: "Voting", Groups: []ui.FactGroup{{Facts: []ui.Fact{fact("In force since", "4 January 2026"), fact("To change it", "two thirds of yes and no"), factOf("Log entry", entry(1))}}}},
			Parameters: []pages.PolicyParameter{
				{Name: "voting.period", Value: "7 days", Meaning: "how long a vote stays open"}, {Name: "voting.quorum", Value: "20 %", Meaning: "share of the roll that must take part"},
			},
			Past: []pages.PolicyPast{{From: when("2026-03-01", "1 March 2026"), Change: "quorum 17 % → 20 %", Decided: ui.Link("Proposal 98", href.Proposal(98))}},
		})},
	}
}
