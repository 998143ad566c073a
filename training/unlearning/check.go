package unlearning

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
)

// Check compares a certificate with what the log says, rebuilt by
// audit.Replay, and needs nothing else: anyone can do it who has both. The
// error names the first contradiction. It shows that every round was replayed
// with the recorded seed, from the clean checkpoint on without a gap, by nodes
// of the recorded cohort, and that what is published came out of it. That the
// numbers themselves are right is for those who may read the updates.
func (c Certificate) Check(s *audit.State) error {
	at := c.Clean
	for _, r := range c.Rounds {
		next, err := r.check(s, at)
		if err != nil {
			return fmt.Errorf("certificate of case %d: round %d: %w", c.Case, r.Number, err)
		}
		at = next
	}
	if at != c.Result {
		return fmt.Errorf("certificate of case %d: the replay ends with %s, the certificate says %s", c.Case, at, c.Result)
	}
	if c.Version != 0 && s.Versions[int64(c.Version)] != c.Result.Hex() {
		return fmt.Errorf("certificate of case %d: the log gives version %d the weights %q, the certificate %s", c.Case, c.Version, s.Versions[int64(c.Version)], c.Result)
	}
	for _, v := range c.Withdrawn {
		if _, served := s.Versions[int64(v)]; served {
			return fmt.Errorf("certificate of case %d: version %d is not withdrawn", c.Case, v)
		}
	}
	for _, check := range c.Verdict.Checks {
		if c.Verdict.Passed && check.Gates && !check.Passed {
			return fmt.Errorf("certificate of case %d: the verdict passed although %s did not", c.Case, check.ID)
		}
	}
	for _, a := range c.Verdict.Audits {
		if a.Want != a.Got {
			return fmt.Errorf("certificate of case %d: %s computed %s for %s", c.Case, a.Auditor, a.Got, a.Want)
		}
	}
	return nil
}

// check compares one round, which begins from base, and returns the checkpoint
// that it ends with.
func (r ReplayedRound) check(s *audit.State, base training.Digest) (training.Digest, error) {
	origin, err := s.Round(int64(r.Origin))
	if err != nil {
		return base, err
	}
	for _, n := range r.Remained {
		if !slices.Contains(r.Cohort, n) {
			return base, fmt.Errorf("node %d took part in the replay and not in round %d", n, r.Origin)
		}
	}
	for _, n := range r.Cohort {
		if origin.Updates[int64(n)] == "" {
			return base, fmt.Errorf("node %d is said to have taken part in round %d; the log has no update", n, r.Origin)
		}
	}
	if r.Skipped {
		return base, nil
	}
	replay, err := s.Round(int64(r.Replay))
	switch {
	case err != nil:
		return base, err
	case replay.Base != base.Hex():
		return base, fmt.Errorf("it began from %s, not from %s", replay.Base, base)
	case replay.Checkpoint != r.After.Hex() || origin.Checkpoint != r.Before.Hex():
		return base, fmt.Errorf("the log has the checkpoints %s and %s, the certificate %s and %s", origin.Checkpoint, replay.Checkpoint, r.Before, r.After)
	case replay.Figures["seed"] != r.Seed.Hex() || origin.Figures["seed"] != r.Seed.Hex():
		return base, fmt.Errorf("the seeds are %s and %s, the certificate says %s", origin.Figures["seed"], replay.Figures["seed"], r.Seed)
	case len(replay.Updates) != len(r.Updates):
		return base, fmt.Errorf("the log has %d updates, the certificate %d", len(replay.Updates), len(r.Updates))
	}
	for _, u := range r.Updates {
		if replay.Updates[int64(u.Node)] != u.Digest.Hex() {
			return base, fmt.Errorf("the update of node %d is %s in the log, %s in the certificate", u.Node, replay.Updates[int64(u.Node)], u.Digest)
		}
	}
	return r.After, nil
}
