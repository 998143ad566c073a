package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// get asks the handler for a path as a browser would.
func get(t *testing.T, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestHandlerServesForEver(t *testing.T) {
	for _, name := range []string{"logo.svg", Sheet, "js/live.js", "vendor/codex/codex.style.css", "vendor/codex/LICENSE"} {
		res := get(t, URL(name), "")
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("get %s: status %d, %d bytes, error %v", URL(name), res.StatusCode, len(body), err)
		}
		if got := res.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("get %s: Cache-Control = %q, want immutable", name, got)
		}
		if !strings.HasPrefix(URL(name), Prefix) || URL(name) == Prefix+name {
			t.Errorf("URL(%q) = %q, want a hashed name under %s", name, URL(name), Prefix)
		}
	}
}

func TestHandlerCompressesToTheSameBytes(t *testing.T) {
	plain, err := io.ReadAll(get(t, URL(Sheet), "").Body)
	if err != nil {
		t.Fatal(err)
	}
	res := get(t, URL(Sheet), "gzip, br")
	if got := res.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding = %q, want gzip", got)
	}
	r, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != string(plain) {
		t.Errorf("unpacked sheet has %d bytes (error %v), want the same %d", len(got), err, len(plain))
	}
}

func TestHandlerRefusesOtherNames(t *testing.T) {
	for _, path := range []string{"/static/logo.svg", "/static/", "/static/../go.mod", "/static/css/base.css"} {
		if res := get(t, path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("get %s: status %d, want 404", path, res.StatusCode)
		}
	}
}

func TestEveryComponentIsInTheSheet(t *testing.T) {
	entries, err := files.ReadDir("css")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(sheets) {
		t.Errorf("css holds %d files, the bundle lists %d", len(entries), len(sheets))
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".css")
		if !slices.Contains(sheets, name) {
			t.Errorf("css/%s is not in the bundle", e.Name())
		}
		body, err := files.ReadFile("css/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if open, shut := strings.Count(text, "{"), strings.Count(text, "}"); open != shut {
			t.Errorf("css/%s has %d opening and %d closing braces", e.Name(), open, shut)
		}
		if strings.Contains(text, "!important") || !strings.Contains(text, "@layer ") {
			t.Errorf("css/%s must stand in a layer and use no !important", e.Name())
		}
	}
}

func TestPreloadNamesWhatTheSheetImports(t *testing.T) {
	sheet := string(bundle())
	for _, v := range vendor {
		if !strings.Contains(sheet, URL(v.name)) || !strings.Contains(Preload(), URL(v.name)) {
			t.Errorf("%s is not both imported and preloaded", v.name)
		}
	}
}
