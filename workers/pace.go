package workers

import (
	"context"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/selection"
)

// comeBackOver is over how long nodes that are meant for one round come back.
const comeBackOver = 2 * time.Minute

// ComeBack returns when a node without work should ask again, the zero time to
// keep asking: pace steering (package selection). Only where many more nodes
// are there than rounds can use is anyone sent away, and nobody of the cohort.
func (u Uploads) ComeBack(ctx context.Context, node governance.NodeID) (time.Time, error) {
	p, err := u.Pacing(ctx, node)
	if governance.Is(err, governance.NotFound) {
		return time.Time{}, nil
	}
	useful := 2 * p.Asked
	if err != nil || p.Mine || p.Present <= 2*useful {
		return time.Time{}, err
	}
	pace := selection.Pace{Every: p.Every, Window: min(comeBackOver, p.Every), Useful: useful}
	return pace.ComeBack(u.Now(), p.Next, p.Present, p.Seed, node), nil
}
