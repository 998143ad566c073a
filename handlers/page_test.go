package handlers

import (
	"net/http"
	"net/url"
	"testing"
)

func TestErrorPageGivesBackEverythingWritten(t *testing.T) {
	r := &http.Request{PostForm: url.Values{"op": {"x"}, "facts": {"It is false."}, "reasoning": {"It misleads."}}}
	if got, want := written(r), "It is false.\n\nIt misleads."; got != want {
		t.Errorf("written(%v) = %q, want %q", r.PostForm, got, want)
	}
	if got := written(&http.Request{}); got != "" {
		t.Errorf("written of no form = %q, want nothing", got)
	}
}
