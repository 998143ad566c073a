package ui

import "strconv"

// Chip is a state in one to three words.
type Chip struct {
	Text string
	Kind string // "", success, warning, error
}

func chipClass(kind string) string {
	if kind == "" {
		return "cdx-info-chip"
	}
	return "cdx-info-chip cdx-info-chip--" + kind
}

func messageClass(kind string) string {
	class := "cdx-message cdx-message--block"
	if kind == "" {
		return class
	}
	return class + " cdx-message--" + kind
}

// Stage is one step of a tracker.
type Stage struct {
	Name  string
	Note  string // beside the name: a date, a count
	State string // done, now, or "" for what is to come
}

// Fact is a label and its value.
type Fact struct {
	Label string
	Value Rich
	Chip  Chip // instead of or after the value
}

// FactGroup is a part of an infobox, with a heading unless it is the first.
type FactGroup struct {
	Title string
	Facts []Fact
}

// Infobox is the frame of facts beside a lead.
type Infobox struct {
	Caption string
	Groups  []FactGroup
}

// Tally is a vote in one bar: yes, no, abstain, and the rest not cast.
type Tally struct {
	Label   string // what is voted on, for those who cannot see the bar
	Yes     int
	No      int
	Abstain int
	Roll    int // all who may vote
	Floor   int // yes votes needed among all; 0 draws no line
	Small   bool
}

// unit is the width of one vote in the bar's own coordinates.
const unit = 10

func (t Tally) width() int { return max(t.Roll, t.Yes+t.No+t.Abstain, 1) * unit }

func (t Tally) notCast() int { return max(t.Roll-t.Yes-t.No-t.Abstain, 0) }

func (t Tally) viewBox() string { return "0 0 " + strconv.Itoa(t.width()) + " 20" }

func (t Tally) describe() string {
	return t.Label + ": " + Count(int64(t.Yes)) + " yes, " + Count(int64(t.No)) + " no, " +
		Count(int64(t.Abstain)) + " abstentions, " + Count(int64(t.notCast())) + " of " + Count(int64(t.Roll)) + " not cast"
}

func px(votes int) string { return strconv.Itoa(votes * unit) }

func words(n int, what string) string { return Count(int64(n)) + " " + what }

// Change is one act in a list: when, what kind, the sentence, the log entry.
type Change struct {
	At       string // 2026-11-19T10:39Z
	Clock    string // 10:39, as shown; a short list of several days may say 18 Nov
	Kind     string // Vote, Training; not shown in short lists
	Sentence Rich
	Entry    int64  // index in the log
	EntryURL string // "" while the entry is not yet in the log
}

func entryLabel(n int64) string { return "Entry " + Count(n) + " in the log" }

// Pager leads to the neighbours of a list that is paged by key.
type Pager struct {
	Newer, Older string // addresses; "" at the ends
	Label        string // what is paged, as "changes"
}

// Empty is a list with nothing in it: why, and one thing to do.
type Empty struct {
	Lead    string
	Text    string
	Actions []Action
}
