package dp

import (
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
)

// coins makes exact random choices from a stream of random words. Nothing in
// it is a float.
type coins struct{ source *rand.ChaCha8 }

// below returns a uniform whole number in [0, n): the upper word of a product,
// drawn again where that would favour some (Lemire 2019).
func (c coins) below(n uint64) uint64 {
	high, low := bits.Mul64(c.source.Uint64(), n)
	if low < n {
		for edge := -n % n; low < edge; {
			high, low = bits.Mul64(c.source.Uint64(), n)
		}
	}
	return high
}

// share is true with the chance a/b, a ≤ b: the binary digits of a/b are
// compared with random ones, 64 at a time, until they differ.
func (c coins) share(a, b uint64) bool {
	for {
		if a >= b {
			return true
		}
		digits, rest := bits.Div64(a, 0, b)
		if word := c.source.Uint64(); word != digits {
			return word < digits
		}
		a = rest
	}
}

// exponential is true with the chance exp(−a/b), for b < 2⁵⁶ (Canonne, Kamath,
// Steinke 2020, Algorithm 1). For a ≤ b: how many shares a/(b·k), k = 1, 2, …
// succeed in a row is even with just that chance.
func (c coins) exponential(a, b uint64) bool {
	for ; a > b; a -= b {
		if !c.exponential(1, 1) {
			return false
		}
	}
	k := uint64(1)
	for c.share(a, b*k) {
		k++
	}
	return k&1 == 1
}

// laplace returns y with a chance in proportion to exp(−|y|/t) (Algorithm 2).
func (c coins) laplace(t uint64) int64 {
	for {
		rest := c.below(t)
		if !c.exponential(rest, t) {
			continue
		}
		whole := uint64(0)
		for c.exponential(1, 1) {
			whole++
		}
		y := int64(rest + t*whole)
		if negative := c.source.Uint64()>>63 == 1; !negative {
			return y
		} else if y != 0 {
			return -y
		}
	}
}

// gaussian returns y with a chance in proportion to exp(−y²/(2σ²)), the
// discrete Gaussian, for 1 ≤ σ ≤ 2²⁰ (Algorithm 3 with t = σ, which makes the
// accepting chance exp(−(|y|−σ)²/(2σ²)) a fraction of small whole numbers).
func (c coins) gaussian(sigma uint64) int64 {
	for {
		y := c.laplace(sigma)
		off := max(y, -y) - int64(sigma) // |y| > 2³¹ has a chance of exp(−2¹¹)
		if off < 1<<31 && c.exponential(uint64(off*off), 2*sigma*sigma) {
			return y
		}
	}
}

// stripe is how many parameters share one stream. Streams are seeded in order,
// so the noise of given random bytes does not depend on processors.
const stripe = 1 << 14

// addNoise adds independent discrete Gaussians to every element. It reads 32
// bytes per stripe from random (crypto/rand.Reader; a test passes a fixed
// stream) and draws from ChaCha8 (Aumasson 2019) seeded with them, which
// nobody can tell from chance.
func addNoise(sum []int64, sigma uint64, random io.Reader) error {
	seeds := make([][32]byte, (len(sum)+stripe-1)/stripe)
	for i := range seeds {
		if _, err := io.ReadFull(random, seeds[i][:]); err != nil {
			return fmt.Errorf("read random bytes for noise: %w", err)
		}
	}
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(seeds)) {
		wait.Go(func() {
			for i := range next {
				c := coins{rand.NewChaCha8(seeds[i])}
				part := sum[i*stripe : min((i+1)*stripe, len(sum))]
				for j := range part {
					part[j] += c.gaussian(sigma)
				}
				clear(seeds[i][:])
			}
		})
	}
	for i := range seeds {
		next <- i
	}
	close(next)
	wait.Wait()
	return nil
}
