package handlers

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/web/feed"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// groups are the filters of Recent changes, each with the kinds it selects.
var groups = []struct {
	value, label string
	prefixes     []string
}{
	{"page", "Pages", []string{"page."}},
	{"vote", "Votes", []string{"proposal.", "ballot.", "election."}},
	{"training", "Training", []string{"campaign.", "round.", "version.", "update.", "corpus."}},
	{"unlearning", "Unlearning", []string{"unlearning."}},
	{"node", "Nodes", []string{"node."}},
	{"moderation", "Moderation", []string{"case.", "flag.", "moderation."}},
	{"talk", "Talk", []string{"talk."}},
	{"member", "Members", []string{"member.", "invitation.", "community.", "founding.", "policies."}},
}

// groupOf names the group of a kind, for the list.
func groupOf(kind string) string {
	for _, g := range groups {
		for _, p := range g.prefixes {
			if strings.HasPrefix(kind, p) {
				return g.label
			}
		}
	}
	return "Platform"
}

// filterOf reads the filter of a list from its address.
func filterOf(r *http.Request) (audit.Filter, href.Filter) {
	q := r.URL.Query()
	h := href.Filter{
		Kinds: q["k"], Member: q.Get("who"), Subject: q.Get("what"),
		Before: int64(formID[governance.EntryID](r, "before")), Limit: int64(formID[governance.EntryID](r, "limit")),
	}
	f := audit.Filter{Before: governance.EntryID(h.Before), Limit: int(min(h.Limit, 500))}
	for _, g := range groups {
		for _, k := range h.Kinds {
			if k == g.value {
				f.Kinds = append(f.Kinds, audit.KindsOf(g.prefixes...)...)
			}
		}
	}
	if h.Subject != "" {
		f.Refs = []governance.Ref{governance.Ref(strings.Replace(h.Subject, ":", "/", 1))}
	}
	if h.Member != "" {
		f.Actor = governance.Ref("member/" + h.Member)
	}
	return f, h
}

func (s *Site) changes(_ http.ResponseWriter, r *http.Request) (answer, error) {
	f, h := filterOf(r)
	p, err := s.changesPage(r, f, h, layout.Chrome{Title: "Recent changes", Section: href.Changes(href.Filter{}), Wide: true})
	if err != nil {
		return answer{}, err
	}
	p.Lead = ui.Plain("Every act of members, nodes and the platform, newest first. Each line is an entry of the log that anybody can verify.")
	p.Filters = changesFilters(h)
	return show(pages.Changes(p)), nil
}

// changesPage reads one page of a filtered list.
func (s *Site) changesPage(r *http.Request, f audit.Filter, h href.Filter, c layout.Chrome) (pages.ChangesPage, error) {
	if f.Limit == 0 {
		f.Limit = 50
	}
	c.Feed = href.Feed(h)
	chrome, err := s.chrome(r, c)
	if err != nil {
		return pages.ChangesPage{}, err
	}
	list, err := s.Log.Changes(r.Context(), f)
	if err != nil {
		return pages.ChangesPage{}, err
	}
	names, err := s.namesOf(r.Context(), list)
	if err != nil {
		return pages.ChangesPage{}, err
	}
	p := pages.ChangesPage{Chrome: chrome, Days: changeDays(list, names), FeedURL: c.Feed}
	p.Empty = ui.Empty{Lead: "Nothing here yet.", Text: "No act matches this filter.", Actions: []ui.Action{{Text: "Show all changes", Href: href.Changes(href.Filter{})}}}
	if len(list) == f.Limit {
		next := h
		next.Before = int64(list[len(list)-1].ID)
		p.Pager = ui.Pager{Older: href.Changes(next), Label: "changes"}
	}
	return p, nil
}

// changeDays groups acts by their day.
func changeDays(list []audit.Change, names map[governance.Ref]string) []pages.ChangesDay {
	var days []pages.ChangesDay
	for _, c := range list {
		day := c.At.UTC().Format("2006-01-02")
		if len(days) == 0 || days[len(days)-1].Day.At != day {
			days = append(days, pages.ChangesDay{ID: "d" + day, Day: ui.When{At: day, Text: c.At.UTC().Format("2 January 2006")}})
		}
		last := &days[len(days)-1]
		last.Changes = append(last.Changes, changeLine(c, names))
	}
	return days
}

// changeLine is one act in a list.
func changeLine(c audit.Change, names map[governance.Ref]string) ui.Change {
	line := ui.Change{
		At: c.At.UTC().Format(machineTime), Clock: c.At.UTC().Format("15:04"), Kind: groupOf(c.Kind), Sentence: sentence(c, names),
	}
	if c.Index >= 0 {
		line.Entry, line.EntryURL = c.Index, href.LogEntry(c.Index)
	}
	return line
}

// changeLines are acts in a list without days.
func changeLines(list []audit.Change, names map[governance.Ref]string) []ui.Change {
	lines := make([]ui.Change, len(list))
	for i, c := range list {
		lines[i] = changeLine(c, names)
	}
	return lines
}

func changesFilters(h href.Filter) *pages.ChangesFilters {
	f := &pages.ChangesFilters{
		Action: href.Changes(href.Filter{}), Who: ui.Input{Value: h.Member}, What: ui.Input{Value: h.Subject}, Limit: "50",
		Limits: []ui.Option{{Value: "50", Label: "50"}, {Value: "100", Label: "100"}, {Value: "250", Label: "250"}},
	}
	for _, g := range groups {
		o := ui.Option{Value: g.value, Label: g.label}
		for _, k := range h.Kinds {
			o.Checked = o.Checked || k == g.value
		}
		f.Kinds = append(f.Kinds, o)
	}
	return f
}

// feed is the Atom feed of a filtered list.
func (s *Site) feed(w http.ResponseWriter, r *http.Request) {
	f, h := filterOf(r)
	list, err := s.Log.Changes(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	names, err := s.namesOf(r.Context(), list, "community/1")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	base := origin(r)
	out := feed.Feed{ID: base + href.Feed(h), Title: names["community/1"] + ": recent changes", Self: base + href.Feed(h), Page: base + href.Changes(h), Updated: time.Unix(0, 0)}
	for _, c := range list {
		if c.At.After(out.Updated) {
			out.Updated = c.At
		}
		out.Entries = append(out.Entries, feed.Entry{
			ID: base + "/log/acts/" + c.ID.String(), Title: sentence(c, names).String(), Page: base + entryAddress(c),
			Author: link(c.Actor, names).String(), Updated: c.At, Kind: groupOf(c.Kind),
		})
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	if err := feed.Write(w, out); err != nil {
		s.log.ErrorContext(r.Context(), "feed broke off", slog.Any("err", err))
	}
}

func entryAddress(c audit.Change) string {
	if c.Index < 0 {
		return href.Changes(href.Filter{})
	}
	return href.LogEntry(c.Index)
}

// origin is the scheme and host under which this request came.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
