package checks

import (
	"math"

	"codeberg.org/althing/althing/training/robust"
)

// pairs is what all pairs of updates tell of each.
type pairs struct {
	how    string    // "" where every number was compared, else " of sketches"
	before []float64 // largest cosine with an update before it in the order of nodes; −∞ for none
	same   []bool    // it has the bytes of an update before it
	other  []float64 // largest cosine with an update of another member; −∞ for none
	size   []int     // of its cluster: updates that can be reached over pairs of different members above the limit
}

// comparePairs looks at every pair once. Without products of the updates it
// takes those of their sketches, which are exact: 1,024 products of integers
// below 2^20, and sums that no sketch's length lets grow above 2^41.
func (m *measured) comparePairs(products *robust.Products) error {
	n := len(m.all)
	p := &m.pairs
	if products == nil {
		p.how = " of sketches"
		products = robust.NewProducts(n)
		rows := make([][]float32, n)
		for i, o := range m.all {
			rows[i] = make([]float32, Places)
			for k, v := range o.sketch {
				rows[i][k] = float32(v)
			}
		}
		if err := products.Add(rows); err != nil {
			return err
		}
	}
	p.before, p.other = make([]float64, n), make([]float64, n)
	p.same, p.size = make([]bool, n), make([]int, n)
	first := make([]int, n) // towards the first update of its cluster
	for i := range n {
		first[i], p.before[i], p.other[i] = i, math.Inf(-1), math.Inf(-1)
	}
	root := func(i int) int {
		for first[i] != i {
			first[i] = first[first[i]]
			i = first[i]
		}
		return i
	}
	limit := float64(m.Limits.Cluster) / 1000
	length := make([]float64, n)
	for i := range n {
		length[i] = math.Sqrt(products.At(i, i))
	}
	for i := range n {
		for j := range i {
			c := 0.0
			if length[i] > 0 && length[j] > 0 {
				c = min(1, max(-1, products.At(i, j)/float64(length[i]*length[j])))
			}
			if m.Updates[i].Owner != m.Updates[j].Owner {
				p.other[i], p.other[j] = max(p.other[i], c), max(p.other[j], c)
				if limit > 0 && c > limit {
					a, b := root(i), root(j)
					first[max(a, b)] = min(a, b)
				}
			}
			if m.Updates[i].Digest == m.Updates[j].Digest {
				c, p.same[i] = 1, true
			}
			p.before[i] = max(p.before[i], c)
		}
	}
	for i := range n {
		p.size[root(i)]++
	}
	for i := range n {
		p.size[i] = p.size[root(i)]
	}
	return nil
}
