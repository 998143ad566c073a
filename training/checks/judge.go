package checks

import (
	"fmt"
	"math"
)

// looked are the findings for which somebody has to look at an update's numbers.
var looked = []struct {
	number int
	name   string
}{
	{2, Duplicate}, {2, Repeated}, {2, FreeRide}, {3, Norm}, {4, Layers}, {4, Rows}, {5, Direction}, {5, Course},
	{6, Cluster}, {7, KrumScore}, {8, RootSet}, {9, HeldOut}, {10, Triggers}, {11, Sparsity}, {13, Canaries},
}

// judge collects the findings on one update.
func (m *measured) judge(i int) Verdict {
	v := Verdict{Outcome: Pass, Scale: 1, Divisor: 1, Sketch: m.all[i].sketch}
	cluster := m.cluster(i)
	v.Findings = []Finding{
		door(), m.duplicate(i), m.repeated(i), m.freeRide(i), m.norm(i), m.layer(i), m.row(i), m.direction(i), m.course(i), cluster, m.score(i),
		{8, RootSet, "", "", NotRun, "no root set: the community has chosen no public text to compare with"},
		{9, HeldOut, "", "", NotRun, "not measured for single updates; the result of the round is, by members on their own text"},
		{10, Triggers, "", "", NotRun, "needs the battery of triggers, which moderators keep"},
		m.sparsity(i), m.share(i),
		{13, Canaries, "", "", NotRun, "needs the canaries of other members, which stay on their nodes"},
		m.noise(), m.filter(i),
	}
	for _, f := range v.Findings {
		if f.Outcome.severity() > v.Outcome.severity() {
			v.Outcome = f.Outcome
		}
		switch {
		case f.Name == Norm && f.Outcome == Clip:
			v.Scale = m.typical / m.norms[i]
		case f.Name == Cluster && f.Outcome == DownWeight:
			v.Divisor = int64(m.pairs.size[i])
		}
	}
	return v
}

// over gives the outcome of a value above its limit; a limit of 0 decides nothing.
func over(value, limit float64, then Outcome) Outcome {
	if limit > 0 && value > limit {
		return then
	}
	return Pass
}

// threshold of a limit in units of 1/per, "" where it decides nothing.
func threshold(limit int64, per float64) string {
	if limit == 0 {
		return ""
	}
	return decimal(float64(limit) / per)
}

// few is the finding where too few updates came to be compared.
func (m *measured) few(number int, name string) (Finding, bool) {
	n := len(m.Updates)
	if n >= max(2, m.Limits.Least) {
		return Finding{}, false
	}
	return Finding{number, name, "", "", NotRun, fmt.Sprintf("%d updates, too few to compare with each other: %d are wanted", n, m.Limits.Least)}, true
}

// door is check 1: what failed it was refused before it became an update.
func door() Finding {
	return Finding{1, Form, "", "", Pass, "header, length, finite numbers, base, epoch, nonce, signature and digest were checked at the door"}
}

// duplicate rejects every update but the first of those that are one.
func (m *measured) duplicate(i int) Finding {
	limit := float64(m.Limits.Duplicate) / 1e6
	f := Finding{2, Duplicate, "", threshold(m.Limits.Duplicate, 1e6), Pass, "largest cosine" + m.pairs.how + " with an update before it in the order of nodes"}
	if i > 0 {
		f.Value, f.Outcome = decimal(m.pairs.before[i]), over(m.pairs.before[i], limit, Reject)
	}
	if m.pairs.same[i] && limit > 0 {
		f.Outcome, f.Note = Reject, "the same bytes as an update before it in the order of nodes"
	}
	return f
}

func (m *measured) repeated(i int) Finding {
	u := m.Updates[i]
	f := Finding{2, Repeated, "", threshold(m.Limits.Duplicate, 1e6), Pass, "cosine of sketches with the node's update before"}
	switch {
	case !u.Earlier.IsZero() && u.Earlier == u.Digest:
		f.Value, f.Note = decimal(1), "the same bytes as the node's update before"
		f.Outcome = over(2, float64(m.Limits.Duplicate)/1e6, Reject)
	case u.Past == nil:
		f.Outcome, f.Note = NotRun, "the node's first update in this campaign"
	default:
		c := u.Past.Cosine(&m.all[i].sketch)
		f.Value, f.Outcome = decimal(c), over(c, float64(m.Limits.Duplicate)/1e6, Reject)
	}
	return f
}

func (m *measured) freeRide(i int) Finding {
	f := Finding{2, FreeRide, "", threshold(m.Limits.Duplicate, 1e6), Pass, "cosine of sketches with what the last round changed"}
	if m.Last == nil {
		f.Outcome, f.Note = NotRun, "no round of this campaign has changed anything yet"
		return f
	}
	c := m.Last.Cosine(&m.all[i].sketch)
	f.Value, f.Outcome = decimal(c), over(c, float64(m.Limits.Duplicate)/1e6, Reject)
	return f
}

// norm clips what is far longer than the cohort and holds what is nothing.
func (m *measured) norm(i int) Finding {
	f, few := m.few(3, Norm)
	if few && m.norms[i] > 0 {
		return f
	}
	f = Finding{3, Norm, decimal(m.normZ[i]), threshold(m.Limits.Norm, 1), Pass, "norm " + decimal(m.norms[i]) + ", in deviations from the median " + decimal(m.typical)}
	switch {
	case m.norms[i] == 0:
		f.Note, f.Outcome = "an update of zeros, as nobody sends who has trained", over(1, min(0.5, float64(m.Limits.Norm)), Hold)
	case m.typical > 0:
		f.Outcome = over(m.normZ[i], float64(m.Limits.Norm), Clip)
	}
	return f
}

func (m *measured) layer(i int) Finding {
	if f, few := m.few(4, Layers); few {
		return f
	}
	most, at := math.Inf(-1), 0
	for l, z := range m.layerZ {
		if z[i] > most {
			most, at = z[i], l
		}
	}
	return Finding{4, Layers, decimal(most), threshold(m.Limits.Rows, 1), over(most, float64(m.Limits.Rows), Hold), "share of " + m.Layers[at].Name + ", the layer furthest above the cohort"}
}

func (m *measured) row(i int) Finding {
	f, few := m.few(4, Rows)
	switch {
	case few:
		return f
	case len(m.rows) == 0:
		return Finding{4, Rows, "", "", NotRun, "the model has no embedding by name"}
	}
	most, at := 0.0, row{}
	for r, z := range m.all[i].rows {
		if z > most {
			most, at = z, m.rows[r]
		}
	}
	return Finding{4, Rows, decimal(most), threshold(m.Limits.Rows, 1), over(most, float64(m.Limits.Rows), Hold), fmt.Sprintf("row %d of %s, the one furthest above the cohort", at.number, m.Layers[at.layer].Name)}
}

// against gives the outcome of a cosine; too far below zero holds an update.
func (m *measured) against(c float64) (string, Outcome) {
	if m.Limits.Against == 0 {
		return "", Pass
	}
	limit := -float64(m.Limits.Against) / 1000
	if c < limit {
		return decimal(limit), Hold
	}
	return decimal(limit), Pass
}

func (m *measured) direction(i int) Finding {
	if f, few := m.few(5, Direction); few {
		return f
	}
	c := cosine(m.all[i].product, m.squares[i], m.middle)
	limit, outcome := m.against(c)
	return Finding{5, Direction, decimal(c), limit, outcome, "cosine with the median of each coordinate"}
}

func (m *measured) course(i int) Finding {
	past := m.Updates[i].Past
	if past == nil {
		return Finding{5, Course, "", "", NotRun, "the node's first update in this campaign"}
	}
	c := past.Cosine(&m.all[i].sketch)
	limit, outcome := m.against(c)
	return Finding{5, Course, decimal(c), limit, outcome, "cosine of sketches with the node's update before"}
}

// cluster tells of the updates of other members that point almost the same way
// (Fung et al. 2020, FoolsGold; Nguyen et al. 2022, FLAME): those that can be
// reached from this one over pairs above the limit. Where the community says
// so a cluster counts as one update.
func (m *measured) cluster(i int) Finding {
	most, size := m.pairs.other[i], m.pairs.size[i]
	f := Finding{6, Cluster, "", threshold(m.Limits.Cluster, 1000), Pass, "no update of another member"}
	if math.IsInf(most, -1) {
		return f
	}
	f.Value = decimal(most)
	f.Note = fmt.Sprintf("largest cosine%s with an update of another member; its cluster has %d", m.pairs.how, size)
	if m.Limits.Divide && size > 1 {
		f.Outcome = DownWeight
	}
	return f
}

// score reports Krum's score and decides nothing: the rule does, where the
// recipe has it.
func (m *measured) score(i int) Finding {
	switch n := len(m.Updates); {
	case n >= 3 && m.krum == nil:
		return Finding{7, KrumScore, "", "", NotRun, fmt.Sprintf("%d updates, too many of this size to measure the distances between all", n)}
	case m.krum == nil:
		return Finding{7, KrumScore, "", "", NotRun, fmt.Sprintf("%d updates, and Krum's score needs 3", n)}
	}
	return Finding{7, KrumScore, decimal(m.krum[i]), "", Pass, fmt.Sprintf("Krum’s score with %d hostile, over the median score; reported only", m.byzantine)}
}

func (m *measured) sparsity(i int) Finding {
	if f, few := m.few(11, Sparsity); few {
		return f
	}
	return Finding{11, Sparsity, decimal(m.sparseZ[i]), threshold(m.Limits.Sparse, 1), over(m.sparseZ[i], float64(m.Limits.Sparse), Hold), "share of the largest hundredth of the numbers " + decimal(m.sparse[i]) + ", in deviations from the median"}
}

// share is check 12: the cap has already lowered the weight.
func (m *measured) share(i int) Finding {
	u := m.Updates[i]
	f := Finding{12, Share, "", threshold(m.MaxShare, 1000), Pass, fmt.Sprintf("share of the round’s weight; %d examples count for %d", u.Examples, u.Weight)}
	if m.total > 0 {
		f.Value = decimal(float64(u.Weight) / float64(m.total))
	}
	if u.Weight < u.Examples {
		f.Outcome = DownWeight
	}
	return f
}

func (m *measured) noise() Finding {
	if m.Noise == "" {
		return Finding{14, Noise, "", "", NotRun, "the recipe adds no noise"}
	}
	return Finding{14, Noise, m.Noise, "", Pass, "multiplier of the noise that is added to the sum"}
}

func (m *measured) filter(i int) Finding {
	k := m.Updates[i].Filtered
	if k < 0 {
		return Finding{15, NodeFilter, "", "", NotRun, "the node has not said"}
	}
	return Finding{15, NodeFilter, whole(k), "", Pass, "records that the node’s own filter kept back, as it says"}
}
