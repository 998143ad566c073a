package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// draft writes a draft, gets it sponsored and tables it; it returns its address.
func (s *story) draft(ctx context.Context, author, motion string, sponsors []string, entries ...entry) (string, error) {
	p, err := s.people[author].fill(ctx, "/proposals/new?motion="+motion, "Save draft", append(entries, entry{"motion", motion})...)
	if err != nil {
		return "", err
	}
	s.Proposals++
	address := p.url.Path
	for _, name := range sponsors {
		if _, err := s.people[name].fill(ctx, address, "Lend my name"); err != nil {
			return "", err
		}
	}
	_, err = s.people[author].fill(ctx, address, "Table this proposal")
	return address, err
}

// comment says something on the talk page of a proposal.
func (s *story) comment(ctx context.Context, by, address, subject, text string) error {
	_, err := s.people[by].fill(ctx, address+"/talk", "Start the discussion", entry{"title", subject}, entry{"text", text})
	return err
}

// vote waits until ballots may be cast, casts everybody's, and waits until the
// proposal is carried out.
func (s *story) vote(ctx context.Context, address string, choice func(name string) (choice, reason string)) (string, error) {
	opened := func(p *page) (bool, error) {
		_, err := p.form("Cast ballot")
		return err == nil, nil
	}
	if _, err := s.people[founder].until(ctx, address, opened); err != nil {
		return "", err
	}
	err := s.each(everybody(), func(name string) error {
		c, reason := choice(name)
		_, err := s.people[name].fill(ctx, address, "Cast ballot", entry{"choice", c}, entry{"reason", reason})
		return err
	})
	if err != nil {
		return "", err
	}
	s.Ballots += len(everybody())
	stage := ""
	_, err = s.people[founder].until(ctx, address, func(p *page) (bool, error) {
		switch stage = p.fact("Stage"); stage {
		case "rejected", "could not be carried out", "withdrawn":
			return false, fmt.Errorf("the proposal %s was %s", address, stage)
		case "being carried out", "carried out":
			return true, nil
		}
		return false, nil
	})
	return stage, err
}

// callElection calls the election of moderators; four stand.
func (s *story) callElection(ctx context.Context) (string, error) {
	p, err := s.people[founder].fill(ctx, "/elections/new", "Call the election")
	if err != nil {
		return "", err
	}
	s.election = p.url.Path
	statements := []string{
		"I have kept a library's shelves in order for ten years, and would do the same here.",
		"I answer within a day and say why.",
		"I would rather leave ten doubtful lines than take down one that was right.",
		"Two reports of mine were wrong last year. I know how that happens.",
	}
	for i, name := range candidates {
		if _, err := s.people[name].fill(ctx, s.election, "Stand", entry{"statement", statements[i]}); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d candidates for moderator", len(candidates)), nil
}

// elect casts everybody's secret ranking once the ballot is open.
func (s *story) elect(ctx context.Context) (string, error) {
	opened := func(p *page) (bool, error) {
		_, err := p.form("Check my ballot")
		return err == nil, nil
	}
	if _, err := s.people[founder].until(ctx, s.election, opened); err != nil {
		return "", err
	}
	receipts := make([]string, len(everybody()))
	err := s.each(everybody(), func(name string) error {
		i := slices.Index(everybody(), name)
		p, err := s.people[name].open(ctx, s.election)
		if err != nil {
			return err
		}
		f, err := p.form("Check my ballot")
		if err != nil {
			return err
		}
		fields := slices.DeleteFunc(f.names(), func(n string) bool { return !strings.HasPrefix(n, "rank-") })
		slices.Sort(fields) // the page lists candidates in an order drawn for each voter
		if len(fields) != len(candidates) {
			return fmt.Errorf("the ballot has the fields %q, want %d candidates", fields, len(candidates))
		}
		for place, at := range rankings[i%len(rankings)] {
			if err := f.set(fields[at], fmt.Sprint(place+1)); err != nil {
				return err
			}
		}
		if p, err = s.people[name].press(ctx, f, "Check my ballot"); err != nil {
			return err
		}
		if p, err = s.people[name].fillIn(ctx, p, "Cast ballot"); err != nil {
			return err
		}
		if code := p.find(atom.Output, "token-value"); code != nil {
			receipts[i] = text(code)
			return nil
		}
		return fmt.Errorf("no receipt after the ballot was cast: %.200s", p.words())
	})
	if err != nil {
		return "", err
	}
	s.Ballots += len(receipts)
	s.receipt = receipts[0]
	return fmt.Sprintf("%d secret ballots, each with a receipt", len(receipts)), nil
}

// rankings of the candidates, as places in the list of ballot fields. The
// second seat changes hands between counts, which is what a count sheet is for.
var rankings = [][]int{{0, 2, 1, 3}, {2, 0, 3}, {1, 2}, {0, 1, 2, 3}, {3, 2, 0}, {2, 3, 1, 0}}

// result waits for the count and looks the founder's tracker up in it.
func (s *story) result(ctx context.Context) (string, error) {
	reader := s.people[founder]
	var p *page
	_, err := reader.until(ctx, s.election, func(*page) (bool, error) {
		var err error
		if p, err = reader.look(ctx, s.election+"/result"); err != nil {
			return false, err
		}
		_, noForm := p.form("Look up")
		return noForm == nil, nil
	})
	if err != nil {
		return "", err
	}
	p, err = reader.fillIn(ctx, p, "Look up", entry{"receipt", s.receipt})
	if err != nil {
		return "", err
	}
	if !strings.Contains(p.words(), "Your ballot is counted.") {
		return "", fmt.Errorf("the ballot %s is not in the count: %.600s", s.receipt, p.words())
	}
	return fmt.Sprintf("%s; a voter finds the ballot in the list", strings.TrimSpace(p.title())), nil
}
