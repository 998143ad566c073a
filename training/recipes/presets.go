package recipes

import (
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

// Preset is a recipe for a common situation, to begin a proposal from.
type Preset struct {
	Key     string // in addresses: "far-apart"
	Name    string
	Summary string // a sentence on what it does
	When    string // a sentence on whom it suits
	Costs   string // a sentence on what it costs
	fill    func(*protocol.Recipe)
}

// Recipe returns the preset's recipe for a number of rounds from a base
// (digest, hex) for models that read so many tokens at once.
func (p Preset) Recipe(rounds int, base string, context int) protocol.Recipe {
	r := protocol.Recipe{
		Rounds: rounds, Steps: 15, BatchTokens: 16 * context, Context: context, Optimizer: "adamw", LearnRate: "0.002", Beta1: "0.9",
		Beta2: "0.999", Epsilon: "0.00000001", WeightDecay: "0.01", ClipNorm: "1", UpdateNorm: "0", Cohort: 5, MinReports: 3,
		Deadline: 120, Aggregator: "fedavg", Converge: "0", Base: base, Arithmetic: training.Arithmetic,
	}
	p.fill(&r)
	return r
}

// ByKey returns the preset of a key, and whether there is one.
func ByKey(key string) (Preset, bool) {
	for _, p := range Presets() {
		if p.Key == key {
			return p, true
		}
	}
	return Preset{}, false
}

// Presets lists the six.
func Presets() []Preset {
	return []Preset{
		{"small-steady", "Small and steady",
			"Short rounds of plain federated averaging: a few steps at each node, then the mean by examples.",
			"A handful of members who know each other, with ordinary computers and a good connection.",
			"Many exchanges: every round sends the whole model down and an update up.",
			func(*protocol.Recipe) {}},
		{"far-apart", "Far apart",
			"DiLoCo: hundreds of local steps between exchanges, joined by Nesterov momentum at the server; updates travel as int8.",
			"Nodes on slow or dear connections, some hours away from each other, that can compute for long.",
			"Nodes drift apart in a long round, so the text of all should be of one kind; a lost round is a lot of lost work.",
			func(r *protocol.Recipe) {
				r.Steps, r.LearnRate, r.Beta2, r.WeightDecay, r.Deadline = 500, "0.0004", "0.95", "0.1", 12*3600
				r.Local = protocol.Local{Schedule: "cosine", Warmup: 100, Floor: 100}
				r.Server = protocol.Server{Rule: protocol.DiLoCo, Rate: "0.7", Momentum: "0.9"}
				r.Up = protocol.Uplink{Codec: protocol.Int8}
			}},
		{"hostile-weather", "Hostile weather",
			"A trimmed mean over members: in every single number the four highest and the four lowest are left out, after each update was clipped to the usual length.",
			"Open communities of twenty members and more, where some nodes may be broken or send poison.",
			"At least nine members in every round; what only a few members' text teaches is trimmed away with the poison.",
			func(r *protocol.Recipe) {
				r.Cohort, r.MinReports, r.Deadline = 20, 12, 300
				r.Robust = protocol.Robust{Rule: protocol.Trimmed, Byzantine: 4}
				r.Selection = protocol.Selection{Over: 300, MemberCap: 1}
			}},
		{"thin-lines", "Thin lines",
			"Only the twentieth part of an update that says most is sent up, the rest is kept and added to the next; down goes what changed.",
			"Nodes behind telephone lines and paid volume that take part in nearly every round.",
			"The nodes keep what they did not send, so an auditor cannot train a single round again; nodes that come rarely must take int8 instead.",
			func(r *protocol.Recipe) {
				r.Steps, r.Deadline = 40, 1800
				r.Up, r.Down = protocol.Uplink{Codec: protocol.TopK, Share: 50}, protocol.Downlink{Delta: true}
				r.Server = protocol.Server{Rule: protocol.FedAvgM, Rate: "1", Momentum: "0.5"}
			}},
		{"private", "Private",
			"Differential privacy: each member's update is clipped to a common length and the mean is drowned in noise of known size, until the voted ceiling of ε is reached.",
			"Personal text whose owners want a bound on what the model can reveal of any one of them.",
			"Noise costs quality, the more the fewer members take part: below some fifty it outweighs most of what is learnt.",
			func(r *protocol.Recipe) {
				r.Cohort, r.MinReports, r.Deadline, r.Steps = 50, 10, 600, 30
				r.Privacy = protocol.Privacy{Noise: "2", Clip: "0.5", Adaptive: true, Delta: "0.00001", Ceiling: "10"}
				r.Privacy.Rounds = RoundsUnder(r.Privacy)
				r.Selection = protocol.Selection{MemberCap: 1}
			}},
		{"many-gpus", "Many GPUs",
			"Large batches in parts, FedNova weights so that a slow card's fewer steps count rightly, bf16 updates, and only machines that are fast enough.",
			"Communities with graphics cards of several generations and a model that needs them.",
			"Slow machines are left out of training; they can still measure.",
			func(r *protocol.Recipe) {
				r.Steps, r.BatchTokens, r.LearnRate, r.Beta2, r.WeightDecay = 200, 64*r.Context, "0.0006", "0.95", "0.1"
				r.Cohort, r.MinReports, r.Deadline = 16, 8, 3600
				r.Local = protocol.Local{Partial: true, Schedule: "cosine", Warmup: 50, Floor: 100, Accumulate: 4}
				r.Server = protocol.Server{Rule: protocol.FedNova}
				r.Up = protocol.Uplink{Codec: protocol.BF16}
				r.Selection = protocol.Selection{Rule: protocol.Resource, Over: 300, MinMemory: 8192, MinSpeed: 1000}
			}},
	}
}
