package handlers

import (
	"log/slog"
	"net/http"

	"codeberg.org/althing/althing/training"
)

// roundArchive streams what “althing verify round” needs to whoever may read
// the updates: everybody in a public-data campaign, else the auditors whom a
// decision names, encrypted to their keys.
func (s *Site) roundArchive(w http.ResponseWriter, r *http.Request) {
	id, err := pathID[training.RoundID](r, "id")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	recipient, err := s.Rounds.Reader(r.Context(), id, s.sessions.Member(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	write, err := s.Archives.Prepare(r.Context(), id, recipient)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="round-`+id.String()+`.zip"`)
	w.Header().Set("Cache-Control", "private")
	if err := write(w); err != nil {
		s.log.WarnContext(r.Context(), "archive of a round broke off", slog.Int64("round", int64(id)), slog.Any("err", err))
	}
}
