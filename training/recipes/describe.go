package recipes

import (
	"fmt"
	"strconv"

	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/serveropt"
)

// Line is one thing that a recipe does, for its page.
type Line struct {
	Label string   // "At the nodes"
	Text  string   // one or two sentences
	Terms []string // keys of the glossary that explain it
}

// Describe says in plain sentences what a recipe does.
func Describe(r protocol.Recipe) []Line {
	lines := []Line{
		{"At the nodes", local(r), localTerms(r)},
		{"At the server", server(r), []string{r.Server.Name()}},
		{"Against hostile members", robust(r), robustTerms(r)},
		{"Bytes", traffic(r), trafficTerms(r)},
		{"Who is asked", selection(r), []string{"cohort", "over-selection", r.Selection.Rule}},
	}
	if r.Privacy.On() {
		lines = append(lines, Line{"Privacy of members", privacy(r), []string{"dp", "epsilon", "accountant"}})
	}
	if r.Public {
		lines = append(lines, Line{"Public data", "All text of this campaign is public: only nodes take part whose owners say so of theirs, every update is published with its round, and anyone can compute the round again. Nodes of other members train updates again to check them.", []string{"public-data", "update", "spot-check"}})
	}
	for i := range lines {
		lines[i].Terms = known(lines[i].Terms)
	}
	return lines
}

func known(keys []string) []string {
	var list []string
	for _, k := range keys {
		if _, ok := Lookup(k); ok {
			list = append(list, k)
		}
	}
	return list
}

func local(r protocol.Recipe) string {
	text := fmt.Sprintf("Each node does %d steps of %s on %d tokens each, at a learning rate of %s", r.Steps, title(r.Optimizer), r.BatchTokens, r.LearnRate)
	if r.Local.Schedule == "cosine" {
		text += fmt.Sprintf(" that rises over %d steps and falls along a cosine to %s of it by the last round", r.Local.Warmup, permille(r.Local.Floor))
	}
	text += "."
	switch r.Local.Objective {
	case protocol.FedProx:
		text += fmt.Sprintf(" FedProx pulls it back to the round's weights with μ = %s.", r.Local.Mu)
	case protocol.Scaffold:
		text += " SCAFFOLD corrects every step by control variates that the node keeps between rounds."
	}
	if r.Local.Accumulate > 1 {
		text += fmt.Sprintf(" A step's batch is computed in %d parts, to fit into memory.", r.Local.Accumulate)
	}
	if r.Local.Partial {
		text += " A node that has to stop early sends what it has."
	}
	return text
}

func localTerms(r protocol.Recipe) []string {
	terms := []string{"update", r.Optimizer, r.Local.Objective, r.Local.Schedule}
	if r.Local.Accumulate > 1 {
		terms = append(terms, "accumulation")
	}
	if r.Local.Partial {
		terms = append(terms, "partial")
	}
	return terms
}

func server(r protocol.Recipe) string {
	s := r.Server
	usual := serveropt.Defaults(s.Name())
	rate, momentum := or(s.Rate, decimal(usual.Rate)), or(s.Momentum, decimal(max(usual.Momentum, usual.Beta1)))
	if s.Rule == "" || s.Rule == protocol.FedNova || s.Rule == protocol.Scaffold {
		rate = or(s.Rate, "1")
	}
	weights := "weighted by examples"
	switch {
	case r.PerMember():
		weights = "each member counting once"
	case r.Normalised():
		weights += " and by steps"
	}
	text := fmt.Sprintf("%s: the updates are combined, %s", title(s.Name()), weights)
	switch s.Rule {
	case "", protocol.FedNova, protocol.Scaffold:
		text += fmt.Sprintf(", and added to the weights at a rate of %s.", rate)
	case protocol.FedAvgM:
		text += fmt.Sprintf(", and move the weights with momentum %s at a rate of %s.", momentum, rate)
	case protocol.DiLoCo:
		text += fmt.Sprintf(", and move the weights with Nesterov momentum %s at a rate of %s.", momentum, rate)
	default:
		text += fmt.Sprintf(", and every entry is divided by its usual size; momentum %s, rate %s, τ %s.", momentum, rate, or(s.Tau, "0.001"))
	}
	if r.ServerState() {
		text += " What the server keeps from round to round is named in the log by its digest, and is rolled back when a member is forgotten."
	}
	return text
}

func robust(r protocol.Recipe) string {
	if r.Robust.Rule == "" {
		return "No robust rule: the length of each update is bounded and no member's share is above the cap, and that is all."
	}
	text := fmt.Sprintf("%s over members, after each update was clipped to the usual length; withstands %d hostile members among %d or more.", title(r.Robust.Rule), r.Robust.Byzantine, r.FewestMembers())
	if r.Robust.Bucket > 1 {
		text += fmt.Sprintf(" Before it, members are averaged in groups of %d drawn by lot.", r.Robust.Bucket)
	}
	return text
}

func robustTerms(r protocol.Recipe) []string {
	terms := []string{"clipping"}
	if r.Robust.Rule != "" {
		terms = append(terms, "byzantine", r.Robust.Rule)
	}
	if r.Robust.Bucket > 1 {
		terms = append(terms, "bucketing")
	}
	return terms
}

func traffic(r protocol.Recipe) string {
	text := ""
	switch r.Up.Codec {
	case "":
		text = "Updates travel as float32, four bytes for each parameter"
	case protocol.BF16:
		text = "Updates travel as bf16, two bytes for each parameter"
	case protocol.Int8:
		text = "Updates travel as int8 blocks, about one byte for each parameter"
	case protocol.Sign:
		text = "Updates travel as signs, one bit for each parameter, with error feedback"
	case protocol.TopK:
		text = fmt.Sprintf("The largest %s of each update travel, with error feedback", permille(r.Up.Share))
	case protocol.Mask:
		text = fmt.Sprintf("%s of each update travel, drawn by lot", permille(r.Up.Share))
	}
	if r.Local.Objective == protocol.Scaffold {
		text += ", and as much again of control variates"
	}
	if r.Down.Delta {
		text += "; a node that holds an earlier base receives only the difference"
	}
	return text + "."
}

func trafficTerms(r protocol.Recipe) []string {
	terms := []string{r.Up.Codec}
	if r.Up.Feedback() {
		terms = append(terms, "error-feedback")
	}
	if r.Down.Delta {
		terms = append(terms, "delta")
	}
	return terms
}

func selection(r protocol.Recipe) string {
	s := r.Selection
	text := fmt.Sprintf("%d nodes are wanted in a round and %d are enough; ", r.Cohort, r.MinReports)
	switch s.Rule {
	case "":
		text += "the log's lot draws them, each with the same chance."
	case protocol.Resource:
		text += "the log's lot draws them among machines that can do the work in time."
	case protocol.Oort:
		text += "those are preferred whose text the model still does badly on and who answer quickly."
	case protocol.Proximity:
		text += "those with a short round trip are preferred."
	case protocol.Diverse:
		text += "the log's lot draws them from strata."
	}
	if s.Floor > 0 {
		text += fmt.Sprintf(" At least %d of every %s that is present.", s.Floor, s.Strata)
	}
	if s.MemberCap > 0 {
		text += fmt.Sprintf(" At most %d of one member.", s.MemberCap)
	}
	if s.MinMemory > 0 || s.MinSpeed > 0 {
		text += fmt.Sprintf(" Only with %d MB of memory and %d tokens per second or more.", s.MinMemory, s.MinSpeed)
	}
	return text
}

func privacy(r protocol.Recipe) string {
	p := r.Privacy
	clip := "fixed"
	if p.Adaptive {
		clip = "then following the usual length"
	}
	return fmt.Sprintf("Each member's update is clipped to %s (%s) and noise of %s times the clip norm is added to their sum. A member may take part in %d rounds: then ε would be above the ceiling of %s at δ = %s, and the member is not asked any more. The losses that members measure are not covered by this.",
		p.Clip, clip, p.Noise, p.Rounds, p.Ceiling, p.Delta)
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// permille writes thousandths as people read them: "5 %", "0.5 %".
func permille(n int) string {
	if n%10 == 0 {
		return fmt.Sprintf("%d %%", n/10)
	}
	return fmt.Sprintf("%d.%d %%", n/10, n%10)
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
