package selection

import (
	"encoding/binary"
	"time"

	"codeberg.org/althing/althing/governance"
)

// Pacer moves Oort's patience T (Lai et al. 2021, Algorithm 1): while a round
// teaches no less than before, being strict about time costs nothing; when it
// flattens, slower nodes with other text are let in.
type Pacer struct {
	Window int   // rounds that are compared with as many before: 20
	Step   int64 // seconds by which T moves
}

// Next returns the patience after the rounds whose total utilities are given,
// oldest first: one step more when the last window's sum differs from the one
// before by at most a tenth, one step less (but at least a step) when it is
// more than five times away, else the same. It looks only when a window is
// full, so that T moves once in Window rounds.
func (p Pacer) Next(patience int64, utilities []int64) int64 {
	if p.Window < 1 || p.Step < 1 || len(utilities) < 2*p.Window || len(utilities)%p.Window != 0 {
		return patience
	}
	var before, now int64
	for i, u := range utilities[len(utilities)-2*p.Window:] {
		if i < p.Window {
			before += u
		} else {
			now += u
		}
	}
	switch change := max(now-before, before-now); {
	case change <= before/10:
		return patience + p.Step
	case change >= 5*before:
		return max(p.Step, patience-p.Step)
	}
	return patience
}

// Pace tells nodes when to come back, so that they neither all come at once
// nor too few at a time (Bonawitz et al. 2019, Section 2.3).
type Pace struct {
	Every  time.Duration // from the opening of one round to the next
	Window time.Duration // over which those who are meant for one round spread
	Useful int           // nodes that one round can use, say twice those asked
}

// maxRoundsOff bounds how far ahead a node is sent.
const maxRoundsOff = 100

// ComeBack returns when a node should ask again. Few nodes all return for the
// next round, because only together are they enough; of many each is given one
// of the next population/Useful rounds. Round and moment are drawn from the
// seed of the round that was just decided, so that they change from round to
// round and a thousand nodes that lost their line at one moment do not return
// at one.
func (p Pace) ComeBack(now, next time.Time, population int, seed [32]byte, node governance.NodeID) time.Time {
	hash := labelled("althing come back v1\n", seed, node)
	rounds := min(maxRoundsOff, max(1, population/max(1, p.Useful)))
	at := next
	if at.Before(now) {
		at = now
	}
	at = at.Add(time.Duration(binary.BigEndian.Uint64(hash[:])%uint64(rounds)) * p.Every)
	return at.Add(time.Duration(binary.BigEndian.Uint64(hash[8:]) % uint64(max(1, p.Window))))
}
