package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

const tokens = "Help:Join tokens"

// reading are the tabs of a wiki page; which is the current one on the right.
func reading(title, heading string, current int) layout.Chrome {
	actions := []layout.Tab{
		{Text: "Read", Href: href.Page(title)}, {Text: "Edit", Href: href.PageEdit(title)}, {Text: "View history", Href: href.PageHistory(title, 0)},
	}
	actions[current].Current = true
	c := views(frame(heading), "Page", href.Page(title), href.Talk(title), 4, actions...)
	c.Tools = []layout.ToolGroup{{Title: "Page", Links: []layout.Link{{Text: "Permanent link", Href: href.PageRevision(title, 9)}, {Text: "Changes to this page", Href: href.Changes(href.Filter{Subject: "page:" + title})}}}}
	return c
}

func wiki() []Entry {
	read := reading(tokens, tokens, 0)
	read.Toc = []layout.Link{{Text: "Ports", Href: "#ports"}, {Text: "Lost tokens", Href: "#lost"}}
	read.Subline = say("From Althing, the pages of the Skald community")
	missing := reading("Help:Tides", "Help:Tides", 0)
	return []Entry{
		{"article", pages.Article(pages.ArticlePage{
			Chrome:  read,
			Hatnote: ui.Cat(say("This is about joining a machine; for what it then does see "), ui.Link("Help:Nodes", href.Page("Help:Nodes")), say(".")),
			HTML: `<p>A <b>join token</b> lets one machine become your node. It is shown once and dies after 30 minutes. See <a href="/wiki/Help:Nodes">nodes</a>.</p>` +
				`<h2 id="ports">Ports</h2><p>The node opens connections and never listens.</p><table><thead><tr><th>Port</th><th>For</th></tr></thead><tbody><tr><td>443</td><td>the server</td></tr></tbody></table>` +
				`<h2 id="lost">Lost tokens</h2><ul><li>Make a new one; the old one dies.</li><li>Nobody can read a token from the server: only its hash is kept.</li></ul><pre tabindex="0"><code>althing-node join skald.example --token al1-join-…</code></pre>`,
		})},
		{"article-old", pages.Article(pages.ArticlePage{
			Chrome: reading(tokens, tokens+", revision 6", 2), Notice: ui.Cat(say("This is revision 6 of 9. "), ui.Link("Read the newest", href.Page(tokens))), Warn: true,
			HTML: "<p>A join token lets one machine become your node.</p>",
			Revision: []ui.Fact{
				timeFact("Saved", "2026-11-01T17:40Z", "1 November 2026, 17:40 UTC"), factOf("By", member("Marjun P.")),
				digestFact("Digest", "sha256:202a1eacdc9f9869ec4bc1e3c30ae0258cd0519220c48fda10c04162688a1f45"), factOf("Log entry", entry(46990)),
			},
		})},
		{"article-missing", pages.Article(pages.ArticlePage{
			Chrome: missing, Empty: ui.Empty{Lead: "There is no page “Help:Tides” yet.", Text: "You may write it. A few sentences are enough; others will add to them.", Actions: []ui.Action{{Text: "Write this page", Href: href.PageEdit("Help:Tides"), Look: "progressive"}, {Text: "Search", Href: href.Search("Tides")}}},
		})},
		{"edit", pages.Edit(pages.EditPage{
			Chrome: reading(tokens, "Editing "+tokens, 1), Action: href.PageEdit(tokens), Back: href.Page(tokens), Base: 9, Operation: op,
			Text: ui.Input{Value: "A **join token** lets one machine become your node.\n\n## Ports\n\nThe node opens connections and never listens."}, TextLang: "en",
		})},
		{"edit-preview", pages.Edit(pages.EditPage{
			Chrome: reading(tokens, "Editing "+tokens, 1), Action: href.PageEdit(tokens), Back: href.Page(tokens), Base: 9, Operation: op,
			Preview: "<p>A <b>join token</b> lets one machine become your node.</p>",
			Text:    ui.Input{Value: "A **join token** lets one machine become your node."}, Summary: ui.Input{Problem: "Say in a few words what you changed."},
		})},
		{"edit-conflict", pages.Edit(pages.EditPage{
			Chrome: reading(tokens, "Editing "+tokens, 1), Action: href.PageEdit(tokens), Back: href.Page(tokens), Base: 10, Operation: op,
			Text: ui.Input{Value: "A join token lets one machine become your node. It dies after 30 minutes."}, Summary: ui.Input{Value: "say when it dies"},
			Conflict: &pages.EditConflict{
				Theirs: "A join token lets one machine become your node. Keep it secret.",
				By:     ui.Cat(member("Oddný"), say(" saved revision 10 at "), ui.Moment("2026-11-19T10:31Z", "19 November 2026, 10:31 UTC"), say(".")),
				Changes: []pages.DiffRow{
					{Kind: "head", Old: say("Line 1"), New: say("Line 1")},
					{Kind: "changed", Old: say("A join token lets one machine become your node."), New: ui.Cat(say("A join token lets one machine become your node. "), ui.Rich{{Text: "Keep it secret.", As: "ins"}})},
				},
			},
		})},
		{"edit-new", pages.Edit(pages.EditPage{Chrome: frame("New page"), New: true, Action: href.PageNew(), Back: href.Home(), Operation: op, PageTitle: ui.Input{Value: "Help", Problem: "A page with this title exists. Choose another title or edit that page."}})},
		{"history", pages.History(history())},
		{"diff", pages.Diff(difference())},
		{"diff-same", pages.Diff(pages.DiffPage{Chrome: reading(tokens, "Difference between revisions 8 and 9", 2), Old: pages.DiffRevision{Name: "Revision 8"}, New: pages.DiffRevision{Name: "Revision 9"}})},
		{"talk", pages.Talk(talk())},
		{"talk-empty", pages.Talk(pages.TalkPage{Chrome: visitor("Talk: Help"), Subject: layout.Link{Text: "Help", Href: href.Page("Help")}, Why: "You need an account to take part."})},
		{"search", pages.Search(search())},
		{"search-empty", pages.Search(searchEmpty())},
	}
}

func history() pages.HistoryPage {
	line := func(n int64, at, text, by string, size, change int64, summary string) pages.HistoryRevision {
		r := pages.HistoryRevision{
			Number: n, When: when(at, text), Href: href.PageRevision(tokens, n), By: by, ByURL: href.Member(n), TalkURL: href.MemberTalk(n),
			Size: size, Change: change, Summary: summary, Digest: "sha256:2522da…830a",
		}
		if n > 1 {
			r.DiffURL = href.PageDiff(tokens, n-1, n)
		}
		return r
	}
	p := pages.HistoryPage{
		Chrome: reading(tokens, "History of “Proposal 212: Unlearn the Sandoy interviews”", 2), Action: href.PageDiff(tokens, 0, 0), Note: "4 revisions by 3 members.",
		Lead: say("Each line is one revision. Choose an older one (left) and a newer one (right), then compare."),
		Revisions: []pages.HistoryRevision{
			line(4, "2026-11-14T10:58Z", "14 November 2026, 10:58 UTC", "Marjun P.", 14820, 612, "plan for new Faroese dialogue, after objection 1"),
			line(3, "2026-11-02T13:58Z", "2 November 2026, 13:58 UTC", "Birna Ösp", 12304, -486, "narrow the scope: newspaper columns stay"),
			line(2, "2026-10-28T21:07Z", "28 October 2026, 21:07 UTC", "Jógvan", 11149, 318, "quote the consent form of 1998"),
			line(1, "2026-10-26T19:22Z", "26 October 2026, 19:22 UTC", "Marjun P.", 7891, 7891, "new draft"),
		},
	}
	p.Revisions[1].Chip = warn("meaning changed; discussion clock restarted")
	p.Revisions[2].Hidden = "private data, by decision of case 301"
	return p
}

func difference() pages.DiffPage {
	word := func(as, text string) ui.Rich { return ui.Rich{{Text: text, As: as}} }
	return pages.DiffPage{
		Chrome: reading(tokens, "Proposal 212: difference between revisions 6 and 7", 2), Older: href.PageDiff(tokens, 5, 6), Newer: href.PageDiff(tokens, 7, 8),
		Notice: say("The seconders say that this change alters the meaning. The discussion of 14 days began again."),
		Old:    pages.DiffRevision{Name: "Revision 6", Href: href.PageRevision(tokens, 6), When: when("2026-11-01T17:40Z", "1 November 2026, 17:40 UTC"), By: "Marjun P.", ByURL: href.Member(9), Summary: "near-miss examples"},
		New:    pages.DiffRevision{Name: "Revision 7", Href: href.PageRevision(tokens, 7), When: when("2026-11-02T13:58Z", "2 November 2026, 13:58 UTC"), By: "Birna Ösp", ByURL: href.Member(10), Summary: "narrow the scope"},
		Rows: []pages.DiffRow{
			{Kind: "head", Old: say("Line 12: Scope"), New: say("Line 12: Scope")},
			{Kind: "same", Old: say("The proposal concerns text that Tórbjørn added to the corpus."), New: say("The proposal concerns text that Tórbjørn added to the corpus.")},
			{Kind: "changed", Old: ui.Cat(say("The forget set holds "), word("del", "everything"), say(" with contributor "), ui.Code("torbjorn")), New: ui.Cat(say("The forget set holds "), word("ins", "all pieces"), say(" with contributor "), ui.Code("torbjorn"))},
			{Kind: "added", New: word("ins", "Not targeted: his 2,310 newspaper columns, which he wrote himself.")},
			{Kind: "head", Old: say("Line 31: Method"), New: say("Line 29: Method")},
			{Kind: "removed", Old: word("del", "His right to contribute is suspended for one year.")},
		},
		FactsTitle: "Revision 7",
		Facts:      []ui.Fact{fact("Size", "12,304 bytes (−486)"), digestFact("Digest", "sha256:202a1eacdc9f9869ec4bc1e3c30ae0258cd0519220c48fda10c04162688a1f45"), factOf("Log entry", entry(46990))},
		Links:      ui.Cat(ui.Link("Read revision 7", href.PageRevision(tokens, 7)), say(" · "), ui.Link("Undo this change", href.PageUndo(tokens, 7))),
	}
}

func talk() pages.TalkPage {
	c := frame("Talk: Proposal 212")
	c.Views = []layout.Tab{{Text: "Page", Href: href.Proposal(212)}, {Text: "Talk", Href: href.ProposalTalk(212), Count: 23, Current: true}}
	comment := func(id int64, depth int, by, at, text, html string) pages.TalkComment {
		return pages.TalkComment{ID: id, Depth: depth, By: by, ByURL: href.Member(id), When: when(at, text), HTML: html, ReplyURL: href.CommentReply(id), Op: op}
	}
	hidden := comment(4, 1, "", "", "", "")
	hidden.Hidden, hidden.ReplyURL = "a private address, by decision of case 309.", ""
	failed := comment(3, 2, "Máret", "2026-11-19T10:02Z", "19 November 2026, 10:02 UTC", "<p>Their families. The archive has their addresses.</p>")
	failed.Reply = ui.Input{Problem: "Write something first."}
	return pages.TalkPage{
		Chrome: c, Subject: layout.Link{Text: "Proposal 212", Href: href.Proposal(212)}, Action: href.ProposalTalk(212), CanWrite: true, Operation: op,
		Threads: []pages.TalkThread{{ID: 1, Title: "Who may speak for the interviewed?", Comments: []pages.TalkComment{
			comment(1, 0, "Tórbjørn", "2026-11-18T20:11Z", "18 November 2026, 20:11 UTC", "<p>I have signed forms of all but two. They say “research and future uses”.</p>"),
			comment(2, 1, "Oddný", "2026-11-19T08:15Z", "19 November 2026, 08:15 UTC", "<p>And the two? Who answers for them?</p>"),
			failed, hidden,
		}}},
	}
}

func search() pages.SearchPage {
	c := frame("Search")
	c.Query = "Sandoy"
	found := func(title, address, kind, before, after, note string) pages.SearchResult {
		return pages.SearchResult{Title: title, Href: address, Kind: kind, Note: note, Snippet: ui.Cat(say(before), ui.Rich{{Text: "Sandoy", As: "mark"}}, say(after))}
	}
	return pages.SearchPage{
		Chrome: c, Action: href.Search(""), Input: ui.Input{Value: "Sandoy"}, Count: 2,
		Results: []pages.SearchResult{
			found("Proposal 212: Unlearn the Sandoy interviews", href.Proposal(212), "Proposal", "This proposal asks to remove the ", " interviews from Skald", "voting, 14 November 2026"),
			found("Policy:Corpus", href.Page("Policy:Corpus"), "Page", "no language may lose a register, as in the ", " case", "2,204 bytes, 18 November 2026"),
		},
		Pager: ui.Pager{Older: "/search?q=Sandoy&before=2", Label: "results"},
	}
}

func searchEmpty() pages.SearchPage {
	c := frame("Search")
	c.Query = "tides"
	return pages.SearchPage{Chrome: c, Action: href.Search(""), Input: ui.Input{Value: "tides"}, Create: ui.Action{Text: "Write the page “tides”", Href: href.PageEdit("tides")}}
}
