package protocol

import (
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
)

// Kinds of work that a node may be assigned. A node refuses any other.
const (
	Train    = "train"    // compute an update from the base
	Evaluate = "evaluate" // measure the base on the node's own validation records
	Probe    = "probe"    // measure what the base remembers of the node owner's own records (canaries, twins)
	Suppress = "suppress" // never train on the named records again, before anything else
)

// Motion kinds whose decision can be a mandate.
const (
	MotionTrain   = "train"   // params: a Recipe
	MotionUnlearn = "unlearn" // params: a Forget
)

// Forget is what an unlearning decision fixes: whose records, which campaign
// is replayed without them.
type Forget struct {
	Campaign    int64  `json:"campaign"`
	Contributor int64  `json:"contributor"` // member whose records are the forget set
	Method      string `json:"method"`      // "rollback": exact, from the last checkpoint they never touched
}

// Mandate is the decision behind an assignment: the entry that adopted the
// motion, shown to stand in the log. A node checks it against the log key
// that it pinned and the checkpoint that it remembers.
type Mandate struct {
	Decision    translog.Inclusion   `json:"decision"`
	Consistency translog.Consistency `json:"consistency"` // from the size the node named to the checkpoint's
	// Origin is the decision to train whose campaign an unlearning decision
	// replays; its recipe is the only one that the replay may use.
	Origin *translog.Inclusion `json:"origin,omitempty"`
}

// Decision is the part of an adopted proposal's entry that nodes read. Kind
// "proposal.adopted"; Motion and Params are what members voted on.
type Decision struct {
	Proposal int64  `json:"proposal"`
	Motion   string `json:"motion"`
	Params   string `json:"params"` // canonical JSON of a Recipe or a Forget
}

// Assignment is what one node is asked to do. Server is the platform's
// signature over SigningBytes, by the key that the join token pinned.
type Assignment struct {
	ID       training.AssignmentID `json:"id"`
	Node     int64                 `json:"node"`
	Round    training.RoundID      `json:"round"`    // 0 for work outside a round
	Campaign training.CampaignID   `json:"campaign"` // what is trained; of a replay, the campaign that is replayed
	Number   int                   `json:"number"`   // of the round in its campaign, from 1
	Epoch    int                   `json:"epoch"`    // fences off a server that woke up late
	Kind     string                `json:"kind"`
	Base     training.Digest       `json:"base"`      // checkpoint to train from or to measure
	BaseSize int64                 `json:"base_size"` // bytes of its safetensors file
	Config   string                `json:"config"`    // config.json of the model, which the weights alone do not tell
	Seed     uint64                `json:"seed,string"`
	Recipe   Recipe                `json:"recipe"`
	Forget   *Forget               `json:"forget,omitempty"` // of unlearning: whose records must be suppressed
	// Unlearning names the case of a suppression, so that a repealed decision
	// lifts its own rule; 0 in other work.
	Unlearning training.UnlearningID `json:"unlearning"`
	// Manifest is the root of the manifest that a replay must train on, as the
	// node reported it in the round that is replayed; zero where any does.
	Manifest training.Digest `json:"manifest"`
	Expires  int64           `json:"expires"` // Unix seconds; the lease's end
	// Deadline is when the round stops collecting, Unix seconds: a node that may
	// do partial work sends what it has before.
	Deadline int64 `json:"deadline,omitempty"`
	// Control is the blob of the server's control variate in SCAFFOLD, zero at
	// first and in other recipes.
	Control training.Digest `json:"control,omitzero"`
	// Delta is a blob that makes Base of Previous, for a node that still has
	// Previous; both zero where there is none.
	Previous  training.Digest `json:"previous,omitzero"`
	Delta     training.Digest `json:"delta,omitzero"`
	Spot      *Spot           `json:"spot,omitempty"` // of a replay in a spot check: whose update
	Weight    int64           `json:"weight"`         // most examples that will be counted
	Mandate   Mandate         `json:"mandate"`
	Signature []byte          `json:"signature"`
}

// Report is what a node answers to an assignment. Only the parts that its
// kind calls for are set; the platform believes none of them unchecked.
type Report struct {
	Assignment training.AssignmentID `json:"assignment"`
	Epoch      int                   `json:"epoch"`
	Update     training.Digest       `json:"update"`          // of the uploaded safetensors file of the update, or of the shard; of a replay what it gave, which is not uploaded
	Examples   int64                 `json:"examples"`        // n_k: training tokens available to this round
	Tokens     int64                 `json:"tokens"`          // tokens trained on
	Steps      int64                 `json:"steps,omitempty"` // optimiser steps done; fewer than asked is partial work
	Seconds    float64               `json:"seconds"`
	Manifest   training.Digest       `json:"manifest"`   // root of the manifest that was trained on
	Suppressed int64                 `json:"suppressed"` // records held back by suppression
	Loss       Sums                  `json:"loss"`       // evaluate: next-token loss in nats on validation records
	Unigram    Sums                  `json:"unigram"`    // evaluate: byte-unigram entropy of the same text, in nats
	Probes     *Probes               `json:"probes,omitempty"`
	Trained    Sums                  `json:"trained,omitzero"`  // selection by Oort: the loss of each step, nats per token; records are steps
	State      training.Digest       `json:"state,omitzero"`    // of what the node keeps for its next round
	Trainer    string                `json:"trainer,omitempty"` // Builtin, or name, version and device of what computed; "" is Builtin
	Refused    string                `json:"refused,omitempty"` // why the node did not do it
}

// Builtin is how reports name the engine of this project, whose work is
// replayed bit for bit. Anything else agrees within a tolerance.
const Builtin = "builtin"

// Exact reports whether a replay must give the very bytes of the update.
func (r Report) Exact() bool { return r.Trainer == "" || r.Trainer == Builtin }

// Sums is a measurement that can be added over nodes: a count, the sum and
// the sum of squares over records. Fewer than 20 records are not reported.
type Sums struct {
	Records int64   `json:"records"`
	Tokens  int64   `json:"tokens"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"`
}

// Probes is what a contributor's own node measures of its own planted
// canaries and reserved twins against one checkpoint.
type Probes struct {
	Ranks      []int64 `json:"ranks"`      // rank of each canary's secret among References+1
	References int64   `json:"references"` // N
	Watermark  int64   `json:"watermark"`  // coin-flip pairs whose trained variant has the lower loss
	Pairs      int64   `json:"pairs"`      // n of them
	AUC        float64 `json:"auc"`        // membership: trained against twins
	Members    int64   `json:"members"`
	Twins      int64   `json:"twins"`
	Extracted  int64   `json:"extracted"` // secrets that greedy completion gives away
	Secrets    int64   `json:"secrets"`
}
