package policies

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/tally"
	"github.com/jackc/pgx/v5"
)

// Values is what is in force at one moment. A parameter that was never set
// has its default.
type Values map[Key]string

// Current reads the values in force, on the pool or inside an act.
func Current(ctx context.Context, q pg.Reader) (Values, error) {
	const sql = `select distinct on (key) key, value from policy_values order by key, version desc`
	rows, _ := q.Query(ctx, sql)
	v := Values{}
	var key Key
	var value string
	if _, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		v[key] = value
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return v, nil
}

// Text returns a value as it is kept. An unknown key is a fault of ours.
func (v Values) Text(key Key) string {
	if s, ok := v[key]; ok {
		return s
	}
	p, ok := Find(key)
	if !ok {
		panic(fmt.Sprintf("policies: no parameter %q", key))
	}
	return p.Default
}

// Int returns a number.
func (v Values) Int(key Key) int64 {
	n, err := strconv.ParseInt(v.Text(key), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("policies: %s is no number", key))
	}
	return n
}

// Duration returns a period.
func (v Values) Duration(key Key) time.Duration { return time.Duration(v.Int(key)) * time.Second }

// Rule returns the decision rule of a class with its numbers, ready to be
// frozen into a poll.
func (v Values) Rule(class int) (tally.Rule, error) {
	quorum := v.Int(ClassKey(class, "quorum"))
	var rule tally.Rule
	switch name := v.Text(ClassKey(class, "rule")); name {
	case "simple-majority":
		rule = tally.SimpleMajority(quorum, 1000)
	case "two-thirds":
		rule = tally.TwoThirds(quorum, 1000)
	case "three-quarters-plus-floor":
		rule = tally.ThreeQuartersPlusFloor(quorum, 1000)
	default:
		return tally.Rule{}, governance.Errorf(governance.Invalid, "The rule %q of class %d is not in the catalogue.", name, class)
	}
	return rule, rule.Validate()
}

// Standing is one parameter with its present value and where it comes from.
type Standing struct {
	Parameter
	Value     string
	Version   int64 // 0 while the default is in force
	At        time.Time
	DecidedBy governance.Ref
}

// List returns every parameter with what is in force, in catalogue order.
func (p *Policies) List(ctx context.Context) ([]Standing, error) {
	const q = `
		select distinct on (key) key, value, version, at, decided_by from policy_values order by key, version desc`
	rows, _ := p.pool.Query(ctx, q)
	set := map[Key]Standing{}
	var key Key
	var f Standing
	if _, err := pgx.ForEachRow(rows, []any{&key, &f.Value, &f.Version, &f.At, &f.DecidedBy}, func() error {
		set[key] = f
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	list := make([]Standing, len(catalogue))
	for i, param := range catalogue {
		if f, ok := set[param.Key]; ok {
			f.Parameter = param
			list[i] = f
		} else {
			list[i] = Standing{Parameter: param, Value: param.Default}
		}
	}
	return list, nil
}

// Past lists the values that a parameter has had, newest first.
func (p *Policies) Past(ctx context.Context, key Key) ([]Standing, error) {
	param, ok := Find(key)
	if !ok {
		return nil, governance.Errorf(governance.NotFound, "There is no policy %q.", key)
	}
	const q = `select value, version, at, decided_by from policy_values where key = @key order by version desc limit 200`
	rows, _ := p.pool.Query(ctx, q, pgx.StrictNamedArgs{"key": key})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Standing, error) {
		f := Standing{Parameter: param}
		return f, row.Scan(&f.Value, &f.Version, &f.At, &f.DecidedBy)
	})
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", key, err)
	}
	return list, nil
}

// InForce reads the values in force for a page.
func (p *Policies) InForce(ctx context.Context) (Values, error) { return Current(ctx, p.pool) }
