package protocol

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training"
)

// PathStrata takes Strata by POST and answers 204. A platform that is older
// than this message answers 404, and the node goes on without.
const PathStrata = "/node/v1/strata"

// StrataVersion is the version of the message: a platform refuses one that it
// does not know, because counts of another meaning would be compared.
const StrataVersion = 1

// Kinds of strata: what nodes are told apart by (Selection.Strata).
const (
	ByLanguage = "language"
	ByDomain   = "domain"
	ByLicence  = "licence"
	ByRegion   = "region"
	ByHardware = "hardware"
)

// Domains of text.
const (
	Code    = "code"
	Docs    = "docs"
	Tickets = "issues"
	Talk    = "chat"
	Letters = "mail"
	Prose   = "prose"
)

// Domains, Regions, LicenceClasses and HardwareClasses are all that a node may
// say of each kind; a language is free but short. The lists are closed because
// these words leave a member's machine and stand on public pages.
var (
	Domains = []string{Code, Docs, Tickets, Talk, Letters, Prose}
	// Regions are continents, and Latin America by itself: coarse on purpose.
	Regions         = []string{"africa", "asia", "europe", "latin-america", "north-america", "oceania"}
	LicenceClasses  = []string{"public-domain", "permissive", "weak-copyleft", "copyleft", "share-alike", "restricted", "unknown"}
	HardwareClasses = []string{"accelerator", "large", "medium", "small"}
)

// StratumOther gathers what is too rare to be named, NotSaid stands where an
// owner declared nothing.
const (
	StratumOther = "other"
	NotSaid      = "not-said"
)

// MinStratum is the fewest records by which a stratum is named (k-anonymity in
// the sense of Sweeney 2002): fewer would point at single texts.
const MinStratum = 20

// Stratum is how much of one kind of text a node has.
type Stratum struct {
	Kind    string `json:"kind"`
	Value   string `json:"value"`
	Records int64  `json:"records"` // to train on, rounded down (Coarse)
}

// Strata is what a node says of the make-up of its text, beside the manifest
// that it reported. Each kind is counted alone, so that no combination leads
// to a person; region and hardware count all records.
type Strata struct {
	Version int             `json:"version"`
	Root    training.Digest `json:"root"` // of the manifest that is described
	Strata  []Stratum       `json:"strata"`
}

// maxStrata bounds a message: 60 languages and all of the closed lists fit.
const maxStrata = 96

var languageValue = regexp.MustCompile(`^[a-z+#]{1,20}$`)

// Coarse rounds a count down to 1, 2 or 5 times a power of ten, so that two
// manifests do not tell how many records were added between them; counts below
// MinStratum are 0.
func Coarse(records int64) int64 {
	if records < MinStratum {
		return 0
	}
	for step := int64(10); ; step *= 10 {
		for _, m := range []int64{5, 2, 1} {
			if v := m * step; records >= v && records < 10*step {
				return v
			}
		}
		if step > 1<<58 {
			return step
		}
	}
}

// Check refuses strata that no honest program reports: words outside the
// lists, counts that are not coarse, lines twice or out of order.
func (s Strata) Check() error {
	if s.Version != StrataVersion {
		return fmt.Errorf("strata of version %d; this program reads %d", s.Version, StrataVersion)
	}
	if s.Root.IsZero() || len(s.Strata) > maxStrata {
		return fmt.Errorf("strata: no manifest is named, or more than %d lines", maxStrata)
	}
	for i, line := range s.Strata {
		if err := line.check(); err != nil {
			return err
		}
		if i > 0 && s.Strata[i-1].compare(line) >= 0 {
			return errors.New("strata: lines twice or out of order")
		}
	}
	return nil
}

func (s Stratum) compare(o Stratum) int {
	if c := strings.Compare(s.Kind, o.Kind); c != 0 {
		return c
	}
	return strings.Compare(s.Value, o.Value)
}

func (s Stratum) check() error {
	known := false
	switch s.Kind {
	case ByLanguage:
		known = languageValue.MatchString(s.Value)
	case ByDomain:
		known = s.Value == StratumOther || slices.Contains(Domains, s.Value)
	case ByLicence:
		known = s.Value == StratumOther || slices.Contains(LicenceClasses, s.Value)
	case ByRegion:
		known = s.Value == NotSaid || slices.Contains(Regions, s.Value)
	case ByHardware:
		known = slices.Contains(HardwareClasses, s.Value)
	}
	if !known {
		return fmt.Errorf("strata: the %.20q %.20q is not known", s.Kind, s.Value)
	}
	if s.Records < MinStratum || s.Records > 1<<50 || Coarse(s.Records) != s.Records {
		return fmt.Errorf("strata: %d records of the %s %s are no coarse count of at least %d", s.Records, s.Kind, s.Value, MinStratum)
	}
	return nil
}
