package translog_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/translog"
)

// counted is an event of this test.
type counted struct {
	N int `json:"n"`
}

func (counted) Kind() string               { return "translogtest.counted" }
func (c counted) Subject() governance.Ref  { return governance.RefTo("page", int64(c.N)) }
func (c counted) Sentence() audit.Sentence { return audit.Say("counted ", c.Subject()) }

var _ = audit.Register[counted]()

// TestFsckOfTesseraReadsTheLog has the program of the nested module, which
// shares no line with ours, check a log over HTTP: first as it is, then with
// one thing changed at a time.
func TestFsckOfTesseraReadsTheLog(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "fsck")
	build := exec.CommandContext(t.Context(), "go", "-C", "fsck", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build fsck: %v\n%s", err, out)
	}

	b := audittest.New(t)
	const size = 2*translog.TileWidth + 88 // two full tiles and a partial one
	for n := range size {
		_, err := b.Trail.Act(t.Context(), governance.Actor{Member: 7}, func(context.Context, *audit.Tx) (audit.Event, error) {
			return counted{n + 1}, nil
		})
		if err != nil {
			t.Fatalf("write entry %d: %v", n, err)
		}
	}
	if err := b.Sequence(t.Context()); err != nil {
		t.Fatalf("sequence: %v", err)
	}

	for _, tt := range []struct {
		name   string
		path   string // whose answer is changed, "" for none
		change func([]byte) []byte
		want   string // in what fsck prints
	}{
		{"as it is", "", nil, "every tile and every entry"},
		{"one entry says something else", "tile/entries/001", func(data []byte) []byte {
			return bytes.Replace(data, []byte(`"n":300}`), []byte(`"n":301}`), 1)
		}, "fsck:"},
		{"one hash is another", "tile/0/000", func(data []byte) []byte {
			data[40] ^= 1
			return data
		}, "fsck:"},
		{"the checkpoint promises one more", "checkpoint", func(data []byte) []byte {
			return bytes.Replace(data, fmt.Appendf(nil, "\n%d\n", size), fmt.Appendf(nil, "\n%d\n", size+1), 1)
		}, "fsck:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			served := httptest.NewServer(tiles(t, b.Log, tt.path, tt.change))
			defer served.Close()
			out, err := exec.CommandContext(t.Context(), program, served.URL+"/log/", b.Log.Key()).CombinedOutput()
			if ok := err == nil; ok != (tt.path == "") || !strings.Contains(string(out), tt.want) {
				t.Errorf("fsck: %v\n%s\nwant it to say %q", err, out, tt.want)
			}
		})
	}
}

// tiles serves a log as the platform does, but for one changed answer.
func tiles(t *testing.T, log *audit.Log, path string, change func([]byte) []byte) http.Handler {
	read := func(ctx context.Context, name string) ([]byte, error) {
		if name == "checkpoint" {
			signed, err := log.Checkpoint(ctx)
			return signed.Note, err
		}
		tile, err := translog.ParseTilePath(name)
		if err != nil {
			return nil, err
		}
		return log.Tile(ctx, tile)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/log/")
		data, err := read(r.Context(), name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		if name == path {
			before := bytes.Clone(data)
			if data = change(data); bytes.Equal(before, data) {
				t.Errorf("nothing was changed in %s", name)
			}
		}
		_, _ = w.Write(data)
	})
}
