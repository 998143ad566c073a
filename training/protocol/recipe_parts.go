package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Objectives of local training: what a node minimises.
const (
	FedProx  = "fedprox"  // and stays near the base
	Scaffold = "scaffold" // and corrects its drift by control variates; also the server's rule
)

// Server rules beside the default, a step of FedAvg.
const (
	FedAvgM    = "fedavgm"
	FedAdagrad = "fedadagrad"
	FedAdam    = "fedadam"
	FedYogi    = "fedyogi"
	FedNova    = "fednova"
	DiLoCo     = "diloco"
)

// Robust rules beside the default, the mean.
const (
	Median    = "median"
	Trimmed   = "trimmed"
	Krum      = "krum"
	MultiKrum = "multikrum"
	Bulyan    = "bulyan"
	GeoMedian = "geomedian"
	Centered  = "centered"
)

// Codecs of an update on its way up; the default sends float32.
const (
	BF16 = "bf16"
	Int8 = "int8"
	Sign = "sign"
	TopK = "topk"
	Mask = "mask"
)

// Rules of selection beside the default, uniform by the log's lot.
const (
	Resource  = "resource"
	Oort      = "oort"
	Proximity = "proximity"
	Diverse   = "diverse"
)

// Local says how a node trains beyond the numbers that every recipe has.
type Local struct {
	Objective  string `json:"objective,omitempty"`  // "" the plain loss, FedProx, Scaffold
	Mu         string `json:"mu,omitempty"`         // FedProx: weight of the pull to the base
	Partial    bool   `json:"partial,omitempty"`    // fewer steps than asked are taken too
	Schedule   string `json:"schedule,omitempty"`   // "" the same rate always, "cosine" over the campaign's steps
	Warmup     int    `json:"warmup,omitempty"`     // cosine: steps of the campaign over which the rate rises
	Floor      int    `json:"floor,omitempty"`      // cosine: the last rate, thousandths of learn_rate
	Accumulate int    `json:"accumulate,omitempty"` // parts that the batch of a step is computed in; 0 and 1 the same
}

// Server says how the round's combined update moves the weights.
type Server struct {
	Rule     string `json:"rule,omitempty"`     // "" FedAvg
	Rate     string `json:"rate,omitempty"`     // η of the server, "" for 1
	Momentum string `json:"momentum,omitempty"` // β, β₁ or μ; "" for 0.9
	Beta2    string `json:"beta2,omitempty"`    // FedAdam, FedYogi; "" for 0.99
	Tau      string `json:"tau,omitempty"`      // adaptive rules; "" for 0.001
}

// Robust says how the updates of members become one, when some may be wrong
// on purpose. Each member counts once, whatever the number of nodes.
type Robust struct {
	Rule       string `json:"rule,omitempty"`       // "" the mean
	Byzantine  int    `json:"f,omitempty"`          // members that may be hostile
	Bucket     int    `json:"bucket,omitempty"`     // members averaged together before the rule; 0 and 1 none
	Iterations int    `json:"iterations,omitempty"` // GeoMedian, Centered; 0 for 4
	Radius     string `json:"radius,omitempty"`     // Centered: τ, the norm beyond which a difference is cut
}

// Uplink says in which form an update travels.
type Uplink struct {
	Codec string `json:"codec,omitempty"` // "" float32
	Share int    `json:"share,omitempty"` // TopK, Mask: entries sent, thousandths
}

// Downlink says in which form a base travels.
type Downlink struct {
	Delta bool `json:"delta,omitempty"` // only what changed since a base that the node has
}

// Privacy is central differential privacy of members: what any one member
// adds to a round is bounded and drowned in noise.
type Privacy struct {
	Noise    string `json:"noise,omitempty"`    // z, multiples of the clip norm; "" no privacy part
	Clip     string `json:"clip,omitempty"`     // C, largest L2 norm of one member's update, at first
	Adaptive bool   `json:"adaptive,omitempty"` // C follows the median norm, itself measured with noise
	Delta    string `json:"delta,omitempty"`    // δ
	Ceiling  string `json:"ceiling,omitempty"`  // largest ε of any member
	Rounds   int    `json:"rounds,omitempty"`   // rounds that one member may take part in under that ceiling
}

// Selection says which nodes are asked.
type Selection struct {
	Rule      string `json:"rule,omitempty"`       // "" uniform
	Over      int    `json:"over,omitempty"`       // nodes asked beyond those wanted, thousandths; 0 as the policy says
	MemberCap int    `json:"member_cap,omitempty"` // nodes of one member in a cohort; 0 no cap
	MinMemory int    `json:"min_memory,omitempty"` // MB of a node's memory; 0 any
	MinSpeed  int    `json:"min_speed,omitempty"`  // tokens per second that a node measured; 0 any
	Strata    string `json:"strata,omitempty"`     // what floors are counted by: language, domain, licence, region, hardware
	Floor     int    `json:"floor,omitempty"`      // nodes of every stratum that is present
}

// strata are what nodes can be told apart by.
var strata = []string{"", "language", "domain", "licence", "region", "hardware"}

// Name names the server's rule, "fedavg" where the recipe says nothing.
func (s Server) Name() string { return or(s.Rule, "fedavg") }

// Name names the robust rule, "mean" where the recipe says nothing.
func (r Robust) Name() string { return or(r.Rule, "mean") }

// Name names the codec, "none" where the recipe says nothing.
func (u Uplink) Name() string { return or(u.Codec, "none") }

// Name names the rule of selection, "uniform" where the recipe says nothing.
func (s Selection) Name() string { return or(s.Rule, "uniform") }

// On reports whether noise is added.
func (p Privacy) On() bool { return p.Noise != "" }

// Normalised reports whether updates count by their steps, with the weights of
// FedNova: always where nodes may stop early.
func (r Recipe) Normalised() bool { return r.Local.Partial || r.Server.Rule == FedNova }

// Stateful reports whether nodes keep something from round to round (control
// variates, or what compression left out). A replay begins with none of it,
// and no auditor can train such a round again bit for bit.
func (r Recipe) Stateful() bool {
	return r.Local.Objective == Scaffold || r.Up.Feedback()
}

// Feedback reports whether what the codec leaves out is added to the next update.
func (u Uplink) Feedback() bool { return u.Codec == Sign || u.Codec == TopK }

// ServerState reports whether the server keeps vectors from round to round.
func (r Recipe) ServerState() bool {
	switch r.Server.Rule {
	case FedAvgM, FedAdagrad, FedAdam, FedYogi, DiLoCo, Scaffold:
		return true
	}
	return r.Robust.Rule == Centered || r.Privacy.Adaptive
}

// PerMember reports whether each member's updates are first made one, because
// the rule counts or bounds members and not examples.
func (r Recipe) PerMember() bool { return r.Robust.Rule != "" || r.Privacy.On() }

// FewestMembers is the smallest number of members of which the recipe can
// combine updates: 2, or what the robust rule needs for f hostile ones
// (Blanchard et al. 2017: n ≥ 2f+3; El Mhamdi et al. 2018: n ≥ 4f+3; the
// others: f < n/2).
func (r Recipe) FewestMembers() int {
	return max(2, max(1, r.Robust.Bucket)*r.Robust.fewest(r.Robust.Byzantine))
}

func (r Robust) fewest(f int) int {
	switch r.Rule {
	case "":
		return 1
	case Krum, MultiKrum:
		return 2*f + 3
	case Bulyan:
		return 4*f + 3
	}
	return 2*f + 1
}

// Bearable is the largest number of hostile members, at most the recipe's,
// that the rule withstands among n members, and whether it is defined among so
// few at all. A replay without one member goes on with it.
func (r Recipe) Bearable(n int) (int, bool) {
	groups := n / max(1, r.Robust.Bucket)
	for f := r.Robust.Byzantine; f >= 0; f-- {
		if r.Robust.fewest(f) <= groups {
			return f, n >= 2
		}
	}
	return 0, false
}

// Number reads one of the recipe's decimal strings, or what "" stands for.
// Check has refused what cannot be read.
func Number(text string, fallback float64) float64 {
	if text == "" {
		return fallback
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// checkParts reports the first choice that no program could carry out. What
// could be carried out and would be unwise is for package recipes, when a
// proposal is written: a decision that stands in the log stays valid.
func (r Recipe) checkParts() error {
	for _, f := range []struct{ what, got, want string }{
		{"local objective", r.Local.Objective, "fedprox scaffold"},
		{"schedule", r.Local.Schedule, "cosine"},
		{"server rule", r.Server.Rule, "fedavgm fedadagrad fedadam fedyogi fednova diloco scaffold"},
		{"robust rule", r.Robust.Rule, "median trimmed krum multikrum bulyan geomedian centered"},
		{"codec", r.Up.Codec, "bf16 int8 sign topk mask"},
		{"selection", r.Selection.Rule, "resource oort proximity diverse"},
	} {
		if f.got != "" && !slices.Contains(strings.Fields(f.want), f.got) {
			return fmt.Errorf("the %s %q is not known", f.what, f.got)
		}
	}
	if !slices.Contains(strata, r.Selection.Strata) {
		return fmt.Errorf("floors by %q are not known", r.Selection.Strata)
	}
	if err := r.checkWhole(); err != nil {
		return err
	}
	if err := r.checkDecimals(); err != nil {
		return err
	}
	return r.checkFits()
}

func (r Recipe) checkWhole() error {
	for _, f := range []struct {
		what         string
		got, lo, top int
	}{
		{"warm-up steps", r.Local.Warmup, 0, 1_000_000}, {"floor of the rate, thousandths", r.Local.Floor, 0, 1000},
		{"parts of a batch", r.Local.Accumulate, 0, 4096}, {"hostile members", r.Robust.Byzantine, 0, 10_000},
		{"members in a bucket", r.Robust.Bucket, 0, 100}, {"iterations", r.Robust.Iterations, 0, 100},
		{"share sent, thousandths", r.Up.Share, 0, 999}, {"rounds under the ceiling", r.Privacy.Rounds, 0, 10_000},
		{"over-selection, thousandths", r.Selection.Over, 0, 4000}, {"nodes of one member", r.Selection.MemberCap, 0, 1000},
		{"memory, MB", r.Selection.MinMemory, 0, 1 << 24}, {"tokens per second", r.Selection.MinSpeed, 0, 1 << 30},
		{"floor of a stratum", r.Selection.Floor, 0, 1000},
	} {
		if f.got < f.lo || f.got > f.top {
			return fmt.Errorf("%s %d: want %d to %d", f.what, f.got, f.lo, f.top)
		}
	}
	return nil
}

func (r Recipe) checkDecimals() error {
	for _, f := range []struct {
		what, text string
		lo, top    float64 // both outside, but for a zero that allowed says
		zero       bool
	}{
		{"mu", r.Local.Mu, 0, 100, false}, {"server rate", r.Server.Rate, 0, 100, false}, {"momentum", r.Server.Momentum, 0, 1, true},
		{"beta2 of the server", r.Server.Beta2, 0, 1, true}, {"tau", r.Server.Tau, 0, 1, false},
		{"radius", r.Robust.Radius, 0, 1e9, false}, {"noise", r.Privacy.Noise, 0, 1000, false}, {"clip", r.Privacy.Clip, 0, 1e9, false},
		{"delta", r.Privacy.Delta, 0, 1, false}, {"ceiling", r.Privacy.Ceiling, 0, 1e6, false},
	} {
		if f.text == "" {
			continue
		}
		v, err := strconv.ParseFloat(f.text, 64)
		if err != nil || !(v > f.lo && v < f.top || f.zero && v == 0) {
			return fmt.Errorf("%s %q: want a decimal number between %g and %g", f.what, f.text, f.lo, f.top)
		}
	}
	return nil
}

// checkFits refuses parts that name what another part lacks.
func (r Recipe) checkFits() error {
	l, p := r.Local, r.Privacy
	accumulate := max(1, l.Accumulate)
	switch {
	case (l.Mu != "") != (l.Objective == FedProx):
		return fmt.Errorf("mu belongs to fedprox, and fedprox needs it")
	case (l.Warmup != 0 || l.Floor != 0) && l.Schedule == "":
		return fmt.Errorf("warm-up and floor belong to the cosine schedule")
	case l.Warmup >= r.Rounds*r.Steps && l.Warmup > 0:
		return fmt.Errorf("%d steps of warm-up of %d steps in the whole campaign", l.Warmup, r.Rounds*r.Steps)
	case (r.BatchTokens/max(1, r.Context))%accumulate != 0:
		return fmt.Errorf("a batch of %d sequences cannot be computed in %d equal parts", r.BatchTokens/max(1, r.Context), accumulate)
	case (l.Objective == Scaffold) != (r.Server.Rule == Scaffold):
		return fmt.Errorf("scaffold is done by nodes and server together: name it for both")
	case l.Objective == Scaffold && r.Optimizer != "sgd":
		return fmt.Errorf("the control variates of scaffold are gradients, so its nodes train with sgd")
	case r.Robust.Rule == "" && (r.Robust.Byzantine != 0 || r.Robust.Bucket != 0):
		return fmt.Errorf("the mean withstands no hostile member: choose a robust rule, or none hostile")
	case (r.Robust.Radius != "") != (r.Robust.Rule == Centered):
		return fmt.Errorf("the radius belongs to centered clipping, and centered clipping needs it")
	case r.MinReports < r.FewestMembers():
		return fmt.Errorf("%s with %d hostile members needs updates of %d members, the recipe goes on with %d", r.Robust.Name(), r.Robust.Byzantine, r.FewestMembers(), r.MinReports)
	case (r.Up.Share != 0) != (r.Up.Codec == TopK || r.Up.Codec == Mask):
		return fmt.Errorf("the share sent belongs to topk and mask, and both need it")
	case p != (Privacy{}) && (p.Noise == "" || p.Clip == "" || p.Delta == "" || p.Ceiling == "" || p.Rounds < 1):
		return fmt.Errorf("privacy needs noise, clip, delta, a ceiling and the rounds under it")
	case r.Public && p.On():
		return fmt.Errorf("a public campaign publishes every update, and privacy would hide them: choose one of the two")
	case (r.Selection.Floor != 0) != (r.Selection.Strata != ""):
		return fmt.Errorf("a floor needs the strata that it is counted by, and they need a floor")
	}
	return nil
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// CodecSeed is the seed of an update's codec, from the seed of its training:
// the platform deals both, so that a node cannot try seeds until the rounding
// falls its way.
func CodecSeed(training uint64) uint64 {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("althing codec v1\n"), training))
	return binary.BigEndian.Uint64(h[:8])
}
