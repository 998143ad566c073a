package recipes

import (
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/protocol"
)

// Cost is what one round costs one node on its line, in bytes and at most:
// top-k's places and the difference of a base take what the numbers need.
type Cost struct {
	Raw  int64 // an update as float32
	Up   int64 // an update as the recipe sends it
	Down int64 // the base
}

// CostOf tells the cost of a recipe for a model of so many parameters.
func CostOf(r protocol.Recipe, parameters int) Cost {
	raw := compress.RawBytes(parameters)
	c := Cost{Raw: raw, Up: raw, Down: raw}
	if codec, err := compress.Parse(r.Up.Name()); err == nil {
		c.Up = compress.Settings{Codec: codec, Share: r.Up.Share}.LargestBytes(parameters)
	}
	if r.Local.Objective == protocol.Scaffold { // a control variate beside both
		c.Up, c.Down = c.Up+raw, c.Down+raw
	}
	return c
}
