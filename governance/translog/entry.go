package translog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Version is the version of the entry's form that is written now.
const Version = 1

// Entry is one line of the log. Its bytes hold every non-personal value that
// the act wrote and salted digests of texts, so that polls, rights and rounds
// can be rebuilt from entries alone. Names are joined when a page is read,
// so that a member's leaving does not break the log.
type Entry struct {
	Version int             `json:"v"`
	Kind    string          `json:"kind"`            // for ever: "ballot.cast"
	At      time.Time       `json:"at"`              // UTC, whole microseconds
	Actor   string          `json:"actor"`           // "member/12"
	Subject string          `json:"subject"`         // "poll/7"
	About   []string        `json:"about,omitempty"` // what else it concerns, sorted
	Data    json.RawMessage `json:"data"`            // the event's own fields
}

// timeForm writes the zone and always six digits: one spelling per instant.
const timeForm = "2006-01-02T15:04:05.000000Z"

type entryForm struct {
	Version int             `json:"v"`
	Kind    string          `json:"kind"`
	At      string          `json:"at"`
	Actor   string          `json:"actor"`
	Subject string          `json:"subject"`
	About   []string        `json:"about"`
	Data    json.RawMessage `json:"data"`
}

// Encode returns the exact bytes that are stored and hashed.
func (e Entry) Encode() ([]byte, error) {
	about := slices.Clone(e.About)
	slices.Sort(about)
	about = slices.Compact(about)
	if about == nil {
		about = []string{}
	}
	raw, err := json.Marshal(entryForm{
		Version: e.Version, Kind: e.Kind, At: e.At.UTC().Format(timeForm),
		Actor: e.Actor, Subject: e.Subject, About: about, Data: e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s entry: %w", e.Kind, err)
	}
	data, err := Canonical(raw)
	if err != nil {
		return nil, fmt.Errorf("encode %s entry: %w", e.Kind, err)
	}
	if len(data) > MaxEntry {
		return nil, fmt.Errorf("encode %s entry: %d bytes, the log takes %d", e.Kind, len(data), MaxEntry)
	}
	return data, nil
}

// Decode reads an entry and refuses any bytes but those Encode would write.
func Decode(data []byte) (Entry, error) {
	if len(data) > MaxEntry {
		return Entry{}, fmt.Errorf("decode entry: %d bytes, the log takes %d", len(data), MaxEntry)
	}
	var form entryForm
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	if form.Version != Version {
		return Entry{}, fmt.Errorf("decode entry: version %d is not known here", form.Version)
	}
	at, err := time.Parse(timeForm, form.At)
	if err != nil {
		return Entry{}, fmt.Errorf("decode entry: time %q: %w", form.At, err)
	}
	if form.Kind == "" || form.Actor == "" || form.Subject == "" || len(form.Data) == 0 {
		return Entry{}, fmt.Errorf("decode entry: kind, actor, subject or data is missing")
	}
	e := Entry{
		Version: form.Version, Kind: form.Kind, At: at, Actor: form.Actor,
		Subject: form.Subject, About: form.About, Data: form.Data,
	}
	again, err := e.Encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, fmt.Errorf("decode entry: not in canonical form")
	}
	return e, nil
}

// Refs returns everything the entry concerns: actor, subject and the rest,
// sorted and once each.
func (e Entry) Refs() []string {
	refs := append([]string{e.Actor, e.Subject}, e.About...)
	slices.Sort(refs)
	return slices.Compact(refs)
}
