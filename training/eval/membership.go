package eval

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Membership is how well the loss tells records that were trained on from
// their twins, which were set aside for ever when they came in.
type Membership struct {
	AUC       float64 // chance that a member has a lower loss than a twin, ties half; 0.5 tells nothing
	SE        float64 // of AUC when nothing is remembered
	Low, High float64 // 95 % interval, AUC ± 1.96 SE within 0 to 1
	P         float64 // two-sided, by the normal approximation
	Members   int
	Twins     int
}

// MembershipOf is the test of Mann and Whitney (1947) on the losses of members
// and twins. Its variance when nothing is remembered is (n+m+1)/(12nm), less
// what ties take away (Lehmann 1975, Section 1.4); with n = m it is the
// (2n+1)/(12n²) of the protocol.
func MembershipOf(members, twins []float64) (Membership, error) {
	n, m := len(members), len(twins)
	if n == 0 || m == 0 {
		return Membership{}, fmt.Errorf("membership: %d members and %d twins, want some of both", n, m)
	}
	if err := finite("membership", append(slices.Clone(members), twins...)...); err != nil {
		return Membership{}, err
	}
	type item struct {
		loss   float64
		member bool
	}
	items := make([]item, 0, n+m)
	for _, l := range members {
		items = append(items, item{l, true})
	}
	for _, l := range twins {
		items = append(items, item{l, false})
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.loss, b.loss) })
	// For each run of equal losses: its members beat all twins after it and
	// half of the twins in it.
	wins, tied, twinsLeft := 0.0, 0.0, m
	for i := 0; i < len(items); {
		j, in := i, 0
		for ; j < len(items) && items[j].loss == items[i].loss; j++ {
			if items[j].member {
				in++
			}
		}
		twinsIn := j - i - in
		twinsLeft -= twinsIn
		wins += float64(in) * (float64(twinsLeft) + float64(twinsIn)/2)
		t := float64(j - i)
		tied += t*t*t - t
		i = j
	}
	pairs, all := float64(n)*float64(m), float64(n+m)
	got := Membership{AUC: wins / pairs, Members: n, Twins: m, P: 1}
	got.SE = math.Sqrt((all + 1 - tied/(all*(all-1))) / (12 * pairs))
	got.Low, got.High = max(0, got.AUC-1.96*got.SE), min(1, got.AUC+1.96*got.SE)
	if got.SE > 0 {
		got.P = math.Erfc(math.Abs(got.AUC-0.5) / got.SE / math.Sqrt2)
	}
	return got, nil
}

// Interval is an estimate with its 95 % interval by the percentile bootstrap
// (Efron 1979).
type Interval struct{ Value, Low, High float64 }

// resamples of a bootstrap: enough for a steady second digit of a 95 % bound.
const resamples = 2000

// bootstrap fills in the interval around value from resampled statistics. The
// generator is PCG with the given seed, so that equal input gives equal bounds.
func bootstrap(seed uint64, value float64, statistic func(draw func(n int) int) float64) Interval {
	r := rand.New(rand.NewPCG(seed, 0x416c7468696e67)) // the second word is a constant of this package
	stats := make([]float64, resamples)
	for i := range stats {
		stats[i] = statistic(r.IntN)
	}
	slices.Sort(stats)
	return Interval{value, stats[resamples*25/1000], stats[resamples*975/1000-1]}
}

// Gap returns mean loss of twins minus mean loss of members: 0 when nothing is
// remembered, positive when members are known too well, negative when they
// were over-unlearned. Unlike a comparison with another model it is not
// disturbed by how long either was trained.
func Gap(members, twins []float64, seed uint64) (Interval, error) {
	if len(members) == 0 || len(twins) == 0 {
		return Interval{}, fmt.Errorf("gap: %d members and %d twins, want some of both", len(members), len(twins))
	}
	if err := finite("gap", append(slices.Clone(members), twins...)...); err != nil {
		return Interval{}, err
	}
	resampled := func(v []float64, draw func(int) int) float64 {
		sum := 0.0
		for range v {
			sum += v[draw(len(v))]
		}
		return sum / float64(len(v))
	}
	return bootstrap(seed, mean(twins)-mean(members), func(draw func(int) int) float64 {
		a := resampled(twins, draw)
		return a - resampled(members, draw)
	}), nil
}

// mean returns the mean of v, which is not empty.
func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// Change returns the relative change of the loss from one version to another
// on the same documents: Σ after / Σ before - 1, so 0.02 is two per cent worse.
// Before and after hold the loss in nats of each document; bytes cancel, so it
// is also the change in bits per byte. Documents are resampled in pairs.
func Change(before, after []float64, seed uint64) (Interval, error) {
	if len(before) == 0 || len(before) != len(after) {
		return Interval{}, fmt.Errorf("change: %d losses before, %d after, want as many and some", len(before), len(after))
	}
	if err := finite("change", append(slices.Clone(before), after...)...); err != nil {
		return Interval{}, err
	}
	for i, b := range before {
		if b <= 0 || after[i] < 0 {
			return Interval{}, fmt.Errorf("change: document %d has losses %g and %g, want positive", i, b, after[i])
		}
	}
	return bootstrap(seed, mean(after)/mean(before)-1, func(draw func(int) int) float64 {
		a, b := 0.0, 0.0
		for range before {
			i := draw(len(before))
			a += after[i]
			b += before[i]
		}
		return a/b - 1
	}), nil
}
