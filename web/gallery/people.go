package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func people() []Entry {
	bare := visitor("Sign in to skald.example")
	bare.Bare = true
	register := bare
	register.Title = "Make an account at skald.example"
	return []Entry{
		{"sign-in", pages.SignIn(pages.SignInPage{
			Chrome: visitor("Sign in"), Next: "/proposals/212",
			Issuers: []pages.SignInIssuer{
				{Name: "Sign in with this server", Note: "An account here: a name and a password. Nobody else learns of it.", Path: href.SignInWith("local"), Local: true},
				{Name: "Sign in with your university", Note: "Your university learns that you signed in here, and tells your name.", Path: href.SignInWith("university")},
			},
		})},
		{"sign-in-failed", pages.SignIn(pages.SignInPage{Chrome: visitor("Sign in"), Problem: say("You were not signed in: the provider did not answer within 10 seconds. Try again.")})},
		{"local-sign-in", pages.LocalSignIn(pages.LocalSignInPage{
			Chrome: bare, Action: href.LocalSignIn(""), Request: "r1", Register: href.LocalRegister("r1"),
			Name: ui.Input{Value: "ingvild"}, Problem: "The name or the password is wrong.",
		})},
		{"register", pages.Register(pages.RegisterPage{
			Chrome: register, Action: href.LocalRegister(""), Request: "r1", SignIn: href.LocalSignIn("r1"), MinLength: 12,
			Name: ui.Input{Value: "ingvild"}, Password: ui.Input{Problem: "Write at least 12 letters."},
		})},
		{"join", pages.Join(pages.JoinPage{
			Chrome: visitor("Become a member"), Action: href.Join(), Name: ui.Input{Value: "Ingvild A."}, AgreementOf: "Contributor agreement, version 3",
			Agreement: "<p>You share only what you may share. Your text stays yours.</p>", AcceptWrong: "You can become a member only if you agree.", Operation: op,
		})},
		{"founding", pages.Founding(pages.FoundingPage{
			Chrome: visitor("Found a community"), Action: href.Founding(), Operation: op, Name: ui.Input{Value: "The Skald community"}, Model: ui.Input{Value: "Skald"},
			Purpose: ui.Input{Problem: "Say in one sentence what the model is for."},
			Periods: []pages.FoundingParameter{
				{ID: "voting", Label: "Voting period", Unit: "days", Why: "How long a vote stays open.", Input: ui.Input{Value: "7"}, Min: "1", Max: "60"},
				{ID: "discussion", Label: "Discussion", Unit: "days", Why: "Before a vote may open.", Input: ui.Input{Value: "14"}, Min: "0", Max: "90"},
				{ID: "eligible", Label: "Vote after", Unit: "days", Why: "How long somebody must be a member to be on the roll.", Input: ui.Input{Value: "7"}, Min: "0", Max: "365"},
				{ID: "quorum", Label: "Quorum", Unit: "per cent", Why: "Share of the roll that must take part.", Input: ui.Input{Value: "20"}, Min: "0", Max: "100"},
			},
			Rules: []ui.Options{
				{ID: "rule-policy", Label: "Policies are changed by", Value: "two-thirds", Items: []ui.Option{{Value: "majority", Label: "more yes than no"}, {Value: "two-thirds", Label: "two thirds of yes and no"}}},
				{ID: "rule-unlearn", Label: "Unlearning is decided by", Value: "three-quarters", Items: []ui.Option{{Value: "three-quarters", Label: "three quarters, and 40 % of the roll"}}},
			},
		})},
		{"members", pages.Members(pages.MembersPage{
			Chrome: frame("Members"), Lead: say("84 members. 79 of them are on the roll today."),
			Members: []pages.MemberLine{
				{ID: 3, Name: "Ingvild A.", Since: when("2026-02-03", "3 February 2026"), Groups: "moderator", Offices: "moderator until 30 April 2027", Nodes: 3, Acts: 1204, Self: true},
				{ID: 4, Name: "Máret", Since: when("2026-01-11", "11 January 2026"), Groups: "moderator", Nodes: 1, Acts: 803},
				{ID: 5, Since: when("2026-03-30", "30 March 2026"), Acts: 12, Left: true},
			},
			Pager: ui.Pager{Older: href.Members() + "?after=5", Label: "members"},
		})},
		{"member", pages.Member(aMember())},
		{"member-new", pages.Member(pages.MemberPage{
			Chrome: frame("Hallgerd"), Empty: "Hallgerd has not written anything about herself yet.",
			Infobox: ui.Infobox{Caption: "Hallgerd", Groups: []ui.FactGroup{{Facts: []ui.Fact{timeFact("Member since", "2026-11-18", "18 November 2026"), fact("May vote from", "25 November 2026")}}}},
		})},
	}
}

func aMember() pages.MemberPage {
	return pages.MemberPage{
		Chrome: frame("Ingvild A."), HTML: "<p>I speak Nynorsk and keep three machines warm.</p>",
		Infobox: ui.Infobox{Caption: "Ingvild A.", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{timeFact("Member since", "2026-02-03", "3 February 2026"), fact("On the roll", "yes"), fact("Agreement", "version 3")}},
			{Title: "Credit", Facts: []ui.Fact{fact("Rounds", "97"), fact("Cases", "212"), fact("Edits", "340")}},
		}},
		Groups:   []pages.MemberGroup{{Name: "moderator", Until: when("2027-04-30", "30 April 2027"), By: ui.Link("Election 9", href.ElectionResult(9))}},
		Nodes:    []ui.Row{cells(ui.Link("kitchen-laptop", href.Node(1)), "Nynorsk", "41", ui.Chip{Text: "training"}), cells(ui.Link("basement-gpu", href.Node(2)), "Nynorsk", "96", good("reported"))},
		Changes:  recent()[3:5],
		CanGrant: true,
		Grants: pages.MemberGrants{
			Action: href.MemberGroups(3), Operation: op, Until: ui.Input{Value: "2027-04-30"}, Reason: ui.Input{Problem: "Say why."},
			Groups: ui.Options{ID: "group", Label: "Right", Value: "reviewer", Items: []ui.Option{{Value: "reviewer", Label: "reviewer", Description: "Reads flagged answers."}, {Value: "moderator", Label: "moderator", Description: "Decides cases, protects pages."}}},
		},
	}
}
