package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/workers/torch"
	"golang.org/x/mod/sumdb/note"
)

// Verification is who verifies a round by an archive of it, and how.
type Verification struct {
	Archive  *RoundArchive
	Round    training.RoundID
	Verifier note.Verifier // of the log
	Out      io.Writer     // a line for each step that was taken
	Shard    *localdata.Shard
	// Retrain does what a node did, by the node's own code. With a Shard only.
	Retrain func(ctx context.Context, store blobs.Store, a protocol.Assignment, records []localdata.Record, steps int) ([]byte, error)
}

// Verify takes every step, or says at which one the archive, the log and the
// arithmetic do not agree.
func (v Verification) Verify(ctx context.Context) error {
	a, f := v.Archive, v.Archive.File
	log, err := readRoundLog(a.Log, v.Verifier, v.Round)
	if err != nil {
		return err
	}
	v.say("log: %d entries verified, root %x, signed by %s", log.checkpoint.Size, log.checkpoint.Root[:], v.Verifier.Name())
	v.say("log: campaign %d opens round %d in entry %d and aggregates it in entry %d; all rounds rebuilt without a contradiction", log.opened.Campaign, v.Round, log.places[0], log.places[1])
	if err := log.compare(f); err != nil {
		return err
	}
	v.say("%s: recipe, base, cap of %d thousandths, and digest, examples and weight of %d updates are those of the log", roundFile, f.MaxShare, len(f.Updates))
	if err := log.seed(); err != nil {
		return err
	}
	v.say("chance: the seed of the round follows from the decision in the log")
	n, err := a.digests(ctx)
	if err != nil {
		return err
	}
	v.say("blobs: %d artefacts have the digest of their name", n)
	if err := v.recompute(ctx, log); err != nil {
		return err
	}
	if v.Shard != nil {
		return v.replay(ctx, log)
	}
	return nil
}

func (v Verification) say(format string, args ...any) { fmt.Fprintf(v.Out, format+"\n", args...) }

// recompute computes the aggregate from the updates.
func (v Verification) recompute(ctx context.Context, log *roundLog) error {
	f, ev := v.Archive.File, log.aggregated
	mean, err := RecomputeMean(ctx, v.Archive, v.Archive, f.inputs(log.spent()))
	if err != nil {
		return err
	}
	v.say("updates: %d read, each with the digest that the log gives, within the norm of the recipe", len(f.Updates))
	for _, u := range f.Updates {
		if got := mean.Counted[u.Node]; got != u.Weight {
			return fmt.Errorf("computed again: node %d counts for %d, the log says %d", u.Node, got, u.Weight)
		}
	}
	v.say("weights: %d in all, by examples, the cap per member and the checks", ev.Total)
	for _, x := range []struct {
		what           string
		computed, says any
	}{
		{"members that the rule withstands", mean.Byzantine, ev.Byzantine}, {"members chosen", fmt.Sprint(mean.Chosen), fmt.Sprint(ev.Chosen)},
		{"clip norm", mean.Clip, ev.Clip}, {"ε", mean.Epsilon, ev.Epsilon},
	} {
		if x.computed != x.says {
			return fmt.Errorf("computed again: %s: %v, the log says %v", x.what, x.computed, x.says)
		}
	}
	if mean.BeforeNoise {
		v.say("private round: %d members clipped to %s and added up; ε %s is the accountant's. The noise is forgotten on purpose, because who knew it would see the sum bare: the checkpoint %s is checked up to the sum before noise, and not beyond", ownersOf(f), ev.Clip, ev.Epsilon, ev.Checkpoint)
		return nil
	}
	if got := mean.Digest.Hex(); got != ev.Checkpoint {
		return fmt.Errorf("computed again: the checkpoint is %s, the log says %s", got, ev.Checkpoint)
	}
	server := ""
	if mean.Server != nil {
		server = mean.Server.Hex()
	}
	if server != ev.Server {
		return fmt.Errorf("computed again: what the server's rule keeps is %q, the log says %q", server, ev.Server)
	}
	v.say("aggregate: %s of %d updates, server rule %s: checkpoint %s, bit for bit", f.Recipe.Robust.Name(), len(f.Updates), f.Recipe.Server.Name(), ev.Checkpoint)
	return nil
}

func ownersOf(f RoundFile) int {
	all := map[governance.MemberID]bool{}
	for _, u := range f.Updates {
		all[u.Owner] = true
	}
	return len(all)
}

// replay trains the update of a node again on the records that its owner
// shared.
func (v Verification) replay(ctx context.Context, log *roundLog) error {
	f := v.Archive.File
	node := governance.NodeID(v.Shard.Node)
	at := slices.IndexFunc(f.Updates, func(u ArchivedUpdate) bool { return u.Node == node })
	if at < 0 || v.Shard.Round != v.Round {
		return fmt.Errorf("the shard is of node %d in round %d, which sent no update for round %d", node, v.Shard.Round, v.Round)
	}
	u, came := f.Updates[at], log.updates[node]
	records, err := v.Shard.Records(u.Manifest)
	if err != nil {
		return fmt.Errorf("shard of node %d: %w", node, err)
	}
	v.say("shard: %d records of node %d are all that its manifest %s commits it to", len(records), node, u.Manifest.Hex())
	config, err := v.Archive.read(blobName(f.Config), protocol.MaxMessage)
	if err != nil {
		return err
	}
	data, err := v.Retrain(ctx, v.Archive, protocol.Assignment{
		Node: int64(node), Round: f.Round, Campaign: f.Campaign, Number: f.Number, Kind: protocol.Train, Base: f.Base, Config: string(config),
		Seed: rounds.TrainingSeed(f.Seed, node), Recipe: f.Recipe,
	}, records, int(u.Steps))
	if err != nil {
		return fmt.Errorf("train the update of node %d again: %w", node, err)
	}
	if training.DigestOf(data) == u.Digest {
		v.say("update: node %d's training done again gives %s, bit for bit", node, u.Digest.Hex())
		return nil
	}
	if !came.Inexact {
		return fmt.Errorf("node %d's training done again gives the update %s, the log says %s", node, training.DigestOf(data).Hex(), u.Digest.Hex())
	}
	near, err := v.near(ctx, u, data)
	if err != nil {
		return err
	}
	if !near.Within() {
		return fmt.Errorf("node %d's training done again gives another update: %v", node, near)
	}
	v.say("update: node %d trained by an external trainer; done again by the builtin engine: %v", node, near)
	return nil
}

// near compares an update with its replay as numbers.
func (v Verification) near(ctx context.Context, u ArchivedUpdate, replay []byte) (torch.Agreement, error) {
	base, err := v.Archive.Open(ctx, v.Archive.File.Base)
	if err != nil {
		return torch.Agreement{}, err
	}
	form, err := formOf(base)
	if err = errors.Join(err, base.Close()); err != nil {
		return torch.Agreement{}, err
	}
	in := v.Archive.File.inputs(0)
	sent, again := make([]float32, form.elements), make([]float32, form.elements)
	at := slices.IndexFunc(in.Updates, func(x rounds.Update) bool { return x.Node == u.Node })
	if _, err := readUpdate(ctx, v.Archive, in, in.Updates[at], form, sent, nil); err != nil {
		return torch.Agreement{}, fmt.Errorf("update of node %d: %w", u.Node, err)
	}
	if _, err := receive(bytes.NewReader(replay), form, in.Recipe, rounds.TrainingSeed(in.Seed, u.Node), again, nil); err != nil {
		return torch.Agreement{}, fmt.Errorf("the replay of node %d: %w", u.Node, err)
	}
	return torch.Compare(sent, again)
}

// Key returns the key that the log in an archive says is its own. Whoever
// verifies should have it from elsewhere.
func (a *RoundArchive) Key() (string, error) {
	text, err := a.read(logFolder+translog.KeyFile, 4096)
	return strings.TrimSpace(string(text)), err
}
