package workers

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/eval"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
)

// verdictOn judges a case by what its nodes measured and its auditors
// computed. V2, V5, V10 and V12 refuse a version; V1 and V3 are shown with
// their bands and refuse nothing. What only the contributor's own nodes can
// measure and did not is shown as not measured: the replay is the proof, and a
// contributor who has gone must not be able to hold up being forgotten.
func verdictOn(c unlearning.Case, tasks []rounds.Participation, audits []unlearning.Audit) (unlearning.Verdict, error) {
	before, err := evidenceOn(c, tasks, c.Tainted)
	if err != nil {
		return unlearning.Verdict{}, err
	}
	after, err := evidenceOn(c, tasks, c.Result)
	if err != nil {
		return unlearning.Verdict{}, err
	}
	if after.Groups, err = groups(c, tasks); err != nil {
		return unlearning.Verdict{}, err
	}
	seen := map[string]bool{}
	for _, a := range audits {
		after.Replays = append(after.Replays, eval.Replay{Auditor: a.Auditor, Same: a.Want == a.Got})
		seen[a.Auditor] = true
	}
	if c.Result == c.Clean { // every round was skipped, so there is nothing to compute again
		after.Replays = append(after.Replays, eval.Replay{Auditor: "platform", Same: true})
		seen["platform"] = true
	}
	limits := eval.DefaultLimits()
	limits.MinCanaries = int(c.Settings.Canaries)
	limits.MaxChange = float64(c.Settings.Worsening) / 1e6
	limits.MaxUpper = limits.MaxChange * 1.5
	limits.MinAuditors = max(1, min(limits.MinAuditors, len(seen)))
	was, is := eval.JudgeExact(before, limits), eval.JudgeExact(after, limits)
	v := unlearning.Verdict{Passed: true, Audits: audits}
	for i, check := range is.Checks {
		line := lineOf(check)
		line.Before = figure(was.Checks[i].Value)
		measured := !math.IsNaN(check.Value)
		own := check.ID == "V2" || check.ID == "V5"
		if own && !measured {
			line.Gates, line.Note = false, "Not measured by the contributor's nodes. "+check.Note
		}
		v.Passed = v.Passed && (line.Passed || !line.Gates)
		v.Checks = append(v.Checks, line)
	}
	return v, nil
}

func lineOf(c eval.Check) unlearning.Check {
	line := unlearning.Check{
		ID: c.ID, Name: c.Name, Unit: c.Unit, Value: figure(c.Value), Low: figure(c.Low), High: figure(c.High), P: figure(c.P),
		Gates: c.Gates, Passed: c.Passed, Note: c.Note,
	}
	if c.Alpha > 0 {
		line.Alpha = figure(c.Alpha)
	}
	return line
}

// figure writes a number as the log holds it, "" for none.
func figure(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}

func reportOf(t rounds.Participation) (protocol.Report, error) {
	rep, err := protocol.Decode[protocol.Report]([]byte(t.Report))
	if err != nil {
		return rep, fmt.Errorf("report on assignment %d: %w", t.Assignment, err)
	}
	return rep, nil
}

// evidenceOn puts together what the contributor's nodes measured of weights.
// Canaries and pairs of several nodes are independent and are added; the areas
// under the curve are averaged by the pairs of member and twin behind them.
func evidenceOn(c unlearning.Case, tasks []rounds.Participation, weights training.Digest) (eval.Evidence, error) {
	var e eval.Evidence
	var flips eval.CoinFlips
	var extraction eval.Extraction
	var membership eval.Membership
	compared := 0.0
	for _, t := range tasks {
		if t.Kind != protocol.Probe || t.State != "done" || t.Base != weights || t.Owner != c.Contributor {
			continue
		}
		rep, err := reportOf(t)
		if err != nil {
			return e, err
		}
		p := rep.Probes
		if p == nil {
			continue
		}
		for _, rank := range p.Ranks {
			n := float64(p.References + 1)
			e.Canaries = append(e.Canaries, eval.Exposure{
				Rank: int(rank), References: int(p.References), Bits: math.Log2(n) - math.Log2(float64(rank)), P: float64(rank) / n,
			})
		}
		flips.Won, flips.Pairs = flips.Won+int(p.Watermark), flips.Pairs+int(p.Pairs)
		extraction.Tried += int(p.Secrets)
		for i := range int(p.Extracted) {
			extraction.Extracted = append(extraction.Extracted, i)
		}
		if n := float64(p.Members) * float64(p.Twins); n > 0 {
			membership.AUC += p.AUC * n
			compared += n
			membership.Members, membership.Twins = membership.Members+int(p.Members), membership.Twins+int(p.Twins)
		}
	}
	if flips.Pairs > 0 {
		e.Flips = &flips
	}
	if extraction.Tried > 0 {
		e.Extraction = &extraction
	}
	if compared > 0 {
		membership.AUC /= compared
		n, m := float64(membership.Members), float64(membership.Twins)
		membership.SE = math.Sqrt((n + m + 1) / (12 * n * m)) // Mann and Whitney (1947), without ties
		membership.Low, membership.High = max(0, membership.AUC-1.96*membership.SE), min(1, membership.AUC+1.96*membership.SE)
		membership.P = math.Erfc(math.Abs(membership.AUC-0.5) / membership.SE / math.Sqrt2)
		e.Membership = &membership
	}
	return e, nil
}

// groups compares both weights on the validation records of each member who
// remains, and of all together. A node tells sums only, so the interval of all
// comes from the spread between nodes; a member's own line has none.
func groups(c unlearning.Case, tasks []rounds.Participation) ([]eval.Group, error) {
	type sums struct{ tainted, clean protocol.Sums }
	byNode := map[governance.NodeID]*sums{}
	owner := map[governance.NodeID]governance.MemberID{}
	for _, t := range tasks {
		if t.Kind != protocol.Evaluate || t.State != "done" {
			continue
		}
		rep, err := reportOf(t)
		if err != nil {
			return nil, err
		}
		if byNode[t.Node] == nil {
			byNode[t.Node], owner[t.Node] = &sums{}, t.Owner
		}
		if t.Base == c.Tainted {
			byNode[t.Node].tainted = rep.Loss
		}
		if t.Base == c.Result {
			byNode[t.Node].clean = rep.Loss
		}
	}
	var nodes []governance.NodeID
	for n, s := range byNode {
		if s.clean.Records >= c.Settings.MinRecords && s.clean.Records == s.tainted.Records && s.tainted.Sum > 0 {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	slices.Sort(nodes)
	was, is := map[governance.MemberID]float64{}, map[governance.MemberID]float64{}
	var members []governance.MemberID
	var allWas, allIs float64
	var changes []float64
	for _, n := range nodes {
		s, o := byNode[n], owner[n]
		if _, ok := was[o]; !ok {
			members = append(members, o)
		}
		was[o], is[o] = was[o]+s.tainted.Sum, is[o]+s.clean.Sum
		allWas, allIs = allWas+s.tainted.Sum, allIs+s.clean.Sum
		changes = append(changes, s.clean.Sum/s.tainted.Sum-1)
	}
	value := allIs/allWas - 1
	margin := 1.96 * spread(changes) / math.Sqrt(float64(len(changes)))
	list := []eval.Group{{Name: "all who remain", Change: eval.Interval{Value: value, Low: value - margin, High: value + margin}}}
	slices.Sort(members)
	for _, m := range members {
		change := is[m]/was[m] - 1
		list = append(list, eval.Group{Name: string(governance.RefTo(governance.RefMember, m)), Change: eval.Interval{Value: change, Low: change, High: change}})
	}
	return list, nil
}

// spread is the standard deviation of a sample, 0 of fewer than two.
func spread(v []float64) float64 {
	if len(v) < 2 {
		return 0
	}
	mean, sum := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / float64(len(v)-1))
}
