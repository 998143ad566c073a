package nodeapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
)

// errVersion says that the node's program speaks another version.
var errVersion = errors.New("version")

// read reads a JSON body strictly and to its end, so that its digest has been
// compared when it returns.
func read[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	v, _, err := readBytes[T](w, r)
	return v, err
}

func readBytes[T any](w http.ResponseWriter, r *http.Request) (T, []byte, error) {
	var zero T
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxMessage))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return zero, nil, governance.Errorf(governance.TooMany, "The message is longer than %d bytes.", protocol.MaxMessage)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return zero, nil, governance.Errorf(governance.Unavailable, "The message came too slowly.")
	case err != nil:
		return zero, nil, err
	}
	v, err := protocol.Decode[T](data)
	if err != nil {
		return zero, nil, governance.Errorf(governance.Invalid, "The message cannot be read: %v.", err)
	}
	return v, data, nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // the client is gone if this fails
}

var kinds = map[governance.Kind]struct {
	name   string
	status int
}{
	governance.Invalid:         {"invalid", http.StatusUnprocessableEntity},
	governance.Unauthenticated: {"unauthenticated", http.StatusUnauthorized},
	governance.Forbidden:       {"forbidden", http.StatusForbidden},
	governance.NotFound:        {"not-found", http.StatusNotFound},
	governance.Conflict:        {"conflict", http.StatusConflict},
	governance.TooMany:         {"too-many", http.StatusTooManyRequests},
	governance.Unavailable:     {"unavailable", http.StatusServiceUnavailable},
	governance.Full:            {"full", http.StatusInsufficientStorage},
}

// refuse answers with a Problem. What is not a governance.Error is a fault of
// ours: it is logged, and its text stays here.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := protocol.Problem{Time: a.Now().Unix()}
	status := http.StatusInternalServerError
	var refusal *governance.Error
	var clock *protocol.ClockError
	switch {
	case errors.As(err, &refusal):
		p.Kind, p.Message, p.Field = kinds[refusal.Kind].name, refusal.Message, refusal.Field
		status = kinds[refusal.Kind].status
	case errors.As(err, &clock):
		p.Kind, p.Message, status = "clock", "The request was refused: "+clock.Error()+".", http.StatusUnauthorized
	case errors.Is(err, errVersion):
		p.Kind, p.Message, status = "version", "This platform speaks version 1 of the protocol. Update the node program.", http.StatusUpgradeRequired
	case r.Context().Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF):
		p.Kind, p.Message, status = "unavailable", "The transfer was cut.", http.StatusServiceUnavailable
	default:
		a.Log.ErrorContext(r.Context(), "node request failed", slog.String("path", r.URL.Path), slog.Any("err", err))
		p.Kind, p.Message = "internal", "Something went wrong here. The people who run the platform can see it in their log."
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p)
}
