package localdata

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files below a new directory.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScan(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.go":          "// SPDX-License-" + "Identifier: MIT\r\npackage a \r\n",
		"b/long.md":     strings.Repeat("word word\n", 10) + "\n" + strings.Repeat("line line\n", 10),
		"bom.txt":       "\ufeffwith a mark",
		"picture.png":   "PNG\x00\x01",
		"latin1.txt":    "caf\xe9",
		"empty.txt":     "",
		"blank.txt":     " \n\n",
		"big.txt":       strings.Repeat("x", 400),
		".git/config":   "hidden",
		".env":          "hidden",
		"keys.txt":      "a\npassword = x1y2z3w4v5u6\n",
		"notes/own.txt": "mine",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	pieces, report, err := Scan(context.Background(), dir, Options{Bounds: Bounds{File: 300, Record: 150}, Licence: "CC0-1.0"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pieces {
		got = append(got, p.Path+"|"+p.Licence+"|"+p.Language+"|"+p.Text[:min(9, len(p.Text))])
	}
	want := []string{
		"a.go|MIT|go|// SPDX-L", "b/long.md|CC0-1.0|markdown|word word", "b/long.md|CC0-1.0|markdown|line line",
		"bom.txt|CC0-1.0|text|with a ma", "keys.txt|CC0-1.0|text|a\npasswor", "notes/own.txt|CC0-1.0|text|mine",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("pieces:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	reasons := map[string]string{}
	for _, s := range report.Skipped {
		reasons[s.Path] = s.Reason
	}
	for name, why := range map[string]string{
		"picture.png": "binary", "latin1.txt": "not UTF-8", "empty.txt": "empty", ".git": "hidden", ".env": "hidden",
		"big.txt": "cannot be read: longer than the limit of 300 bytes", "link.txt": "not a regular file",
	} {
		if reasons[name] != why {
			t.Errorf("%s left out because %q, want %q", name, reasons[name], why)
		}
	}
	if len(report.Skipped) != 7 || report.Files != 6 {
		t.Errorf("%d files, left out %v; want 6 and 7", report.Files, report.Skipped)
	}
	if len(report.Findings) != 1 || report.Findings[0] != (Finding{"keys.txt", 2, "assigned secret"}) || report.ByKind()["assigned secret"] != 1 {
		t.Errorf("findings %v", report.Findings)
	}
}

func TestScanLimits(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "aaaa", "b.txt": "bbbb", "c.go": "cccc"})
	for _, tt := range []struct {
		name    string
		options Options
		pieces  int
		skipped int
	}{
		{"all", Options{}, 3, 0},
		{"pattern", Options{Include: []string{"*.go", "*.rs"}}, 1, 0},
		{"files", Options{Bounds: Bounds{Files: 2}}, 2, 1},
		{"total", Options{Bounds: Bounds{Total: 9}}, 2, 1},
	} {
		pieces, report, err := Scan(context.Background(), dir, tt.options)
		if err != nil || len(pieces) != tt.pieces || len(report.Skipped) != tt.skipped {
			t.Errorf("%s: %d pieces, left out %v, %v; want %d and %d", tt.name, len(pieces), report.Skipped, err, tt.pieces, tt.skipped)
		}
	}
}

func TestScanFails(t *testing.T) {
	if _, _, err := Scan(context.Background(), t.TempDir(), Options{}); !errors.Is(err, ErrNoText) {
		t.Errorf("empty folder: %v, want ErrNoText", err)
	}
	binary := folder(t, map[string]string{"x": "\x00"})
	if _, report, err := Scan(context.Background(), binary, Options{}); !errors.Is(err, ErrNoText) || len(report.Skipped) != 1 {
		t.Errorf("folder without text: %v %v, want ErrNoText and a report", err, report)
	}
	if _, _, err := Scan(context.Background(), filepath.Join(binary, "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, _, err := Scan(context.Background(), binary, Options{Include: []string{"["}}); err == nil {
		t.Error("a bad pattern was taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Scan(ctx, binary, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Root may read every file, so it is given one that nobody can read.
func TestScanReportsAnUnreadableFile(t *testing.T) {
	dir, options := folder(t, map[string]string{"closed.txt": "text", "open.txt": "text"}), Options{}
	if os.Geteuid() == 0 {
		dir, options = "/proc/self", Options{Include: []string{"mem", "comm"}}
	} else if err := os.Chmod(filepath.Join(dir, "closed.txt"), 0); err != nil {
		t.Fatal(err)
	}
	pieces, report, err := Scan(context.Background(), dir, options)
	if err != nil || len(pieces) == 0 {
		t.Fatalf("%d pieces, %v: one file stopped the others", len(pieces), err)
	}
	for _, s := range report.Skipped {
		if strings.HasPrefix(s.Reason, "cannot be read: ") && !strings.Contains(s.Reason, s.Path) {
			return
		}
	}
	t.Errorf("left out %v, want a file that cannot be read", report.Skipped)
}
