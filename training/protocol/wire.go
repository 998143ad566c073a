package protocol

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"codeberg.org/althing/althing/training"
)

// Paths of the node API, below the platform's address. A digest or a query
// follows where the comment says so.
const (
	PathHello    = "/node/v1/hello"    // POST Hello → Challenge
	PathJoin     = "/node/v1/join"     // POST Join → Joined
	PathManifest = "/node/v1/manifest" // POST ManifestSummary → 204
	PathWork     = "/node/v1/work"     // GET ?wait=SECONDS&size=LOG_SIZE → Assignment, or 204
	PathLease    = "/node/v1/lease"    // POST Renewal → Lease
	PathSeen     = "/node/v1/seen"     // POST Capabilities → 204
	PathReport   = "/node/v1/report"   // POST Report → 204
	PathBlobs    = "/node/v1/blobs/"   // DIGEST?assignment=ID: GET, HEAD, PUT
)

// Limits of what travels.
const (
	MaxMessage = 1 << 20          // bytes of a JSON body
	MaxWait    = 50 * time.Second // of one long poll; most proxies cut at 60
	MaxPart    = 8 << 20          // bytes of one part of an upload
	MaxWork    = 4 << 20          // bytes of an assignment with its mandate
)

// HeaderOffset answers the parts of an upload, and a HEAD that asks how far an
// upload came: bytes that the platform has. An upload names itself by the
// query "assignment=ID&length=BYTES", and each part by "offset=BYTES" beside them.
const HeaderOffset = "Althing-Offset"

// HeaderComeBack answers a node that is not needed for a while: when it should
// ask for work again, Unix seconds.
const HeaderComeBack = "Althing-Come-Back"

// Renewal keeps a lease while the node works.
type Renewal struct {
	Assignment training.AssignmentID `json:"assignment"`
	Epoch      int                   `json:"epoch"`
	Step       int                   `json:"step"` // optimiser steps done; 0 outside training
}

// Lease says how long the platform waits for the node. Cancelled tells the
// node that nobody waits any more: the round is over or was abandoned.
type Lease struct {
	Expires   int64 `json:"expires"` // Unix seconds
	Cancelled bool  `json:"cancelled"`
}

// Problem is the body of every refusal. Kind is one word for programs, from
// the list of the node API; Message is a sentence for the node's owner.
type Problem struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Time    int64  `json:"time"` // Unix seconds of the platform's clock
}

// MinRecords is the fewest validation records that are reported: fewer sums
// would say too much about single records.
const MinRecords = 20

// Check refuses a report that no honest program writes: numbers that are not
// finite, counts below zero, sums over too few records, ranks out of range.
// Whether it fits its assignment is for the platform's store.
func (r Report) Check() error {
	if r.Assignment < 1 || r.Examples < 0 || r.Tokens < 0 || r.Steps < 0 || r.Suppressed < 0 || len(r.Refused) > 2000 {
		return errors.New("report: a count is below zero or the refusal is longer than 2,000 bytes")
	}
	if !(r.Seconds >= 0 && r.Seconds < 1e9) {
		return fmt.Errorf("report: %v seconds", r.Seconds)
	}
	if len(r.Trainer) > 200 || strings.ContainsFunc(r.Trainer, func(c rune) bool { return c < ' ' || c > '~' }) {
		return errors.New("report: the trainer is not named by at most 200 printable ASCII characters")
	}
	if t := r.Trained; t.Records < 0 || !finite(t.Sum) || !finite(t.Squares) || t.Sum < 0 || t.Squares < 0 {
		return fmt.Errorf("report: losses of %d steps that are no losses", t.Records)
	}
	for _, s := range []Sums{r.Loss, r.Unigram} {
		if s == (Sums{}) {
			continue
		}
		if s.Records < MinRecords || s.Tokens < 0 || !finite(s.Sum) || !finite(s.Squares) || s.Squares < 0 {
			return fmt.Errorf("report: sums over %d records; at least %d, and finite numbers, are wanted", s.Records, MinRecords)
		}
	}
	if p := r.Probes; p != nil {
		return p.check()
	}
	return nil
}

func (p Probes) check() error {
	if len(p.Ranks) > 1000 || p.References < 0 || !(p.AUC >= 0 && p.AUC <= 1) {
		return errors.New("report: more than 1,000 canaries, or an area under the curve outside 0 to 1")
	}
	for _, rank := range p.Ranks {
		if rank < 1 || rank > p.References+1 {
			return fmt.Errorf("report: rank %d among %d references", rank, p.References)
		}
	}
	for _, part := range [][2]int64{{p.Watermark, p.Pairs}, {p.Extracted, p.Secrets}, {0, p.Members}, {0, p.Twins}} {
		if part[0] < 0 || part[0] > part[1] {
			return fmt.Errorf("report: %d of %d", part[0], part[1])
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
