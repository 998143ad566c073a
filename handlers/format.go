package handlers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/ui"
)

func httpCode(code int) string { return strconv.Itoa(code) }

const machineTime = "2006-01-02T15:04:05Z"

// moment formats a time for the text of a page.
func moment(t time.Time) ui.When {
	t = t.UTC()
	return ui.When{At: t.Format(machineTime), Text: t.Format("2 January 2006, 15:04 UTC")}
}

// shortMoment formats a time for a table.
func shortMoment(t time.Time) ui.When {
	t = t.UTC()
	return ui.When{At: t.Format(machineTime), Text: t.Format("2 Jan 2006, 15:04 UTC")}
}

// richMoment is a moment inside a sentence.
func richMoment(t time.Time) ui.Rich {
	m := moment(t)
	return ui.Moment(m.At, m.Text)
}

// left says how long something is still open.
func left(now, end time.Time) string {
	if !end.After(now) {
		return "closing"
	}
	return policies.Period(end.Sub(now).Round(time.Second)) + " left"
}

// shortDigest shows the first eight and the last four digits.
func shortDigest(hex string) string {
	if len(hex) < 16 {
		return hex
	}
	return "sha256:" + hex[:8] + "…" + hex[len(hex)-4:]
}

// byKind knows the page of each kind of reference.
var byKind = map[string]func(id int64) string{
	"member":   href.Member,
	"node":     href.Node,
	"proposal": href.Proposal,
	"election": href.Election,
	"campaign": href.Campaign,
	"round":    href.Round,
	"version":  href.Version,
	"case":     href.Case,
}

// link shows a reference by its present name and leads to its page.
func link(ref governance.Ref, names map[governance.Ref]string) ui.Rich {
	name, named := names[ref]
	if !named {
		name = fmt.Sprintf("%s %d", ref.Kind(), ref.ID())
		if ref.Kind() == governance.RefJob || ref.ID() == 0 {
			name = "the platform"
		}
	}
	if ref.Kind() == governance.RefPage && named {
		return ui.Link(name, href.Page(name))
	}
	if to, ok := byKind[ref.Kind()]; ok && ref.ID() != 0 {
		return ui.Link(name, to(ref.ID()))
	}
	if ref.Kind() == "unlearning" {
		return ui.Link(name, href.Certificate(ref.ID()))
	}
	return ui.Plain(name)
}

// sentence writes an act out: who did what.
func sentence(c audit.Change, names map[governance.Ref]string) ui.Rich {
	rich := ui.Cat(upperFirst(link(c.Actor, names)), ui.Plain(" "))
	for _, p := range c.Sentence {
		if p.Ref != "" {
			rich = ui.Cat(rich, link(p.Ref, names))
		} else {
			rich = ui.Cat(rich, ui.Plain(p.Text))
		}
	}
	return rich
}

// upperFirst begins a sentence with a capital where it begins with a word of ours.
func upperFirst(r ui.Rich) ui.Rich {
	if len(r) > 0 && r[0].Text == "the platform" {
		return ui.Plain("The platform")
	}
	return r
}

// namesOf reads the names of everything that a list of acts speaks of: one query.
func (s *Site) namesOf(ctx context.Context, changes []audit.Change, more ...governance.Ref) (map[governance.Ref]string, error) {
	refs := more
	for _, c := range changes {
		refs = append(refs, c.Actor, c.Subject)
		for _, p := range c.Sentence {
			if p.Ref != "" {
				refs = append(refs, p.Ref)
			}
		}
	}
	return s.Log.Names(ctx, refs)
}

func memberRef(id governance.MemberID) governance.Ref {
	return governance.RefTo(governance.RefMember, id)
}
