package href

import "strconv"

// Filter chooses acts for Recent changes and its feed. The zero value is all.
type Filter struct {
	Kinds   []string // kinds of act, as "page", "vote"; none means all
	Member  string   // who did it
	Subject string   // what it was done to, as "page:Help", "proposal:212"
	Since   string   // day, 2026-11-19
	Before  int64    // only entries older than this one: the next page of the list
	Limit   int64    // lines on a page; 0 is the server's choice
}

func (f Filter) on(path string) string {
	pairs := []string{
		"who", f.Member, "what", f.Subject, "since", f.Since,
		"before", positive(f.Before), "limit", positive(f.Limit),
	}
	for _, k := range f.Kinds {
		pairs = append(pairs, "k", k)
	}
	return query(path, pairs...)
}

// Changes is Recent changes through a filter.
func Changes(f Filter) string { return f.on("/changes") }

// Feed is the same list as an Atom feed.
func Feed(f Filter) string { return f.on("/changes.atom") }

// Log is the page about the log: its checkpoint and how to check it.
func Log() string { return "/log" }

// LogCheckpoint is the signed note itself, as C2SP tlog-tiles names it.
func LogCheckpoint() string { return "/log/checkpoint" }

// LogEntry is one entry with its sentence and its proof of inclusion.
func LogEntry(index int64) string { return at("/log/entries", index, "") }

// LogEntryBytes are the exact bytes of the entry.
func LogEntryBytes(index int64) string { return at("/log/entries", index, "/bytes") }

// LogProof is the entry's inclusion proof in a tree of the given size, as
// text; size 0 asks for the newest tree.
func LogProof(index, size int64) string {
	return query(at("/log/entries", index, "/proof"), "size", positive(size))
}

// LogArchive is the log as one file, for checking offline.
func LogArchive() string { return "/log/archive" }

// anchor is a path with a fragment.
func anchor(path, id string) string { return path + "#" + id }

// Comment is one comment of a talk page.
func Comment(talk string, id int64) string {
	return anchor(talk, "c"+strconv.FormatInt(id, 10))
}
