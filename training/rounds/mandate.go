package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training/protocol"
)

// proofs keeps the proofs of one checkpoint: every node of a cohort needs the
// same ones at the same moment.
type proofs struct {
	size       int64     // of the checkpoint
	note       string    // the checkpoint as it was signed
	read       time.Time // when it was the newest
	inclusions map[governance.EntryID]translog.Inclusion
	continues  map[int64]translog.Consistency
}

// steady is how long the sequencer takes to sign the next checkpoint, about.
const steady = 100 * time.Millisecond

// lasting is how long mandates are shown under one checkpoint, if it holds
// their decisions and continues what their nodes remember.
const lasting = 5 * time.Second

// Why there is no mandate yet. Both pass by themselves.
var (
	errPending = errors.New("the decision waits for its place in the log")
	errGrew    = errors.New("the log grew while proofs were made")
)

// assignment writes what a node is told. errPending means that the decision
// waits for its place in the log: a node that checks could only refuse.
func (s *Store) assignment(ctx context.Context, node governance.NodeID, w waiting, logSize int64) (protocol.Assignment, error) {
	mandate, err := s.mandate(ctx, w, logSize)
	if err != nil {
		return protocol.Assignment{}, fmt.Errorf("mandate of assignment %d: %w", w.ID, err)
	}
	recipe, err := recipes.read(w.Recipe)
	if err != nil {
		return protocol.Assignment{}, fmt.Errorf("recipe of assignment %d: %w", w.ID, err)
	}
	a := protocol.Assignment{
		ID: w.ID, Node: int64(node), Round: w.Round, Campaign: w.Campaign, Number: w.Number, Epoch: w.Epoch, Kind: w.Kind,
		Base: w.Base, BaseSize: w.Size, Seed: uint64(w.Seed), Recipe: recipe, Weight: w.Most, Mandate: mandate,
		Config: w.Config,
	}
	copy(a.Manifest[:], w.Manifest)
	if w.Kind == protocol.Train {
		a.Deadline = w.ExpiresAt.Unix()
		if recipe.Server.Rule == protocol.Scaffold && w.Control != nil {
			a.Control = *w.Control
		}
	}
	if recipe.Down.Delta && w.Previous != nil {
		a.Previous, a.Delta = *w.Previous, *w.Delta
	}
	if w.Kind == protocol.Suppress {
		a.Unlearning = w.Case
	}
	if protocol.Replays(w.Kind) && w.Shard != nil {
		a.Spot = &protocol.Spot{Node: int64(w.Spot), Shard: *w.Shard, Size: w.ShardSize, Steps: w.Steps}
	}
	if w.Forget != "" {
		forget, err := protocol.ParseForget([]byte(w.Forget))
		if err != nil {
			return protocol.Assignment{}, fmt.Errorf("assignment %d: %w", w.ID, err)
		}
		a.Forget = &forget
	}
	return a, nil
}

// mandate shows the decision in the log, of a replay also the decision that
// began the campaign, both under one checkpoint.
func (s *Store) mandate(ctx context.Context, w waiting, logSize int64) (protocol.Mandate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for try := 0; ; try++ {
		m, err := s.prove(ctx, w, logSize)
		if !errors.Is(err, errGrew) {
			return m, err
		}
		s.proofs = proofs{}
		if try == 5 {
			return m, errPending // the log grows faster than we read; the node asks again
		}
	}
}

func (s *Store) prove(ctx context.Context, w waiting, logSize int64) (protocol.Mandate, error) {
	continues, err := s.continues(ctx, logSize)
	if err != nil {
		return protocol.Mandate{}, err
	}
	m := protocol.Mandate{Consistency: continues}
	if m.Decision, err = s.inclusion(ctx, w.Decision); err != nil {
		return m, err
	}
	if w.Origin != 0 {
		origin, err := s.inclusion(ctx, w.Origin)
		if err != nil {
			return m, err
		}
		m.Origin = &origin
	}
	return m, nil
}

// continues proves that the newest checkpoint continues the log of an older
// size. A new checkpoint empties the kept proofs.
func (s *Store) continues(ctx context.Context, older int64) (translog.Consistency, error) {
	if p, ok := s.proofs.continues[older]; ok && s.now().Sub(s.proofs.read) < lasting {
		return p, nil
	}
	p, signed, err := s.log.Consistency(ctx, older)
	if governance.Is(err, governance.NotFound) {
		return p, errPending
	}
	if err != nil {
		return p, err
	}
	if string(signed.Note) != s.proofs.note {
		s.proofs = proofs{size: signed.Size, note: string(signed.Note), inclusions: map[governance.EntryID]translog.Inclusion{}, continues: map[int64]translog.Consistency{}}
	}
	s.proofs.read = s.now()
	s.proofs.continues[older] = p
	return p, nil
}

// inclusion proves an entry under the checkpoint of the kept proofs.
func (s *Store) inclusion(ctx context.Context, id governance.EntryID) (translog.Inclusion, error) {
	if p, ok := s.proofs.inclusions[id]; ok {
		return p, nil
	}
	index, err := s.log.EntryIndex(ctx, id)
	if err != nil {
		return translog.Inclusion{}, err
	}
	switch {
	case index < 0:
		return translog.Inclusion{}, errPending
	case index >= s.proofs.size: // the kept proofs are of a checkpoint before it
		return translog.Inclusion{}, errGrew
	}
	p, err := s.log.Inclusion(ctx, index)
	if err != nil {
		return p, err
	}
	if p.Checkpoint != s.proofs.note {
		return p, errGrew
	}
	s.proofs.inclusions[id] = p
	return p, nil
}
