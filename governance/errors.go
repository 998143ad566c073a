package governance

import (
	"errors"
	"fmt"
)

// Kind says what sort of refusal an Error is. Each maps to one HTTP status at
// the edge; anything that is not an Error is a fault of ours and is shown as
// "internal error" without its text.
type Kind int

const (
	// Invalid: what was sent cannot be accepted as it is (422).
	Invalid Kind = iota + 1
	// Unauthenticated: nobody is signed in, or the node's signature is not good (401).
	Unauthenticated
	// Forbidden: the actor is known and lacks the right (403).
	Forbidden
	// NotFound: there is no such thing, or the actor may not know of it (404).
	NotFound
	// Conflict: the thing exists and its state does not allow this (409).
	Conflict
	// TooMany: a limit of rate or size is reached (429).
	TooMany
	// Unavailable: something we depend on is away; trying again later may work (503).
	Unavailable
	// Full: the disk or a quota is full (507).
	Full
)

// Error is a refusal that a person may read. Its message is a sentence for
// its reader: what did not happen, why, and what to do next.
type Error struct {
	Kind    Kind
	Field   string // name of the form field that the message belongs to; "" for the whole
	Message string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error of a kind. The text is a sentence for the reader.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// FieldErrorf makes an Invalid Error that belongs beside one form field.
func FieldErrorf(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first Error in err's chain, or 0 if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// Is reports whether err carries an Error of the kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }
