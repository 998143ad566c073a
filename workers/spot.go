package workers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/checks"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/rounds"
	"filippo.io/age"
	"github.com/riverqueue/river"
)

// spots draws the spot checks of a round that was just computed: its result is
// part of the lot. What comes of them stands with the round: the values of the
// other checks, among which the draw is kept, are in the log by then.
func (c *combiner) spots() {
	for _, u := range c.in.Updates {
		if v, checked := c.mean.Verdicts[u.Node]; checked {
			c.spot(u, &v)
			c.mean.Verdicts[u.Node] = v
		}
	}
}

// spot draws the spot check of one update.
func (c *combiner) spot(u rounds.Update, v *rounds.Verdict) {
	known, l := c.in.Facts[u.Node], c.in.Limits
	note := ""
	switch recipe := c.in.Recipe; {
	case !recipe.Public:
		note = "the campaign is not on public data, so no other node may have the text"
	case !c.looked || rounds.Excluded(v.Outcome):
		note = "the update does not count"
	case c.mean.TooFew != "":
		note = "the round came to nothing"
	case c.in.Replay:
		note = "this round trains another one again; its auditors are drawn by lot"
	case recipe.Stateful():
		note = "the recipe lets nodes keep something between rounds, and no single update of it can be trained again"
	case known.Inexact:
		note = "an external trainer computed it, which no other machine repeats bit for bit; so it earns no trust"
	case l.Wait <= 0:
		note = "the community carries out no spot checks"
	case checks.Spot([32]byte(c.in.Seed), [32]byte(c.mean.Digest), int64(u.Node), known.Trusted, l.Trusted, l.Spot):
		v.Spot, note = rounds.SpotDrawn, "drawn: another node trains it again, and what it finds stands below"
	default:
		v.Spot, note = rounds.SpotSpared, "the node is trusted, and lot spared it"
	}
	v.Checks = append(v.Checks, rounds.Check{
		Node: u.Node, Name: "spot", Value: strconv.FormatInt(known.Trusted, 10), Threshold: strconv.FormatInt(l.Trusted, 10), Outcome: rounds.CheckNotRun,
		Note: "confirmed updates in a row, and how many make a node trusted; " + note,
	})
}

// checkShard reads what a node hands over for a spot check to its end, and
// returns its digest: what it trained on in the round, all of it and nothing
// else, by the manifest that it named with its update.
func checkShard(want rounds.Sharing, body io.Reader) (training.Digest, error) {
	hash := sha256.New()
	source := &broken{Reader: io.TeeReader(body, hash)}
	shard, err := localdata.ReadShard(source)
	switch {
	case source.err != nil:
		return training.Digest{}, source.err
	case err != nil:
		return training.Digest{}, governance.Errorf(governance.Invalid, "The shard was refused: %v.", err)
	case shard.Node != int64(want.Node) || shard.Round != want.Round:
		return training.Digest{}, governance.Errorf(governance.Invalid, "The shard is of node %d in round %d, not of node %d in round %d.", shard.Node, shard.Round, want.Node, want.Round)
	}
	if _, err := shard.Records(want.Manifest); err != nil {
		return training.Digest{}, governance.Errorf(governance.Invalid, "The shard was refused: %v.", err)
	}
	return training.Digest(hash.Sum(nil)), nil
}

// broken remembers that reading failed, which is no fault of what was read.
type broken struct {
	io.Reader
	err error
}

// Read notes an error that is not the end.
func (b *broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// Shard opens what another node handed over, for a node that trains its update
// again. It is encrypted to the contributor's key on the disk, as updates are,
// so that forgetting a contributor forgets it too.
func (u Uploads) Shard(ctx context.Context, node governance.NodeID, id training.AssignmentID, name training.Digest) (blobs.Blob, error) {
	k, err := u.Store.Shard(ctx, node, id)
	if err != nil {
		return nil, err
	}
	if k.Name != name {
		return nil, governance.Errorf(governance.NotFound, "Assignment %d does not read this artefact.", id)
	}
	identity, err := u.Keys.Contributor(int64(k.Owner))
	if errors.Is(err, keys.ErrDestroyed) {
		return nil, governance.Errorf(governance.NotFound, "What assignment %d reads was forgotten by decision.", id)
	}
	if err != nil {
		return nil, err
	}
	sealed, err := u.Blobs.Open(ctx, k.Sealed)
	if err != nil {
		return nil, err
	}
	plain, size, err := age.DecryptReaderAt(sealed, sealed.Size(), identity)
	if err == nil && size != k.Size {
		err = fmt.Errorf("it has %d bytes, not %d", size, k.Size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open what assignment %d reads: %w", id, err), sealed.Close())
	}
	return openShard{io.NewSectionReader(plain, 0, size), sealed}, nil
}

// openShard reads plain text and closes the encrypted blob.
type openShard struct {
	*io.SectionReader
	sealed io.Closer
}

// Close releases the blob.
func (o openShard) Close() error { return o.sealed.Close() }

type tendSpot struct {
	river.WorkerDefaults[rounds.SpotArgs]
	t Training
}

// Work takes the spot checks that the job is about a step further, and removes
// what nodes handed over once a check is over. Its acts do not complete the
// job, so that a crash between the two is made up by running again.
func (w *tendSpot) Work(ctx context.Context, job *river.Job[rounds.SpotArgs]) error {
	var errs []error
	err := w.each(ctx, job.Args, func(k rounds.Spot) error {
		if k.Over() {
			return nil
		}
		err := w.t.Rounds.TendSpot(ctx, governance.Job(job.Kind), k.Round, k.Node)
		if errors.Is(err, rounds.ErrWaiting) {
			return nil
		}
		return settled(err)
	})
	errs = append(errs, err)
	err = w.each(ctx, job.Args, func(k rounds.Spot) error {
		if !k.Over() || k.Sealed == nil {
			return nil
		}
		return w.t.Blobs.Remove(ctx, *k.Sealed)
	})
	return errors.Join(append(errs, err)...)
}

// each visits the spot checks that a job is about.
func (w *tendSpot) each(ctx context.Context, args rounds.SpotArgs, visit func(rounds.Spot) error) error {
	list, err := w.t.Rounds.Spots(ctx, args.Round, args.Node)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range list {
		errs = append(errs, visit(k))
	}
	return errors.Join(errs...)
}
