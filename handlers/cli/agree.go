package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
)

// agree compares what the entries of the log alone say, rebuilt by
// audit.Replay, with what this platform keeps and shows: the result of every
// poll, the rights of every member, the digests of every round and the weights
// of every version. It returns how many of them it compared; the error names
// the first that differs.
func (p *platform) agree(ctx context.Context, s *audit.State) (int, error) {
	for id, want := range s.Polls {
		got, err := p.stores.Voting.Get(ctx, id, 0)
		if err != nil {
			return 0, err
		}
		// Envelopes are destroyed in time; what was opened is in the result.
		if got.Result != want.Result || !want.Secret && got.Cast != int64(len(want.Ballots)) {
			return 0, fmt.Errorf("poll %d: %d ballots and the result %q, the log says %d and %q", id, got.Cast, got.Result, len(want.Ballots), want.Result)
		}
	}
	for id, held := range s.Rights {
		groups, err := p.stores.Members.GroupsOf(ctx, id)
		if err != nil {
			return 0, err
		}
		var got []string
		for _, g := range groups {
			got = append(got, string(g.Group))
		}
		slices.Sort(got)
		if want := slices.Sorted(maps.Keys(held)); !slices.Equal(got, want) {
			return 0, fmt.Errorf("member %d is in the groups %q, the log says %q", id, got, want)
		}
	}
	for id, want := range s.Rounds {
		if err := p.agreeOnRound(ctx, training.RoundID(id), want); err != nil {
			return 0, err
		}
	}
	versions, err := p.stores.Models.Versions(ctx)
	if err != nil {
		return 0, err
	}
	for _, v := range versions {
		want, in := s.Versions[int64(v.ID)]
		if withdrawn := v.State == models.Withdrawn; in == withdrawn || in && want != v.Weights.Hex() {
			return 0, fmt.Errorf("version %d is %s with the weights %s, the log says %q", v.ID, v.State, v.Weights, want)
		}
	}
	return len(s.Polls) + len(s.Rights) + len(s.Rounds) + len(versions), nil
}

func (p *platform) agreeOnRound(ctx context.Context, id training.RoundID, want *audit.RoundState) error {
	got, err := p.stores.Rounds.Round(ctx, id)
	if err != nil {
		return err
	}
	updates, err := p.stores.Rounds.Updates(ctx, id)
	if err != nil {
		return err
	}
	checkpoint := ""
	if !got.Checkpoint.IsZero() {
		checkpoint = got.Checkpoint.Hex()
	}
	if got.State != want.State || got.Base.Hex() != want.Base && want.Base != "" || checkpoint != want.Checkpoint || len(updates) != len(want.Updates) {
		return fmt.Errorf("round %d is %s from %s to %q by %d updates, the log says %s from %s to %q by %d",
			id, got.State, got.Base, checkpoint, len(updates), want.State, want.Base, want.Checkpoint, len(want.Updates))
	}
	for _, u := range updates {
		if want.Updates[int64(u.Node)] != u.Digest.Hex() {
			return fmt.Errorf("round %d: the update of %s is %s, the log says %s", id, governance.RefTo(governance.RefNode, u.Node), u.Digest, want.Updates[int64(u.Node)])
		}
	}
	return nil
}
