package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

func leaves() pages.Leaves {
	return pages.Leaves{
		Leave: []string{
			"a clipped update of the weights, at most 23.9 MB in a round", "how many examples it was trained on", "loss on your validation text, as one number",
			"counts of matches when something is unlearned, in groups of 20 or more", "the root of your manifest (a hash)", "kind of processor, memory, program version",
		},
		Never:   []string{"your text, or any part of it", "names of files and folders", "the list of what was matched", "anything, while the node is paused"},
		Caution: ui.Cat(say("An update can still tell something about text. It is clipped, stored encrypted, and summed with others before anybody sees it. "), ui.Link("What that protects and what it does not", href.Page("Help:Updates"))),
	}
}

func strata() pages.Strata {
	return pages.Strata{
		Lacks: []pages.CampaignLack{{Name: "Campaign 7", Href: href.Campaign(7), Lacks: "French (2 of 3 nodes), Icelandic (1 of 3 nodes)"}},
		Groups: []pages.StratumGroup{
			{Kind: "Language", Lines: []pages.StratumLine{{Name: "Norwegian", Nodes: 21, Members: 14, Records: "at least 48,000"}, {Name: "go", Nodes: 9, Members: 7, Records: "at least 20,000"}, {Name: "French", Nodes: 2, Members: 2, Records: "at least 700"}}},
			{Kind: "Region", Lines: []pages.StratumLine{{Name: "Europe", Nodes: 18, Members: 11, Records: "at least 60,000"}, {Name: "not said", Nodes: 13, Members: 8, Records: "at least 20,000"}}},
		},
	}
}

func publicData() pages.PublicData {
	return pages.PublicData{Command: "althing node run --public --text FOLDER", Nodes: "12 nodes declare that now.", Running: []ui.Rich{ui.Link("Campaign 7", href.Campaign(7)), ui.Link("Campaign 9", href.Campaign(9))}}
}

func machines() []Entry {
	mine := frame("My nodes")
	mine.Section = href.Nodes()
	return []Entry{
		{"nodes", pages.Nodes(pages.NodesPage{
			Chrome: mine, Mine: true, Leaves: leaves(),
			Lead: say("A node is a program on your own machine that trains Skald on text that you hold. You have three; together they took part in 97 of 130 rounds."),
			Nodes: []pages.NodeLine{
				{ID: 1, Name: "kitchen-laptop", Hardware: "CPU, 8 threads, 16 GB", State: ui.Chip{Text: "training, 71 %"}, Reports: 41, Seen: when("2026-11-19T10:39Z", "19 Nov 2026, 10:39 UTC")},
				{ID: 2, Name: "basement-gpu", Hardware: "GPU, 12 GB", State: good("reported"), Reports: 96, Seen: when("2026-11-19T10:38Z", "19 Nov 2026, 10:38 UTC")},
				{ID: 3, Name: "old-thinkpad", Hardware: "CPU, 4 threads, 8 GB", State: warn("silent for 3 days"), Reports: 12, Seen: when("2026-11-16T07:15Z", "16 Nov 2026, 07:15 UTC")},
			},
		})},
		{"nodes-empty", pages.Nodes(pages.NodesPage{Chrome: mine, Mine: true, Leaves: leaves(), Lead: say("A node is a program on your own machine that trains Skald on text that you hold.")})},
		{"nodes-all", pages.Nodes(pages.NodesPage{
			Chrome: frame("All nodes"), Lead: say("31 nodes of 19 members; 26 took part in the last ten rounds."),
			Nodes: []pages.NodeLine{
				{ID: 4, Name: "sandur-1", Owner: "Jógvan", OwnerURL: href.Member(6), Hardware: "CPU, 4 threads", State: good("reported"), Reports: 88, Seen: when("2026-11-19T09:02Z", "19 Nov 2026, 09:02 UTC")},
				{ID: 2, Name: "basement-gpu", Owner: "Ingvild A.", OwnerURL: href.Member(3), Hardware: "GPU, 12 GB", State: good("reported"), Reports: 96, Seen: when("2026-11-19T10:38Z", "19 Nov 2026, 10:38 UTC"), Self: true},
			},
			Strata: pages.Strata{Met: true, Groups: strata().Groups}, Pager: ui.Pager{Older: href.AllNodes() + "?after=4", Label: "nodes"},
		})},
		{"node-new", pages.NodeNew(pages.NodeNewPage{
			Chrome: frame("New node"), Action: href.NodeNew(), Operation: op, Leaves: leaves(), Strata: strata(), Public: publicData(),
			Name: ui.Input{Value: "kitchen-laptop", Problem: "You already have a node with the name kitchen-laptop. Choose another name."},
		})},
		{"node-token", pages.NodeNew(pages.NodeNewPage{
			Chrome: frame("New node"), Action: href.NodeNew(), Operation: op, Leaves: leaves(),
			Token: &pages.NodeToken{
				Node: "cabin-desktop", NodeURL: href.Node(12), Token: "aj1.a9c67b1f32d5cf64ad43a2f708ba.12.c6ue5eefab68b1a9c67b1f32d5cf64ad.a7rkw2m3p4q5zzyx", Expires: when("2026-11-19T11:10Z", "19 November 2026, 11:10 UTC"),
				Command: "althing node join --url https://skald.example\nalthing node run --text FOLDER",
				Install: ui.Cat(ui.Link("Install the node program first", href.Page("Help:Install")), say(" (one file).")),
			},
		})},
		{"node", pages.Node(pages.NodePage{
			Chrome: frame("Node basement-gpu"), Lead: ui.Cat(say("A node of "), member("Ingvild A."), say(", training on 3,880 examples of Nynorsk that never leave it.")),
			Infobox: ui.Infobox{Caption: "basement-gpu", Groups: []ui.FactGroup{
				{Facts: []ui.Fact{{Label: "State", Chip: good("reported")}, timeFact("Last seen", "2026-11-19T10:38Z", "19 Nov 2026, 10:38 UTC"), fact("Hardware", "GPU, 12 GB")}},
				{Title: "Identity", Facts: []ui.Fact{digestFact("Key", "ed25519:9fcc9870…7923"), digestFact("Manifest", "sha256:d1321672…a440")}},
			}},
			Rounds: []pages.NodeRound{
				{Round: 131, Href: href.Round(131), Examples: "3,880", Norm: "0.88", State: good("reported"), When: when("2026-11-19T04:10Z", "19 Nov 2026, 04:10 UTC")},
				{Round: 130, Href: href.Round(130), Examples: "3,880", Norm: "0.91", State: good("counted"), When: when("2026-11-18T20:40Z", "18 Nov 2026, 20:40 UTC")},
			},
			Own: &pages.NodeOwn{
				Rename: href.NodeRename(2), Token: href.NodeToken(2), Retire: href.NodeRetire(2), Name: ui.Input{Value: "basement-gpu"}, Ops: [3]string{op, op, op},
				Commands: "althing node run --text FOLDER --hours 22:00-07:00 --threads 4",
			},
			Changes: recent()[1:2],
		})},
	}
}
