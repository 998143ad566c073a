package handlers

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/handlers/complete"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// What the playground's form says before anybody has typed.
const (
	defaultTokens      = "64"
	defaultTemperature = "0.8"
)

// largestSeed is the greatest seed that is drawn; it is short enough to be
// copied by hand.
const largestSeed = 1_000_000

func (s *Site) playground(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p, err := s.playgroundPage(r, url.Values{"tokens": {defaultTokens}, "temperature": {defaultTemperature}, "prompt": {r.URL.Query().Get("prompt")}}, nil)
	return show(pages.Playground(p)), err
}

// playgroundPage is the form as it was typed, with its problems.
func (s *Site) playgroundPage(r *http.Request, typed url.Values, problemOf error) (pages.PlaygroundPage, error) {
	field := func(name string) ui.Input { return ui.Input{Value: typed.Get(name), Problem: problem(problemOf, name)} }
	p := pages.PlaygroundPage{
		Prompt: field("prompt"), Tokens: field("tokens"), Temperature: field("temperature"), Seed: field("seed"),
		Problem: problem(problemOf, ""), Operation: newOperation(),
	}
	v, err := s.Models.Served(r.Context())
	if err != nil && !governance.Is(err, governance.NotFound) {
		return p, err
	}
	if err == nil {
		p.Version, p.VersionURL = v.Name, href.Version(int64(v.ID))
	}
	p.Chrome, err = s.chrome(r, layout.Chrome{Title: "Playground", Section: href.Playground()})
	return p, err
}

// complete continues what a reader began. Nothing is kept unless it is
// reported; GET would put the prompt into addresses and histories.
func (s *Site) complete(_ http.ResponseWriter, r *http.Request) (answer, error) {
	typed := r.PostForm
	for name, value := range map[string]string{"tokens": defaultTokens, "temperature": defaultTemperature, "seed": strconv.Itoa(rand.IntN(largestSeed))} {
		if strings.TrimSpace(typed.Get(name)) == "" {
			typed.Set(name, value)
		}
	}
	ask, err := completionOf(typed)
	var got complete.Answer
	if err == nil {
		got, err = s.Completer.Complete(r.Context(), ask)
	}
	if err != nil && !wrongForm(err) {
		return answer{}, err
	}
	p, pageErr := s.playgroundPage(r, typed, err)
	if pageErr != nil {
		return answer{}, pageErr
	}
	if err != nil {
		return again(pages.Playground(p)), nil
	}
	p.Answer = &pages.PlaygroundAnswer{
		Prompt: ask.Prompt, Text: got.Text, About: fmt.Sprintf("%s, seed %d, %d tokens in %s", got.Version.Name, ask.Seed, got.Tokens, got.Took.Round(time.Millisecond)),
	}
	if got.Text == "" {
		p.Answer.Held = ui.Plain("The model ended the text here and added nothing.")
	} else if s.sessions.Member(r) != 0 {
		token := s.answers.keep(moderation.Output{Version: int64(got.Version.ID), Prompt: ask.Prompt, Completion: got.Text, Seed: ask.Seed})
		flagForm(p.Answer, token, url.Values{}, nil)
	}
	return show(pages.Playground(p)), nil
}

// completionOf reads what was typed.
func completionOf(typed url.Values) (complete.Request, error) {
	q := complete.Request{Prompt: strings.ReplaceAll(typed.Get("prompt"), "\r\n", "\n")}
	var err error
	if q.Tokens, err = strconv.Atoi(strings.TrimSpace(typed.Get("tokens"))); err != nil {
		return q, governance.FieldErrorf("tokens", "Write a whole number of tokens.")
	}
	if q.Temperature, err = strconv.ParseFloat(strings.TrimSpace(typed.Get("temperature")), 64); err != nil {
		return q, governance.FieldErrorf("temperature", "Write a number, as 0.8.")
	}
	if q.Seed, err = strconv.ParseInt(strings.TrimSpace(typed.Get("seed")), 10, 64); err != nil {
		return q, governance.FieldErrorf("seed", "Write a whole number, or nothing to have one drawn.")
	}
	return q, q.Check()
}
