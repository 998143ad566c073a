package gallery

import (
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// moderatorTools are the forms of moderators about pages, and the promise of a
// sealed ballot.
func moderatorTools() []Entry {
	form := func(heading string) pages.ProtectPage {
		c := reading(tokens, heading, 0)
		c.Actions[0].Current = false
		return pages.ProtectPage{
			Chrome: c, Action: href.PageProtect(tokens), Back: href.Page(tokens), Operation: op,
			Level: ui.Options{ID: "level", Label: "Who may edit the page", Value: "moderators", Items: []ui.Option{{Label: "Every member who may edit"}, {Value: "moderators", Label: "Moderators only"}}},
		}
	}
	protect, frozen := form("Protection of "+tokens), form("Protection of "+tokens)
	protect.Reason.Problem, frozen.Frozen = "Say why. The reason is public.", true
	hide, latest := form("Hide a revision of "+tokens), form("Hide a revision of "+tokens)
	what := ui.Cat(ui.Link("Revision 6", href.PageRevision(tokens, 6)), say(", saved "), ui.Moment("2026-11-01T17:40Z", "1 November 2026, 17:40 UTC"), say(" by "), member("Marjun P."), say("."))
	hide.Hide = &pages.HideRevision{Revision: 6, What: what}
	latest.Hide = &pages.HideRevision{Revision: 9, What: what, Refused: "This is the present text. Save a better one first, then hide this one."}
	cast := electionCast()
	receipt := *cast.Receipt
	receipt.Promise = &pages.ElectionPromise{
		Text: "althing ballot promise v1\npoll 31\nentry 202a1eacdc9f9869ec4bc1e3c30ae0258cd0519220c48fda10c04162688a1f45\nby 2026-11-25T19:00:00Z\n\n— skald.example/log e1Iu7mQ9xA0zq3C4cT7mE0q0Yk1hYV0p3Jx4mW2s6n1PZ1mVb0hZr0zq3C4cT7mE0q0Yk1hYV0p3Jx4mW2s6n1PZ1mVb0hZg==\n",
		Key:  "skald.example/log+7b522eee+ATxkq0Zx1m0Qy7dR4wB2n8cVt5uE3kLh6sJp9aGf0oYi", URL: href.ElectionPromise(10),
	}
	cast.Receipt = &receipt
	return []Entry{
		{"page-protect", pages.Protect(protect)}, {"page-protect-frozen", pages.Protect(frozen)},
		{"page-hide", pages.Protect(hide)}, {"page-hide-latest", pages.Protect(latest)},
		{"election-promised", pages.Election(cast)},
	}
}
