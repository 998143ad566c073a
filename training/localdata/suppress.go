package localdata

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"codeberg.org/althing/althing/training"
)

// Rule keeps records out of every future training, because an unlearning case
// decided so: without it the next ordinary round would learn again what was
// forgotten. A record is out if any of the conditions names it.
type Rule struct {
	Case     training.UnlearningID `json:"case"`
	All      bool                  `json:"all,omitempty"`      // everything of this node: its owner left
	Records  []training.Digest     `json:"records,omitempty"`  // ids of this node's manifest
	Key      []byte                `json:"key,omitempty"`      // of the case, for Texts
	Texts    []training.Digest     `json:"texts,omitempty"`    // TextHash of Key and text: finds a text at any node
	Licence  string                `json:"licence,omitempty"`  // this SPDX expression
	Language string                `json:"language,omitempty"` // this language
}

// TextHash is how a case names a text that other nodes may hold as well:
// HMAC-SHA256 under the key of the case, of the normal form. It tells nothing
// to those who do not have the text.
func TextHash(key []byte, text string) training.Digest {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(Normalise(text)))
	return training.Digest(mac.Sum(nil))
}

// sorted returns the digests in ascending order, each once.
func sorted(digests []training.Digest) []training.Digest {
	out := slices.Clone(digests)
	slices.SortFunc(out, compareIDs)
	return slices.Compact(out)
}

// contains searches digests that are sorted.
func contains(digests []training.Digest, d training.Digest) bool {
	_, found := slices.BinarySearchFunc(digests, d, compareIDs)
	return found
}

// check refuses a rule that could never match, which is a mistake somewhere.
func (r Rule) check() error {
	if r.Case < 1 || !r.All && len(r.Records) == 0 && len(r.Texts) == 0 && r.Licence == "" && r.Language == "" {
		return fmt.Errorf("rule of unlearning case %d names nothing", r.Case)
	}
	if len(r.Texts) > 0 && len(r.Key) < 16 {
		return fmt.Errorf("rule of unlearning case %d: key of %d bytes, want 16 or more", r.Case, len(r.Key))
	}
	return nil
}

// matches reports whether the rule names the record. Text may be empty when it
// is not at hand; then only the other conditions speak.
func (r Rule) matches(e Entry, text string) bool {
	return r.All || contains(r.Records, e.ID) ||
		r.Licence != "" && r.Licence == e.Licence || r.Language != "" && r.Language == e.Language ||
		text != "" && len(r.Texts) > 0 && contains(r.Texts, TextHash(r.Key, text))
}

// Suppress installs a rule, for good: it is on disk when Suppress returns. A
// second rule of a case replaces the first. Texts that the store holds are
// looked up now, so that the rule still knows them after they are erased.
func (s *Store) Suppress(rule Rule) error {
	if err := rule.check(); err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	rule.Records, rule.Texts = sorted(rule.Records), sorted(rule.Texts)
	if len(rule.Texts) > 0 {
		for id := range s.first {
			text, err := s.text(id)
			if errors.Is(err, fs.ErrNotExist) {
				continue // erased by an earlier case
			} else if err != nil {
				return fmt.Errorf("suppress: %w", err)
			}
			if contains(rule.Texts, TextHash(rule.Key, text)) {
				rule.Records = append(rule.Records, id)
			}
		}
		rule.Records = sorted(rule.Records)
	}
	rules := slices.DeleteFunc(slices.Clone(s.rules), func(old Rule) bool { return old.Case == rule.Case })
	return s.setRules(append(rules, rule))
}

// Lift removes the rule of a case that the community repealed. Erased texts do
// not come back; the folder may still have them.
func (s *Store) Lift(id training.UnlearningID) error {
	return s.setRules(slices.DeleteFunc(slices.Clone(s.rules), func(r Rule) bool { return r.Case == id }))
}

// Rules returns the rules in force, in ascending order of case.
func (s *Store) Rules() []Rule { return slices.Clone(s.rules) }

func (s *Store) setRules(rules []Rule) error {
	slices.SortFunc(rules, func(a, b Rule) int { return int(a.Case - b.Case) })
	data, err := json.Marshal(rules)
	if err != nil {
		return fmt.Errorf("write suppression: %w", err)
	}
	if err := s.write(rulesFile, data); err != nil {
		return fmt.Errorf("write suppression: %w", err)
	}
	s.rules = rules
	return nil
}

// suppressed reports whether a record is out, and counts it for each case that
// names it.
func (s *Store) suppressed(e Entry, text string, counts map[training.UnlearningID]int) bool {
	out := contains(s.out, e.ID)
	if out {
		counts[OwnWish]++
	}
	for _, r := range s.rules {
		if r.matches(e, text) {
			counts[r.Case]++
			out = true
		}
	}
	return out
}

// Erase deletes the stored text of every record that is suppressed and returns
// how many there were. A replay does not need them any more.
func (s *Store) Erase() (int, error) {
	erased := 0
	for _, id := range slices.SortedFunc(maps.Keys(s.first), compareIDs) {
		text, err := s.text(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return erased, fmt.Errorf("erase: %w", err)
		}
		if !s.suppressed(s.known[id], text, map[training.UnlearningID]int{}) {
			continue
		}
		if err := s.root.Remove(recordFile(id)); err != nil {
			return erased, fmt.Errorf("erase record %s: %w", id.Hex(), err)
		}
		erased++
	}
	return erased, nil
}
