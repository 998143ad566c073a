package recipes

import (
	"fmt"
	"slices"

	"codeberg.org/althing/althing/training/protocol"
)

// Conflict is a choice that does not work, why, and what would.
type Conflict struct {
	Field   string // of the recipe, as the form names it: "server.rule"
	Reason  string // a sentence
	Instead string // a sentence: the practical alternative
}

// Error is both sentences.
func (c *Conflict) Error() string { return c.Reason + " " + c.Instead }

// Circumstances are what a recipe does not know of the community that would
// train with it. Zero values ask nothing.
type Circumstances struct {
	Nodes int // nodes with enough text that were heard of lately
}

// rule is one thing that does not work. It applies if the reason is not "".
type rule func(protocol.Recipe, Circumstances) Conflict

// Check reports the first Conflict of a recipe, or why it cannot be carried
// out at all.
func Check(r protocol.Recipe, c Circumstances) error {
	all := Conflicts(r, c)
	if len(all) > 0 {
		return &all[0]
	}
	return r.Check()
}

// Conflicts lists everything in a recipe that does not work together.
func Conflicts(r protocol.Recipe, c Circumstances) []Conflict {
	var list []Conflict
	for _, rule := range slices.Concat(robustRules, privacyRules, byteRules, stateRules) {
		if found := rule(r, c); found.Reason != "" {
			list = append(list, found)
		}
	}
	return list
}

// seldom is how many rounds may pass between two rounds of a node before what
// it keeps from the first is out of date at the second.
const seldom = 3

// rare reports whether a node is drawn less than once in seldom rounds.
func rare(r protocol.Recipe, c Circumstances) bool {
	return r.Cohort > 0 && c.Nodes > seldom*r.Cohort
}

func distances(r protocol.Recipe) bool {
	return slices.Contains([]string{protocol.Krum, protocol.MultiKrum, protocol.Bulyan}, r.Robust.Rule)
}

var robustRules = []rule{
	func(r protocol.Recipe, _ Circumstances) Conflict {
		need := r.FewestMembers()
		if r.Robust.Rule == "" || r.MinReports >= need && r.Cohort >= need {
			return Conflict{}
		}
		f, ok := r.Bearable(min(r.MinReports, r.Cohort))
		instead := fmt.Sprintf("Ask for more nodes, or expect at most %d hostile members.", f)
		if !ok || f == r.Robust.Byzantine {
			instead = "Ask for more nodes."
		}
		if r.Robust.Rule == protocol.Bulyan && min(r.MinReports, r.Cohort) >= 2*r.Robust.Byzantine+3 {
			instead = "Take Multi-Krum, which needs fewer."
		} else if distances(r) && min(r.MinReports, r.Cohort) > 2*r.Robust.Byzantine {
			instead = "Take the trimmed mean or the geometric median, which need fewer."
		}
		return Conflict{"robust.f", fmt.Sprintf("%s can withstand %d hostile members only among %d or more, and a round may go on with %d.",
			title(r.Robust.Rule), r.Robust.Byzantine, need, min(r.MinReports, r.Cohort)), instead}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Robust.Rule == "" || r.Selection.MemberCap == 1 {
			return Conflict{}
		}
		return Conflict{"selection.member_cap", "A robust rule counts each member once, so several nodes of one member in a cohort take places and add no voice.",
			"Ask at most 1 node of each member."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Robust.Rule == "" || r.Up.Codec != protocol.TopK && r.Up.Codec != protocol.Mask {
			return Conflict{}
		}
		return Conflict{"up.codec", "Sparse updates send different entries from each node: a median of them is nearly always 0, and distances between them count which entries were sent rather than what they say.",
			"Send int8 blocks: a quarter of the bytes, and every entry is there."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !distances(r) || r.Up.Codec != protocol.Sign {
			return Conflict{}
		}
		return Conflict{"up.codec", "All 1-bit updates have nearly the same distance from each other, and " + title(r.Robust.Rule) + " chooses by distances.",
			"Send int8 blocks, or take the median, which on signs is a vote of the majority."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Robust.Rule == "" || r.Selection.Rule != protocol.Oort && r.Selection.Rule != protocol.Proximity {
			return Conflict{}
		}
		return Conflict{"selection.rule", "Selection by what nodes report of themselves lets hostile ones be drawn more often, and the robust rule counts on f of them at most.",
			"Select uniformly by the log's lot, or by strata."}
	},
}

var privacyRules = []rule{
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || RoundsUnder(r.Privacy) > 0 {
			return Conflict{}
		}
		return Conflict{"privacy.ceiling", fmt.Sprintf("With noise of %s times the clip norm one round alone spends ε = %s, more than the ceiling of %s.", r.Privacy.Noise, Epsilon(r.Privacy, 1), r.Privacy.Ceiling),
			"Add more noise, or raise the ceiling."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		most := RoundsUnder(r.Privacy)
		if !r.Privacy.On() || most == 0 || r.Privacy.Rounds <= most {
			return Conflict{}
		}
		return Conflict{"privacy.rounds", fmt.Sprintf("After %d rounds a member would have spent ε = %s, more than the ceiling of %s.", r.Privacy.Rounds, Epsilon(r.Privacy, r.Privacy.Rounds), r.Privacy.Ceiling),
			fmt.Sprintf("Let each member take part in %d rounds at most.", most)}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || r.Selection.MemberCap == 1 {
			return Conflict{}
		}
		return Conflict{"selection.member_cap", "Privacy is of members: the updates of one member's nodes are made one, and the mean is divided by the number that was asked: further nodes of a member only dilute it.",
			"Ask at most 1 node of each member."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || r.Robust.Rule == "" {
			return Conflict{}
		}
		return Conflict{"robust.rule", "The noise of differential privacy is measured for a mean, where one member moves the result by the clip norm at most; one member can move " + title(r.Robust.Rule) + " by more.",
			"Keep the mean: its clip norm bounds a hostile member as well."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || !r.Up.Feedback() {
			return Conflict{}
		}
		return Conflict{"up.codec", "What a biased codec leaves out is sent later, and what privacy clips away is not among it: the remainder never arrives.",
			"Send int8 blocks or bf16, which are unbiased."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || !r.Normalised() {
			return Conflict{}
		}
		return Conflict{"local.partial", "Counting updates by their steps scales them up again after they were clipped, so that one member can move the mean by more than the noise hides.",
			"Ask for the same steps of all, and over-select against stragglers."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if !r.Privacy.On() || r.Selection.Rule != protocol.Oort {
			return Conflict{}
		}
		return Conflict{"selection.rule", "Oort chooses nodes by their losses, which depend on the text that privacy is meant to hide and are not noised.",
			"Select uniformly by the log's lot."}
	},
}

var byteRules = []rule{
	func(r protocol.Recipe, _ Circumstances) Conflict {
		adaptive := slices.Contains([]string{protocol.FedAdagrad, protocol.FedAdam, protocol.FedYogi}, r.Server.Rule)
		if !adaptive || r.Up.Codec != protocol.Sign {
			return Conflict{}
		}
		return Conflict{"server.rule", title(r.Server.Rule) + " divides each entry by its usual size, and in 1-bit updates all entries have the same size.",
			"Take FedAvgM or DiLoCo as the server's rule."}
	},
	func(r protocol.Recipe, c Circumstances) Conflict {
		if !r.Up.Feedback() || !rare(r, c) {
			return Conflict{}
		}
		return Conflict{"up.codec", fmt.Sprintf("With %d nodes and %d in a round a node comes back about once in %d rounds, and what its codec left out is out of date by then.", c.Nodes, r.Cohort, c.Nodes/r.Cohort),
			"Send int8 blocks or a random mask: both are unbiased and keep nothing. Or ask more nodes in a round."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Local.Objective != protocol.Scaffold || r.Up.Codec == "" {
			return Conflict{}
		}
		return Conflict{"up.codec", "SCAFFOLD sends control variates beside the update, which doubles the bytes, and a rounded control variate corrects in the wrong direction.",
			"Against differing data take FedProx, whose updates can be compressed; or send float32."}
	},
}

var stateRules = []rule{
	func(r protocol.Recipe, c Circumstances) Conflict {
		if r.Local.Objective != protocol.Scaffold || !rare(r, c) {
			return Conflict{}
		}
		return Conflict{"local.objective", fmt.Sprintf("With %d nodes and %d in a round a node comes back about once in %d rounds, and its control variate is out of date by then.", c.Nodes, r.Cohort, c.Nodes/r.Cohort),
			"Take FedProx, which keeps nothing at the nodes, or ask more nodes in a round."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Local.Objective != protocol.Scaffold || !r.Privacy.On() {
			return Conflict{}
		}
		return Conflict{"local.objective", "The control variates of SCAFFOLD are gradients on the node's own text, and the noise covers the update only.",
			"Take FedProx."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Local.Objective != protocol.Scaffold || r.Robust.Rule == "" {
			return Conflict{}
		}
		return Conflict{"robust.rule", "SCAFFOLD adds up the control variates of all nodes, so that one hostile node can move them as far as it likes, whatever the rule for updates.",
			"Take FedProx with the robust rule."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Local.Objective != protocol.Scaffold || !r.Local.Partial {
			return Conflict{}
		}
		return Conflict{"local.partial", "SCAFFOLD's correction is of the same number of steps at every node.",
			"Ask for fewer steps, or take FedNova, which counts unequal ones rightly."}
	},
	func(r protocol.Recipe, _ Circumstances) Conflict {
		if r.Server.Rule != protocol.FedNova || r.Local.Partial {
			return Conflict{}
		}
		return Conflict{"server.rule", "FedNova makes unequal numbers of steps comparable, and without partial work all nodes do the same number.",
			"Allow partial work, or take FedAvg, which is the same then."}
	},
}
