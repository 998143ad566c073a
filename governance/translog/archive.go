package translog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tile names a tile; see TilePath.
type Tile = tlog.Tile

// KeyFile is the path of the log's public key in an archive. It is a
// convenience: whoever knows the key compares it.
const KeyFile = "log.pub"

// Archive writes a whole log as files in the layout in which it is served:
// the checkpoint, the public key, every tile and every bundle of entries.
func Archive(checkpoint []byte, key string, size int64, read func(Tile) ([]byte, error), write func(path string, data []byte) error) error {
	if err := write("checkpoint", checkpoint); err != nil {
		return fmt.Errorf("archive log: %w", err)
	}
	if err := write(KeyFile, []byte(key+"\n")); err != nil {
		return fmt.Errorf("archive log: %w", err)
	}
	for _, t := range tlog.NewTiles(TileHeight, 0, size) {
		tiles := []Tile{t}
		if t.L == 0 {
			bundle := t
			bundle.L = EntriesLevel
			tiles = append(tiles, bundle)
		}
		for _, t := range tiles {
			data, err := read(t)
			if err != nil {
				return fmt.Errorf("archive log: %w", err)
			}
			if err := write(TilePath(t), data); err != nil {
				return fmt.Errorf("archive log: %w", err)
			}
		}
	}
	return nil
}
