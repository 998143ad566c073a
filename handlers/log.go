package handlers

import (
	"archive/zip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// checkpoint serves the signed checkpoint (C2SP tlog-tiles).
func (s *Site) checkpoint(w http.ResponseWriter, r *http.Request) {
	signed, err := s.Log.Checkpoint(r.Context())
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(signed.Note)
}

// tile serves tiles and entry bundles, which never change once they are served.
func (s *Site) tile(w http.ResponseWriter, r *http.Request) {
	tile, err := translog.ParseTilePath(strings.TrimPrefix(r.URL.Path, "/log/"))
	if err != nil {
		s.plainError(w, r, governance.Errorf(governance.NotFound, "No tile has this address."))
		return
	}
	data, err := s.Log.Tile(r.Context(), tile)
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(data)
}

// plainError answers a program.
func (s *Site) plainError(w http.ResponseWriter, r *http.Request, err error) {
	if kind := governance.KindOf(err); kind != 0 {
		http.Error(w, err.Error(), statuses[kind].code)
		return
	}
	s.log.ErrorContext(r.Context(), "request failed", slog.String("path", r.URL.Path), slog.Any("err", err))
	http.Error(w, "internal error", http.StatusInternalServerError)
}

func (s *Site) logPage(_ http.ResponseWriter, r *http.Request) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "The log", Section: href.Log()})
	if err != nil {
		return answer{}, err
	}
	list, err := s.Log.Changes(r.Context(), audit.Filter{Limit: 20})
	if err != nil {
		return answer{}, err
	}
	names, err := s.namesOf(r.Context(), list)
	if err != nil {
		return answer{}, err
	}
	p := pages.LogPage{Chrome: chrome, Latest: changeLines(list, names), Commands: "althing verify log " + origin(r)}
	for _, c := range list {
		if c.Index < 0 {
			p.Pending++
		}
	}
	signed, err := s.Log.Checkpoint(r.Context())
	if err != nil && !governance.Is(err, governance.NotFound) {
		return answer{}, err
	}
	p.Note = string(signed.Note)
	p.Facts = []ui.Fact{
		{Label: "Entries", Value: ui.Plain(ui.Count(signed.Size))},
		{Label: "Root", Value: ui.Digest(hex.EncodeToString(signed.Root[:]))},
		{Label: "Signed", Value: richMoment(signed.At)},
		{Label: "Key", Value: ui.Digest(s.Log.Key())},
	}
	return show(pages.Log(p)), nil
}

func (s *Site) logEntry(_ http.ResponseWriter, r *http.Request) (answer, error) {
	p, err := s.inclusion(r)
	if err != nil {
		return answer{}, err
	}
	e, err := translog.Decode(p.Entry)
	if err != nil {
		return answer{}, err
	}
	change, err := audit.ChangeOf(e)
	if err != nil {
		return answer{}, err
	}
	names, err := s.namesOf(r.Context(), []audit.Change{change})
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Entry " + ui.Count(p.Index) + " of the log", Section: href.Log()})
	if err != nil {
		return answer{}, err
	}
	return show(pages.LogEntry(entryView(chrome, p, e, change, names, origin(r)))), nil
}

// inclusion reads the entry that the address names, with its proof.
func (s *Site) inclusion(r *http.Request) (translog.Inclusion, error) {
	index, err := parseIndex(r.PathValue("index"))
	if err != nil {
		return translog.Inclusion{}, err
	}
	return s.Log.Inclusion(r.Context(), index)
}

// entryBytes serves the exact bytes that were hashed.
func (s *Site) entryBytes(w http.ResponseWriter, r *http.Request) {
	p, err := s.inclusion(r)
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(p.Entry)
}

// entryProof serves an entry with its inclusion proof for programs.
func (s *Site) entryProof(w http.ResponseWriter, r *http.Request) {
	p, err := s.inclusion(r)
	if err != nil {
		s.plainError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p)
}

// archive streams the log as a zip in the layout of tlog-tiles, so that
// `althing verify log FILE` reads it without a server.
func (s *Site) archive(w http.ResponseWriter, r *http.Request) {
	signed, err := s.Log.Checkpoint(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="althing-log-%d.zip"`, signed.Size))
	z := zip.NewWriter(w)
	err = translog.Archive(signed.Note, s.Log.Key(), signed.Size, func(t translog.Tile) ([]byte, error) { return s.Log.Tile(r.Context(), t) },
		func(path string, data []byte) error {
			f, err := z.Create(path)
			if err != nil {
				return err
			}
			_, err = f.Write(data)
			return err
		})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		s.log.ErrorContext(r.Context(), "log archive broke off", slog.Any("err", err))
	}
}

func (s *Site) verify(_ http.ResponseWriter, r *http.Request) (answer, error) {
	chrome, err := s.chrome(r, layout.Chrome{Title: "Verify it yourself", Section: href.Log()})
	if err != nil {
		return answer{}, err
	}
	return show(pages.Verify(verifyView(chrome, s.Log.Key(), origin(r)))), nil
}

// logKey serves the log's public key. Whoever verifies should know it from
// elsewhere; this is for the first time.
func (s *Site) logKey(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(s.Log.Key() + "\n"))
}
