package workers

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// The archive of a round is a zip file with all that its result follows from:
//
//	round.json           RoundFile: the inputs of the mean
//	log/                 the log as it is served, to check round.json by
//	blobs/<sha256>       base, what the server's rule kept, config of the model,
//	                     and in a public-data campaign each update
//	updates/<sha256>.age elsewhere each update, encrypted to the auditor;
//	                     the name is the digest of what is in it
//
// Blobs and updates are stored, not deflated, so that they are read in place
// and an archive cannot unpack to more than it is.
const (
	roundFile     = "round.json"
	logFolder     = "log/"
	blobFolder    = "blobs/"
	updateFolder  = "updates/"
	sealedEnding  = ".age"
	archiveFormat = 1

	maxRoundFile = 64 << 20
	maxParts     = 400_000 // files in an archive
)

func blobName(d training.Digest) string   { return blobFolder + d.Hex() }
func sealedName(d training.Digest) string { return updateFolder + d.Hex() + sealedEnding }

// RoundFile is the inputs of a round's mean as an archive holds them. Whoever
// verifies compares each with the log; what the log holds as a digest only
// (factors of clipped updates) is proved by the checkpoint that comes out.
type RoundFile struct {
	Version    int                 `json:"version"` // 1
	Round      training.RoundID    `json:"round"`
	Campaign   training.CampaignID `json:"campaign"`
	Number     int                 `json:"number"`
	Recipe     protocol.Recipe     `json:"recipe"`
	MaxShare   int64               `json:"max_share"` // thousandths
	Seed       training.Digest     `json:"seed"`
	Present    int                 `json:"present"`
	Wanted     int                 `json:"wanted"`
	Base       training.Digest     `json:"base"`
	ServerBase *training.Digest    `json:"server_base,omitempty"`
	Checkpoint training.Digest     `json:"checkpoint"`
	Config     training.Digest     `json:"config"` // of the model, a blob
	Recipient  string              `json:"recipient,omitempty"`
	Updates    []ArchivedUpdate    `json:"updates"` // in the order of the sum
	Checks     []rounds.Check      `json:"checks,omitempty"`
}

// ArchivedUpdate is what counts of one update.
type ArchivedUpdate struct {
	Node     governance.NodeID   `json:"node"`
	Owner    governance.MemberID `json:"owner"`
	Digest   training.Digest     `json:"digest"`
	Manifest training.Digest     `json:"manifest"`
	Examples int64               `json:"examples"`
	Steps    int64               `json:"steps,omitempty"`
	Weight   int64               `json:"weight"`
	Outcome  string              `json:"outcome,omitempty"` // of the checks
	Scale    string              `json:"scale,omitempty"`   // factor of a clipped update
	Divisor  int64               `json:"divisor,omitempty"` // of the weight
}

// ParseRoundFile reads a round.json strictly and checks what can be checked
// without the log.
func ParseRoundFile(data []byte) (RoundFile, error) {
	if len(data) > maxRoundFile {
		return RoundFile{}, fmt.Errorf("%s has %d bytes, at most %d are read", roundFile, len(data), maxRoundFile)
	}
	f, err := protocol.Decode[RoundFile](data)
	if err != nil {
		return RoundFile{}, fmt.Errorf("%s: %w", roundFile, err)
	}
	if f.Version != archiveFormat {
		return RoundFile{}, fmt.Errorf("%s has version %d, this program reads %d", roundFile, f.Version, archiveFormat)
	}
	if err := f.check(); err != nil {
		return RoundFile{}, fmt.Errorf("%s: %w", roundFile, err)
	}
	return f, nil
}

func (f RoundFile) check() error {
	if err := f.Recipe.Check(); err != nil {
		return err
	}
	switch {
	case f.Round < 1 || f.Campaign < 1 || f.Number < 1:
		return fmt.Errorf("round %d, number %d of campaign %d", f.Round, f.Number, f.Campaign)
	case f.MaxShare < 1 || f.MaxShare > 1000:
		return fmt.Errorf("largest share %d: want 1 to 1000 thousandths", f.MaxShare)
	case f.Present < 0 || f.Wanted < 0 || f.Present > math.MaxInt32 || f.Wanted > math.MaxInt32:
		return fmt.Errorf("%d nodes present, %d wanted", f.Present, f.Wanted)
	case len(f.Updates) < 2 || len(f.Updates) > 1_000_000:
		return fmt.Errorf("%d updates: want 2 or more", len(f.Updates))
	case f.Checkpoint.IsZero() || f.Base.IsZero():
		return errors.New("base or checkpoint is not named")
	}
	total := int64(0)
	for i, u := range f.Updates {
		switch {
		case i > 0 && u.Node <= f.Updates[i-1].Node || u.Node < 1:
			return fmt.Errorf("update %d is of node %d: want nodes in ascending order", i, u.Node)
		case u.Owner < 1 || u.Examples < 1 || u.Examples > math.MaxInt64-total || u.Steps < 0 || u.Weight < 0 || u.Weight > u.Examples || u.Divisor < 0:
			return fmt.Errorf("update of node %d: owner %d, %d examples, %d steps, weight %d, divisor %d", u.Node, u.Owner, u.Examples, u.Steps, u.Weight, u.Divisor)
		case !slices.Contains([]string{"", rounds.CheckPass, rounds.CheckClip, rounds.CheckDownWeight, rounds.CheckHold, rounds.CheckReject}, u.Outcome):
			return fmt.Errorf("update of node %d: outcome %q is not known", u.Node, u.Outcome)
		}
		if u.Scale != "" {
			if s, err := strconv.ParseFloat(u.Scale, 64); err != nil || !(s > 0 && s < 1) {
				return fmt.Errorf("update of node %d: factor %q: want a number between 0 and 1", u.Node, u.Scale)
			}
		}
		total += u.Examples
	}
	return nil
}

// inputs is the file as ComputeMean takes it.
func (f RoundFile) inputs(spent int) rounds.Inputs {
	in := rounds.Inputs{
		Round: f.Round, Campaign: f.Campaign, Base: f.Base, Seed: f.Seed, Recipe: f.Recipe, MaxShare: f.MaxShare, Checkpoint: f.Checkpoint,
		Number: f.Number, ServerBase: f.ServerBase, Present: f.Present, Wanted: f.Wanted, Spent: spent,
	}
	for _, u := range f.Updates {
		in.Updates = append(in.Updates, rounds.Update{
			Node: u.Node, Owner: u.Owner, Digest: u.Digest, Manifest: u.Manifest, Examples: u.Examples, Steps: u.Steps, Weight: u.Weight,
			Outcome: u.Outcome, Scale: u.Scale, Divisor: u.Divisor,
		})
	}
	return in
}
