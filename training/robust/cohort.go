package robust

import (
	"errors"
	"fmt"
	"slices"

	"codeberg.org/althing/althing/training/fedavg"
)

// Block is the number of coordinates whose squared differences are summed
// before they join the sum of the distance (package comment). Ranges of a
// cohort are cut at its multiples.
const Block = 1024

// ErrTooFew says that a cohort is too small to bear the bad updates that a rule
// was asked to bear.
var ErrTooFew = errors.New("too few updates")

// Cohort is the updates of a round, in ascending order of node id.
type Cohort interface {
	// Size returns the number of updates and of parameters in each.
	Size() (n, dim int)
	// Each calls visit for ranges of coordinates that follow each other from
	// 0 to dim. part holds the n updates within the range that begins at from;
	// every range but the last has a multiple of Block coordinates. visit
	// neither changes nor keeps part. Each ends with the first error, and a
	// rule may call it again for the same values.
	Each(visit func(from int, part [][]float32) error) error
}

// Memory returns updates that are in memory as a cohort. They must not change
// while a rule reads them.
func Memory(updates [][]float32) Cohort { return memory(updates) }

type memory [][]float32

// inCache is how many numbers memory hands out at a time: a megabyte, which
// stays in the middle cache while a rule works on it.
const inCache = 256 * Block

func (m memory) Size() (n, dim int) {
	if len(m) == 0 {
		return 0, 0
	}
	return len(m), len(m[0])
}

func (m memory) Each(visit func(from int, part [][]float32) error) error {
	_, dim := m.Size()
	for i, u := range m {
		if len(u) != dim {
			return fmt.Errorf("update %d has %d parameters, the first has %d", i, len(u), dim)
		}
	}
	part := make([][]float32, len(m))
	span := max(1, min(64, inCache/Block/max(1, len(m)))) * Block
	for from := 0; from < dim; from += span {
		to := min(from+span, dim)
		for i, u := range m {
			part[i] = u[from:to]
		}
		if err := visit(from, part); err != nil {
			return err
		}
	}
	return nil
}

// Scaled returns the updates of a cohort multiplied by a factor each, rounded
// to float32: norm clipping in front of a rule, with factors from
// fedavg.ClipFactor. A factor of 1 leaves an update as it is.
func Scaled(c Cohort, factors []float64) (Cohort, error) {
	n, _ := c.Size()
	if len(factors) != n {
		return nil, fmt.Errorf("scale %d updates: %d factors", n, len(factors))
	}
	for i, f := range factors {
		if !(f >= 0 && f <= 1) {
			return nil, fmt.Errorf("scale update %d: factor %v, want 0 to 1", i, f)
		}
	}
	return scaled{c, factors}, nil
}

type scaled struct {
	Cohort
	factors []float64
}

func (s scaled) Each(visit func(from int, part [][]float32) error) error {
	own := make([][]float32, len(s.factors))
	return s.Cohort.Each(func(from int, part [][]float32) error {
		out := make([][]float32, len(part))
		fedavg.Split(len(part), 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				f, u := s.factors[i], part[i]
				if f == 1 {
					out[i] = u
					continue
				}
				own[i] = room(own[i], len(u))
				for j, v := range u {
					own[i][j] = float32(f * float64(v))
				}
				out[i] = own[i]
			}
		})
		return visit(from, out)
	})
}

// room returns a slice of n values, v itself when it is long enough.
func room(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}

// Walk calls visit for the ranges of a cohort and insists on what Cohort
// promises. It does not look at the values.
func Walk(c Cohort, visit func(from int, part [][]float32) error) error {
	n, dim := c.Size()
	if n == 0 {
		return fedavg.ErrEmpty
	}
	next := 0
	err := c.Each(func(from int, part [][]float32) error {
		if from != next || len(part) != n {
			return fmt.Errorf("cohort of %d updates gave %d at coordinate %d, want all at %d", n, len(part), from, next)
		}
		length := len(part[0])
		next += length
		if length == 0 || next > dim || next < dim && length%Block != 0 {
			return fmt.Errorf("cohort of %d parameters gave %d at coordinate %d, want a multiple of %d", dim, length, from, Block)
		}
		for i, u := range part {
			if len(u) != length {
				return fmt.Errorf("update %d gave %d coordinates, the first %d", i, len(u), length)
			}
		}
		return visit(from, part)
	})
	if err == nil && next != dim {
		err = fmt.Errorf("cohort ended at coordinate %d of %d", next, dim)
	}
	return err
}

// walk is Walk, and insists that every value is finite.
func walk(c Cohort, visit func(from int, part [][]float32) error) error {
	return Walk(c, func(from int, part [][]float32) error {
		odd := make([]bool, len(part))
		fedavg.Split(len(part), 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				odd[i] = !fedavg.Finite(part[i])
			}
		})
		if i := slices.Index(odd, true); i >= 0 {
			return fmt.Errorf("update %d: %w", i, fedavg.ErrNotFinite)
		}
		return visit(from, part)
	})
}

// check refuses what no rule can work with.
func check(c Cohort, dst []float32, need int, rule string, f int) error {
	n, dim := c.Size()
	if f < 0 {
		return fmt.Errorf("%s: %d bad updates", rule, f)
	}
	if n < need {
		return fmt.Errorf("%s with %d bad of %d updates: %w, want at least %d", rule, f, n, ErrTooFew, need)
	}
	if dim != len(dst) {
		return fmt.Errorf("%s: %d places for %d parameters", rule, len(dst), dim)
	}
	return nil
}
