package protocol

import (
	"errors"
	"fmt"

	"codeberg.org/althing/althing/training"
)

// Kinds of work of spot checks, in campaigns on public data only. Each is done
// once for one update, and at most once by a node in a round.
const (
	Share  = "share"  // hand over what the node trained on in a round
	Replay = "replay" // train another node's update again from what that one handed over
	Settle = "settle" // the same, after a replay gave another update: two against one decide
)

// OfSpot reports whether a kind of work is part of a spot check.
func OfSpot(kind string) bool { return kind == Share || Replays(kind) }

// Replays reports whether a kind of work is to train another node's update again.
func Replays(kind string) bool { return kind == Replay || kind == Settle }

// MaxShard is how many bytes of a node's text a spot check handles: the
// platform reads all of them to see that they are what the node was committed
// to. Who trained on more is not spot-checked.
const MaxShard = 64 << 20

// Spot says whose update is trained again, and from what.
type Spot struct {
	Node  int64           `json:"node"`  // whose update it is
	Shard training.Digest `json:"shard"` // what that node handed over, an artefact of the assignment (localdata.Shard)
	Size  int64           `json:"size"`  // of it, bytes
	Steps int             `json:"steps"` // optimiser steps behind the update
}

// coversSpot reports why a decision to train does not cover the work of a spot
// check, or nil: text changes hands where the decision says that all of it is
// public, and nowhere else.
func coversSpot(recipe Recipe, a Assignment) error {
	switch {
	case !recipe.Public:
		return errors.New("the campaign is not on public data, and its text does not leave the nodes")
	case recipe.Stateful():
		return errors.New("the recipe lets nodes keep something between rounds, and no single update of it can be trained again")
	case a.Round < 1 || a.Manifest.IsZero():
		return errors.New("the spot check names no round or no manifest")
	case a.Kind == Share:
		return nil
	case a.Spot == nil || a.Spot.Node < 1 || a.Spot.Shard.IsZero():
		return errors.New("the spot check does not say whose update is trained again, or from what")
	case a.Spot.Node == a.Node:
		return errors.New("a node does not check itself")
	case a.Spot.Size < 1 || a.Spot.Size > MaxShard:
		return fmt.Errorf("the shard has %d bytes; at most %d are taken", a.Spot.Size, MaxShard)
	case a.Spot.Steps < 1 || a.Spot.Steps > recipe.Steps:
		return fmt.Errorf("the spot check asks for %d steps, the decision for %d", a.Spot.Steps, recipe.Steps)
	}
	return nil
}
