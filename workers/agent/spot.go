package agent

import (
	"bytes"
	"context"
	"errors"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// share hands over what this node trained on in a round, so that another node
// can train its update again. check has asked the owner's limits.
func (r *runner) share(ctx context.Context, a protocol.Assignment) (protocol.Report, error) {
	shard, err := r.state.records.Share(a.Round, a.Node)
	if err != nil {
		return protocol.Report{}, refuse("what round %d was trained on is not here whole: %v", a.Number, err)
	}
	var file bytes.Buffer
	if err := shard.Write(&file); err != nil {
		return protocol.Report{}, err
	}
	if file.Len() > protocol.MaxShard {
		return protocol.Report{}, refuse("what round %d was trained on has %d MB, and spot checks handle %d MB", a.Number, file.Len()>>20, protocol.MaxShard>>20)
	}
	name := training.DigestOf(file.Bytes())
	if err := r.state.blobs.Put(ctx, name, int64(file.Len()), &file); err != nil {
		return protocol.Report{}, err
	}
	r.say("round %d: handing over the %d public texts that it was trained on, for a spot check", a.Number, len(shard.Texts))
	return protocol.Report{Update: name, Manifest: a.Manifest}, nil
}

// replay trains the update of another node again and reports the digest of
// what it gives, by the builtin engine whatever this node trains with: only its
// bytes can be compared. The other node's text is kept in memory and forgotten.
func (r *runner) replay(ctx context.Context, a protocol.Assignment, m *loaded) (protocol.Report, error) {
	records, err := r.shard(ctx, a)
	if err != nil {
		return protocol.Report{}, err
	}
	h, err := a.Recipe.Hyperparams()
	if err != nil {
		return protocol.Report{}, refuse("%v", err)
	}
	limits := r.limits
	limits.Trainer = TrainerBuiltin
	again := &runner{Options: r.Options, state: r.state, limits: limits, most: a.Spot.Steps}
	work := a
	work.Recipe.Local.Partial = false // as many steps as that node did, or none
	r.say("round %d: training the update of node %d again, for a spot check", a.Number, a.Spot.Node)
	data, _, _, _, err := again.compute(ctx, work, m, records, h)
	if err != nil {
		return protocol.Report{}, err
	}
	return protocol.Report{Update: training.DigestOf(data), Manifest: a.Manifest, Steps: int64(a.Spot.Steps)}, nil
}

// shard downloads what another node handed over, and believes nothing of it
// that does not follow from the manifest to which that node was committed.
func (r *runner) shard(ctx context.Context, a protocol.Assignment) ([]localdata.Record, error) {
	data, err := r.fetch(ctx, a, a.Spot.Shard, a.Spot.Size)
	if err != nil {
		return nil, err
	}
	shard, err := localdata.ReadShard(bytes.NewReader(data))
	if err == nil && (shard.Node != a.Spot.Node || shard.Round != a.Round) {
		err = errors.New("it is of another node or round")
	}
	var records []localdata.Record
	if err == nil {
		records, err = shard.Records(a.Manifest)
	}
	if err != nil {
		return nil, refuse("what node %d handed over cannot be used: %v", a.Spot.Node, err)
	}
	return records, nil
}
