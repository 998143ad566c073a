package selection

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"codeberg.org/althing/althing/training/tensor"
)

// phases returns how the rule's method fills seats; the last one is the fair
// order, in which floors are held too, so that floors starve nobody.
func (d *draft) phases(seed [32]byte, round int, able []int) []phase {
	asked := d.rule.Asked()
	lots := byLot(seed, d.all, able)
	if d.rule.Method == Uniform {
		return []phase{{lots, asked, ByLot}}
	}
	waited := slices.Clone(lots)
	slices.SortStableFunc(waited, func(a, b int) int { return cmp.Compare(d.all[a].LastRound, d.all[b].LastRound) })
	explore := d.rule.Explore
	if d.rule.Method == Oort {
		explore = max(explore, Exploration(round))
	}
	exploit := asked - (asked*explore+999)/1000
	var preferred phase
	switch d.rule.Method {
	case Oort:
		preferred = phase{d.oort(seed, round, lots, exploit), exploit, MostUtility}
	case Nearest:
		preferred = phase{d.near(lots), exploit, Near}
	case Losses:
		preferred = phase{d.losses(lots, exploit), exploit, HighLoss}
	}
	return []phase{preferred, {waited, asked, WaitedLong}}
}

// Exploration returns Oort's ε in a round, in thousandths: 0.9, times 0.98
// each round, at least 0.2 (Lai et al. 2021, Section 6).
func Exploration(round int) int {
	const least = 200_000
	millionths := 900_000
	for i := 1; i < round && millionths > least; i++ {
		millionths = millionths * 98 / 100
	}
	return max(millionths, least) / 1000
}

// near sorts by powers of two of ten milliseconds and within one by lot, so
// that a millisecond more or less decides nothing. Who was not measured is
// farthest.
func (d *draft) near(lots []int) []int {
	band := func(i int) int {
		if d.all[i].RoundTrip == 0 {
			return 64
		}
		return bits.Len64(uint64(d.all[i].RoundTrip) / 10)
	}
	order := slices.Clone(lots)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(band(a), band(b)) })
	return order
}

// losses is power-of-choice (Cho, Wang, Joshi 2020): of Pool·seats drawn by
// lot, those with the highest loss first. A loss counts up to the cap; who has
// none yet counts as the median.
func (d *draft) losses(lots []int, seats int) []int {
	var known []float64
	for _, i := range lots {
		if l := d.all[i].Loss; l > 0 {
			known = append(known, float64(l))
		}
	}
	limit, median := belief(known)
	loss := func(i int) float64 {
		if d.all[i].Loss == 0 {
			return median
		}
		return min(limit, float64(d.all[i].Loss))
	}
	pool := slices.Clone(lots[:min(len(lots), d.rule.Pool*seats)])
	slices.SortStableFunc(pool, func(a, b int) int { return cmp.Compare(loss(b), loss(a)) })
	return pool
}

// belief returns up to what claims count, and their median: the lower of the
// 95th percentile and twice the median. Of an even number the median is the
// lower one.
func belief(claims []float64) (limit, median float64) {
	if len(claims) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(claims))
	median = sorted[(len(sorted)-1)/2]
	return min(sorted[(len(sorted)-1)*95/100], 2*median), median
}

// oort orders those who have taken part by Lai et al. (2021, Algorithm 1):
//
//	U = |B|·√(mean loss²) / limit, cut at 1
//	U += √(0.1·ln R / L)            L the node's last round: who waited is uncertain
//	U *= (T/t)²  if t > T           who is slower than the patience
//
// Those within 95 % of the utility of the last seat are drawn with chances in
// proportion to U (the lowest −ln(u)/U, Efraimidis and Spirakis 2006), the
// others follow by U. The logarithms and roots are the same on every processor.
func (d *draft) oort(seed [32]byte, round int, lots []int, seats int) []int {
	var tried []int
	var claims []float64
	for _, i := range lots {
		if c := d.all[i]; c.LastRound > 0 && c.Examples > 0 && c.Loss > 0 {
			tried = append(tried, i)
			claims = append(claims, float64(c.Examples)*float64(c.Loss))
		}
	}
	if seats == 0 || len(tried) == 0 {
		return nil
	}
	limit, _ := belief(claims)
	utility, key := make(map[int]float64, len(tried)), make(map[int]float64, len(tried))
	for k, i := range tried {
		c := d.all[i]
		u := min(1, claims[k]/limit) + math.Sqrt(float64(0.1*tensor.Log64(float64(round)))/float64(c.LastRound))
		if t := d.rule.Patience; t > 0 && c.Duration > t {
			ratio := float64(t) / float64(c.Duration)
			u *= float64(ratio * ratio)
		}
		hash := labelled("althing oort v1\n", seed, c.Node)
		chance := (float64(binary.BigEndian.Uint64(hash[:])>>11) + 0.5) * 0x1p-53
		utility[i], key[i] = u, -tensor.Log64(chance)/u
	}
	slices.SortStableFunc(tried, func(a, b int) int { return cmp.Compare(utility[b], utility[a]) })
	cut := float64(0.95 * utility[tried[min(seats, len(tried))-1]])
	admitted := 0
	for admitted < len(tried) && utility[tried[admitted]] >= cut {
		admitted++
	}
	slices.SortStableFunc(tried[:admitted], func(a, b int) int { return cmp.Compare(key[a], key[b]) })
	return tried
}
