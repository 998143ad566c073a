package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func portal() []Entry {
	conflict := frame("Ballot not cast")
	missing := visitor("No such page")
	broken := frame("Something broke here")
	watch := frame("Watchlist")
	watch.Tools = []layout.ToolGroup{{Title: "Follow", Links: []layout.Link{{Text: "Atom feed", Href: href.Feed(href.Filter{})}}}}
	return []Entry{
		{"main", pages.Main(mainPage())},
		{"main-empty", pages.Main(mainEmpty())},
		{"changes", pages.Changes(changes())},
		{"changes-empty", pages.Changes(pages.ChangesPage{
			Chrome: frame("Contributions of Sunnivá"), Lead: say("Every act of one member, newest first."),
			Empty: ui.Empty{Lead: "No acts yet.", Text: "What Sunnivá does here will stand in this list.", Actions: []ui.Action{{Text: "See recent changes", Href: href.Changes(href.Filter{})}}},
		})},
		{"notices", pages.Notices(pages.NoticesPage{
			Chrome: frame("Notices"), Operation: op,
			Unread:  recent()[4:6],
			Earlier: recent()[:2],
		})},
		{"notices-empty", pages.Notices(pages.NoticesPage{Chrome: frame("Notices")})},
		{"watchlist-empty", pages.Nothing(pages.EmptyPage{
			Chrome: watch,
			Empty: ui.Empty{
				Lead: "You watch nothing yet.", Text: "Pages, proposals, rounds and nodes that you watch show their changes here.",
				Actions: []ui.Action{{Text: "Watch Proposal 212", Href: href.Proposal(212), Look: "progressive"}, {Text: "See recent changes", Href: href.Changes(href.Filter{})}},
			},
			Note: say("Every page has “Watch this page” among its tools."),
		})},
		{"error-409", pages.Error(pages.ErrorPage{
			Chrome: conflict, Status: "409 Conflict, poll 214 is closed", Lead: "The ballot was not cast: Proposal 214 closed while you were writing.",
			Text: ui.Cat(say("It closed on "), ui.Moment("2026-11-19T10:30Z", "19 November 2026, 10:30 UTC"), say("; your ballot arrived 9 minutes later. Nothing was changed in your name, and sending it again will not help.")),
			Ways: []ui.Rich{ui.Cat(say("Read the "), ui.Link("result of Proposal 214", href.Proposal(214)), say("."))},
			Kept: "Yes, if two members promise an hour a week.", KeptLabel: "Your reason",
			Operation: op, Time: when("2026-11-19T10:39Z", "19 November 2026, 10:39 UTC"),
			Actions: []ui.Action{{Text: "Back to Proposal 214", Href: href.Proposal(214), Look: "progressive"}, {Text: "Main page", Href: href.Home()}},
		})},
		{"error-404", pages.Error(pages.ErrorPage{
			Chrome: missing, Status: "404 Not found", Lead: "There is no page at this address.",
			Text:    say("It may have been renamed, or the link is old. Nothing that was ever published here is taken away without a line in the log."),
			Actions: []ui.Action{{Text: "Search", Href: href.Search("")}, {Text: "Main page", Href: href.Home()}},
		})},
		{"error-403", pages.Error(pages.ErrorPage{
			Chrome: frame("Not allowed"), Status: "403 Forbidden, the right “reviewer” is missing", Lead: "This page is for reviewers.",
			Text:    say("Flagged answers can hold private data, so only reviewers read them. The decisions are public."),
			Actions: []ui.Action{{Text: "Who are the reviewers?", Href: href.Members()}},
		})},
		{"error-500", pages.Error(pages.ErrorPage{
			Chrome: broken, Status: "500 Internal error", Lead: "The page could not be made, and it is our fault.",
			Text:      say("Nothing was changed. Try again in a minute; if it stays, tell the operator the operation below."),
			Operation: op, Time: when("2026-11-19T10:39Z", "19 November 2026, 10:39 UTC"),
			Actions: []ui.Action{{Text: "Main page", Href: href.Home()}},
		})},
	}
}

func mainPage() pages.MainPage {
	c := frame("Main page")
	c.Wide, c.NoHead, c.Section = true, true, href.Home()
	certificate := func(title string, id int64, day, note string) pages.MainCertificate {
		return pages.MainCertificate{Title: title, Href: href.Certificate(id), Note: ui.Cat(ui.Moment(day[:10], day[11:]), say(". "+note))}
	}
	return pages.MainPage{
		Chrome: c,
		Intro:  ui.Cat(say("Here "), ui.Link("84 members", href.Members()), say(" train, govern and unlearn "), ui.Link("Skald", href.Version(13)), say(", a language model for five northern languages.")),
		Counts: []pages.MainCount{{Number: 84, What: "members"}, {Number: 31, What: "nodes"}, {Number: 130, What: "rounds"}, {Number: 6, What: "certificates"}},
		Votes: []pages.MainVote{
			{
				Title: "Proposal 212: Unlearn the Sandoy interviews", Href: href.Proposal(212), Left: "4 days 3 hours left", Note: "Class 3, destructive. 27 yes of the 34 that it needs.",
				Tally: ui.Tally{Label: "Proposal 212", Yes: 27, No: 6, Abstain: 5, Roll: 84, Floor: 34, Small: true},
			},
			{
				Title: "Proposal 216: Campaign 8, spoken Nynorsk", Href: href.Proposal(216), Left: "2 days 1 hour left", Note: "Class 1, reversible. Quorum of 17 is reached.",
				Tally: ui.Tally{Label: "Proposal 216", Yes: 22, No: 9, Abstain: 3, Roll: 84, Small: true},
			},
			{Title: "Election 10: Review panel, two seats", Href: href.Election(10), Left: "6 days 7 hours left", Note: "Five candidates. Secret ballot; 31 of 84 members have voted. You have not."},
		},
		Changes: recent(),
		Steps: []pages.MainStep{
			{Lead: "Make an account.", Text: "You need no invitation. After 7 days and one signed agreement you are on the roll and may vote.", Link: layout.Link{Text: "Sign in or join", Href: href.SignIn("")}},
			{Lead: "Lend a node.", Text: "Paste one line into a laptop, a workstation or a server. Your text stays on it; only a clipped update leaves.", Link: layout.Link{Text: "Make a join token", Href: href.NodeNew()}},
			{Lead: "Take part in decisions.", Text: "Read one open proposal, ask on its talk page, cast a ballot.", Link: layout.Link{Text: "Start with Proposal 212", Href: href.Proposal(212)}},
		},
		Version: &pages.MainVersion{
			Name: "Skald 1.3", ID: 13, Prompt: "Um kvøldið settist hon við", Language: "fo",
			Facts: []ui.Fact{
				timeFact("Published", "2026-08-06T09:00Z", "6 August 2026, 09:00 UTC"), fact("Size", "23.8 million parameters, 512 tokens of context"),
				fact("Trained in", "118 rounds, 38.2 million tokens"), fact("Bits per byte", "1.365 (mean of five languages)"), digestFact("Weights", "sha256:7f63aa22…7426"),
			},
		},
		Training: &pages.MainTraining{
			Name: "campaign 7",
			Text: ui.Cat(ui.Link("More Northern Sámi and Kalaallisut", href.Campaign(7)), say(", decided by "), ui.Link("Proposal 203", href.Proposal(203)), say(". Round 131 of 119–142 is collecting.")),
			Loss: plot.SparkOf{
				Label:  "Validation loss by round: from 1.365 at round 118 down to 1.329 at round 130; rounds 131 to 142 are still to come",
				Points: losses(), Until: 142, Places: 3,
			},
			Facts: []ui.Fact{fact("Loss", "1.329 bits per byte"), fact("At the start", "1.365"), fact("Updates", "11 of 18 in"), timeFact("Deadline", "2026-11-19T20:12Z", "19 Nov 2026, 20:12 UTC")},
		},
		Certs: []pages.MainCertificate{
			certificate("Certificate 6: withdrawal of a member’s own poems", 6, "2026-10-02 2 October 2026", "Own withdrawal, no vote needed. All checks passed."),
			certificate("Certificate 5: the Kvívík parish letters", 5, "2026-08-06 6 August 2026", "48 rounds repeated. All checks passed; re-check 16 is due today, 12:00 UTC."),
		},
		Operation: op,
	}
}

// mainEmpty is the day after the founding.
func mainEmpty() pages.MainPage {
	c := visitor("Main page")
	c.Wide, c.NoHead, c.Section, c.Model, c.Checkpoint, c.Built = true, true, href.Home(), "", layout.Checkpoint{}, 0
	return pages.MainPage{
		Chrome: c, Intro: say("One member founded this community today. There is no model yet."),
		Counts: []pages.MainCount{{Number: 1, What: "member"}, {Number: 0, What: "nodes"}},
		Steps:  mainPage().Steps,
	}
}

// losses are the rounds of campaign 7; round 125 was rejected.
func losses() []plot.Point {
	values := []float64{1.365, 1.369, 1.362, 1.358, 1.352, 1.349, 1.344, 0, 1.341, 1.337, 1.334, 1.331, 1.329}
	var points []plot.Point
	for i, v := range values {
		if v > 0 {
			points = append(points, plot.Point{X: 118 + float64(i), Y: v})
		}
	}
	return points
}

// recent are the newest acts of the story.
func recent() []ui.Change {
	p212, c317 := ui.Link("Proposal 212", href.Proposal(212)), ui.Link("case 317", href.Case(317))
	return []ui.Change{
		act("2026-11-19T10:39Z", "10:39", "Vote", 48213, member("Jógvan"), say(" cast a ballot on "), p212, say(": yes, with a reason")),
		act("2026-11-19T10:31Z", "10:31", "Training", 48212, say("Node "), ui.Link("oslo-ws-2", href.Node(2)), say(" reported its update to "), ui.Link("round 131", href.Round(131)), say(" (11 of 18)")),
		act("2026-11-19T10:30Z", "10:30", "Vote", 48211, ui.Link("Proposal 214", href.Proposal(214)), say(", a help desk in Danish, closed: passed with 29 yes, 4 no, 3 abstentions")),
		act("2026-11-19T10:26Z", "10:26", "Review", 48210, member("Ingvild A."), say(" claimed "), c317, say(" until 10:46 UTC")),
		act("2026-11-19T10:02Z", "10:02", "Talk", 48209, member("Máret"), say(" replied to “Who may speak for the interviewed?” on "), ui.Link("Talk:Proposal 212", href.ProposalTalk(212))),
		act("2026-11-19T09:48Z", "09:48", "Vote", 48206, member("Oddný"), say(" changed a ballot on "), ui.Link("Proposal 216", href.Proposal(216)), say(": from abstain to yes")),
	}
}

func changes() pages.ChangesPage {
	c := frame("Recent changes")
	c.Section = href.Changes(href.Filter{})
	c.Feed = href.Feed(href.Filter{})
	c.Views = []layout.Tab{{Text: "Recent changes", Href: c.Section, Current: true}}
	c.Actions = []layout.Tab{{Text: "All", Href: c.Section, Current: true}, {Text: "Watchlist", Href: href.Watchlist()}}
	c.Tools = []layout.ToolGroup{
		{Title: "Follow", Links: []layout.Link{{Text: "Atom feed", Href: c.Feed}}},
		{Title: "Log", Links: []layout.Link{{Text: "Latest checkpoint", Href: href.Log()}, {Text: "Verify the log", Href: href.Verify()}}},
	}
	kinds := []ui.Option{}
	for _, k := range []string{"Pages", "Talk", "Proposals", "Votes", "Elections", "Training", "Unlearning and proofs", "Review", "Nodes", "Members"} {
		kinds = append(kinds, ui.Option{Value: k, Label: k, Checked: true})
	}
	return pages.ChangesPage{
		Chrome: c,
		Lead:   ui.Cat(say("Every act in this community, newest first. Each line is an entry of the "), ui.Link("public log", href.Log()), say("; its number leads to the proof.")),
		Filters: &pages.ChangesFilters{
			Action: href.Changes(href.Filter{}), Kinds: kinds, Since: ui.Input{Value: "2026-11-18"}, Limit: "50",
			Limits: []ui.Option{{Value: "50", Label: "50 lines"}, {Value: "100", Label: "100 lines"}, {Value: "250", Label: "250 lines"}},
		},
		Days: []pages.ChangesDay{
			{ID: "d1", Day: when("2026-11-19", "19 November 2026"), Changes: recent()},
			{ID: "d2", Day: when("2026-11-18", "18 November 2026"), Changes: []ui.Change{
				act("2026-11-18T21:12Z", "21:12", "Node", 48077, member("Birna Ösp"), say(" changed the limits of node "), ui.Link("hi-cluster", href.Node(8))),
				act("2026-11-18T17:30Z", "17:30", "Page", 48066, member("Oddný"), say(" edited "), ui.Link("Help:Join tokens", href.Page("Help:Join tokens")), say(" "), ui.Bytes(214), say(" "), ui.Italic("which ports are needed")),
				act("2026-11-18T11:20Z", "11:20", "Page", 48047, member("Kolbeinn"), say(" edited "), ui.Link("Policy:Corpus", href.Page("Policy:Corpus")), say(" "), ui.Bytes(-96), say(" "), ui.Italic("shorter 2.3")),
			}},
		},
		Pager: ui.Pager{Older: href.Changes(href.Filter{Before: 48047}), Label: "changes"}, FeedURL: c.Feed,
	}
}
