package policies

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
)

// Key names a parameter, for ever.
type Key string

// Unit says how a value is written and read.
type Unit string

// Units of values.
const (
	Text     Unit = "text"
	Choice   Unit = "choice"
	Count    Unit = "count"
	Seconds  Unit = "seconds" // shown as days, hours, minutes
	Permille Unit = "permille"
	PPM      Unit = "ppm" // parts per million
)

// Parameter is a number or word that the community may vote on.
type Parameter struct {
	Key     Key
	Group   string // heading under which it is listed
	Title   string
	Help    string // what it does, in one sentence
	Unit    Unit
	Default string
	Min     int64 // of a number
	Max     int64
	Choices []string // of a choice
}

// Check returns the value in its one spelling, or an Invalid error for its field.
func (p Parameter) Check(value string) (string, error) {
	value = strings.TrimSpace(value)
	switch p.Unit {
	case Text:
		if n := utf8.RuneCountInString(value); n < 1 || n > 200 || !utf8.ValidString(value) || strings.ContainsAny(value, "\x00\n\r") {
			return "", governance.FieldErrorf(string(p.Key), "%s: want one line of 1 to 200 characters.", p.Title)
		}
		return value, nil
	case Choice:
		if !slices.Contains(p.Choices, value) {
			return "", governance.FieldErrorf(string(p.Key), "%s: want one of %s.", p.Title, strings.Join(p.Choices, ", "))
		}
		return value, nil
	}
	n, err := parseNumber(value, p.Unit)
	if err != nil || n < p.Min || n > p.Max {
		return "", governance.FieldErrorf(string(p.Key), "%s: want %s to %s, not %q.", p.Title, p.show(p.Min), p.show(p.Max), value)
	}
	return strconv.FormatInt(n, 10), nil
}

// parseNumber reads an integer; seconds may be written as 5d, 3h, 20m, 30s.
func parseNumber(value string, unit Unit) (int64, error) {
	factor := int64(1)
	if unit == Seconds && value != "" {
		if f, ok := map[byte]int64{'d': 86_400, 'h': 3_600, 'm': 60, 's': 1}[value[len(value)-1]]; ok {
			factor, value = f, strings.TrimSpace(value[:len(value)-1])
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(value, ",", ""), 10, 64)
	if err != nil || n > 1<<40 || n < -(1<<40) {
		return 0, fmt.Errorf("%q is not a whole number", value)
	}
	return n * factor, nil
}

func (p Parameter) show(n int64) string { return p.Show(strconv.FormatInt(n, 10)) }

// Show returns a value as a person reads it.
func (p Parameter) Show(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return value
	}
	switch p.Unit {
	case Seconds:
		return Period(time.Duration(n) * time.Second)
	case Permille:
		return fmt.Sprintf("%d.%d %%", n/10, n%10)
	case PPM:
		return fmt.Sprintf("%d.%04d %%", n/10_000, n%10_000)
	}
	return value
}

// Period writes a duration in its largest whole units: "5 days", "1 hour 30 minutes".
func Period(d time.Duration) string {
	s := int64(d / time.Second)
	if s == 0 {
		return "0 seconds"
	}
	var parts []string
	for _, u := range []struct {
		size int64
		name string
	}{{86_400, "day"}, {3_600, "hour"}, {60, "minute"}, {1, "second"}} {
		if n := s / u.size; n > 0 {
			if n > 1 {
				u.name += "s"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			s %= u.size
		}
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}
