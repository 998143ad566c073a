package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
)

// Event is what an act did: a struct of integers, strings, bools and slices
// of them, encoded as JSON. Kind is for ever; a field is never renamed.
type Event interface {
	Kind() string
	Subject() governance.Ref
	// Sentence is what a stranger reads behind the actor's name.
	Sentence() Sentence
}

// An Event that concerns more than its actor and its subject says so.
type aboutEvent interface{ About() []governance.Ref }

// An Event of a sealed ballot is held back: its entry states the day only and
// enters the log with the others of its group, sorted by hash.
type heldEvent interface{ Held() string }

// Replayer is an Event that changes polls, rights or rounds. Replay applies
// it to the state rebuilt so far; an error means that the log contradicts itself.
type Replayer interface {
	Replay(*State, translog.Entry) error
}

// Part is a piece of a Sentence: words, or a reference that a page shows by
// its present name and links.
type Part struct {
	Text string
	Ref  governance.Ref
}

// Sentence is what an entry says, without the actor before it.
type Sentence []Part

// Say makes a Sentence of strings and governance.Refs; other values are
// printed. Spaces between the pieces belong to the strings.
func Say(parts ...any) Sentence {
	s := make(Sentence, len(parts))
	for i, p := range parts {
		switch p := p.(type) {
		case governance.Ref:
			s[i] = Part{Ref: p}
		default:
			s[i] = Part{Text: fmt.Sprint(p)}
		}
	}
	return s
}

var register = map[string]reflect.Type{}

// Register makes a kind of event known to Changes and Replay. Every package
// that returns an event registers it in a package variable.
func Register[E Event]() struct{} {
	var zero E
	t := reflect.TypeOf(zero)
	if other, taken := register[zero.Kind()]; taken {
		panic(fmt.Sprintf("audit: %v and %v both say %q", other, t, zero.Kind()))
	}
	register[zero.Kind()] = t
	return struct{}{}
}

// decodeEvent reads the event of an entry.
func decodeEvent(e translog.Entry) (Event, error) {
	t, ok := register[e.Kind]
	if !ok {
		return nil, fmt.Errorf("entry of kind %q is not known to this program", e.Kind)
	}
	v := reflect.New(t)
	dec := json.NewDecoder(bytes.NewReader(e.Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v.Interface()); err != nil {
		return nil, fmt.Errorf("read %s entry: %w", e.Kind, err)
	}
	return v.Elem().Interface().(Event), nil
}

// newEntry makes the entry of an event at a time.
func newEntry(actor governance.Actor, at time.Time, ev Event) (translog.Entry, error) {
	if _, known := register[ev.Kind()]; !known {
		return translog.Entry{}, fmt.Errorf("event %q is not registered", ev.Kind())
	}
	data, err := json.Marshal(ev)
	if err != nil {
		return translog.Entry{}, fmt.Errorf("event %q: %w", ev.Kind(), err)
	}
	if h, ok := ev.(heldEvent); ok && h.Held() != "" {
		at = at.UTC().Truncate(24 * time.Hour)
	}
	e := translog.Entry{
		Version: translog.Version, Kind: ev.Kind(), At: at,
		Actor: string(actor.Ref()), Subject: string(ev.Subject()), Data: data,
	}
	if a, ok := ev.(aboutEvent); ok {
		for _, ref := range a.About() {
			e.About = append(e.About, string(ref))
		}
	}
	return e, nil
}

// LeafOf computes the hash under which the entry of an event lies in the log,
// SHA-256(0x00 ‖ entry), from what the entry states: for promising that a held
// entry will be there.
func LeafOf(actor governance.Actor, at time.Time, ev Event) ([sha256.Size]byte, error) {
	e, err := newEntry(actor, at, ev)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	data, err := e.Encode()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(append([]byte{0}, data...)), nil
}

// KindsOf lists the registered kinds that begin with any of the prefixes.
func KindsOf(prefixes ...string) []string {
	var kinds []string
	for kind := range register {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(kind, p) }) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
