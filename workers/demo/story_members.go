package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// periods are the policies that the founding sets: a demonstration's days are
// seconds. The election's ballot stays open longer, so that it is cast while
// the nodes start.
var periods = []entry{
	{"class.1.discussion", "2s"}, {"class.1.voting", "12s"}, {"class.1.waiting", "1s"},
	{"class.2.discussion", "2s"}, {"class.2.voting", "12s"}, {"class.2.waiting", "1s"},
	{"class.3.discussion", "2s"}, {"class.3.voting", "12s"}, {"class.3.waiting", "1s"},
	{"elections.nomination", "10s"}, {"elections.voting", "40s"}, {"elections.moderators.seats", "2"},
	{"rounds.over_selection", "0"}, {"rounds.seen_within", "60s"},
}

// prepare cuts the text and plants the secrets, which the owners do at home.
func (s *story) prepare(ctx context.Context) (string, error) {
	var err error
	if s.Data == "" {
		s.libraries, err = goLibraries(s.random)
	} else {
		s.libraries, err = folderLibraries(ctx, s.Data, s.random)
	}
	if err != nil {
		return "", err
	}
	if len(s.libraries) != len(owners) {
		return "", fmt.Errorf("there are %d libraries for %d nodes", len(s.libraries), len(owners))
	}
	s.planted = draw(s.random)
	s.planted.into(s.libraries[4].records, s.random)
	records, size := 0, 0
	for _, l := range s.libraries {
		if err := l.write(filepath.Join(s.Dir, l.name, "text")); err != nil {
			return "", err
		}
		for _, r := range l.records {
			records, size = records+1, size+len(r)
		}
	}
	if err := s.planted.write(s.probes()); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d records, %d kB for %d nodes; %d canaries planted with the last", records, size/1000, len(s.libraries), canaryCount), nil
}

func (s *story) probes() string { return filepath.Join(s.Dir, s.libraries[4].name, "probes.json") }

// found registers the founder by the founding link and founds the community.
func (s *story) found(ctx context.Context) (string, error) {
	b, err := newBrowser(s.base)
	if err != nil {
		return "", err
	}
	p, err := b.open(ctx, s.Founding)
	if err != nil {
		return "", err
	}
	s.FirstPageSeconds = time.Since(s.Begun).Seconds()
	if p, err = b.register(ctx, p, founder); err != nil {
		return "", err
	}
	f, err := p.form("Found the community")
	if err != nil {
		if p, err = b.open(ctx, s.Founding); err != nil {
			return "", err
		}
		if f, err = p.form("Found the community"); err != nil {
			return "", err
		}
	}
	for _, e := range append([]entry{
		{"name", "The Skald community"}, {"model", "Skald"},
		{"purpose", "To write and read code together, with a model that forgets when it must."},
	}, periods...) {
		if err := f.set(e.name, e.value); err != nil {
			return "", err
		}
	}
	if _, err := b.press(ctx, f, "Found the community"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s founds it with %d policies of its own", founder, len(periods)+3), s.seat(ctx, founder, b)
}

// register goes from the page that asks to sign in, through the local
// provider's forms, to the page that was wanted.
func (b *browser) register(ctx context.Context, p *page, name string) (*page, error) {
	p, err := b.fillIn(ctx, p, "Sign in or make an account here")
	if err != nil {
		return nil, err
	}
	form := p.link("Make an account")
	if form == "" {
		return nil, fmt.Errorf("%s does not lead to a form for a new account: %.200s", p.url.Path, p.words())
	}
	p, err = b.fill(ctx, form, "Make an account", entry{"name", name}, entry{"password", password}, entry{"again", password})
	if err != nil {
		return nil, err
	}
	f, err := p.form("Become a member")
	if err != nil {
		return p, nil // the policy let the newcomer in at once
	}
	if f.has("accept") {
		if err := f.set("accept", "yes"); err != nil {
			return nil, err
		}
	}
	if err := f.set("name", name); err != nil {
		return nil, err
	}
	return b.press(ctx, f, "Become a member")
}

// seat remembers a member and finds the member's own page.
func (s *story) seat(ctx context.Context, name string, b *browser) error {
	p, err := b.open(ctx, "/members")
	if err != nil {
		return err
	}
	own := p.link(name)
	if own == "" {
		return fmt.Errorf("the list of members does not name %s: %.300s", name, p.words())
	}
	s.people[name] = &person{b, name, own}
	s.Members = len(s.people)
	return nil
}

// join brings the others in.
func (s *story) join(ctx context.Context) (string, error) {
	type arrival struct {
		name string
		b    *browser
	}
	arrivals := make(chan arrival, len(cast))
	err := s.each(cast, func(name string) error {
		b, err := newBrowser(s.base)
		if err != nil {
			return err
		}
		p, err := b.open(ctx, "/sign-in?next=%2Fmembers")
		if err != nil {
			return err
		}
		if _, err := b.register(ctx, p, name); err != nil {
			return err
		}
		arrivals <- arrival{name, b}
		return nil
	})
	close(arrivals)
	if err != nil {
		return "", err
	}
	for a := range arrivals {
		if err := s.seat(ctx, a.name, a.b); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d members", len(s.people)), nil
}

// texts are the pages that are written, by whom.
var texts = []struct{ by, title, text, summary string }{
	{founder, "Help", "# Help\n\nWho reads needs no account. Who wants to vote signs in; see [[Help:Voting]] and [[Help:Unlearning]].\n", "A first page"},
	{"oddny", "Help:Voting", "# Voting\n\nA draft becomes a proposal once enough members lend it their names. It is discussed, then voted on; what passes is carried out by the software, and by nobody else.\n", "How a vote goes"},
	{"torgerd", "Help:Unlearning", "# Unlearning\n\nA contributor's records are forgotten exactly: the model goes back to the last checkpoint that they had not touched, and the later rounds are computed again without them.\n", "What forgetting means"},
	{"leif", "About", "# About\n\nWe train a small model on source code that we hold ourselves. The text stays with its holder.\n", "Who we are"},
	{"ragnhild", "Policy:Licence", "# Licence\n\nWhat members write here may be used by everybody under CC BY-SA 4.0. The model's weights are under the licence of its card.\n", "What may be done with our text"},
}

// write fills the wiki, and one page is edited twice.
func (s *story) write(ctx context.Context) (string, error) {
	for _, t := range texts {
		if err := s.edit(ctx, t.by, t.title, t.text, t.summary); err != nil {
			return "", err
		}
	}
	if err := s.edit(ctx, "solveig", "About", texts[3].text+"\nNobody owns it; every member has one vote.\n", "One member, one vote"); err != nil {
		return "", err
	}
	s.Pages = len(texts) + 1
	return fmt.Sprintf("%d pages, one of them by two people", len(texts)), nil
}

func (s *story) edit(ctx context.Context, by, title, text, summary string) error {
	p, err := s.people[by].open(ctx, "/edit/"+title)
	if err != nil {
		return err
	}
	_, err = s.people[by].fillIn(ctx, p, "Save page", entry{"text", text}, entry{"summary", summary})
	return err
}
