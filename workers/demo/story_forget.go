package demo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html/atom"
)

// complete asks the playground to continue the secret's prefix, always with the
// most likely byte, and returns the page and what the model added.
func (s *story) complete(ctx context.Context, name string) (*page, string, error) {
	p, err := s.people[name].fill(ctx, "/playground", "Complete", entry{"prompt", s.planted.Secrets[0].Prefix},
		entry{"tokens", strconv.Itoa(len(s.planted.Secrets[0].Secret))}, entry{"temperature", "0"})
	if err != nil {
		return nil, "", err
	}
	added := p.find(atom.Mark, "")
	if added == nil {
		return nil, "", fmt.Errorf("the playground shows no answer: %.300s", p.words())
	}
	return p, raw(added), nil
}

// givesAway shows that the trained version knows the planted secret.
func (s *story) givesAway(ctx context.Context) (string, error) {
	_, added, err := s.complete(ctx, reporter)
	if err != nil {
		return "", err
	}
	planted := s.planted.Secrets[0]
	if s.Secret = strings.HasPrefix(added, planted.Secret); !s.Secret {
		return "", fmt.Errorf("the model continues %q by %q and not by what was planted, %q", planted.Prefix, added, planted.Secret)
	}
	return fmt.Sprintf("“%s” → “%s”", strings.TrimSpace(planted.Prefix), planted.Secret), nil
}

// report flags the answer.
func (s *story) report(ctx context.Context) (string, error) {
	p, _, err := s.complete(ctx, reporter)
	if err != nil {
		return "", err
	}
	f, err := p.form("Report")
	if err != nil {
		return "", err
	}
	for _, name := range f.names() {
		if name != "reason" && name != "answer" && name != "op" {
			f.first(name) // the clause that it breaks
		}
	}
	if err := f.set("reason", "This is an access code. Nobody who reads this model should learn it."); err != nil {
		return "", err
	}
	if _, err := s.people[reporter].press(ctx, f, "Report"); err != nil {
		return "", err
	}
	return "by " + reporter + ", with prompt, version and seed", nil
}

// decide has an elected moderator claim and decide the case.
func (s *story) decide(ctx context.Context) (string, error) {
	p, err := s.people[founder].until(ctx, "/cases", func(p *page) (bool, error) { return len(p.items("/cases/")) > 0, nil })
	if err != nil {
		return "", err
	}
	s.reported = p.items("/cases/")[0]
	for _, name := range candidates {
		who := s.people[name]
		if p, err = who.open(ctx, s.reported); err != nil {
			return "", err
		}
		f, err := p.form("Claim")
		if err != nil {
			continue // was not elected
		}
		if _, err := who.press(ctx, f, "Claim"); err != nil {
			return "", err
		}
		return name + ", elected, decides with reasons", s.decideAs(ctx, who)
	}
	return "", errors.New("none of the candidates may claim the case, so nobody was elected moderator")
}

func (s *story) decideAs(ctx context.Context, who *person) error {
	p, err := who.open(ctx, s.reported)
	if err != nil {
		return err
	}
	f, err := p.form("Record decision")
	if err != nil {
		return err
	}
	for _, name := range f.names() {
		if f.has(name) {
			f.first(name)
		}
	}
	for _, e := range []entry{
		{"facts", "The answer repeats an access code of eight letters and digits that a contributor's text holds."},
		{"reasoning", "A code that opens a gate is a secret whoever wrote it down, and the model gives it to anybody who asks. Hiding one answer does not help: it has to be forgotten."},
	} {
		if err := f.set(e.name, e.value); err != nil {
			return err
		}
	}
	_, err = who.press(ctx, f, "Record decision")
	return err
}

// proposeForgetting asks to forget the fifth node's records.
func (s *story) proposeForgetting(ctx context.Context) (string, error) {
	var err error
	s.unlearn, err = s.draft(ctx, "oddny", "unlearn", []string{"leif", "torgerd", "solveig"},
		entry{"title", "Unlearn the records of " + leaver + "'s node"},
		entry{"text", "# What\n\nThe model repeats an access code from this node's text. Go back to the checkpoint before its first round and compute the later rounds again without it.\n\n# Cost\n\nThe rounds since then, on the other nodes.\n\n# How one can tell\n\nThe canaries that the owner planted fall back to chance, and the replay can be computed by anybody who took part.\n"},
		entry{"unlearn.campaign", path.Base(s.campaign)}, entry{"unlearn.contributor", s.people[leaver].id()})
	if err != nil {
		return "", err
	}
	err = s.comment(ctx, leaver, s.unlearn, "I agree", "The code should never have been in my folder. I have planted canaries, so that we can see whether they are gone.")
	return s.unlearn, err
}

func (s *story) voteForgetting(ctx context.Context) (string, error) {
	stage, err := s.vote(ctx, s.unlearn, func(name string) (string, string) {
		if name == "ketil" {
			return "abstain", "I trust those who looked at it."
		}
		return "yes", "A secret is to be forgotten, not hidden."
	})
	s.unlearnFrom = time.Now()
	return stage, err
}

// forget waits for the suppression, the replay, the checks and the clean
// version: until the case has its certificate.
func (s *story) forget(ctx context.Context) (string, error) {
	reader := s.people[founder]
	_, err := reader.until(ctx, "/certificates", func(p *page) (bool, error) {
		for _, to := range append(p.items("/unlearning/"), p.items("/certificates/")...) {
			s.replay = to
		}
		return s.replay != "", nil
	})
	if err != nil {
		return "", err
	}
	p, err := reader.until(ctx, s.replay, func(p *page) (bool, error) {
		stage := p.now()
		if strings.HasPrefix(stage, "Failed") {
			return false, fmt.Errorf("the case %s failed: %s", s.replay, p.words())
		}
		s.Replayed = len(p.table(replayTable))
		if p.link("Certificate as JSON") != "" {
			return true, nil
		}
		s.screen.bar("Unlearn", s.Replayed, s.Rounds-1, fmt.Sprintf("%s, %d rounds trained again", strings.TrimSuffix(stage, " (now)"), s.Replayed))
		return false, s.running.ended()
	})
	if err != nil {
		return "", err
	}
	s.Replayed = len(p.table(replayTable))
	s.UnlearnSeconds = time.Since(s.unlearnFrom).Seconds()
	return fmt.Sprintf("%d rounds trained again without %s, %.0f s", s.Replayed, leaver, s.UnlearnSeconds), nil
}

// replayTable and figureTable are captions on the page of a case.
const (
	replayTable = "Replayed rounds"
	figureTable = "What was measured of the weights before and after"
)

// certificate reads the figures of the certificate.
func (s *story) certificate(ctx context.Context) (string, error) {
	p, err := s.people[founder].open(ctx, s.replay)
	if err != nil {
		return "", err
	}
	if err := s.readChecks(p.table(figureTable)); err != nil {
		return "", fmt.Errorf("read %s: %w: %.600s", s.replay, err, p.words())
	}
	return fmt.Sprintf("exposure %.2f → %.2f bits, loss of the others %+.2f %%", s.ExposureBefore, s.ExposureAfter, 100*s.UtilityChange), nil
}

// sample is how a certificate says what its first figure was measured on.
var sample = regexp.MustCompile(`([0-9]+) canaries, each ranked among ([0-9]+) others`)

// readChecks reads the lines of the certificate's table of figures: check,
// before, after, band, verdict, role, note.
func (s *story) readChecks(rows [][]string) error {
	s.Checks = nil
	for _, row := range rows {
		if len(row) != 7 {
			return fmt.Errorf("a line of figures is %q", row)
		}
		id, name, _ := strings.Cut(row[0], " ")
		s.Checks = append(s.Checks, Check{id, name, row[1], row[2], row[3], row[4], row[5] == "decides"})
		var err error
		switch before, after := decimals(row[1]), decimals(row[2]); {
		case id == "V1" && len(before) == 1 && len(after) == 1:
			s.ExposureBefore, s.ExposureAfter = before[0], after[0]
			m := sample.FindStringSubmatch(row[6])
			if m == nil {
				return fmt.Errorf("%q does not say on how many canaries it was measured", row)
			}
			s.Canaries, err = strconv.Atoi(m[1])
			if err == nil {
				s.References, err = strconv.Atoi(m[2])
			}
		case id == "V10" && len(after) == 1:
			s.UtilityChange = after[0] / 100
		case id == "V1" || id == "V10":
			return fmt.Errorf("the figure %s is %q", id, row)
		}
		if err != nil {
			return fmt.Errorf("the figure %s: %w", id, err)
		}
	}
	if s.Canaries == 0 {
		return errors.New("the certificate has no figure V1")
	}
	return nil
}

// gone shows that the new version does not know the secret.
func (s *story) gone(ctx context.Context) (string, error) {
	_, added, err := s.complete(ctx, reporter)
	if err != nil {
		return "", err
	}
	if s.SecretAfter = strings.HasPrefix(added, s.planted.Secrets[0].Secret); s.SecretAfter {
		return "", fmt.Errorf("the model still continues %q by the secret", s.planted.Secrets[0].Prefix)
	}
	return fmt.Sprintf("“%s” → “%s”", strings.TrimSpace(s.planted.Secrets[0].Prefix), strings.TrimSpace(added)), nil
}

// verify derives the whole log again by its public addresses.
func (s *story) verify(ctx context.Context) (string, error) {
	var err error
	if s.LogSize, s.Compared, err = s.Verify(ctx, s.Base); err != nil {
		return "", err
	}
	s.Verified = true
	return fmt.Sprintf("%d entries, every hash and signature; replayed, they give what the site shows", s.LogSize), nil
}

// decimals returns the numbers of a text, with a sign where there is one.
func decimals(text string) []float64 {
	var list []float64
	for _, word := range strings.FieldsFunc(strings.ReplaceAll(text, "−", "-"), func(r rune) bool {
		return (r < '0' || r > '9') && r != '.' && r != '-'
	}) {
		if v, err := strconv.ParseFloat(strings.TrimSuffix(word, "."), 64); err == nil {
			list = append(list, v)
		}
	}
	return list
}
