package handlers

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"golang.org/x/mod/sumdb/tlog"
)

func parseIndex(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, governance.Errorf(governance.NotFound, "The log's entries are numbered from 0; %q is no number of one.", s)
	}
	return n, nil
}

func entryView(chrome layout.Chrome, p translog.Inclusion, e translog.Entry, c audit.Change, names map[governance.Ref]string, site string) pages.LogEntryPage {
	leaf := tlog.RecordHash(p.Entry)
	view := pages.LogEntryPage{
		Chrome: chrome, Index: p.Index, Sentence: sentence(c, names), Fields: fields(e.Data), Bytes: string(p.Entry),
		Proof: p.Hashes, Size: chrome.Checkpoint.Size, Root: chrome.Checkpoint.Root,
		Command: "althing verify log " + site,
		Pager:   ui.Pager{Label: "entries"},
		Facts: []ui.Fact{
			{Label: "Kind", Value: ui.Code(e.Kind)},
			{Label: "Time", Value: richMoment(e.At)},
			{Label: "By", Value: link(c.Actor, names)},
			{Label: "About", Value: link(c.Subject, names)},
			{Label: "Leaf hash", Value: ui.Digest(hex.EncodeToString(leaf[:]))},
		},
	}
	if p.Index > 0 {
		view.Pager.Older = href.LogEntry(p.Index - 1)
	}
	if p.Index+1 < view.Size {
		view.Pager.Newer = href.LogEntry(p.Index + 1)
	}
	return view
}

// fields lists what an event wrote, in the order of names.
func fields(data json.RawMessage) []ui.Fact {
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil {
		return nil
	}
	var facts []ui.Fact
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := string(values[name])
		var s string
		if json.Unmarshal(values[name], &s) == nil {
			text = s
		} else {
			var out bytes.Buffer
			if json.Compact(&out, values[name]) == nil {
				text = out.String()
			}
		}
		if len(text) > 600 {
			text = text[:600] + "…"
		}
		facts = append(facts, ui.Fact{Label: strings.ReplaceAll(name, "_", " "), Value: ui.Code(strings.ToValidUTF8(text, "…"))})
	}
	return facts
}

func verifyView(chrome layout.Chrome, key, site string) pages.VerifyPage {
	return pages.VerifyPage{
		Chrome: chrome, Site: site, Key: key,
		Commands: []pages.VerifyCommand{
			{ID: "log", Title: "The whole log", Text: "Fetches every entry, recomputes the tree from the entries alone, checks the signature, and rebuilds polls, rights and rounds. It names the first entry that is not what the signed checkpoint says.", Command: "althing verify log " + site},
			{ID: "archive", Title: "The log without this server", Text: "The archive holds the same files as the server serves; keep one and compare it with a later one.", Command: "curl -o log.zip " + site + href.LogArchive() + "\nalthing verify log log.zip"},
			{ID: "entry", Title: "One entry", Text: "Each entry's page shows its proof; this fetches entry 0 with its proof as JSON.", Command: "curl " + site + href.LogProof(0, 0)},
		},
		Limits: []string{
			"A log signed by one key shows tampering only to whoever kept an older checkpoint. Nodes keep theirs; keep yours.",
			"Names and texts are not in the log; only salted digests of texts are, so that a person can be forgotten.",
			"That an entry is in the log shows that it was written, not that it was wise.",
		},
	}
}
