package demo

import "testing"

func TestReadChecks(t *testing.T) {
	rows := [][]string{
		{"V1 Canaries, bits of mean exposure", "9.94", "1.49", "1 to 2.2, p = 0.4", "passed", "informs", "16 canaries, each ranked among 1023 others."},
		{"V2 Coin flips, pairs won", "70", "35", "28 to 44", "passed", "decides", "72 pairs."},
		{"V10 Utility of the worst group, relative loss", "–", "−2.15 %", "at most +2 %", "passed", "decides", "–"},
	}
	s := new(story)
	if err := s.readChecks(rows); err != nil {
		t.Fatal(err)
	}
	if s.Canaries != 16 || s.References != 1023 || s.ExposureBefore != 9.94 || s.ExposureAfter != 1.49 || s.UtilityChange != -0.0215 || len(s.Checks) != 3 {
		t.Errorf("read %v: got %+v", rows, s.Figures)
	}
	if got, want := s.Checks[1], (Check{"V2", "Coin flips, pairs won", "70", "35", "28 to 44", "passed", true}); got != want {
		t.Errorf("line of V2: got %+v, want %+v", got, want)
	}
	if got, want := s.verdicts(), "passed: V1, V2, V10"; got != want {
		t.Errorf("verdicts: got %q, want %q", got, want)
	}
	for name, bad := range map[string][][]string{
		"nothing":      nil,
		"no V1":        rows[1:],
		"short line":   {{"V1 Canaries"}},
		"no figure":    {{"V1 Canaries", "–", "–", "–", "not measured", "informs", "0 canaries, want at least 16."}},
		"no sample":    {{"V1 Canaries", "9.94", "1.49", "", "passed", "informs", "–"}},
		"no utility":   {rows[0], {"V10 Utility", "–", "–", "–", "not measured", "decides", "No group was measured."}},
		"large sample": {{"V1 Canaries", "9.94", "1.49", "", "passed", "informs", "16 canaries, each ranked among 99999999999999999999 others."}},
	} {
		if err := new(story).readChecks(bad); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
