package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
)

// Share writes what this node trained on in a round, with what proves it, so
// that anyone can train its update again. It refuses unless the owner has said
// that all text of the node is public, in limits.json or by public.
func Share(dir string, round training.RoundID, public bool, to io.Writer) (err error) {
	s, err := OpenState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	limits, err := readLimits(s, nil)
	if err != nil {
		return err
	}
	if !limits.Public && !public {
		return errors.New("nothing is shared: this hands out texts of your node and the salt by which others can be guessed. If all its text is public, say --public")
	}
	shard, err := s.records.Share(round, s.Identity.Node)
	if err != nil {
		return err
	}
	return shard.Write(to)
}

func shareCommand(_ context.Context, flags *flag.FlagSet, args []string, t Terminal) (err error) {
	dir := flags.String("dir", DefaultDir(), "the node's folder")
	round := flags.Int64("round", 0, "number of the round, as in the address of its page")
	out := flags.String("out", "", "file to write; it must not exist")
	public := flags.Bool("public", false, "all text of this node is public")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *round < 1 || *out == "" {
		return errors.New("say --round N --out FILE")
	}
	f, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(Share(*dir, training.RoundID(*round), *public, f), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(*out))
	}
	fmt.Fprintf(t.Out, "%s holds what this node trained on in round %d. Whoever has it can train the update again.\n", *out, *round)
	return nil
}

// Retrain computes the update of an assignment again from the records that a
// node trained on: the same code, on the builtin engine, with any number of
// threads. steps are those that the node did, 0 for all of the recipe. The
// store needs only the base. What a node keeps between rounds is not here, so
// recipes that keep something cannot be trained again.
func Retrain(ctx context.Context, store blobs.Store, a protocol.Assignment, records []localdata.Record, steps int) ([]byte, error) {
	if a.Recipe.Stateful() {
		return nil, errors.New("the recipe lets nodes keep something between rounds, which is not in the archive: no single round of it can be trained again")
	}
	h, err := a.Recipe.Hyperparams()
	if err != nil {
		return nil, err
	}
	m, err := loadModel(ctx, store, a.Base, a.Config)
	if err != nil {
		return nil, err
	}
	r := &runner{Options: Options{Out: io.Discard}.withDefaults(), limits: Limits{Trainer: TrainerBuiltin}, most: steps}
	data, _, _, _, err := r.compute(ctx, a, m, records, h)
	return data, err
}
