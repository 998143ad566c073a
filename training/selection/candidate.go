package selection

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"codeberg.org/althing/althing/governance"
)

// Stratum is one thing that a node brings: {"language", "de"}, {"domain",
// "law"}, {"licence", "CC-BY-4.0"}, {"region", "north"}, {"hardware", "arm64"}.
// A node has as many as are true of it.
type Stratum struct{ Kind, Value string }

// String returns kind and value as pages write them.
func (s Stratum) String() string { return s.Kind + " " + s.Value }

// Candidate is what is known of a node when a round is opened. A zero where a
// measurement is meant says that there is none yet.
type Candidate struct {
	Node      governance.NodeID
	Owner     governance.MemberID
	Memory    int64 // bytes; 0 where the machine does not tell
	Speed     int64 // tokens per second that it trains a model like this one with, as measured
	RoundTrip int64 // milliseconds, as measured by the server
	Mains     bool  // not on battery
	Metered   bool  // its owner pays for traffic
	Examples  int64 // examples in its last update
	Loss      int64 // root of the mean squared loss of its last update, in thousandths
	Duration  int64 // seconds that its last round took
	LastRound int   // number of the last round that it was chosen for, from 1
	Strata    []Stratum
}

// Need is what a recipe asks of a node. Zeros ask nothing.
type Need struct {
	Memory    int64 // bytes
	Speed     int64 // tokens per second
	Tokens    int64 // of one round (steps times tokens of a batch), to be done within Deadline
	Deadline  int64 // seconds
	RoundTrip int64 // milliseconds at most
	Mains     bool  // no node on battery
	Unmetered bool  // no node whose owner pays for traffic
}

// speed returns the tokens per second that are asked and that meet the
// deadline, rounded up.
func (n Need) speed() int64 {
	if n.Tokens == 0 {
		return n.Speed
	}
	return max(n.Speed, (n.Tokens+n.Deadline-1)/n.Deadline)
}

// refuse returns why c cannot take part, or 0.
func (n Need) refuse(c Candidate) Verdict {
	v := Verdict{Node: c.Node, Owner: c.Owner}
	switch speed := n.speed(); {
	case c.Memory == 0 && n.Memory > 0 || c.Speed == 0 && speed > 0 || c.RoundTrip == 0 && n.RoundTrip > 0:
		v.Reason = NotMeasured
	case c.Memory < n.Memory:
		v.Reason, v.Wants, v.Has = NotEnoughMemory, n.Memory, c.Memory
	case c.Speed < speed:
		v.Reason, v.Wants, v.Has = TooSlow, speed, c.Speed
	case n.RoundTrip > 0 && c.RoundTrip > n.RoundTrip:
		v.Reason, v.Wants, v.Has = TooFar, n.RoundTrip, c.RoundTrip
	case n.Mains && !c.Mains:
		v.Reason = OnBattery
	case n.Unmetered && c.Metered:
		v.Reason = OnMeteredLine
	}
	return v
}

// Floor is a least number of chosen nodes that have a stratum.
type Floor struct {
	Stratum Stratum
	Least   int
}

// FloorsOf returns a floor of least nodes for every stratum of a kind that is
// there, those that fewest candidates have first, so that what is rare is held
// first when not all can be. Of more than the 64 that a rule takes the rarest
// are returned.
func FloorsOf(kind string, least int, candidates []Candidate) []Floor {
	counts := map[Stratum]int{}
	for _, c := range candidates {
		for _, s := range c.Strata {
			if s.Kind == kind {
				counts[s]++
			}
		}
	}
	var floors []Floor
	for s := range counts {
		floors = append(floors, Floor{s, least})
	}
	slices.SortFunc(floors, func(a, b Floor) int {
		return cmp.Or(cmp.Compare(counts[a.Stratum], counts[b.Stratum]), cmp.Compare(a.Stratum.Value, b.Stratum.Value))
	})
	return floors[:min(len(floors), maxFloors)]
}

// Lot is what decides a draw: SHA-256 over a label, the seed and the node's
// number as eight bytes, big-endian. The lowest lots win. Adding or removing a
// node changes no other's lot.
func Lot(seed [32]byte, node governance.NodeID) [32]byte {
	return labelled("althing lot v1\n", seed, node)
}

func labelled(label string, seed [32]byte, node governance.NodeID) [32]byte {
	b := append([]byte(label), seed[:]...)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(node)))
}

// byLot returns the positions of candidates in the order of their lots.
func byLot(seed [32]byte, candidates []Candidate, among []int) []int {
	lots := make([][32]byte, len(candidates))
	for _, i := range among {
		lots[i] = Lot(seed, candidates[i].Node)
	}
	order := slices.Clone(among)
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(lots[a][:], lots[b][:]) })
	return order
}

// distinct returns the candidates in ascending order of their nodes, so that
// the order in which they were read does not matter.
func distinct(candidates []Candidate) ([]Candidate, error) {
	sorted := slices.Clone(candidates)
	slices.SortFunc(sorted, func(a, b Candidate) int { return cmp.Compare(a.Node, b.Node) })
	for i, c := range sorted {
		if i > 0 && sorted[i-1].Node == c.Node {
			return nil, fmt.Errorf("choose nodes: node %d is there twice", c.Node)
		}
		if min(c.Memory, c.Speed, c.RoundTrip, c.Examples, c.Loss, c.Duration, int64(c.LastRound)) < 0 || max(c.Examples, c.Loss, c.Duration) > 1<<40 {
			return nil, fmt.Errorf("choose nodes: node %d has a figure below 0 or beyond belief", c.Node)
		}
	}
	return sorted, nil
}
