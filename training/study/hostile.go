package main

import (
	"fmt"
	"io"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/training/robust/attacks"
)

// The cohort of the second study: the recipe "hostile weather" asks for twenty
// members and bears four that are hostile.
const (
	cohort  = 20
	hostile = 4
)

// shape is the small model of this study, 33,440 parameters over bytes.
func shape() llama.Config {
	return llama.Config{
		Hidden: 32, Layers: 2, Heads: 2, KVHeads: 2, Intermediate: 88, Context: 64, Vocab: 256,
		NormEps: 1e-5, RopeTheta: 10_000, Tied: true,
	}
}

// outcome is the held-out loss after all rounds under one attack.
type outcome struct {
	attack, source string
	trimmed, mean  float64 // nats per byte under "hostile weather" and under the plain mean; NaN where it broke
}

// hostileStudy is what the second study varies.
type hostileStudy struct {
	before        int // steps on the roles outside the cohort, before the first round
	rounds, steps int
	tested        int // windows
	seed          uint64
}

// labelFlip turns labels (Biggio, Nelson and Laskov 2012): the hostile train
// on the byte that is as far from the end of the alphabet as the right one is
// from its beginning.
const labelFlip = "label-flip"

// run plays the rounds without a hostile node and then under each attack.
func (s hostileStudy) run(roles []role, progress io.Writer) (clean outcome, under []outcome, err error) {
	t, err := newTrainers(shape())
	if err != nil {
		return clean, nil, err
	}
	others := role{name: "others", train: together(roles[cohort:])}
	base, err := s.base(t, others)
	if err != nil {
		return clean, nil, err
	}
	on := tests(roles[:cohort], s.tested)
	list := append([]attacks.Attack{{Name: "none"}}, attacks.All()...)
	list = append(list, attacks.Attack{Name: labelFlip, Source: "Biggio, Nelson, Laskov 2012"})
	for i, a := range list {
		o := outcome{attack: a.Name, source: a.Source}
		if o.trimmed, err = s.play(t, base, roles[:cohort], on, a, weather); err != nil {
			return clean, nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		o.mean, err = s.play(t, base, roles[:cohort], on, a, plain)
		if err != nil {
			o.mean = broken
		}
		fmt.Fprintf(progress, "%s: hostile weather %.4f, mean %.4f\n", a.Name, o.trimmed, o.mean)
		if i == 0 {
			clean = o
			continue
		}
		under = append(under, o)
	}
	return clean, under, nil
}

// broken is what the loss of a model is shown as that is no model any more.
const broken = 0

// base is the version that the rounds begin from: campaigns go on from one.
func (s hostileStudy) base(t *trainers, others role) ([]float32, error) {
	m, err := llama.Init(shape(), s.seed)
	if err != nil || s.before == 0 {
		return m.Params.Data, err
	}
	change, err := t.train(0, m.Params.Data, others, local{epochs: s.before, batch: 16, most: s.before, build: adamw}, s.seed)
	for i, c := range change {
		m.Params.Data[i] += c
	}
	return m.Params.Data, err
}

func (s hostileStudy) play(t *trainers, base []float32, members []role, on sequences, a attacks.Attack, combine func(updates [][]float32) ([]float32, error)) (float64, error) {
	weights, previous := slices.Clone(base), []float32(nil)
	l := local{epochs: s.steps, batch: 16, most: s.steps, build: adamw}
	train := members
	if a.Name == labelFlip {
		train = slices.Clone(members)
		for i := cohort - hostile; i < cohort; i++ {
			train[i].train = flipped(train[i].train)
		}
	}
	for round := range s.rounds {
		updates, err := t.updates(weights, train, l, s.seed+uint64(round)<<20)
		if err != nil {
			return 0, err
		}
		if a.Craft != nil {
			bad := a.Craft(attacks.Scene{Honest: updates[:cohort-hostile], Bad: hostile, Previous: previous, Seed: s.seed + uint64(round)})
			copy(updates[cohort-hostile:], bad)
		}
		change, err := combine(received(updates))
		if err != nil {
			return 0, fmt.Errorf("round %d: %w", round+1, err)
		}
		for i, c := range change {
			weights[i] += c
		}
		previous = change
	}
	return t.loss(weights, on)
}

// received leaves out what no platform takes: updates that are not finite.
func received(updates [][]float32) [][]float32 {
	var kept [][]float32
	for _, u := range updates {
		if fedavg.Finite(u) {
			kept = append(kept, u)
		}
	}
	return kept
}

// weather clips every update to the usual norm and takes the trimmed mean.
func weather(updates [][]float32) ([]float32, error) {
	norms := make([]float64, len(updates))
	for i, u := range updates {
		norms[i] = fedavg.Norm(u)
	}
	limit, err := fedavg.MedianNorm(norms)
	if err != nil {
		return nil, err
	}
	factors := make([]float64, len(norms))
	for i, n := range norms {
		factors[i] = fedavg.ClipFactor(n, limit)
	}
	scaled, err := robust.Scaled(robust.Memory(updates), factors)
	if err != nil {
		return nil, err
	}
	change := make([]float32, len(updates[0]))
	return change, robust.TrimmedMean(change, scaled, hostile)
}

// plain is the mean, each node counting the same.
func plain(updates [][]float32) ([]float32, error) {
	mean, change := fedavg.NewMean(len(updates[0])), make([]float32, len(updates[0]))
	for _, u := range updates {
		if err := mean.Add(u, 1); err != nil {
			return nil, err
		}
	}
	return change, mean.Into(change)
}

func flipped(s sequences) sequences {
	turned := sequences{tokens: s.tokens, targets: make([]int32, len(s.targets)), time: s.time}
	for i, v := range s.targets {
		turned.targets[i] = 255 - v
	}
	return turned
}

// adamw is the optimiser of campaigns, with fresh moments in every round.
func adamw() llama.Optimiser {
	return optim.New(training.Hyperparams{LearnRate: 1e-3, Beta1: .9, Beta2: .95, Epsilon: 1e-8, ClipNorm: 1}, 1)
}
