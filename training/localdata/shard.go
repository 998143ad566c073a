package localdata

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"codeberg.org/althing/althing/training"
)

// Shard is what a node trained on in a round, as its owner hands it to anyone:
// the texts, and what proves that they are the ones to which the node was
// committed before the round, by the root of its manifest in the log. The salt
// is in it because ids are made with it; with the salt anyone can test guesses
// of the node's other texts, so only the owner of text that is public shares.
type Shard struct {
	Version  int              `json:"version"` // 1
	Node     int64            `json:"node"`
	Round    training.RoundID `json:"round"`
	Salt     []byte           `json:"salt"`
	Manifest string           `json:"manifest"` // Manifest.Encode
	Texts    []string         `json:"texts"`    // of the entries of part train, in their order
}

const (
	shardVersion = 1
	maxShard     = 1 << 30
)

// Share returns what a past round trained on. It fails if some of that was
// suppressed or opted out since: what is left proves nothing.
func (s *Store) Share(round training.RoundID, node int64) (Shard, error) {
	use, err := s.Replay(round)
	if err != nil {
		return Shard{}, err
	}
	if len(use.Suppressed) > 0 {
		return Shard{}, fmt.Errorf("share round %d: records of it were held back since, and the rest does not give its update", round)
	}
	shard := Shard{Version: shardVersion, Node: node, Round: round, Salt: s.Salt(), Manifest: string(use.Manifest.Encode())}
	for _, r := range use.Train {
		shard.Texts = append(shard.Texts, r.Text)
	}
	return shard, nil
}

// Write writes the shard as JSON.
func (s Shard) Write(w io.Writer) error { return json.NewEncoder(w).Encode(s) }

// ReadShard reads what Write wrote, strictly.
func ReadShard(r io.Reader) (Shard, error) {
	dec := json.NewDecoder(io.LimitReader(r, maxShard))
	dec.DisallowUnknownFields()
	var s Shard
	if err := dec.Decode(&s); err != nil {
		return Shard{}, fmt.Errorf("read shard: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Shard{}, errors.New("read shard: more than one JSON value")
	}
	if s.Version != shardVersion || len(s.Salt) != sha256.Size || s.Node < 1 || s.Round < 1 {
		return Shard{}, fmt.Errorf("read shard: version %d, node %d, round %d, salt of %d bytes", s.Version, s.Node, s.Round, len(s.Salt))
	}
	return s, nil
}

// Records returns the training records in the order in which they were used,
// if they are exactly those of the manifest with this root.
func (s Shard) Records(root training.Digest) ([]Record, error) {
	m, err := ParseManifest([]byte(s.Manifest))
	if err != nil {
		return nil, err
	}
	if got := m.Root(); got != root {
		return nil, fmt.Errorf("its manifest has the root %s, the node was committed to %s", got.Hex(), root.Hex())
	}
	var records []Record
	for _, e := range m.Entries {
		if e.Part != Train {
			continue
		}
		if len(records) == len(s.Texts) {
			return nil, fmt.Errorf("it holds %d texts, its manifest has more to train on", len(s.Texts))
		}
		text := s.Texts[len(records)]
		if id := identify(s.Salt, text); id != e.ID {
			return nil, fmt.Errorf("text %d has the id %s, the manifest says %s", len(records), id.Hex(), e.ID.Hex())
		}
		records = append(records, Record{ID: e.ID, Text: text, Part: Train, Licence: e.Licence, Language: e.Language, Tokens: e.Tokens, FirstUse: e.FirstUse})
	}
	if len(records) != len(s.Texts) {
		return nil, fmt.Errorf("it holds %d texts, its manifest has %d to train on", len(s.Texts), len(records))
	}
	return records, nil
}
