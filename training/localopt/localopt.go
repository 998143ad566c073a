// Package localopt is what the federated algorithms change in a node's own
// training: FedProx adds a pull to the gradient, SCAFFOLD a correction. Both
// work on flat gradients between backward pass and optimiser. Every element is
// computed by itself in binary64 from left to right as written, each product
// rounded by itself, and rounded to binary32 once.
package localopt

import (
	"fmt"
	"math"
)

// Prox adds the gradient of FedProx's proximal term (Li, Sahu, Zaheer, Sanjabi,
// Talwalkar, Smith 2020, equation 2: F_k(w) + μ/2·‖w − x‖²) to the gradient:
//
//	g ← g + μ·(w − x)
//
// where w is the node's weights, x those that it started the round from and
// μ ≥ 0 the strength; the paper tries 0.001, 0.01, 0.1 and 1. With μ = 0 it is
// FedAvg.
func Prox(gradient, weights, start []float32, mu float64) error {
	if len(weights) != len(gradient) || len(start) != len(gradient) {
		return fmt.Errorf("proximal term of %d gradients: %d weights from %d", len(gradient), len(weights), len(start))
	}
	if !(mu >= 0) || math.IsInf(mu, 0) {
		return fmt.Errorf("proximal term of strength %v, want 0 or more", mu)
	}
	if mu == 0 {
		return nil
	}
	for i, g := range gradient {
		gradient[i] = float32(float64(g) + float64(mu*(float64(weights[i])-float64(start[i]))))
	}
	return nil
}

// Correct applies SCAFFOLD's control variates to a gradient (Karimireddy, Kale,
// Mohri, Reddi, Stich, Suresh 2020, Algorithm 1, line 10):
//
//	g ← g − c_i + c
//
// where own is c_i, what this node's gradients were like, and server is c, what
// those of all nodes were like. Both are zero in a node's first round.
func Correct(gradient, own, server []float32) error {
	if len(own) != len(gradient) || len(server) != len(gradient) {
		return fmt.Errorf("correct %d gradients: control variates of %d and %d", len(gradient), len(own), len(server))
	}
	for i, g := range gradient {
		gradient[i] = float32(float64(g) - float64(own[i]) + float64(server[i]))
	}
	return nil
}

// NextControl sets own to the node's control variate after a round (the same,
// line 12, option II) and change to what it reports to the server:
//
//	c_i⁺ = c_i − c + (x − y_i)/(K·η_l)        change = c_i⁺ − c_i
//
// where start is x, end is y_i, and travel is K·η_l: the sum of the rates of
// the node's K local steps, which a schedule may change on the way. own is
// state that the caller keeps until the node's next round; change is computed
// from the rounded own, so that server and node agree on what was added. It
// refuses, changing nothing, what would not be finite.
func NextControl(change, own, server, start, end []float32, travel float64) error {
	n := len(own)
	if len(change) != n || len(server) != n || len(start) != n || len(end) != n {
		return fmt.Errorf("control variate of %d: %d, %d, %d and %d values", n, len(change), len(server), len(start), len(end))
	}
	if !(travel > 0) || math.IsInf(travel, 0) {
		return fmt.Errorf("control variate after steps of total rate %v, want a positive number", travel)
	}
	next := func(i int) float32 {
		return float32(float64(own[i]) - float64(server[i]) + (float64(start[i])-float64(end[i]))/travel)
	}
	for i := range own {
		if v := next(i) - own[i]; v-v != 0 { // NaN and infinities differ from themselves
			return fmt.Errorf("control variate: value %d is %v", i, v)
		}
	}
	for i := range own {
		c := next(i)
		change[i] = c - own[i]
		own[i] = c
	}
	return nil
}
