package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// Set is a step that puts values into force. It returns them in their one
// spelling, sorted by key. by is the decision.
func Set(ctx context.Context, tx *audit.Tx, values []Change, by governance.Ref) ([]Change, error) {
	checked, err := CheckChanges(values)
	if err != nil {
		return nil, err
	}
	const q = `
		insert into policy_values (key, version, value, at, decided_by)
		select @key, coalesce(max(version), 0) + 1, @value, @now, @by from policy_values where key = @key`
	for _, c := range checked {
		args := pgx.StrictNamedArgs{"key": c.Key, "value": c.Value, "now": tx.Now(ctx), "by": by}
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return nil, fmt.Errorf("set policy %s: %w", c.Key, err)
		}
		if c.Key == CommunityName {
			if err := tx.Name(ctx, "community/1", c.Value); err != nil {
				return nil, err
			}
		}
	}
	return checked, nil
}

// CheckChanges returns values in their one spelling, sorted by key, or the
// first problem, for its field.
func CheckChanges(values []Change) ([]Change, error) {
	checked := slices.Clone(values)
	slices.SortFunc(checked, func(a, b Change) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for i, c := range checked {
		param, ok := Find(c.Key)
		if !ok {
			return nil, governance.FieldErrorf("key", "There is no policy %q.", c.Key)
		}
		if i > 0 && checked[i-1].Key == c.Key {
			return nil, governance.FieldErrorf(string(c.Key), "%s is set twice.", param.Title)
		}
		value, err := param.Check(c.Value)
		if err != nil {
			return nil, err
		}
		checked[i].Value = value
	}
	return checked, nil
}

// MotionPolicy is the kind of motion that sets policies; its params are a
// JSON list of changes.
const MotionPolicy = "policy"

// ParseMotion reads and checks the params of a policy motion.
func ParseMotion(params []byte) ([]Change, error) {
	var changes []Change
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&changes); err != nil {
		return nil, governance.FieldErrorf("params", "The change of policies cannot be read: %v.", err)
	}
	if len(changes) == 0 {
		return nil, governance.FieldErrorf("params", "The proposal changes no policy.")
	}
	return CheckChanges(changes)
}

// Changed: an adopted proposal put values into force.
type Changed struct {
	Proposal governance.ProposalID `json:"proposal"`
	Values   []Change              `json:"values"`
}

// Kind is for ever.
func (Changed) Kind() string { return "policies.changed" }

// Subject is the proposal that decided.
func (e Changed) Subject() governance.Ref { return governance.RefTo("proposal", e.Proposal) }

// Sentence says what a stranger reads.
func (e Changed) Sentence() audit.Sentence {
	parts := []any{"put into force by ", e.Subject(), ": "}
	for i, c := range e.Values {
		if i > 0 {
			parts = append(parts, "; ")
		}
		p, _ := Find(c.Key)
		parts = append(parts, p.Title+" is "+p.Show(c.Value))
	}
	return audit.Say(parts...)
}

// Adopt carries out an adopted policy motion. by completes the enactment: the
// step that marks the proposal as carried out.
func (p *Policies) Adopt(ctx context.Context, actor governance.Actor, proposal governance.ProposalID, params []byte, done func(context.Context, *audit.Tx) error) (audit.Receipt, error) {
	return p.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "Policies change by adopted proposals only.")
		}
		changes, err := ParseMotion(params)
		if err != nil {
			return nil, err
		}
		if err := done(ctx, tx); err != nil {
			return nil, err
		}
		set, err := Set(ctx, tx, changes, governance.RefTo("proposal", proposal))
		if err != nil {
			return nil, err
		}
		return Changed{proposal, set}, nil
	})
}

// Replay puts the values into the rebuilt state.
func (e Changed) Replay(s *audit.State, _ translog.Entry) error { return replayValues(s, e.Values) }

// Replay puts the first values into the rebuilt state.
func (e Founding) Replay(s *audit.State, _ translog.Entry) error {
	members.ReplayGrant(s, e.Founder, members.Founders, true)
	return replayValues(s, e.Values)
}

func replayValues(s *audit.State, values []Change) error {
	for _, c := range values {
		s.Policies[string(c.Key)] = c.Value
	}
	return nil
}

var _, _, _ = audit.Register[Opened](), audit.Register[Founding](), audit.Register[Changed]()
