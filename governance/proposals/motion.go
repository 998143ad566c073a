package proposals

import (
	"encoding/json"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/translog"
)

// Motion is what a proposal would do: a kind and its params. This package
// does not know what a kind means; it asks Kinds whether it may be tabled.
type Motion struct {
	Kind   string
	Params string // canonical JSON
}

// MotionKind is a kind of motion that the program can carry out.
type MotionKind struct {
	Class int // what it may break decides how hard it is: policies.Reversible and so on
	// Check reads the params and returns them in their one spelling.
	Check func(params []byte) ([]byte, error)
}

// Kinds are the kinds of motion by name.
type Kinds map[string]MotionKind

// MotionResolution is the kind of motion that only states a will.
const MotionResolution = "resolution"

// Resolution carries out nothing; its text is its content.
var Resolution = MotionKind{Class: policies.Reversible, Check: func([]byte) ([]byte, error) { return []byte("{}"), nil }}

// PolicyMotion sets policies.
var PolicyMotion = MotionKind{Class: policies.PolicyChange, Check: func(params []byte) ([]byte, error) {
	changes, err := policies.ParseMotion(params)
	if err != nil {
		return nil, err
	}
	return json.Marshal(changes)
}}

// check returns the motion with its params in canonical form and its class.
func (k Kinds) check(m Motion) (Motion, int, error) {
	kind, ok := k[m.Kind]
	if !ok {
		return m, 0, governance.FieldErrorf("motion", "There is no kind of motion %q.", m.Kind)
	}
	params, err := kind.Check([]byte(m.Params))
	if err != nil {
		return m, 0, err
	}
	canonical, err := translog.Canonical(params)
	if err != nil {
		return m, 0, governance.FieldErrorf("params", "The motion cannot be written into the log: %v.", err)
	}
	if len(canonical) > 20_000 {
		return m, 0, governance.FieldErrorf("params", "The motion has %d bytes; the log takes 20,000 of one.", len(canonical))
	}
	return Motion{m.Kind, string(canonical)}, kind.Class, nil
}
