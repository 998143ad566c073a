package handlers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// answers keeps the latest answers of the model in memory, so that a report
// names one by a token and nobody reports what the model never said. Prompts
// are on no disk until somebody reports the answer.
type answers struct {
	mu    sync.Mutex
	kept  map[string]moderation.Output
	order []string // oldest first
}

const maxAnswers = 4096

// keep remembers an answer and returns its token.
func (a *answers) keep(o moderation.Output) string {
	token := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil {
		a.kept = map[string]moderation.Output{}
	}
	a.kept[token], a.order = o, append(a.order, token)
	for len(a.order) > maxAnswers {
		delete(a.kept, a.order[0])
		a.order = a.order[1:]
	}
	return token
}

// find returns the answer of a token, while it is remembered.
func (a *answers) find(token string) (moderation.Output, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, ok := a.kept[token]
	if !ok {
		return o, governance.Errorf(governance.NotFound, "The server no longer remembers this answer. Ask the model again with the same seed, which gives the same answer, and report it then.")
	}
	return o, nil
}

// flag reports an answer of the playground.
func (s *Site) flag(_ http.ResponseWriter, r *http.Request) (answer, error) {
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	output, err := s.answers.find(r.PostForm.Get("answer"))
	if err != nil {
		return answer{}, err
	}
	receipt, err := s.Moderation.Flag(r.Context(), actor, output, r.PostForm.Get("clause"), r.PostForm.Get("reason"))
	if wrongForm(err) {
		return s.flagAgain(r, output, err)
	}
	if err != nil {
		return answer{}, err
	}
	return seeOther(href.Case(receipt.Subject.ID())), nil
}

// flagAgain shows the answer once more with the report as it was typed.
func (s *Site) flagAgain(r *http.Request, output moderation.Output, problemOf error) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Playground", Section: href.Playground(), NoIndex: true})
	if err != nil {
		return answer{}, err
	}
	names, err := s.Log.Names(r.Context(), []governance.Ref{governance.RefTo("version", output.Version)})
	if err != nil {
		return answer{}, err
	}
	p := webpages.PlaygroundPage{
		Chrome: chrome, Version: link(governance.RefTo("version", output.Version), names).String(), VersionURL: href.Version(output.Version),
		Prompt: ui.Input{Value: output.Prompt}, Seed: ui.Input{Value: fmt.Sprint(output.Seed)}, Operation: newOperation(),
		Tokens: ui.Input{Value: "64"}, Temperature: ui.Input{Value: "0.8"},
		Answer: &webpages.PlaygroundAnswer{Prompt: output.Prompt, Text: output.Completion, About: "Seed " + fmt.Sprint(output.Seed)},
	}
	flagForm(p.Answer, r.PostForm.Get("answer"), r.PostForm, problemOf)
	if p.Problem = problem(problemOf, ""); p.Problem == "" {
		p.Problem = p.Answer.Clauses.Problem
	}
	return again(webpages.Playground(p)), nil
}

// flagForm adds the form that reports an answer.
func flagForm(a *webpages.PlaygroundAnswer, token string, typed url.Values, problemOf error) {
	a.CanFlag, a.FlagToken, a.FlagOp = true, token, newOperation()
	a.Clauses = clauseOptions("clause", "What is wrong with it")
	a.Clauses.Value, a.Clauses.Problem = typed.Get("clause"), problem(problemOf, "clause")
	a.Reason = ui.Input{Value: typed.Get("reason"), Problem: problem(problemOf, "reason")}
}
