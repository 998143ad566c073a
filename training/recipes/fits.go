package recipes

import (
	"fmt"

	"codeberg.org/althing/althing/training/protocol"
)

// Unfit lists the choices of a recipe that name what another choice lacks:
// what protocol.Recipe.Check refuses as a whole, by field and with what to do
// instead, for whoever fills in a form.
func Unfit(r protocol.Recipe) []Conflict {
	var list []Conflict
	for _, u := range []struct {
		wrong bool
		Conflict
	}{
		{r.MinReports < 2, Conflict{"min_reports", "This cannot be trained: a mean of fewer than two would show one member's update.", "Ask for 2 or more."}},
		{r.Cohort < r.MinReports, Conflict{"cohort", fmt.Sprintf("%d nodes cannot send %d updates.", r.Cohort, r.MinReports), "Ask as many nodes as updates are needed, or more."}},
		{r.Context > 0 && r.BatchTokens%r.Context != 0, Conflict{"batch_tokens", fmt.Sprintf("A step of %d tokens is no whole number of sequences of %d.", r.BatchTokens, r.Context), "Take a multiple of the context."}},
		{r.Local.Objective == protocol.FedProx && r.Local.Mu == "", Conflict{"local.mu", "FedProx needs the strength μ of its pull.", "0.01 is a usual one; 0.1 and 1 pull harder."}},
		{r.Local.Warmup > 0 && r.Local.Warmup >= r.Rounds*r.Steps, Conflict{"local.warmup", fmt.Sprintf("The rate would rise over %d steps, and the whole campaign has %d.", r.Local.Warmup, r.Rounds*r.Steps), "A tenth of the steps is plenty."}},
		{r.Local.Accumulate > 1 && r.Context > 0 && (r.BatchTokens/r.Context)%r.Local.Accumulate != 0, Conflict{"local.accumulate", fmt.Sprintf("The sequences of a step cannot be computed in %d equal parts.", r.Local.Accumulate), "Take a number that divides the tokens of a step by the context."}},
		{r.Local.Objective == protocol.Scaffold && r.Server.Rule != protocol.Scaffold, Conflict{"server.rule", "SCAFFOLD is done by nodes and server together, and here only the nodes would do it.", "Choose SCAFFOLD at the server too, or FedProx at the nodes."}},
		{r.Local.Objective != protocol.Scaffold && r.Server.Rule == protocol.Scaffold, Conflict{"local.objective", "SCAFFOLD is done by nodes and server together, and here only the server would do it.", "Choose SCAFFOLD at the nodes too, or FedAvg at the server."}},
		{r.Local.Objective == protocol.Scaffold && r.Optimizer != "sgd", Conflict{"optimizer", "The control variates of SCAFFOLD are gradients, and AdamW takes steps of another size.", "Take SGD, or FedProx with AdamW."}},
		{r.Robust.Rule == protocol.Centered && r.Robust.Radius == "", Conflict{"robust.radius", "Centered clipping needs the length by which one member may pull.", "Begin with the usual length of an update, which the page of a round shows."}},
		{(r.Up.Codec == protocol.TopK || r.Up.Codec == protocol.Mask) && r.Up.Share == 0, Conflict{"up.share", title(r.Up.Codec) + " needs the share of the entries that are sent.", "50 thousandths are the twentieth part."}},
		{r.Selection.Strata != "" && r.Selection.Floor == 0, Conflict{"selection.floor", "Floors are to be counted by " + r.Selection.Strata + ", and there is none.", "Write 1 to ask one node of each, or choose no strata."}},
		{r.Selection.Rule == protocol.Diverse && r.Selection.Strata == "", Conflict{"selection.strata", "A draw from strata needs to know by what nodes are told apart.", "Choose language, domain, licence, region or hardware, or draw uniformly."}},
		{r.Privacy.On() && protocol.Number(r.Privacy.Noise, 0) <= 0, Conflict{"privacy.noise", "Privacy needs noise.", "2 is much for few members and little for thousands; begin there."}},
		{r.Privacy.On() && r.Public, Conflict{"public", "A public campaign publishes every update, and privacy would hide them.", "Choose one of the two."}},
		{r.Privacy.On() && r.Privacy.Clip == "", Conflict{"privacy.clip", "Privacy needs the length to which each member's update is clipped.", "Begin with the usual length of an update, or 0.5."}},
		{r.Privacy.On() && r.Privacy.Delta == "", Conflict{"privacy.delta", "Privacy needs a δ.", "0.00001 is usual: well below one in the number of members."}},
		{r.Privacy.On() && r.Privacy.Ceiling == "", Conflict{"privacy.ceiling", "Privacy needs a ceiling of ε, at which a member is asked no more.", "10 is weak but measurable, 1 is strong."}},
	} {
		if u.wrong {
			list = append(list, u.Conflict)
		}
	}
	return list
}
