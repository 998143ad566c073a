package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"golang.org/x/mod/sumdb/note"
)

// DecisionKind is the kind of the log entry that adopts a motion.
const DecisionKind = "proposal.adopted"

// signingBytes of the two structs below are their canonical JSON: every field
// is an integer, a string or a list of them.

// SigningBytes returns what the platform signs: everything but the signature.
func (a Assignment) SigningBytes() ([]byte, error) {
	a.Signature = nil
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("assignment %d: %w", a.ID, err)
	}
	text, err := translog.Canonical(raw)
	if err != nil {
		return nil, fmt.Errorf("assignment %d: %w", a.ID, err)
	}
	return append([]byte("althing assignment v1\n"), text...), nil
}

// Sign returns the assignment signed by the platform's key.
func (a Assignment) Sign(server ed25519.PrivateKey) (Assignment, error) {
	text, err := a.SigningBytes()
	if err != nil {
		return Assignment{}, err
	}
	a.Signature = ed25519.Sign(server, text)
	return a, nil
}

// ErrForged says that an assignment was not made by the platform whose key
// the node pinned, or was changed on its way.
var ErrForged = errors.New("the assignment is not signed by the platform that this node joined")

// Verify checks the platform's signature by the key that the node pinned.
func (a Assignment) Verify(server ed25519.PublicKey) error {
	text, err := a.SigningBytes()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	if len(server) != ed25519.PublicKeySize || !ed25519.Verify(server, text, a.Signature) {
		return ErrForged
	}
	return nil
}

// ErrMandate says that an assignment is not covered by a decision of the
// community. The text says what is missing; the node tells its owner and the
// platform.
var ErrMandate = errors.New("no decision covers this")

// Granted is what a checked Mandate shows: the decision, for a replay the
// decision to train whose campaign is replayed, and the checkpoint that the
// node remembers from now on.
type Granted struct {
	Decision   Decision
	Origin     *Decision
	Checkpoint translog.Checkpoint
	Note       []byte // the checkpoint as the log signed it
}

// Check verifies that the decision stands in the log whose key the node
// pinned, and that this log continues the one that the node remembers:
// remembered is the zero Checkpoint at the first mandate. A log that shows an
// older or another history is refused, whoever signed it.
func (m Mandate) Check(log note.Verifier, remembered translog.Checkpoint) (Granted, error) {
	g := Granted{Note: []byte(m.Decision.Checkpoint)}
	var err error
	if g.Decision, g.Checkpoint, err = openDecision(m.Decision, log); err != nil {
		return Granted{}, err
	}
	if remembered.Size > g.Checkpoint.Size {
		return Granted{}, fmt.Errorf("%w: the log has %d entries, this node has seen one of %d", ErrMandate, g.Checkpoint.Size, remembered.Size)
	}
	if remembered.Size == g.Checkpoint.Size {
		if remembered.Size > 0 && remembered.Root != g.Checkpoint.Root {
			return Granted{}, fmt.Errorf("%w: the log shows two different histories of %d entries; keep both checkpoints and tell the community", ErrMandate, remembered.Size)
		}
	} else if remembered.Size > 0 {
		if err := m.Consistency.Check(remembered, g.Checkpoint); err != nil {
			return Granted{}, fmt.Errorf("%w: %w", ErrMandate, err)
		}
	}
	if m.Origin != nil {
		origin, at, err := openDecision(*m.Origin, log)
		if err != nil {
			return Granted{}, err
		}
		if at != g.Checkpoint {
			return Granted{}, fmt.Errorf("%w: its two decisions are shown under different checkpoints", ErrMandate)
		}
		g.Origin = &origin
	}
	return g, nil
}

func openDecision(p translog.Inclusion, log note.Verifier) (Decision, translog.Checkpoint, error) {
	entry, checkpoint, err := p.Check(log)
	if err != nil {
		return Decision{}, checkpoint, fmt.Errorf("%w: %w", ErrMandate, err)
	}
	if entry.Kind != DecisionKind {
		return Decision{}, checkpoint, fmt.Errorf("%w: entry %d is %q and adopts nothing", ErrMandate, p.Index, entry.Kind)
	}
	var d Decision // the entry may hold more; members read all of it, nodes read this
	if err := json.Unmarshal(entry.Data, &d); err != nil {
		return Decision{}, checkpoint, fmt.Errorf("%w: entry %d: %w", ErrMandate, p.Index, err)
	}
	return d, checkpoint, nil
}

// Covers reports why a granted mandate does not cover an assignment, or nil.
// Whatever the platform asks, a node does only this much:
//
//	decision  kinds                     fixed by the decision
//	train     train, evaluate, probe    the whole recipe; rounds 1 to Rounds; in round 1 the base
//	          share, replay, settle     the same, and only where the recipe is on public data
//	unlearn   train, evaluate, probe,   campaign, contributor, method; the recipe of the campaign's
//	          suppress                  own decision to train, and its rounds
func Covers(g Granted, a Assignment) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrMandate, fmt.Sprintf(format, args...))
	}
	var recipe Recipe
	var err error
	switch g.Decision.Motion {
	case MotionTrain:
		if a.Forget != nil || a.Kind == Suppress {
			return refuse("the decision is to train, the assignment is to forget")
		}
		recipe, err = ParseRecipe([]byte(g.Decision.Params))
	case MotionUnlearn:
		if err := coversForget(g.Decision, a); err != nil {
			return refuse("%v", err)
		}
		if a.Kind == Suppress {
			if a.Unlearning < 1 {
				return refuse("the suppression names no unlearning case")
			}
			return nil
		}
		if g.Origin == nil || g.Origin.Motion != MotionTrain {
			return refuse("the assignment replays a campaign and does not show the decision that began it")
		}
		recipe, err = ParseRecipe([]byte(g.Origin.Params))
	default:
		return refuse("a motion to %q asks nothing of nodes", g.Decision.Motion)
	}
	if err != nil {
		return refuse("the decision's recipe cannot be read: %v", err)
	}
	trains := a.Kind == Train || Replays(a.Kind)
	switch {
	case OfSpot(a.Kind) && g.Decision.Motion != MotionTrain:
		return refuse("a decision to forget asks for no spot check")
	case a.Kind != Train && a.Kind != Evaluate && a.Kind != Probe && !OfSpot(a.Kind):
		return refuse("this program does not know the kind of work %q", a.Kind)
	case a.Campaign < 1:
		return refuse("the assignment names no campaign")
	case a.Recipe != recipe:
		return refuse("the recipe is another one: %s", difference(recipe, a.Recipe))
	case trains && (a.Number < 1 || a.Number > recipe.Rounds), a.Number < 0 || a.Number > recipe.Rounds:
		return refuse("this is round %d, the decision allows %d", a.Number, recipe.Rounds)
	case a.Base.IsZero() || a.BaseSize < 1:
		return refuse("the assignment names no base")
	case trains && a.Number == 1 && a.Base.Hex() != recipe.Base:
		return refuse("the first round begins from %s, the decision says %s", a.Base.Hex(), recipe.Base)
	}
	if OfSpot(a.Kind) {
		if err := coversSpot(recipe, a); err != nil {
			return refuse("%v", err)
		}
	}
	return nil
}

func coversForget(d Decision, a Assignment) error {
	f, err := ParseForget([]byte(d.Params))
	switch {
	case err != nil:
		return err
	case a.Forget == nil || *a.Forget != f:
		return errors.New("the assignment does not name what the decision says is to be forgotten")
	case a.Campaign != training.CampaignID(f.Campaign):
		return fmt.Errorf("the decision is about campaign %d, the assignment about campaign %d", f.Campaign, a.Campaign)
	}
	return nil
}

// ParseForget reads the params of an unlearning decision strictly.
func ParseForget(data []byte) (Forget, error) {
	f, err := Decode[Forget](data)
	if err != nil {
		return Forget{}, fmt.Errorf("forget: %w", err)
	}
	if f.Campaign < 1 || f.Contributor < 1 || f.Method != "rollback" {
		return Forget{}, fmt.Errorf("forget: campaign %d, contributor %d, method %q: want both named and “rollback”", f.Campaign, f.Contributor, f.Method)
	}
	return f, nil
}

// difference names the first field in which an asked recipe leaves the decided one.
func difference(decided, asked Recipe) string {
	for _, f := range []struct{ name, decided, asked any }{
		{"rounds", decided.Rounds, asked.Rounds}, {"steps", decided.Steps, asked.Steps},
		{"batch_tokens", decided.BatchTokens, asked.BatchTokens}, {"context", decided.Context, asked.Context},
		{"optimizer", decided.Optimizer, asked.Optimizer}, {"learn_rate", decided.LearnRate, asked.LearnRate},
		{"beta1", decided.Beta1, asked.Beta1}, {"beta2", decided.Beta2, asked.Beta2},
		{"epsilon", decided.Epsilon, asked.Epsilon}, {"weight_decay", decided.WeightDecay, asked.WeightDecay},
		{"clip_norm", decided.ClipNorm, asked.ClipNorm}, {"update_norm", decided.UpdateNorm, asked.UpdateNorm},
		{"cohort", decided.Cohort, asked.Cohort}, {"min_reports", decided.MinReports, asked.MinReports},
		{"deadline", decided.Deadline, asked.Deadline}, {"aggregator", decided.Aggregator, asked.Aggregator},
		{"converge", decided.Converge, asked.Converge}, {"base", decided.Base, asked.Base},
		{"arithmetic", decided.Arithmetic, asked.Arithmetic},
		{"local", decided.Local, asked.Local}, {"server", decided.Server, asked.Server}, {"robust", decided.Robust, asked.Robust},
		{"up", decided.Up, asked.Up}, {"down", decided.Down, asked.Down}, {"privacy", decided.Privacy, asked.Privacy},
		{"selection", decided.Selection, asked.Selection}, {"public", decided.Public, asked.Public},
	} {
		if f.decided != f.asked {
			return fmt.Sprintf("%s is %v, the decision says %v", f.name, f.asked, f.decided)
		}
	}
	return "it differs"
}

// Decode reads one JSON value strictly: no unknown field, nothing after it.
func Decode[T any](data []byte) (T, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		var zero T
		return zero, err
	}
	if dec.InputOffset() != int64(len(bytes.TrimRight(data, " \t\r\n"))) {
		var zero T
		return zero, errors.New("more than one JSON value")
	}
	return v, nil
}
