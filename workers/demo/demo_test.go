package demo

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunStopsAtAStepThatCannotBePlayed holds that no step is left out
// silently: the error names it, and the figures say that nothing came after.
func TestRunStopsAtAStepThatCannotBePlayed(t *testing.T) {
	site := httptest.NewServer(http.NotFoundHandler())
	defer site.Close()
	var out strings.Builder
	file := filepath.Join(t.TempDir(), "figures.json")
	c := Config{
		Base: site.URL, Founding: site.URL + "/founding?secret=x", Binary: "/nonexistent", Dir: t.TempDir(), JSON: file, Out: &out, Log: slog.New(slog.DiscardHandler),
		Verify: func(context.Context, string) (int, int, error) {
			t.Error("verified a log that nobody wrote")
			return 0, 0, nil
		},
	}
	got, err := Run(t.Context(), c)
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "Found the community") || !strings.Contains(err.Error(), "404") {
		t.Errorf("run against a site without pages: got %v, want the step and what the site answered", err)
	}
	if len(got.Steps) != 0 || got.Verified || got.Members != 0 {
		t.Errorf("figures: got %+v, want nothing", got)
	}
	if !strings.Contains(out.String(), "FAILED") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("said %q, want the failure and no control sequences where there is no terminal", out.String())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept Figures
	if err := json.Unmarshal(data, &kept); err != nil || kept.Seconds != got.Seconds {
		t.Errorf("figures in the file: got %+v, %v, want %+v", kept, err, got)
	}
	if _, err := Run(t.Context(), Config{Base: "no site"}); err == nil {
		t.Error("run without an address: got no error")
	}
}

func TestStepsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, step := range new(story).steps() {
		if seen[step.name] || step.run == nil {
			t.Errorf("step %q is there twice or does nothing", step.name)
		}
		seen[step.name] = true
	}
}
