package models

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
)

var (
	_ = audit.Register[Imported]()
	_ = audit.Register[VersionPublished]()
)

// Imported says that the founding model was brought in. Digests are hexadecimal.
type Imported struct {
	Version   training.VersionID `json:"version"`
	Weights   string             `json:"weights"`
	Tokenizer string             `json:"tokenizer"`
	Config    string             `json:"config"`
	Card      string             `json:"card"`
	Licence   string             `json:"licence"`
}

func (e Imported) Kind() string            { return "version.imported" }
func (e Imported) Subject() governance.Ref { return governance.RefTo(RefVersion, e.Version) }
func (e Imported) Sentence() audit.Sentence {
	return audit.Say("brought in the model that the community begins with, ", e.Subject(), ", weights "+short(e.Weights))
}

// Replay notes the version.
func (e Imported) Replay(s *audit.State, _ translog.Entry) error {
	return Appear(s, e.Version, e.Weights)
}

// VersionPublished says that a checkpoint passed the gate and is served.
type VersionPublished struct {
	Version  training.VersionID  `json:"version"`
	Weights  string              `json:"weights"`
	Parent   training.VersionID  `json:"parent"`
	Campaign training.CampaignID `json:"campaign"`
	Decision governance.EntryID  `json:"decision"`
	Card     string              `json:"card"`
}

func (e VersionPublished) Kind() string            { return "version.published" }
func (e VersionPublished) Subject() governance.Ref { return governance.RefTo(RefVersion, e.Version) }

// About names the campaign and the version before.
func (e VersionPublished) About() []governance.Ref {
	return []governance.Ref{governance.RefTo("campaign", e.Campaign), governance.RefTo(RefVersion, e.Parent)}
}

func (e VersionPublished) Sentence() audit.Sentence {
	return audit.Say("published ", e.Subject(), ", the result of ", governance.RefTo("campaign", e.Campaign),
		", in place of ", governance.RefTo(RefVersion, e.Parent), "; weights "+short(e.Weights))
}

// Replay notes the version.
func (e VersionPublished) Replay(s *audit.State, _ translog.Entry) error {
	if _, ok := s.Versions[int64(e.Parent)]; !ok {
		return fmt.Errorf("version %d follows version %d, which is not there: %w", e.Version, e.Parent, audit.ErrContradiction)
	}
	return Appear(s, e.Version, e.Weights)
}

// Appear adds a version to a replayed state.
func Appear(s *audit.State, id training.VersionID, weights string) error {
	if _, ok := s.Versions[int64(id)]; ok {
		return fmt.Errorf("version %d appears twice: %w", id, audit.ErrContradiction)
	}
	s.Versions[int64(id)] = weights
	return nil
}

// Vanish takes a withdrawn version out of a replayed state.
func Vanish(s *audit.State, id training.VersionID) error {
	if _, ok := s.Versions[int64(id)]; !ok {
		return fmt.Errorf("version %d is withdrawn and was not there: %w", id, audit.ErrContradiction)
	}
	delete(s.Versions, int64(id))
	return nil
}

// short is how a digest stands in a sentence; the page links the whole.
func short(hex string) string { return hex[:min(12, len(hex))] }

func ascending(ids []training.VersionID) []training.VersionID {
	slices.Sort(ids)
	return ids
}
