package dp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Epsilon is ε in thousandths, rounded up: the form in which it is shown,
// compared and written into entries of the log, which hold no floats.
type Epsilon int64

// Unlimited is beyond every ε that can be shown.
const Unlimited Epsilon = math.MaxInt64

// UpOf rounds ε up to thousandths. The few units that float64 may have lost on
// the way are added first, so what is shown is never less than what was spent.
func UpOf(epsilon float64) Epsilon {
	up := math.Ceil(float64(epsilon*(1+1e-9)) * 1000)
	switch {
	case epsilon <= 0:
		return 0
	case !(up < 1e15):
		return Unlimited
	}
	return Epsilon(up)
}

// String returns a decimal number with three digits after the point, or
// "unlimited".
func (e Epsilon) String() string {
	if e == Unlimited {
		return "unlimited"
	}
	return fmt.Sprintf("%d.%03d", int64(e)/1000, int64(e)%1000)
}

// ParseEpsilon reads a ceiling from a recipe: a decimal number of at most
// three digits after the point, from 0.001 to 1,000,000.
func ParseEpsilon(s string) (Epsilon, error) {
	whole, part, _ := strings.Cut(s, ".")
	w, err := strconv.ParseUint(whole, 10, 32)
	f, err2 := strconv.ParseUint((part + "000")[:3], 10, 32)
	e := Epsilon(w*1000 + f)
	if err != nil || err2 != nil || len(part) > 3 || strings.HasSuffix(s, ".") || e < 1 || e > 1e9 {
		return 0, fmt.Errorf("ceiling %q: want a decimal number of at most three places, from 0.001 to 1000000", s)
	}
	return e, nil
}

// Ceiling is what a community voted: no member spends more than Epsilon for
// this Delta in a campaign.
type Ceiling struct {
	Epsilon Epsilon
	Delta   float64 // far less than one over the number of members
}

// Check reports a ceiling that promises nothing.
func (c Ceiling) Check() error {
	if c.Epsilon < 1 || !(c.Delta >= 1e-15 && c.Delta < 0.01) {
		return fmt.Errorf("ceiling: ε %v for δ %g: want ε above 0 and δ from 1e-15 to below 0.01", c.Epsilon, c.Delta)
	}
	return nil
}

// Spent returns what a member has spent, as pages show it.
func (c Ceiling) Spent(a Account) Epsilon {
	epsilon, _ := a.Improved(c.Delta)
	return UpOf(epsilon)
}

// Left returns the ceiling less what was spent, at least 0.
func (c Ceiling) Left(a Account) Epsilon { return max(0, c.Epsilon-c.Spent(a)) }

// Allows reports whether a member may take part in next as well. Dispatch asks
// before it assigns, with rounds that are still under way in the account: a
// sum that was published cannot be taken back. Because it stops each member by
// what was accounted beforehand, the bound holds although members come and go
// as they like (Feldman and Zrnic 2021 call this an individual filter).
func (c Ceiling) Allows(a Account, next Rounds) bool {
	return a.Add(next) == nil && c.Check() == nil && c.Spent(a) <= c.Epsilon
}

// RoundsLeft returns how many more rounds like one are allowed, at most limit.
func (c Ceiling) RoundsLeft(a Account, one Rounds, limit int) int {
	low, high := 0, limit // low is allowed; what is spent grows with the count
	for low < high {
		mid := low + (high-low+1)/2
		if c.Allows(a, Rounds{one.Rate, one.Noise, mid}) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
