package workers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/dp"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
)

// private is the mean of DP-FedAvg: each member's voice clipped, added up on a
// grid, drowned in discrete Gaussian noise and divided by the number of nodes
// that were wanted, which was fixed before anyone reported.
func (c *combiner) private(ctx context.Context) error {
	p := c.in.Recipe.Privacy
	if err := c.load(ctx); err != nil {
		return err
	}
	clip, noise := protocol.Number(p.Clip, 0), protocol.Number(p.Noise, 0)
	if kept := c.state["clip"]; len(kept) == 1 {
		clip = float64(kept[0])
	}
	adaptive := c.adaptive(noise)
	if p.Adaptive {
		var err error
		if noise, err = adaptive.Effective(noise); err != nil {
			return err
		}
	}
	sum, err := dp.NewSum(c.mean.elements, clip, noise)
	if err != nil {
		return err
	}
	within, dst, list := 0, make([]float32, c.mean.elements), c.voices()
	for _, v := range list {
		if err := c.hear(ctx, v, dst); err != nil {
			return err
		}
		inside, err := sum.Add(dst)
		if err != nil {
			return err
		}
		if inside {
			within++
		}
	}
	c.mean.Clip = strconv.FormatFloat(clip, 'f', -1, 32)
	c.mean.Epsilon = recipes.Epsilon(p, c.in.Spent)
	if c.ring == nil {
		c.mean.BeforeNoise = true
		return nil
	}
	random := c.noise()
	if err := sum.Release(c.change, c.expected(), random); err != nil {
		return err
	}
	if p.Adaptive {
		next, err := adaptive.NextClip(clip, within, len(list), c.expected(), random)
		if err != nil {
			return err
		}
		c.state["clip"] = []float32{float32(next)}
	}
	return nil
}

// expected is how many members a round wants: a number that the recipe fixes.
func (c *combiner) expected() int { return max(1, c.in.Wanted) }

// adaptive are the numbers of Andrew et al. (2021): the median, steps of 0.2,
// and noise on the count of a twentieth of the members, but at least as much
// as on the updates, so that small cohorts do not spend all on the count.
func (c *combiner) adaptive(noise float64) dp.Adaptive {
	return dp.Adaptive{Quantile: 0.5, Rate: 0.2, CountNoise: max(float64(c.expected())/20, noise)}
}

// noise is a stream of random bytes that only the platform can draw, and draws
// again when it computes the same round again. Two rounds never share one, and
// a replay has rounds of its own: the difference of two noisy means of the same
// noise would show a member's update bare.
func (c *combiner) noise() io.Reader {
	mac := hmac.New(sha256.New, c.ring.Server.Seed())
	fmt.Fprintf(mac, "althing noise v1\n%d\n%s\n", c.in.Round, c.in.Base.Hex())
	for _, u := range c.in.Updates {
		fmt.Fprintf(mac, "%d %s\n", u.Node, u.Digest.Hex())
	}
	return rand.NewChaCha8([32]byte(training.Digest(mac.Sum(nil))))
}
