package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	first "codeberg.org/althing/althing/training/founding"
)

func TestModelPagesBeforeFounding(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/versions").want(http.StatusOK, "No version yet.")
	v.get("/versions/1").want(http.StatusNotFound, "no version 1")
	v.get("/playground").want(http.StatusOK, "No version is served yet.")
	v.get("/campaigns").want(http.StatusOK, "No campaign yet.")
	v.get("/campaigns/1").want(http.StatusNotFound, "no campaign 1")
	v.get("/campaigns/1/events").want(http.StatusNotFound, "no campaign 1")
	v.get("/rounds/1").want(http.StatusNotFound, "no round 1")
	v.get("/certificates").want(http.StatusOK, "No certificate yet.")
	v.get("/certificates/1").want(http.StatusNotFound, "no unlearning case 1")
	v.get("/certificates/1/certificate.json").want(http.StatusNotFound, "no unlearning case 1")
	v.post("/v1/completions", nil).want(http.StatusUnprocessableEntity, "not JSON")
}

func TestVersionPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	v := s.visitor(t)
	v.get("/").want(http.StatusOK, "The model now: Skald")
	v.get("/versions").want(http.StatusOK, "Skald").want(http.StatusOK, "in use")
	v.get("/versions/1").want(http.StatusOK, "A very small language model").want(http.StatusOK, training.DigestOf(first.Weights()).String())
	if strings.Contains(v.body, "library_name") {
		t.Error("the card shows its header for machines")
	}

	res := s.raw(t, "/versions/1/model.safetensors", "Range", "bytes=8-15")
	if want := string(first.Weights()[8:16]); res.status != http.StatusPartialContent || string(res.body) != want {
		t.Errorf("part of the weights: got status %d, %q, want 206, %q", res.status, res.body, want)
	}
	tag := res.header.Get("ETag")
	if res = s.raw(t, "/versions/1/model.safetensors", "If-None-Match", tag); res.status != http.StatusNotModified {
		t.Errorf("weights with %s: got status %d, want 304", tag, res.status)
	}
	res = s.raw(t, "/versions/1/folder.zip", "", "")
	z, err := zip.NewReader(bytes.NewReader(res.body), int64(len(res.body)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	for _, want := range []string{"config.json", "model.safetensors", "tokenizer.json", "README.md"} {
		if !slices.Contains(names, want) {
			t.Errorf("the folder holds %v, not %s", names, want)
		}
	}
	res = s.raw(t, "/versions/1/tokenizer.json", "", "")
	if !json.Valid(res.body) {
		t.Errorf("tokenizer.json is not JSON: %.60q", res.body)
	}
}

func TestPlayground(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	v := s.visitor(t)
	ask := url.Values{"prompt": {"<b>func</b> main() {"}, "tokens": {"12"}, "temperature": {"0"}, "seed": {"3"}}
	v.get("/playground").send("/playground/complete", ask).want(http.StatusOK, "seed 3").want(http.StatusOK, "Marked text is made by the model")
	if strings.Contains(v.body, "<b>func</b>") {
		t.Error("the prompt is not escaped")
	}
	if v.form("/flags") != nil {
		t.Error("a visitor is offered to report an answer")
	}
	answer := v.mark()
	if answer == "" || v.get("/playground").send("/playground/complete", ask).mark() != answer {
		t.Errorf("greedy answers differ: %q and %q", answer, v.mark())
	}
	v.get("/playground").send("/playground/complete", url.Values{"prompt": {"x"}, "tokens": {"1000"}}).want(http.StatusUnprocessableEntity, "Choose 1 to 256 tokens")
	v.get("/playground").send("/playground/complete", url.Values{"prompt": {"x"}, "temperature": {"warm"}}).want(http.StatusUnprocessableEntity, "Write a number")
	v.get("/playground").send("/playground/complete", url.Values{"prompt": {""}}).want(http.StatusUnprocessableEntity, "Begin a text")

	asta.get("/playground").send("/playground/complete", ask).send("/flags", url.Values{"clause": {"danger"}, "reason": {"It might."}})
	asta.want(http.StatusOK, "You reported this answer.")
}

func TestCompletionsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta := s.join(t, "asta")
	s.found(t, asta)
	call := func(body string) (int, string, string) {
		t.Helper()
		res, err := http.Post(s.url+"/v1/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var reply struct {
			Choices []struct {
				Text   string `json:"text"`
				Finish string `json:"finish_reason"`
			} `json:"choices"`
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		if err := json.NewDecoder(res.Body).Decode(&reply); err != nil {
			t.Fatal(err)
		}
		if len(reply.Choices) == 0 {
			return res.StatusCode, "", reply.Error.Message
		}
		return res.StatusCode, reply.Choices[0].Text, ""
	}
	const seeded = `{"model": "Skald", "prompt": "func ", "max_tokens": 20, "temperature": 0.9, "seed": 11}`
	status, text, _ := call(seeded)
	if status != http.StatusOK || text == "" {
		t.Fatalf("got status %d and %q, want a text", status, text)
	}
	if _, again, _ := call(seeded); again != text {
		t.Errorf("the same seed gives %q and %q", text, again)
	}
	for _, tt := range []struct {
		body, want string
		status     int
	}{
		{`{"model": "gpt", "prompt": "a"}`, "is not served here", http.StatusNotFound},
		{`{"prompt": ""}`, "Begin a text", http.StatusUnprocessableEntity},
		{`{"prompt": "a", "stream": true}`, "leave out stream", http.StatusUnprocessableEntity},
		{`{"prompt": "a", "max_tokens": 9999}`, "1 to 256", http.StatusUnprocessableEntity},
		{`{"prompt": ["a", "b"]}`, "not JSON with a text", http.StatusUnprocessableEntity},
	} {
		if status, _, message := call(tt.body); status != tt.status || !strings.Contains(message, tt.want) {
			t.Errorf("%s: got %d, %q, want %d, %q", tt.body, status, message, tt.status, tt.want)
		}
	}
}

// TestTrainingMotions follows a decision to train and one to forget from
// their forms to what they begin.
func TestTrainingMotions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asta, bera := s.join(t, "asta"), s.join(t, "bera")
	s.begin(t, asta, url.Values{
		"class.1.discussion": {"0"}, "class.1.voting": {"2"}, "class.1.waiting": {"0"}, "proposals.sponsors": {"1"},
		"class.3.discussion": {"0"}, "class.3.voting": {"2"}, "class.3.waiting": {"0"},
	})
	asta.get("/proposals/new?motion=train")
	asta.send("/proposals/new", url.Values{"title": {"Train"}, "text": {"Let us train."}, "motion": {"train"}, "train.min_reports": {"1"}}).
		want(http.StatusUnprocessableEntity, "fewer than two would show one member's update")
	asta.send("/proposals/new", url.Values{"train.min_reports": {"2"}, "train.rounds": {"three"}}).want(http.StatusUnprocessableEntity, "Rounds: write a whole number")
	asta.send("/proposals/new", url.Values{"train.rounds": {"3"}}).want(http.StatusOK, "trains the model")
	s.carry(t, asta, bera, "/proposals/1")
	v := s.visitor(t)
	s.until(t, v, "/campaigns/1", "What was decided")
	v.get("/campaigns").want(http.StatusOK, "Train").want(http.StatusOK, "running")
	v.get("/campaigns/1").want(http.StatusOK, "What was decided").want(http.StatusOK, "No round has ended yet.").want(http.StatusOK, "data-live")
	v.get("/campaigns/1/loss.csv").want(http.StatusOK, "round,attempt")
	v.get("/rounds/1").want(http.StatusOK, "Check it yourself")
	v.get("/rounds/1/manifest.json").want(http.StatusOK, training.DigestOf(first.Weights()).Hex())
	v.get("/rounds/1/archive.zip").want(http.StatusForbidden, "auditors whom a decision of the community names")
	asta.get("/rounds/1/archive.zip").want(http.StatusForbidden, "A proposal to audit names one")
	v.get("/").want(http.StatusOK, "In training: campaign 1")
	if got := s.event(t, "/campaigns/1/events"); !strings.Contains(got, "States of") {
		t.Errorf("the first event is %q, want the state of the round", got)
	}

	asta.get("/proposals/new?motion=unlearn&contributor=2&campaign=1").send("/proposals/new", url.Values{"title": {"Forget"}, "text": {"Let us forget."}}).
		want(http.StatusOK, "forgets all records of one contributor")
	s.carry(t, asta, bera, "/proposals/2")
	s.until(t, v, "/certificates", "forgotten")

	asta.get("/proposals/new?motion=audit&campaign=1&member=1").send("/proposals/new", url.Values{"title": {"Audit"}, "text": {"Let Asta look."}, "audit.recipient": {"age1x"}}).
		want(http.StatusUnprocessableEntity, "no public key of age")
	asta.send("/proposals/new", url.Values{"audit.recipient": {"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}}).
		want(http.StatusOK, "gives updates to an auditor")
	s.carry(t, asta, bera, "/proposals/3")
	s.until(t, v, "/proposals/3", "The auditor may read the updates.")
	asta.get("/rounds/1/archive.zip").want(http.StatusConflict, "once its updates are aggregated")
	v.get("/rounds/1/archive.zip").want(http.StatusForbidden, "nobody reads them")
	v.get("/unlearning/1").want(http.StatusOK, "There was nothing to forget.")
	v.get("/certificates/1").want(http.StatusOK, "entry")
	v.get("/certificates/1/certificate.json").want(http.StatusNotFound, "no certificate yet")
}

// raw is an answer as a program gets it.
type raw struct {
	status int
	header http.Header
	body   []byte
}

func (s *site) raw(t *testing.T, path, name, value string) raw {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw{res.StatusCode, res.Header, body}
}
