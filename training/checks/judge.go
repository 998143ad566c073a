package checks

import (
	"fmt"
	"math"

	"codeberg.org/althing/althing/training/robust"
)

// looked are the findings for which somebody has to look at an update's numbers.
var looked = []struct {
	number int
	name   string
}{
	{2, Duplicate}, {2, Repeated}, {2, FreeRide}, {3, Norm}, {4, Layers}, {4, Rows}, {5, Direction}, {5, Course},
	{6, Cluster}, {7, KrumScore}, {8, RootSet}, {9, HeldOut}, {10, Triggers}, {11, Sparsity}, {13, Canaries},
}

// compare makes scores of what was measured.
func (m *measured) compare() error {
	n := len(m.Updates)
	m.normZ = scores(m.norms, floorNorm*median(m.norms))
	m.sparseZ = scores(m.sparse, floorShare)
	for _, squares := range m.layers {
		part := make([]float64, n)
		for i, s := range squares {
			if m.squares[i] > 0 {
				part[i] = s / m.squares[i]
			}
		}
		m.layerZ = append(m.layerZ, scores(part, floorShare))
	}
	m.byzantine = m.Byzantine
	if m.byzantine == 0 || n < 2*m.byzantine+3 {
		m.byzantine = (n - 3) / 2
	}
	if n < 3 {
		return nil
	}
	list, err := robust.Scores(m.distances, m.byzantine)
	if err != nil {
		return err
	}
	middle := median(list)
	for _, s := range list {
		if middle > 0 {
			s /= middle
		}
		m.krum = append(m.krum, s)
	}
	return nil
}

// judge collects the findings on one update.
func (m *measured) judge(i int) Verdict {
	v := Verdict{Outcome: Pass, Scale: 1, Divisor: 1, Sketch: m.sketches[i]}
	cluster, size := m.cluster(i)
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
			v.Scale = median(m.norms) / m.norms[i]
		case f.Name == Cluster && f.Outcome == DownWeight:
			v.Divisor = int64(size)
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

// between is the cosine of two updates.
func (m *measured) between(i, j int) float64 {
	return cosine((m.squares[i]+m.squares[j]-m.distances.At(i, j))/2, m.squares[i], m.squares[j])
}

// duplicate rejects every update but the first of those that are one.
func (m *measured) duplicate(i int) Finding {
	limit := float64(m.Limits.Duplicate) / 1e6
	f := Finding{2, Duplicate, "", threshold(m.Limits.Duplicate, 1e6), Pass, "largest cosine with an update before it in the order of nodes"}
	most := math.Inf(-1)
	for j := range i {
		same := m.Updates[i].Digest == m.Updates[j].Digest
		c := m.between(i, j)
		if same {
			c = 1
		}
		most = max(most, c)
		if limit > 0 && same {
			f.Outcome, f.Note = Reject, "the same bytes as an update before it in the order of nodes"
		}
	}
	if i > 0 {
		f.Value = decimal(most)
		if f.Outcome == Pass {
			f.Outcome = over(most, limit, Reject)
		}
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
		c := u.Past.Cosine(&m.sketches[i])
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
	c := m.Last.Cosine(&m.sketches[i])
	f.Value, f.Outcome = decimal(c), over(c, float64(m.Limits.Duplicate)/1e6, Reject)
	return f
}

// norm clips what is far longer than the cohort and holds what is nothing.
func (m *measured) norm(i int) Finding {
	f, few := m.few(3, Norm)
	if few && m.norms[i] > 0 {
		return f
	}
	f = Finding{3, Norm, decimal(m.normZ[i]), threshold(m.Limits.Norm, 1), Pass, "norm " + decimal(m.norms[i]) + ", in deviations from the median " + decimal(median(m.norms))}
	switch {
	case m.norms[i] == 0:
		f.Note, f.Outcome = "an update of zeros, as nobody sends who has trained", over(1, min(0.5, float64(m.Limits.Norm)), Hold)
	case median(m.norms) > 0:
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
	rows := false
	for _, l := range m.Layers {
		rows = rows || l.Cols > 0
	}
	switch {
	case few:
		return f
	case !rows:
		return Finding{4, Rows, "", "", NotRun, "the model has no embedding by name"}
	}
	at := m.rowAt[i]
	return Finding{4, Rows, decimal(m.rowScore[i]), threshold(m.Limits.Rows, 1), over(m.rowScore[i], float64(m.Limits.Rows), Hold), fmt.Sprintf("row %d of %s, the one furthest above the cohort", at.number, m.Layers[at.layer].Name)}
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
	c := cosine(m.product[i], m.squares[i], m.middle)
	limit, outcome := m.against(c)
	return Finding{5, Direction, decimal(c), limit, outcome, "cosine with the median of each coordinate"}
}

func (m *measured) course(i int) Finding {
	past := m.Updates[i].Past
	if past == nil {
		return Finding{5, Course, "", "", NotRun, "the node's first update in this campaign"}
	}
	c := past.Cosine(&m.sketches[i])
	limit, outcome := m.against(c)
	return Finding{5, Course, decimal(c), limit, outcome, "cosine of sketches with the node's update before"}
}

// cluster finds the updates of other members that point almost the same way
// (Fung et al. 2020, FoolsGold; Nguyen et al. 2022, FLAME): those that can be
// reached from this one over pairs above the limit. Where the community says
// so a cluster counts as one update.
func (m *measured) cluster(i int) (Finding, int) {
	limit := float64(m.Limits.Cluster) / 1000
	n, most := len(m.Updates), math.Inf(-1)
	for j := range n {
		if m.Updates[j].Owner != m.Updates[i].Owner {
			most = max(most, m.between(i, j))
		}
	}
	f := Finding{6, Cluster, "", threshold(m.Limits.Cluster, 1000), Pass, "no update of another member"}
	if math.IsInf(most, -1) {
		return f, 1
	}
	reached, queue := map[int]bool{i: true}, []int{i}
	for len(queue) > 0 && limit > 0 {
		k := queue[0]
		queue = queue[1:]
		for j := range n {
			if !reached[j] && m.Updates[j].Owner != m.Updates[k].Owner && m.between(k, j) > limit {
				reached[j], queue = true, append(queue, j)
			}
		}
	}
	f.Value = decimal(most)
	f.Note = fmt.Sprintf("largest cosine with an update of another member; its cluster has %d", len(reached))
	if m.Limits.Divide && len(reached) > 1 {
		f.Outcome = DownWeight
	}
	return f, len(reached)
}

// score reports Krum's score and decides nothing: the rule does, where the
// recipe has it.
func (m *measured) score(i int) Finding {
	if m.krum == nil {
		return Finding{7, KrumScore, "", "", NotRun, fmt.Sprintf("%d updates, and Krum's score needs 3", len(m.Updates))}
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
	total := int64(0)
	for _, u := range m.Updates {
		total += u.Weight
	}
	u := m.Updates[i]
	f := Finding{12, Share, "", threshold(m.MaxShare, 1000), Pass, fmt.Sprintf("share of the round’s weight; %d examples count for %d", u.Examples, u.Weight)}
	if total > 0 {
		f.Value = decimal(float64(u.Weight) / float64(total))
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
