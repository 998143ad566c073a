package translog

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is fixed by C2SP tlog-tiles: a tile holds 256 hashes.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// EntriesLevel is the level by which Tile names a bundle of entries.
const EntriesLevel = -1

// TilePath returns where C2SP tlog-tiles finds a tile: "tile/0/x001/234",
// "tile/entries/005.p/17". tlog's own path is the Go checksum database's and
// is another one.
func TilePath(t tlog.Tile) string {
	level := strconv.Itoa(t.L)
	if t.L == EntriesLevel {
		level = "entries"
	}
	path := "tile/" + level + "/" + tileNumber(t.N)
	if t.W < TileWidth {
		path += ".p/" + strconv.Itoa(t.W)
	}
	return path
}

func tileNumber(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// ParseTilePath reads what TilePath writes and refuses every other spelling.
func ParseTilePath(path string) (tlog.Tile, error) {
	bad := fmt.Errorf("tile path %q is not in the form of tlog-tiles", path)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tlog.Tile{}, bad
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return tlog.Tile{}, bad
	}
	t := tlog.Tile{H: TileHeight, L: EntriesLevel, W: TileWidth}
	if level != "entries" {
		l, err := strconv.Atoi(level)
		if err != nil || l < 0 || l > 63 {
			return tlog.Tile{}, bad
		}
		t.L = l
	}
	if number, width, partial := strings.Cut(rest, ".p/"); partial {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w >= TileWidth {
			return tlog.Tile{}, bad
		}
		t.W, rest = w, number
	}
	parts := strings.Split(rest, "/")
	if len(parts) > 6 {
		return tlog.Tile{}, bad
	}
	for _, part := range parts {
		d, err := strconv.ParseInt(strings.TrimPrefix(part, "x"), 10, 64)
		if err != nil || d < 0 || d > 999 {
			return tlog.Tile{}, bad
		}
		t.N = t.N*1000 + d
	}
	if TilePath(t) != path {
		return tlog.Tile{}, bad
	}
	return t, nil
}

// AppendBundle adds one entry to a bundle: two bytes of length, then the entry.
func AppendBundle(bundle, entry []byte) []byte {
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...)
}

// SplitBundle returns the entries of a bundle that must hold n of them.
func SplitBundle(bundle []byte, n int) ([][]byte, error) {
	entries := make([][]byte, 0, n)
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("entry bundle ends inside a length")
		}
		size := int(binary.BigEndian.Uint16(bundle))
		bundle = bundle[2:]
		if len(bundle) < size {
			return nil, fmt.Errorf("entry bundle ends inside entry %d", len(entries))
		}
		entries = append(entries, bundle[:size:size])
		bundle = bundle[size:]
	}
	if len(entries) != n {
		return nil, fmt.Errorf("entry bundle holds %d entries, want %d", len(entries), n)
	}
	return entries, nil
}
