package handlers

import (
	"context"
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
	var got continued
	if err == nil {
		got, err = s.continued(r.Context(), ask)
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
	if got.warnedBy != 0 {
		p.Answer.About += fmt.Sprintf(". Moderators warn of this answer: case %d says why", got.warnedBy)
	}
	switch {
	case got.hiddenBy != 0:
		p.Answer.Held = ui.Cat(ui.Plain("Moderators decided that this answer is not shown. "), ui.Link("Case "+got.hiddenBy.String(), href.Case(int64(got.hiddenBy))), ui.Plain(" gives the reason."))
	case got.Text == "":
		p.Answer.Held = ui.Plain("The model ended the text here and added nothing.")
	case s.sessions.Member(r) != 0:
		flagForm(p.Answer, s.answers.keep(got.output), url.Values{}, nil)
	}
	return show(pages.Playground(p)), nil
}

// continued is a text that the model continued.
type continued struct {
	complete.Answer
	output   moderation.Output
	hiddenBy governance.CaseID // the case that decided to hide exactly this answer, or 0
	warnedBy governance.CaseID // the case that decided to warn of it, or 0
}

// continued asks the model, and the moderators' decisions about its answer.
func (s *Site) continued(ctx context.Context, ask complete.Request) (continued, error) {
	answer, err := s.Completer.Complete(ctx, ask)
	if err != nil || answer.Text == "" {
		return continued{Answer: answer}, err
	}
	c := continued{Answer: answer, output: moderation.Output{Version: int64(answer.Version.ID), Prompt: ask.Prompt, Completion: answer.Text, Seed: ask.Seed}}
	action, id, err := s.Moderation.Ruling(ctx, c.output)
	switch action {
	case moderation.Hide, moderation.UnlearnProposed:
		c.hiddenBy, c.Text = id, ""
	case moderation.Warn:
		c.warnedBy = id
	}
	return c, err
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
