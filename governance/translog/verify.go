package translog

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Fetch reads one file of a log by its path, "checkpoint" or a tile's, from a
// server or from an archive. size is the largest answer that makes sense.
type Fetch func(path string, size int64) ([]byte, error)

const (
	maxCheckpoint = 64 << 10
	maxTile       = TileWidth * tlog.HashSize
	maxBundle     = TileWidth * (MaxEntry + 2)
)

// Verify re-derives a whole log: it opens the checkpoint, reads every entry,
// recomputes the tree from the entries alone, compares each served tile with
// it, and calls visit for each entry in order. The error names the entry or
// tile at which the log stops being what its checkpoint says.
func Verify(fetch Fetch, verifier note.Verifier, visit func(index int64, e Entry) error) (Checkpoint, error) {
	signed, err := fetch("checkpoint", maxCheckpoint)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verify log: %w", err)
	}
	c, err := OpenCheckpoint(signed, verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verify log: %w", err)
	}
	v := &treeCheck{fetch: fetch, size: c.Size}
	for first := int64(0); first < c.Size; first += TileWidth {
		if err := v.bundle(first, visit); err != nil {
			return Checkpoint{}, fmt.Errorf("verify log: %w", err)
		}
	}
	if err := v.upperTiles(); err != nil {
		return Checkpoint{}, fmt.Errorf("verify log: %w", err)
	}
	root, err := tlog.TreeHash(c.Size, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verify log: %w", err)
	}
	if root != c.Root {
		return Checkpoint{}, fmt.Errorf("verify log: the entries give root %v, the signed checkpoint of %d entries says %v", root, c.Size, c.Root)
	}
	return c, nil
}

// treeCheck holds the tree recomputed from the entries so far.
type treeCheck struct {
	fetch  Fetch
	size   int64
	hashes []tlog.Hash // by stored hash index
}

// ReadHashes makes the recomputed tree a tlog.HashReader.
func (v *treeCheck) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(v.hashes)) {
			return nil, fmt.Errorf("hash %d is not computed yet", x)
		}
		out[i] = v.hashes[x]
	}
	return out, nil
}

// bundle checks the entries from first on, and the tile of their hashes.
func (v *treeCheck) bundle(first int64, visit func(int64, Entry) error) error {
	width := int(min(TileWidth, v.size-first))
	tile := tlog.Tile{H: TileHeight, L: 0, N: first / TileWidth, W: width}
	leaves, err := v.fetch(TilePath(tile), maxTile)
	if err != nil {
		return err
	}
	if len(leaves) != width*tlog.HashSize {
		return fmt.Errorf("%s has %d bytes, want %d", TilePath(tile), len(leaves), width*tlog.HashSize)
	}
	tile.L = EntriesLevel
	data, err := v.fetch(TilePath(tile), maxBundle)
	if err != nil {
		return err
	}
	entries, err := SplitBundle(data, width)
	if err != nil {
		return fmt.Errorf("%s: %w", TilePath(tile), err)
	}
	for i, raw := range entries {
		index := first + int64(i)
		leaf := tlog.RecordHash(raw)
		if !bytes.Equal(leaf[:], leaves[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return fmt.Errorf("entry %d: its bytes do not have the hash that the log serves for it", index)
		}
		stored, err := tlog.StoredHashesForRecordHash(index, leaf, v)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		v.hashes = append(v.hashes, stored...)
		e, err := Decode(raw)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		if visit != nil {
			if err := visit(index, e); err != nil {
				return fmt.Errorf("entry %d (%s): %w", index, e.Kind, err)
			}
		}
	}
	return nil
}

// upperTiles compares each tile above the leaves with the recomputed tree.
func (v *treeCheck) upperTiles() error {
	for _, t := range tlog.NewTiles(TileHeight, 0, v.size) {
		if t.L == 0 {
			continue
		}
		want, err := tlog.ReadTileData(t, v)
		if err != nil {
			return err
		}
		got, err := v.fetch(TilePath(t), maxTile)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what the entries give", TilePath(t))
		}
	}
	return nil
}
