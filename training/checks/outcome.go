package checks

import "strconv"

// Outcome is what a check decides.
type Outcome string

// Outcomes, from the mildest.
const (
	NotRun     Outcome = "not-run"
	Pass       Outcome = "pass"
	Clip       Outcome = "clip"
	DownWeight Outcome = "down-weight"
	Hold       Outcome = "hold"
	Reject     Outcome = "reject"
)

// severity orders outcomes; the worst of an update's findings is its own.
func (o Outcome) severity() int {
	for i, x := range []Outcome{NotRun, Pass, Clip, DownWeight, Hold, Reject} {
		if o == x {
			return i
		}
	}
	return -1
}

// Excludes reports whether an update with this outcome counts for nothing.
func (o Outcome) Excludes() bool { return o == Hold || o == Reject }

// Names of findings; a check with several values has several.
const (
	Form       = "form"        // 1
	Duplicate  = "duplicate"   // 2: of another update of the cohort
	Repeated   = "repeated"    // 2: of the node's update of the round before
	FreeRide   = "free-ride"   // 2: of what the last round changed
	Norm       = "norm"        // 3
	Layers     = "layers"      // 4
	Rows       = "rows"        // 4
	Direction  = "direction"   // 5: beside the cohort's median
	Course     = "course"      // 5: beside the node's own update of the round before
	Cluster    = "cluster"     // 6
	KrumScore  = "krum"        // 7
	RootSet    = "root-set"    // 8
	HeldOut    = "held-out"    // 9
	Triggers   = "triggers"    // 10
	Sparsity   = "sparsity"    // 11
	Share      = "share"       // 12
	Canaries   = "canaries"    // 13
	Noise      = "noise"       // 14
	NodeFilter = "node-filter" // 15
)

// Finding is what one check says of one update.
type Finding struct {
	Number    int // of the check, 1 to 15
	Name      string
	Value     string // decimal; "" for none
	Threshold string // decimal; "" for none
	Outcome   Outcome
	Note      string // what was compared, or why nothing was
}

// decimal writes a value as tables and the log hold it.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

func whole(v int64) string { return strconv.FormatInt(v, 10) }

// Limits are the thresholds, each a policy of the community, frozen with the
// campaign. The zero value of a limit switches its decision off; the value is
// measured and shown all the same.
type Limits struct {
	Least     int   `json:"least"`     // updates below which none is compared with the others
	Duplicate int64 `json:"duplicate"` // cosine above which two updates are one, in millionths
	Norm      int64 `json:"norm"`      // z above which a norm is clipped to the median
	Rows      int64 `json:"rows"`      // z above which a layer or a row holds an update
	Sparse    int64 `json:"sparse"`    // z above which the share of the largest hundredth holds it
	Against   int64 `json:"against"`   // how far it may point against the median or its own past: cosine below minus this holds it, in thousandths
	Cluster   int64 `json:"cluster"`   // cosine above which updates of different members are one cluster, in thousandths
	Divide    bool  `json:"divide"`    // a cluster counts as one update; else it is only reported
}
