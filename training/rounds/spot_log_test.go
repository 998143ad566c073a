package rounds_test

import (
	"errors"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training/rounds"
)

// The log is believed where an outcome follows from the digests beside it.
func TestSpotOutcomesFollowFromTheLog(t *testing.T) {
	t.Parallel()
	state := func() *audit.State {
		s := audit.NewState()
		s.Rounds[1] = &audit.RoundState{Updates: map[int64]string{4: "aa"}}
		return s
	}
	nodes := []governance.NodeID{5, 6}
	for _, tt := range []struct {
		name    string
		update  string
		outcome string
		digests []string
		ok      bool
	}{
		{"confirmed", "aa", rounds.SpotPassed, []string{"aa"}, true},
		{"confirmed by the second", "aa", rounds.SpotPassed, []string{"bb", "aa"}, true},
		{"held by two", "aa", rounds.SpotHeld, []string{"bb", "bb"}, true},
		{"held and never settled", "aa", rounds.SpotHeld, []string{"bb"}, true},
		{"not run", "aa", rounds.SpotNotRun, nil, true},
		{"another update than was taken", "bb", rounds.SpotPassed, []string{"bb"}, false},
		{"confirmed by nobody", "aa", rounds.SpotPassed, nil, false},
		{"confirmed against the replay", "aa", rounds.SpotPassed, []string{"bb"}, false},
		{"confirmed by the first of two", "aa", rounds.SpotPassed, []string{"aa", "bb"}, false},
		{"held without a replay", "aa", rounds.SpotHeld, nil, false},
		{"held against the replay", "aa", rounds.SpotHeld, []string{"aa"}, false},
		{"held against the second", "aa", rounds.SpotHeld, []string{"bb", "aa"}, false},
		{"an outcome of its own", "aa", "trusted", []string{"aa"}, false},
	} {
		e := rounds.SpotEnded{Round: 1, Node: 4, Update: tt.update, Outcome: tt.outcome, Nodes: nodes[:len(tt.digests)], Digests: tt.digests}
		if err := e.Replay(state(), translog.Entry{}); (err == nil) != tt.ok || err != nil && !errors.Is(err, audit.ErrContradiction) {
			t.Errorf("%s: %v, want believed: %v", tt.name, err, tt.ok)
		}
	}
}
