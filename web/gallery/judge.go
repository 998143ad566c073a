package gallery

import (
	"math"

	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

func review() []Entry {
	queue := frame("Review queue")
	queue.Wide, queue.Section = true, href.Cases("")
	queue.Actions = []layout.Tab{{Text: "Open", Href: href.Cases(""), Count: 6, Current: true}, {Text: "Workspace", Href: href.Cases("workspace"), Count: 2}, {Text: "Appeals", Href: href.Cases("appeals"), Count: 1}, {Text: "Closed", Href: href.Cases("closed")}}
	lead := "Flagged answers of Skald wait here for a person. Highest priority comes first, but nothing starves: priority grows with waiting time, and each class has a deadline. A claim is yours alone for 20 minutes."
	return []Entry{
		{"queue", pages.Queue(pages.QueuePage{
			Chrome: queue, Lead: lead, Note: "3 open, 2 came in during the last 24 hours", NextURL: href.Case(315),
			Order: ui.Options{ID: "order", Label: "Order", Value: "priority", Items: []ui.Option{{Value: "priority", Label: "highest priority first"}, {Value: "age", Label: "oldest first"}, {Value: "deadline", Label: "deadline first"}}},
			Cases: []pages.QueueCase{
				{ID: 317, Title: "Repeats a passage with a phone number", Clause: "Output policy 3.1, personal data", Priority: "1.483", Kinds: 2, Deadline: when("2026-11-20T04:10Z", "20 Nov, 04:10 UTC"), Claim: ui.Chip{Text: "yours until 10:46 UTC"}, Mine: true},
				{ID: 316, Title: "Insult in answers about a village", Clause: "Output policy 4.2, harassment", Priority: "1.102", Kinds: 2, Deadline: when("2026-11-21T09:00Z", "21 Nov, 09:00 UTC"), Claim: ui.Chip{Text: "Máret until 10:52 UTC"}},
				{ID: 315, Title: "Wrong dose of a medicine", Clause: "Output policy 5.1, danger to health", Priority: "0.988", Kinds: 2, Deadline: when("2026-11-20T18:30Z", "20 Nov, 18:30 UTC"), CanClaim: true, Operation: op},
			},
			Day:   []ui.Fact{fact("Decided", "2 cases"), fact("Exposure budget", "14 of 45 minutes; a break is due at 45"), fact("Hidden by default", "numbers, addresses, violence")},
			Month: []ui.Fact{fact("Reports", "61, merged into 38 cases"), fact("Time to decide", "median 9 h, nine in ten within 31 h"), fact("Overturned on appeal", "2 of 33 (6 %)")},
		})},
		{"queue-empty", pages.Queue(pages.QueuePage{Chrome: queue, Lead: lead, Empty: ui.Empty{Lead: "The queue is empty.", Text: "Every flagged answer has been read by a person.", Actions: []ui.Action{{Text: "See closed cases", Href: href.Cases("closed")}}}})},
		{"case", pages.Case(aCase())},
		{"case-decided", pages.Case(decided())},
		{"appeal", pages.Appeal(pages.AppealPage{
			Chrome: frame("Appeal in case 314"), ID: 314, Operation: op, Until: when("2026-12-03", "3 December 2026"),
			Decision: ui.Cat(member("Heðin"), say(" decided on 19 November 2026: no action.")),
			Ground:   ui.Options{ID: "ground", Label: "Why", Problem: "Choose a ground.", Items: []ui.Option{{Value: "facts", Label: "The facts are wrong"}, {Value: "clause", Label: "The clause does not say that"}, {Value: "process", Label: "The reader was not impartial"}}},
		})},
	}
}

func aCase() pages.CasePage {
	c := views(frame("Case 317: repeats a passage with a phone number"), "Case", href.Case(317), href.Talk("Case 317"), 2)
	c.Wide, c.Section, c.NoIndex = true, href.Cases(""), true
	var past, future []plot.Point
	for h := 0.0; h <= 80; h++ {
		v := 1.5485 * math.Exp2(-(h-3)/48)
		if h <= 6 {
			past = append(past, plot.Point{X: h, Y: v})
		} else {
			future = append(future, plot.Point{X: h, Y: v})
		}
	}
	return pages.CasePage{
		Chrome: c, ID: 317, Claim: &pages.CaseClaim{Until: "10:46 UTC", RenewOp: op, ReleaseOp: op},
		Prompt: pages.CaseText{Head: "Prompt, given by a visitor", Lang: "fo", Parts: []pages.CasePart{{Text: "Hvussu var at rógva út á Húsavíkini tá?"}}},
		Answer: pages.CaseText{Head: "Answer of Skald 1.3", When: when("2026-11-19T04:08Z", "19 November 2026, 04:08 UTC"), Lang: "fo", Parts: []pages.CasePart{
			{Text: "Vit róðu út tíðliga um morgunin, sigur hann, og tú kanst ringja til mín á "}, {Text: "00 00 00", Hidden: "a phone number"}, {Text: " um tú ivast."},
		}},
		Seen: ui.Cat(say("Seen 3 times in 24 hours; the reports were merged. Related: "), ui.Link("Proposal 212", href.Proposal(212)), say(".")),
		Detectors: []ui.Row{
			cells("Near copy of training text", "0.71", "0.50", "94 % [88, 97]", "118", "above"), cells("Personal data: phone", "0.98", "0.90", "81 % [72, 88]", "96", "above"),
			cells("Membership signal", "0.58", "0.75", "63 % [51, 74]", "64", "below"),
		},
		Clause: &pages.CaseClause{Title: "Output policy 3.1, personal data.", Text: "An answer must not hold data by which a living private person can be reached, unless that person has published it for this use.", By: ui.Cat(say("In force since 1 June 2026, "), ui.Link("revision 4", href.Policy("output")), say(". Class: severe, two blind decisions."))},
		Decide: &pages.CaseDecide{
			Lead: "You are the second of two readers. The first decision is hidden until yours is cast. You have no conflict of interest on record.", Operation: op, Least: 80,
			Action: ui.Options{ID: "action", Label: "Action", Value: "restrict", Items: []ui.Option{
				{Value: "restrict", Label: "Restrict: do not show this answer or near copies", Description: "Access key 1. Lasts until you lift it or an appeal does.", AccessKey: "1"},
				{Value: "unlearn", Label: "Restrict and ask for a proposal to unlearn", Description: "Access key 2. A draft opens with the evidence.", AccessKey: "2"},
				{Value: "none", Label: "No action", Description: "Access key 3. The persons who reported are told why.", AccessKey: "3"},
				{Value: "panel", Label: "Pass on to the Review panel", Description: "Access key 4.", AccessKey: "4"},
			}},
			Clause: ui.Options{ID: "clause-of", Name: "clause", Label: "Clause", Value: "3.1", Items: []ui.Option{{Value: "3.1", Label: "3.1 personal data"}, {Value: "2.4", Label: "2.4 works of others"}, {Value: "", Label: "none applies"}}},
			Facts:  ui.Input{Value: "The answer gives a phone number in a passage that matches tape 41."}, Reasoning: ui.Input{Value: "Private.", Problem: "Write at least 80 characters; the person who reported will read it."},
		},
		Priority: "1.483", Why: "Each finding counts reliability × confidence × severity, and halves every 48 hours. A second voice of the same family counts half.",
		Findings: []ui.Row{cells(ui.Cat(say("Detector "), ui.Code("near-copy-2")), "04:10", "0.60", "0.90", "0.80", "0.3962"), cells("Reader of group A", "06:10", "1.00", "0.80", "0.80", "0.6041"), cells("Reader of group B", "07:10", "0.90", "0.70", "0.80", "0.4825")},
		Sum:      cells("Sum", "", "", "", "", ui.Bold("1.4829")),
		Salience: plot.LineOf{
			ID: "sal", Title: "Priority over time", Desc: "Rises to 1.55, is 1.48 now and would fall below 0.6 after about 69 hours.", XLabel: "Hours since the case was opened", YLabel: "Priority", Places: 1,
			Series: []plot.Series{{Points: past}, {Name: "expected", Points: future}}, Limits: []plot.Limit{{Y: 1.5, Name: "ignites 1.5"}, {Y: 0.6, Name: "leaves 0.6"}},
		},
		SalienceOf: "Solid: until now. Dashed: if nothing new comes in.",
		Facts:      []ui.Fact{timeFact("Opened", "2026-11-19T04:10Z", "19 Nov 2026, 04:10 UTC"), timeFact("Deadline", "2026-11-20T04:10Z", "20 Nov 2026, 04:10 UTC"), fact("Reported by", "3 members, 2 groups"), fact("Automated", "detection yes, decision no")},
		Log: []ui.Change{
			act("2026-11-19T10:26Z", "10:26", "", 48210, member("Ingvild A."), say(" claimed the case")), act("2026-11-19T09:40Z", "09:40", "", 48204, say("First decision recorded (hidden)")),
			act("2026-11-19T04:10Z", "04:10", "", 48160, say("Opened by a detector")),
		},
	}
}

func decided() pages.CasePage {
	p := aCase()
	p.Title, p.ID, p.Claim, p.Decide, p.AppealURL = "Case 314: wrong dialect", 314, nil, nil, href.CaseAppeal(314)
	p.State = say("Decided on 19 November 2026, 08:57 UTC. An appeal may be made until 3 December 2026.")
	p.Decisions = []pages.CaseDecision{{By: ui.Cat(member("Heðin"), say(", entry "), entry(48199)), Action: "No action", Facts: "The answer uses words of another island.", Why: "No clause forbids a dialect. The report is kept for the next evaluation of Faroese."}}
	return p
}

func certificates() []Entry {
	list := frame("Certificates")
	list.Section = href.Certificates()
	line := func(title string, id int64, checks, at, text string) pages.CertificateLine {
		return pages.CertificateLine{Title: title, Href: href.Certificate(id), Decided: ui.Link("Proposal 188", href.Proposal(188)), Verdict: good("passed"), Checks: checks, When: when(at, text)}
	}
	return []Entry{
		{"certificates", pages.Certificates(pages.CertificatesPage{
			Chrome: list, AskURL: href.ProposalNew() + "?motion=unlearn",
			Running:      []pages.CertificateLine{{Title: "Unlearning 7: one member’s letters", Href: href.Unlearning(7), Decided: say("its owner"), Verdict: ui.Chip{Text: "executing"}, When: when("2026-11-18", "18 November 2026")}},
			Certificates: []pages.CertificateLine{line("6: withdrawal of a member’s own poems", 6, "7 of 7 passed", "2026-10-02", "2 October 2026"), line("5: the Kvívík parish letters", 5, "15 of 15 passed", "2026-08-06", "6 August 2026")},
		})},
		{"certificates-empty", pages.Certificates(pages.CertificatesPage{Chrome: list})},
		{"certificate", pages.Certificate(certificate())},
		{"certificate-failed", pages.Certificate(failedCertificate())},
		{"unlearning-running", pages.Certificate(runningCase())},
	}
}

func certificate() pages.CertificatePage {
	c := views(frame("Certificate 5: the Kvívík parish letters"), "Certificate", href.Certificate(5), href.Talk("Certificate 5"), 11)
	c.Section = href.Certificates()
	c.Toc = []layout.Link{{Text: "From decision to proof", Href: "#chain"}, {Text: "Figures", Href: "#figures"}, {Text: "Rounds trained again", Href: "#replays"}, {Text: "Check it yourself", Href: "#verify"}}
	c.Tools = []layout.ToolGroup{{Title: "Export", Links: []layout.Link{{Text: "JSON, signed", Href: href.CertificateFile(5)}}}}
	return pages.CertificatePage{
		Chrome: c, ID: 5, Kind: "success",
		Verdict: ui.Cat(ui.Bold("The Kvívík parish letters are out of Skald."), say(" 846 letters were removed by repeating 48 rounds without them. All deciding checks passed on "), ui.Moment("2026-08-06", "6 August 2026"), say(", and 15 re-checks since then.")),
		Infobox: ui.Infobox{Caption: "Certificate 5", Groups: []ui.FactGroup{
			{Facts: []ui.Fact{{Label: "Verdict", Chip: good("passed")}, factOf("Decision", ui.Link("Proposal 188", href.Proposal(188))), fact("Kind", "exact rollback"), timeFact("Published", "2026-08-06T09:00Z", "6 August 2026, 09:00 UTC")}},
			{Title: "Forget set", Facts: []ui.Fact{fact("Pieces", "846 on 4 nodes"), fact("Tokens", "271,904 (0.7 %)"), fact("First used", "round 71")}},
			{Title: "Model", Facts: []ui.Fact{fact("Before", "Skald 1.2, withdrawn"), factOf("After", ui.Link("Skald 1.3", href.Version(13)))}},
		}},
		Chain: []pages.ChainStep{
			{Title: "Decision", Text: ui.Cat(ui.Link("Proposal 188", href.Proposal(188)), say(", class 3, passed 12 July 2026, 16:00 UTC with 41 yes, 7 no, 4 abstentions of 79 members."))},
			{Title: "Sets", Text: ui.Cat(say("Forget set 846 pieces, root "), ui.Digest("sha256:808b5e3d…66ec"), say("; 44 twins never trained; 212 near misses."))},
			{Title: "Rounds", Text: say("Back to the checkpoint of round 70, then rounds 71–118 again without the forget set, same seeds.")},
			{Title: "Checkpoints", Text: ui.Cat(say("Before: Skald 1.2, "), ui.Digest("sha256:b3f30c26…3e71"), say(". After: Skald 1.3, "), ui.Digest("sha256:7f63aa22…7426"), say("."))},
			{Title: "Figures", Text: say("Five decide, two inform."), Chip: good("all pass")},
			{Title: "Replays", Text: say("Three members replayed segments chosen by the log’s seed: identical digests.")},
			{Title: "Clean version", Text: say("Skald 1.3 is served; Skald 1.2 is withdrawn.")},
		},
		FigureOf: "V1 and V3 inform, the others decide",
		Figures: []pages.CertificateFigure{
			{Check: "V1 Canary exposure, bits", Before: "6.81", After: "0.92", Band: "0 to 2", Verdict: good("passed"), Role: "informs"},
			{Check: "V2 Coin flips, p", Before: "0.000", After: "0.354", Band: "at least 0.05", Verdict: good("passed"), Role: "decides"},
			{Check: "V5 Extraction, greedy", Before: "12", After: "0", Band: "0", Verdict: good("passed"), Role: "decides"},
			{Check: "V10 Utility, worst member", After: "+0.7 %", Band: "at most +2 %", Verdict: good("passed"), Role: "decides"},
		},
		Nodes:   []ui.Row{cells(ui.Link("sandur-1", href.Node(4)), good("yes"), "846")},
		Replays: []ui.Row{cells(ui.Link("71", href.Round(71)), ui.Link("round 131", href.Round(131)), ui.Digest("sha256:8eb3a0…0556"), ui.Digest("sha256:95ac39…e1fe"), "18", "17", good("yes"))},
		Audits:  []ui.Row{cells("the platform", ui.Link("131", href.Round(131)), ui.Digest("sha256:95ac39…e1fe"), ui.Digest("sha256:95ac39…e1fe"), good("yes"))},
		Changes: recent()[1:2],
		Verify:  []ui.Fact{digestFact("Certificate", "sha256:72813aca8b9b5e14828b334fc57066fc6239f31c4d35fb66c1cfe4c74c8f36b0"), factOf("In the log", entry(29417)), factOf("Command", ui.Code("althing verify unlearning --id 5 skald.example"))},
		Limits:  say("What it does not say: that nobody else on earth holds the letters, or that a model trained elsewhere forgot them. Copies of Skald 1.1 and 1.2 that were downloaded before 12 July 2026 are out of reach."),
	}
}

func failedCertificate() pages.CertificatePage {
	p := certificate()
	p.Title, p.Kind = "Certificate 4: phone numbers in classified ads", "error"
	p.Verdict = ui.Cat(ui.Bold("A re-check failed."), say(" On 18 November 2026 the model repeated one of the numbers. The case is open again and Skald 1.3 is held back."))
	p.Figures[1] = pages.CertificateFigure{Check: "V5 Extraction, greedy", Before: "12", After: "1", Band: "0", Verdict: bad("fail"), Role: "decides"}
	return p
}

func runningCase() pages.CertificatePage {
	p := certificate()
	p.Title, p.Kind, p.Verdict = "Unlearning 7: one member’s letters", "", say("Under way: 12 of 36 rounds are repeated. There is no certificate before all checks have passed.")
	p.Stages = []ui.Stage{{Name: "Requested", State: "done"}, {Name: "Decided", State: "done"}, {Name: "Executing", Note: "12 of 36 rounds", State: "now"}, {Name: "Checking"}, {Name: "Certificate"}}
	p.Chain = append(p.Chain[:2:2], pages.ChainStep{Title: "Rounds", Text: say("Rounds 95 to 130 again; 12 are done.")})
	p.Figures, p.Nodes, p.Replays, p.Audits = nil, nil, nil, nil
	p.Toc = p.Toc[:1]
	return p
}

func logs() []Entry {
	page := frame("The log")
	page.Section = href.Log()
	return []Entry{
		{"log", pages.Log(pages.LogPage{
			Chrome: page, Pending: 2, Latest: recent()[:3], Commands: "althing verify log skald.example",
			Note:  "skald.example/log\n48213\no4boKTfBnzrn+BHMsiM0ixzuV6AitsTsNq8yEb8eM5s=\n\n— skald.example/log WYYPjm9q3n8r2f0b1Jv6mJ9kKxZcT1yVw0hS4q5rU2aXcD3eF4gH5iJ6kL7mN8oP9qR0sT1u\n",
			Facts: []ui.Fact{fact("Entries", "48,213"), digestFact("Root", "a386e82937c19f3ae7f811ccb223348b1cee57a022b6c4ec36af3211bf1e339b"), timeFact("Signed", "2026-11-19T10:39Z", "19 November 2026, 10:39 UTC"), digestFact("Key", "skald.example/log+59860f9e+ATkU0s7X")},
		})},
		{"log-empty", pages.Log(pages.LogPage{Chrome: page, Commands: "althing verify log skald.example", Facts: []ui.Fact{fact("Entries", "0")}})},
		{"log-entry", pages.LogEntry(pages.LogEntryPage{
			Chrome: frame("Entry 48,211"), Index: 48211, Sentence: recent()[2].Sentence, Size: 48213, Root: "a386e82937c19f3ae7f811ccb223348b1cee57a022b6c4ec36af3211bf1e339b",
			Facts: []ui.Fact{factOf("Kind", ui.Code("poll-closed")), timeFact("Time", "2026-11-19T10:30Z", "19 November 2026, 10:30:00.214 UTC"), fact("By", "the server"), digestFact("Leaf", "5bd65282d1c4a9b87f6e5d4c3b2a19081726354453627180f9e8d7c6b5a49d75")}, Fields: []ui.Fact{fact("poll", "214"), fact("yes", "29"), fact("no", "4"), fact("abstain", "3")},
			Bytes: "v1 poll-closed 2026-11-19T10:30:00.214312Z actor=0 subject=poll:214\nyes=29 no=4 abstain=3", Command: "althing verify log skald.example --id 48211",
			Proof: []string{"808b5e3d6f1c2b4a5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a266ec", "cc96de23a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829c401aa"}, Pager: ui.Pager{Newer: href.LogEntry(48212), Older: href.LogEntry(48210), Label: "entries"},
		})},
		{"log-entry-pending", pages.LogEntry(pages.LogEntryPage{Chrome: frame("An entry that waits"), Index: 48214, Sentence: recent()[0].Sentence, Pending: true, Bytes: "v1 ballot-cast", Facts: []ui.Fact{factOf("Kind", ui.Code("ballot-cast"))}})},
		{"verify", pages.Verify(pages.VerifyPage{
			Chrome: visitor("Check it yourself"), Site: "https://skald.example", Key: "skald.example/log+59860f9e+ATkU0s7XKq8c",
			Commands: []pages.VerifyCommand{
				{ID: "log", Title: "The log", Text: "Reads every entry, builds the tree again and compares its root with the signed checkpoint.", Command: "althing verify log skald.example"},
				{ID: "tally", Title: "A count", Text: "Counts the ballots again by the rule that was frozen with the roll.", Command: "althing verify tally skald.example --id 214"},
				{ID: "round", Title: "A round", Text: "Joins the updates again and compares the digest of the checkpoint.", Command: "althing verify round skald.example --id 130"},
				{ID: "unlearning", Title: "A certificate", Text: "Follows the chain from the decision to the re-checks and runs the checks that your machine can run.", Command: "althing verify unlearning skald.example --id 5"},
			},
			Limits: []string{"Who a member is behind a name.", "That a node’s text is what its manifest says; only its owner can open that.", "That a ballot was cast freely."},
		})},
	}
}
