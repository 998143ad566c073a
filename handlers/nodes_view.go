package handlers

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"encoding/base64"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// whatLeaves lists what a node sends and what it never does: the fields of
// the node protocol, in words.
func whatLeaves() pages.Leaves {
	return pages.Leaves{
		Leave: []string{
			"in each round, an update: how your training changed the weights, as many numbers as the model has",
			"on how many examples, tokens and steps it was trained, how long that took, which engine computed it, and, where the recipe chooses nodes by it, the loss of each step",
			"losses on your validation text: sums over at least 20 records",
			"the root of your manifest (a hash) and its counts: records, bytes, tokens, how many were set aside or held back; and that all of your text is public, if you declare it",
			"what your text is made of, in rounded counts of at least 20 records: languages, kinds of text, classes of licences; the class of the machine, and a region if you name one",
			"only if you declare all of your text public: in campaigns on public data, the texts that a round was trained on, for a spot check, in which a node of another member trains your update again; the platform removes them when it is over. And of an update that your node trained again for another: the digest of what came out",
			"if your own records are to be forgotten: figures of what the model remembers of records planted for that",
			"processor, memory, kernel and version of the program, how long a small request takes, and your address on the network, as with any website",
		},
		Never: []string{
			"your text, or any part of it, unless you declare all of it public", "names of files and folders", "which records were held back, only how many",
			"anything at all while the program does not run",
		},
		Caution: ui.Plain("An update can reveal parts of the text it was trained on; research on gradient inversion shows how. So it is stored encrypted to a key of its contributor, read only to compute the sum of the round and by auditors whom a decision names, and destroying the key forgets it, in backups too. Only a campaign on public data publishes updates, and a node takes part in one only where its owner ran it with --public."),
	}
}

// joinCommands are what to paste on the machine.
func joinCommands(site string) string {
	return "althing node join --url " + site + "\nalthing node preview --text FOLDER\nalthing node run --text FOLDER"
}

func nodesLead(t corpus.Totals) string {
	return fmt.Sprintf("%s nodes of %s members have told what they hold: %s records, %s tokens to train on. The text is on their machines.",
		ui.Count(t.Nodes), ui.Count(t.Owners), ui.Count(t.Records), ui.Count(t.Tokens))
}

// silent is after how long a node that is not heard counts as away; a running
// one is heard about every half minute.
const silent = 2 * time.Minute

func nodeState(n nodes.Node, now time.Time) ui.Chip {
	switch {
	case n.RevokedAt != nil:
		return ui.Chip{Text: "retired", Kind: "error"}
	case n.JoinedAt == nil:
		return ui.Chip{Text: "has not joined yet", Kind: "warning"}
	case n.SeenAt == nil || now.Sub(*n.SeenAt) > silent:
		return ui.Chip{Text: "away"}
	}
	return ui.Chip{Text: "present", Kind: "success"}
}

func nodeLines(list []nodes.Node, names map[governance.Ref]string, reader governance.MemberID, now time.Time) []pages.NodeLine {
	lines := make([]pages.NodeLine, len(list))
	for i, n := range list {
		owner := link(memberRef(n.Owner), names)[0]
		lines[i] = pages.NodeLine{
			ID: int64(n.ID), Name: n.Name, Owner: owner.Text, OwnerURL: owner.Href, Hardware: hardware(n.Capabilities),
			State: nodeState(n, now), Reports: int(n.Accepted), Seen: seen(n), Self: n.Owner == reader,
		}
	}
	return lines
}

func seen(n nodes.Node) ui.When {
	if n.SeenAt == nil {
		return ui.When{Text: "never"}
	}
	return shortMoment(*n.SeenAt)
}

// hardware says in words what a machine told of itself when it joined.
func hardware(capabilities string) string {
	var c struct {
		OS          string `json:"os"`
		CPU         string `json:"cpu"`
		Threads     int    `json:"threads"`
		Memory      int64  `json:"memory"`
		Kernel      string `json:"kernel"`
		Accelerator string `json:"accelerator"`
	}
	if json.Unmarshal([]byte(capabilities), &c) != nil || c.CPU == "" {
		return ""
	}
	parts := []string{strings.TrimSpace(c.CPU + " " + c.Kernel)}
	if c.Threads > 0 {
		parts = append(parts, ui.Count(int64(c.Threads))+" threads")
	}
	if c.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.0f GB", float64(c.Memory)/(1<<30)))
	}
	if c.Accelerator != "" {
		parts = append(parts, c.Accelerator)
	}
	return strings.Join(append(parts, c.OS), ", ")
}

// nodeView is all that the page of a node is made of.
type nodeView struct {
	nodes.Node
	chrome   layout.Chrome
	name     ui.Input
	parts    []rounds.NodePart
	manifest corpus.Manifest
	strata   []ui.Fact
	cases    []moderation.Case
	changes  []audit.Change
	names    map[governance.Ref]string
	site     string
	now      time.Time
}

func (v nodeView) page() pages.NodePage {
	p := pages.NodePage{
		Chrome: v.chrome, Lead: ui.Cat(ui.Plain("A node of "), link(memberRef(v.Owner), v.names), ui.Plain(". Its text stays on it; what leaves can reveal parts of it."), heldCases(v.cases)),
		Infobox: v.infobox(), Changes: changeLines(v.changes, v.names),
	}
	for _, r := range v.parts {
		line := pages.NodeRound{Round: int64(r.Round), Href: href.Round(int64(r.Round)), State: partState(r)}
		if r.Examples > 0 {
			line.Examples = ui.Count(r.Examples)
		}
		if r.Norm > 0 {
			line.Norm = fmt.Sprintf("%.3f", r.Norm)
		}
		if r.ReportedAt != nil {
			line.When = shortMoment(*r.ReportedAt)
		}
		p.Rounds = append(p.Rounds, line)
	}
	if v.chrome.MemberID == int64(v.Owner) && v.RevokedAt == nil {
		p.Own = v.own()
	}
	return p
}

func (v nodeView) own() *pages.NodeOwn {
	id := int64(v.ID)
	own := &pages.NodeOwn{
		Rename: href.NodeRename(id), Retire: href.NodeRetire(id), Name: v.name,
		Ops: [3]string{newOperation(), newOperation(), newOperation()},
	}
	if v.JoinedAt == nil {
		own.Token = href.NodeToken(id)
	} else {
		own.Commands = "althing node preview --text FOLDER\nalthing node run --text FOLDER --hours 22:00-07:00 --threads 4 --megabytes 4096"
	}
	return own
}

// partState says how a node's part in a round stands.
func partState(r rounds.NodePart) ui.Chip {
	switch {
	case r.State == "refused":
		return ui.Chip{Text: "declined", Kind: "warning"}
	case r.State == "closed":
		return ui.Chip{Text: "did not report"}
	case r.State == "open":
		return ui.Chip{Text: "asked"}
	case r.RoundState == rounds.Accepted:
		return ui.Chip{Text: "counted", Kind: "success"}
	case r.RoundState == rounds.Rejected || r.RoundState == rounds.Abandoned:
		return ui.Chip{Text: "round " + r.RoundState}
	}
	return ui.Chip{Text: "reported", Kind: "success"}
}

func (v nodeView) infobox() ui.Infobox {
	facts := []ui.Fact{
		{Label: "State", Chip: nodeState(v.Node, v.now)},
		{Label: "Owner", Value: link(memberRef(v.Owner), v.names)},
		{Label: "Registered", Value: richMoment(v.RegisteredAt)},
	}
	if v.JoinedAt != nil {
		facts = append(facts, ui.Fact{Label: "Joined", Value: richMoment(*v.JoinedAt)})
	}
	if v.SeenAt != nil {
		facts = append(facts, ui.Fact{Label: "Last seen", Value: richMoment(*v.SeenAt)})
	}
	if h := hardware(v.Capabilities); h != "" {
		facts = append(facts, ui.Fact{Label: "Hardware", Value: ui.Plain(h)})
	}
	box := ui.Infobox{Caption: v.Name, Groups: []ui.FactGroup{{Facts: facts}, {Title: "Reports", Facts: []ui.Fact{
		{Label: "Taken", Value: ui.Plain(ui.Count(v.Accepted))}, {Label: "Too late", Value: ui.Plain(ui.Count(v.Late))},
		{Label: "Refused", Value: ui.Plain(ui.Count(v.Refused))}, {Label: "Passed all checks, in a row", Value: ui.Plain(ui.Count(v.Valid))},
		{Label: "Confirmed by another node, in a row", Value: ui.Plain(ui.Count(v.Confirmed))},
	}}}}
	if !v.manifest.Root.IsZero() {
		box.Groups = append(box.Groups, holdings(v.manifest))
	}
	if len(v.strata) > 0 {
		box.Groups = append(box.Groups, ui.FactGroup{Title: "What it is made of", Facts: v.strata})
	}
	if v.PublicKey != nil {
		box.Groups = append(box.Groups, ui.FactGroup{Title: "Identity", Facts: []ui.Fact{
			{Label: "Key (Ed25519)", Value: ui.Digest(base64.StdEncoding.EncodeToString(v.PublicKey))},
		}})
	}
	return box
}

// holdings says what a node holds, by its newest manifest.
func holdings(m corpus.Manifest) ui.FactGroup {
	public := "not declared"
	if m.Public {
		public = "all of it, its owner declares"
	}
	return ui.FactGroup{Title: "What it holds", Facts: []ui.Fact{
		{Label: "Records", Value: ui.Plain(ui.Count(m.Records))}, {Label: "Tokens to train on", Value: ui.Plain(ui.Count(m.Tokens))},
		{Label: "Kept for validation", Value: ui.Plain(ui.Count(m.Validation))}, {Label: "Reserved twins", Value: ui.Plain(ui.Count(m.Twins))},
		{Label: "Held back", Value: ui.Plain(ui.Count(m.Suppressed))}, {Label: "Public text", Value: ui.Plain(public)},
		{Label: "Manifest", Value: ui.Digest(shortDigest(m.Root.Hex()))},
	}}
}
