package handlers

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/handlers/complete"
)

// completionCall is the part of a request to /v1/completions (OpenAI, API
// reference, legacy completions) that means something to this model.
type completionCall struct {
	Model       string   `json:"model"`
	Prompt      string   `json:"prompt"`
	MaxTokens   *int     `json:"max_tokens"`
	Temperature *float64 `json:"temperature"`
	Seed        *int64   `json:"seed"`
	Stream      bool     `json:"stream"`
	N           *int     `json:"n"`
}

// completionReply is the answer in the same form.
type completionReply struct {
	ID      string             `json:"id"` // names nothing: no answer is kept
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Seed    int64              `json:"seed"`
	Weights string             `json:"system_fingerprint"` // digest of the weights
	Choices []completionChoice `json:"choices"`
	Usage   completionUsage    `json:"usage"`
}

type completionChoice struct {
	Text   string `json:"text"`
	Index  int    `json:"index"`
	Finish string `json:"finish_reason"` // stop or length
}

type completionUsage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

const maxCall = 64 << 10 // bytes

// completions answers programs. It takes no session and keeps nothing.
func (s *Site) completions(w http.ResponseWriter, r *http.Request) {
	ask, call, err := s.callOf(w, r)
	var got continued
	if err == nil {
		got, err = s.continued(r.Context(), ask)
	}
	if err == nil && got.hiddenBy != 0 {
		err = governance.Errorf(governance.Forbidden, "Moderators decided that this answer is not shown; see case %d.", got.hiddenBy)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		s.callFailed(w, r, err)
		return
	}
	reply := completionReply{
		ID: "cmpl-" + newOperation(), Object: "text_completion", Created: s.now().Unix(), Model: got.Version.Name, Seed: ask.Seed,
		Weights: got.Version.Weights.Hex(), Choices: []completionChoice{{Text: got.Text, Finish: "length"}},
		Usage: completionUsage{Prompt: len(call.Prompt), Completion: got.Tokens, Total: len(call.Prompt) + got.Tokens},
	}
	if got.Ended {
		reply.Choices[0].Finish = "stop"
	}
	_ = json.NewEncoder(w).Encode(reply) // a caller who has gone is no error of ours
}

// callOf reads a call; what is left out is as in the original interface.
func (s *Site) callOf(w http.ResponseWriter, r *http.Request) (complete.Request, completionCall, error) {
	call := completionCall{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&call); err != nil {
		return complete.Request{}, call, governance.Errorf(governance.Invalid, "The request is not JSON with a text as prompt: %v.", err)
	}
	if call.Stream || call.N != nil && *call.N != 1 {
		return complete.Request{}, call, governance.Errorf(governance.Invalid, "Here one choice is given, at once: leave out stream and n.")
	}
	ask := complete.Request{Prompt: call.Prompt, Tokens: 16, Temperature: 1, Seed: rand.Int64N(largestSeed)}
	if call.MaxTokens != nil {
		ask.Tokens = *call.MaxTokens
	}
	if call.Temperature != nil {
		ask.Temperature = *call.Temperature
	}
	if call.Seed != nil {
		ask.Seed = *call.Seed
	}
	v, err := s.Models.Served(r.Context())
	if err == nil && call.Model != "" && call.Model != v.Name && call.Model != v.Weights.Hex() {
		err = governance.Errorf(governance.NotFound, "The model %q is not served here; %q is.", call.Model, v.Name)
	}
	return ask, call, err
}

// callFailed answers a program with an error in the form that it reads.
func (s *Site) callFailed(w http.ResponseWriter, r *http.Request, err error) {
	code, message, field := http.StatusInternalServerError, "internal error", ""
	var refusal *governance.Error
	if errors.As(err, &refusal) {
		code, message, field = statuses[refusal.Kind].code, refusal.Message, refusal.Field
	} else {
		s.log.ErrorContext(r.Context(), "completion failed", slog.Any("err", err))
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": message, "type": "invalid_request_error", "param": field}})
}
