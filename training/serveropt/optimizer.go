package serveropt

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"codeberg.org/althing/althing/training/fedavg"
)

// Rules are the names of server optimisers, as recipes write them.
const (
	FedAvg     = "fedavg"
	FedAvgM    = "fedavgm"
	FedAdagrad = "fedadagrad"
	FedYogi    = "fedyogi"
	FedAdam    = "fedadam"
	DiLoCo     = "diloco"
)

// Settings are the numbers of a server optimiser; a rule looks only at its own.
type Settings struct {
	Rate     float64 // η, positive
	Momentum float64 // β of fedavgm, μ of diloco; 0 to less than 1
	Beta1    float64 // of the adaptive three; 0 to less than 1
	Beta2    float64 // of fedyogi and fedadam; 0 to less than 1
	Tau      float64 // τ of the adaptive three, in units of an update, positive
}

// Defaults returns the numbers that the paper of a rule recommends; unknown
// names have none.
func Defaults(rule string) Settings {
	switch rule {
	case FedAvg:
		return Settings{Rate: 1}
	case FedAvgM:
		return Settings{Rate: 1, Momentum: 0.9}
	case FedAdagrad, FedYogi, FedAdam:
		return Settings{Rate: 0.1, Beta1: 0.9, Beta2: 0.99, Tau: 1e-3}
	case DiLoCo:
		return Settings{Rate: 0.7, Momentum: 0.9}
	}
	return Settings{}
}

// Vector is a named part of a server's state, one value per parameter.
type Vector struct {
	Name   string
	Values []float32
}

// Optimizer is one rule with its state. It belongs to one caller at a time.
type Optimizer struct {
	dim   int
	next  step
	state []Vector // none, {v} or {m, v}
}

// step returns the weight and the two moments after d. A rule with one moment
// has it in m; it returns what it does not use as 0.
type step func(x, d, m, v float64) (x1, m1, v1 float64)

// New returns the optimiser of a rule for dim parameters, with the state of a
// first round.
func New(rule string, dim int, s Settings) (*Optimizer, error) {
	next, names, err := s.rule(rule)
	if err != nil {
		return nil, fmt.Errorf("server optimiser %q: %w", rule, err)
	}
	o := &Optimizer{dim: dim, next: next}
	for i, name := range names {
		v := Vector{name, make([]float32, dim)}
		if i == 1 { // the second moment
			start := float32(float64(s.Tau * s.Tau))
			for k := range v.Values {
				v.Values[k] = start
			}
		}
		o.state = append(o.state, v)
	}
	return o, nil
}

// rule checks the numbers of a rule and returns its step and the names of its
// state.
func (s Settings) rule(name string) (step, []string, error) {
	part := func(v float64) bool { return v >= 0 && v < 1 }
	adaptive := slices.Contains([]string{FedAdagrad, FedYogi, FedAdam}, name)
	switch {
	case !(s.Rate > 0) || math.IsInf(s.Rate, 0):
		return nil, nil, fmt.Errorf("rate %v, want a positive number", s.Rate)
	case (name == FedAvgM || name == DiLoCo) && !part(s.Momentum):
		return nil, nil, fmt.Errorf("momentum %v, want 0 to less than 1", s.Momentum)
	case adaptive && !part(s.Beta1):
		return nil, nil, fmt.Errorf("beta1 %v, want 0 to less than 1", s.Beta1)
	case (name == FedYogi || name == FedAdam) && !part(s.Beta2):
		return nil, nil, fmt.Errorf("beta2 %v, want 0 to less than 1", s.Beta2)
	case adaptive && (!(s.Tau > 0) || math.IsInf(s.Tau, 0)):
		return nil, nil, fmt.Errorf("tau %v, want a positive number", s.Tau)
	}
	switch name {
	case FedAvg:
		return s.avg, nil, nil
	case FedAvgM:
		return s.heavyBall, []string{"momentum"}, nil
	case DiLoCo:
		return s.nesterov, []string{"momentum"}, nil
	case FedAdagrad:
		return s.adaptive(func(v, square float64) float64 { return v + square }), []string{"moment1", "moment2"}, nil
	case FedYogi:
		rest := 1 - s.Beta2
		return s.adaptive(func(v, square float64) float64 {
			switch {
			case v > square:
				return v - float64(rest*square)
			case v < square:
				return v + float64(rest*square)
			}
			return v
		}), []string{"moment1", "moment2"}, nil
	case FedAdam:
		rest := 1 - s.Beta2
		return s.adaptive(func(v, square float64) float64 { return float64(s.Beta2*v) + float64(rest*square) }), []string{"moment1", "moment2"}, nil
	}
	return nil, nil, errors.New("there is no rule of this name")
}

// single rounds to binary32 and back.
func single(v float64) float64 { return float64(float32(v)) }

func (s Settings) avg(x, d, _, _ float64) (float64, float64, float64) {
	return x + float64(s.Rate*d), 0, 0
}

func (s Settings) heavyBall(x, d, v, _ float64) (float64, float64, float64) {
	v = single(float64(s.Momentum*v) + d)
	return x + float64(s.Rate*v), v, 0
}

func (s Settings) nesterov(x, d, v, _ float64) (float64, float64, float64) {
	v = single(float64(s.Momentum*v) + d)
	return x + float64(s.Rate*(d+float64(s.Momentum*v))), v, 0
}

func (s Settings) adaptive(second func(v, square float64) float64) step {
	rest := 1 - s.Beta1
	return func(x, d, m, v float64) (float64, float64, float64) {
		m = single(float64(s.Beta1*m) + float64(rest*d))
		v = single(second(v, float64(d*d)))
		return x + float64(s.Rate*m)/(math.Sqrt(v)+s.Tau), m, v
	}
}

// Step changes weights by the mean update of a round and the state with them.
// It refuses, changing nothing, what is not finite, and a step after which
// something would not be.
func (o *Optimizer) Step(weights, update []float32) error {
	if len(weights) != o.dim || len(update) != o.dim {
		return fmt.Errorf("server step of %d parameters: %d weights and an update of %d", o.dim, len(weights), len(update))
	}
	var moments [2][]float32
	for i, v := range o.state {
		moments[i] = v.Values
	}
	var bad atomic.Bool
	const grain = 1 << 14
	for _, keep := range []bool{false, true} {
		fedavg.Split(o.dim, grain, func(from, to int) {
			if o.run(weights[from:to], update[from:to], part(moments[0], from, to), part(moments[1], from, to), keep) != 0 {
				bad.Store(true)
			}
		})
		if bad.Load() {
			return fmt.Errorf("server step: %w", fedavg.ErrNotFinite)
		}
	}
	return nil
}

// run computes the step of one range and stores it when keep says so. It
// returns other than 0 when a number is not finite.
func (o *Optimizer) run(weights, update, m, v []float32, keep bool) (odd uint32) {
	for i, d := range update {
		var m0, v0 float64
		if m != nil {
			m0 = float64(m[i])
		}
		if v != nil {
			v0 = float64(v[i])
		}
		x, m1, v1 := o.next(float64(weights[i]), float64(d), m0, v0)
		odd |= fedavg.NotFinite(d) | fedavg.NotFinite(float32(x)) | fedavg.NotFinite(float32(m1)) | fedavg.NotFinite(float32(v1))
		if !keep {
			continue
		}
		weights[i] = float32(x)
		if m != nil {
			m[i] = float32(m1)
		}
		if v != nil {
			v[i] = float32(v1)
		}
	}
	return odd
}

// part returns a range of a vector that may be missing.
func part(v []float32, from, to int) []float32 {
	if v == nil {
		return nil
	}
	return v[from:to]
}

// State returns the vectors that the next round needs beside the checkpoint, in
// a fixed order. They are the optimiser's own and change with the next step.
func (o *Optimizer) State() []Vector { return slices.Clone(o.state) }

// Restore copies a state that State gave, of the same rule and as many
// parameters. It refuses, changing nothing, any other, and a second moment
// below zero.
func (o *Optimizer) Restore(state []Vector) error {
	if len(state) != len(o.state) {
		return fmt.Errorf("restore server state: %d vectors, want %d", len(state), len(o.state))
	}
	for i, v := range state {
		switch {
		case v.Name != o.state[i].Name || len(v.Values) != o.dim:
			return fmt.Errorf("restore server state: %s of %d values, want %s of %d", v.Name, len(v.Values), o.state[i].Name, o.dim)
		case !fedavg.Finite(v.Values):
			return fmt.Errorf("restore server state: %s: %w", v.Name, fedavg.ErrNotFinite)
		case i == 1 && slices.ContainsFunc(v.Values, func(x float32) bool { return x < 0 }):
			return fmt.Errorf("restore server state: %s is negative", v.Name)
		}
	}
	for i, v := range state {
		copy(o.state[i].Values, v.Values)
	}
	return nil
}
