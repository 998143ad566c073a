package protocol

import (
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"pgregory.net/rapid"
)

func TestCoarse(t *testing.T) {
	for n, want := range map[int64]int64{-1: 0, 0: 0, 19: 0, 20: 20, 49: 20, 50: 50, 99: 50, 100: 100, 199: 100, 200: 200, 999: 500, 1000: 1000, 123_456: 100_000} {
		if got := Coarse(n); got != want {
			t.Errorf("Coarse(%d) = %d, want %d", n, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(MinStratum, 1<<50).Draw(t, "n")
		if c := Coarse(n); c > n || 5*c < 2*n || Coarse(c) != c {
			t.Fatalf("Coarse(%d) = %d, coarse again %d", n, c, Coarse(c))
		}
	})
}

func TestStrataCheck(t *testing.T) {
	good := func() Strata {
		return Strata{StrataVersion, training.DigestOf([]byte("x")), []Stratum{
			{ByDomain, Prose, 100}, {ByHardware, "small", 100}, {ByLanguage, "fr", 50}, {ByLanguage, "other", 20}, {ByLicence, "permissive", 100}, {ByRegion, NotSaid, 100},
		}}
	}
	if err := good().Check(); err != nil {
		t.Errorf("good strata: %v", err)
	}
	if err := (Strata{Version: StrataVersion, Root: training.DigestOf(nil)}).Check(); err != nil {
		t.Errorf("no strata: %v", err)
	}
	for _, tt := range []struct {
		name, want string
		change     func(*Strata)
	}{
		{"version", "version 2", func(s *Strata) { s.Version = 2 }},
		{"root", "no manifest", func(s *Strata) { s.Root = training.Digest{} }},
		{"many", "lines", func(s *Strata) { s.Strata = make([]Stratum, maxStrata+1) }},
		{"order", "order", func(s *Strata) { s.Strata[0], s.Strata[1] = s.Strata[1], s.Strata[0] }},
		{"twice", "twice", func(s *Strata) { s.Strata[1] = s.Strata[0] }},
		{"kind", "not known", func(s *Strata) { s.Strata[0].Kind = "age" }},
		{"domain", "not known", func(s *Strata) { s.Strata[0].Value = "my diary" }},
		{"hardware", "not known", func(s *Strata) { s.Strata[1].Value = "other" }},
		{"language", "not known", func(s *Strata) { s.Strata[2].Value = "Français" }},
		{"region", "not known", func(s *Strata) { s.Strata[5].Value = "my street" }},
		{"rare", "coarse", func(s *Strata) { s.Strata[0].Records = 19 }},
		{"exact", "coarse", func(s *Strata) { s.Strata[0].Records = 101 }},
		{"negative", "coarse", func(s *Strata) { s.Strata[0].Records = -50 }},
		{"huge", "coarse", func(s *Strata) { s.Strata[0].Records = 1 << 60 }},
	} {
		s := good()
		tt.change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error about %q", tt.name, err, tt.want)
		}
	}
}
