package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/net/html/atom"
)

// The training that members vote on. Rounds are short: a member's machine is
// asked for a quarter of a minute at a time.
const (
	rounds      = 5
	stepsEach   = 12
	batchTokens = 2048
	learnRate   = "0.002"
)

// startNodes registers the machines of the first four owners and starts them.
func (s *story) startNodes(ctx context.Context) (string, error) {
	for i, name := range owners[:4] {
		if err := s.startNode(ctx, name, i); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d processes, each with text of its own", s.Nodes), nil
}

// startLeaver brings in the node with the planted text while the first round
// runs without it, so that there is a checkpoint to go back to.
func (s *story) startLeaver(ctx context.Context) (string, error) {
	if err := s.startNode(ctx, leaver, 4); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s's node, with %d canaries and a secret in its text", leaver, canaryCount), nil
}

// startNode makes a join token on the site and gives it to the node program.
func (s *story) startNode(ctx context.Context, owner string, i int) error {
	l := s.libraries[i]
	p, err := s.people[owner].fill(ctx, "/nodes/new", "Make a join token", entry{"name", l.name})
	if err != nil {
		return err
	}
	shown := p.find(atom.Output, "token-value")
	if shown == nil {
		return fmt.Errorf("the page shows no join token: %.200s", p.words())
	}
	dir := filepath.Join(s.Dir, l.name)
	m := machine{name: l.name, text: filepath.Join(dir, "text"), state: filepath.Join(dir, "node"), licence: l.licence, threads: 1}
	if i == 4 {
		m.probes, m.threads = s.probes(), 2 // it measures the canaries while the others rest
	}
	if err := m.join(ctx, s.Binary, s.Base, text(shown)); err != nil {
		return err
	}
	running, err := s.launch(m)
	if err != nil {
		return err
	}
	s.running.add(running)
	s.Nodes++
	return running.said(ctx, "records to train on")
}

// proposeTraining writes the proposal, has it sponsored and talked about.
func (s *story) proposeTraining(ctx context.Context) (string, error) {
	var err error
	s.training, err = s.draft(ctx, "ragnhild", "train", []string{"oddny", "leif", "ketil"},
		entry{"title", "Train on the text of our nodes"},
		entry{"text", "# What\n\nFive rounds from the founding version, on what our nodes hold now.\n\n# Cost\n\nAbout a minute of each machine.\n\n# How one can tell\n\nThe loss on text that no node trains on falls, and the digest of every round can be computed again.\n"},
		entry{"train.rounds", strconv.Itoa(rounds)}, entry{"train.steps", strconv.Itoa(stepsEach)},
		entry{"train.batch_tokens", strconv.Itoa(batchTokens)}, entry{"train.learn_rate", learnRate}, entry{"train.cohort", strconv.Itoa(len(owners))},
		entry{"train.deadline", strconv.Itoa(s.Deadline)})
	if err != nil {
		return "", err
	}
	err = s.comment(ctx, "gudrun", s.training, "How long will my machine be busy?", "I am on a laptop. Is it minutes or hours?")
	return s.training, err
}

func (s *story) voteTraining(ctx context.Context) (string, error) {
	return s.vote(ctx, s.training, func(name string) (string, string) {
		switch name {
		case "yrsa":
			return "no", "I would wait for more nodes."
		case "bjarni":
			return "abstain", "I have no node and leave it to those who do."
		}
		return "yes", "The text is ours and the cost is small."
	})
}

// firstRound waits until the cohort of round 1 is drawn and asked.
func (s *story) firstRound(ctx context.Context) (string, error) {
	reader := s.people[founder]
	p, err := reader.until(ctx, "/campaigns", func(p *page) (bool, error) { return len(p.items("/campaigns/")) > 0, nil })
	if err != nil {
		return "", err
	}
	s.campaign = p.items("/campaigns/")[0]
	s.trainFrom = time.Now()
	p, err = reader.until(ctx, s.campaign, func(p *page) (bool, error) {
		return len(p.table("Nodes taking part")) >= 4, s.running.ended()
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d nodes at work", len(p.table("Nodes taking part"))), nil
}

// train waits for the rounds.
func (s *story) train(ctx context.Context) (string, error) {
	seen, err := s.follow(ctx, s.campaign, "Train", rounds)
	if err != nil {
		return "", err
	}
	last := seen[len(seen)-1]
	s.TrainingSeconds = time.Since(s.trainFrom).Seconds()
	s.Rounds, s.LossFirst, s.LossLast, s.UnigramEntropy = len(seen), last.base, last.loss, last.unigram
	s.TokensPerSecond = float64((4+(s.Rounds-1)*5)*stepsEach*batchTokens) / s.TrainingSeconds
	return fmt.Sprintf("%d rounds, loss %.3f → %.3f nats per byte", s.Rounds, s.LossFirst, s.LossLast), nil
}

// outcome is an accepted round as the campaign's file lists it; losses are in
// nats per token, and a token is a byte.
type outcome struct {
	base, loss, unigram float64 // of the campaign's base, after the round, by byte frequencies alone
}

// follow reads the file of a campaign's losses until so many rounds are
// accepted.
func (s *story) follow(ctx context.Context, address, name string, want int) ([]outcome, error) {
	reader := s.people[founder]
	var seen []outcome
	_, err := reader.until(ctx, address, func(p *page) (bool, error) {
		file := p.link("Loss by round as CSV")
		if file == "" {
			return false, fmt.Errorf("%s does not link to its losses", address)
		}
		data, err := reader.file(ctx, file)
		if err != nil {
			return false, err
		}
		if seen, err = outcomes(data); err != nil {
			return false, fmt.Errorf("read %s: %w", file, err)
		}
		words := fmt.Sprintf("%d of %d rounds", len(seen), want)
		if len(seen) > 0 {
			words += fmt.Sprintf(", loss %.3f", seen[len(seen)-1].loss)
		}
		s.screen.bar(name, len(seen), want, words)
		return len(seen) >= want, s.running.ended()
	})
	return seen, err
}

// outcomes reads the accepted rounds of a file of losses.
func outcomes(data []byte) ([]outcome, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("no table: %w", err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var list []outcome
	for _, name := range []string{"state", "loss_of_campaign_base", "loss_after", "byte_frequencies"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("there is no column %q in %q", name, rows[0])
		}
	}
	for _, row := range rows[1:] {
		if row[column["state"]] != "accepted" {
			continue
		}
		var o outcome
		for name, to := range map[string]*float64{"loss_of_campaign_base": &o.base, "loss_after": &o.loss, "byte_frequencies": &o.unigram} {
			if *to, err = strconv.ParseFloat(row[column[name]], 64); err != nil {
				return nil, fmt.Errorf("%s of an accepted round: %w", name, err)
			}
		}
		list = append(list, o)
	}
	return list, nil
}

// published waits for the version of the campaign and reads its card.
func (s *story) published(ctx context.Context) (string, error) {
	var newest string
	_, err := s.people[founder].until(ctx, "/versions", func(p *page) (bool, error) {
		list := p.items("/versions/")
		if len(list) > 1 {
			newest = list[0]
		}
		return len(list) > 1, s.running.ended()
	})
	if err != nil {
		return "", err
	}
	card, err := s.people[founder].open(ctx, newest)
	if err != nil {
		return "", err
	}
	return card.title(), nil
}
