package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/llama"
)

// arm is one algorithm of the comparison.
type arm struct {
	name  string
	short string // in the figure
	local local  // without a rate
	first int    // of the grid of rates, from where the search goes both ways
	paper int    // rounds in table 2 of McMahan et al. 2017, Shakespeare by role
}

// arms are those of the paper; E are the epochs and B the windows of a step.
func arms() []arm {
	return []arm{
		{"FedSGD", "FedSGD", local{epochs: 1}, 0, 3906},
		{"FedAvg, E = 1, B = 10", "E = 1", local{epochs: 1, batch: 10}, 0, 164},
		{"FedAvg, E = 5, B = 10", "E = 5", local{epochs: 5, batch: 10}, 0, 41},
	}
}

// rateOf is a rate of the multiplicative grid: three to a power of ten, as in
// the paper, of three digits so that the table says what was used.
func rateOf(place int) float64 {
	rate, err := strconv.ParseFloat(fmt.Sprintf("%.3g", math.Pow(10, float64(place)/3)), 64)
	if err != nil {
		panic(err) // a number that fmt wrote
	}
	return rate
}

// curve is how one arm fared with one rate.
type curve struct {
	Arm     string  `json:"arm"`
	Rate    float64 `json:"rate"`
	Points  []point `json:"points"`
	Rounds  int     `json:"rounds"`          // played
	Reached float64 `json:"reached"`         // round at which the target was met, between two measurements; 0 never
	Broke   string  `json:"broke,omitempty"` // why there is no model after Rounds
	GaveUp  bool    `json:"gave_up,omitempty"`
}

// point is the best accuracy so far, measured after a round.
type point struct {
	Round    int     `json:"round"`
	Accuracy float64 `json:"accuracy"`
}

// best is the highest accuracy of the curve.
func (c curve) best() float64 { return c.Points[len(c.Points)-1].Accuracy }

// better says whether a curve is at the target before another, or nearer to it
// where neither is.
func (c curve) better(than curve) bool {
	if c.Reached > 0 && than.Reached > 0 {
		return c.Reached < than.Reached
	}
	return c.Reached > 0 || than.Reached == 0 && c.best() > than.best()
}

// roundsStudy is what the first study varies.
type roundsStudy struct {
	target  float64
	most    int // rounds of an arm
	clients int // roles, those with most to say
	share   int // of the roles that take part in a round, per cent
	windows int // of a role at most
	tested  int // windows
	seed    uint64
}

// published is the study whose figures are in docs: as in the paper a tenth of
// the roles takes part, and a role has on average 7 steps of 10 windows.
func published() roundsStudy {
	return roundsStudy{target: .40, most: 2500, clients: 100, share: 10, windows: 74, tested: 800, seed: 1}
}

// roundsShape is the model of this study, a transformer over characters.
func roundsShape(symbols int) llama.Config {
	return llama.Config{
		Hidden: 32, Layers: 2, Heads: 2, KVHeads: 2, Intermediate: 88, Context: 32, Vocab: symbols,
		NormEps: 1e-5, RopeTheta: 10_000,
	}
}

// fresh is llama.Init with weights as large as plain SGD needs them: its steps
// are as long as the gradients, and those of small weights behind a norm are
// too long, those of products of small weights too short. The embedding has a
// standard deviation of 1, queries and keys one of 1/√inputs, the other maps
// half of it, the output matrix 0.2.
func fresh(c llama.Config, seed uint64) (*llama.Model, error) {
	m, err := llama.Init(c, seed)
	if err != nil {
		return nil, err
	}
	const usual = .02 // what Init gives
	at := 0
	for _, spec := range m.Params.Specs() {
		here := m.Params.Data[at : at+spec.Len()]
		at += len(here)
		if len(spec.Shape) == 1 {
			continue
		}
		wanted := .5 / math.Sqrt(float64(spec.Shape[1]))
		switch name := spec.Name; {
		case strings.Contains(name, "embed_tokens"):
			wanted = 1
		case strings.Contains(name, "lm_head"):
			wanted = .2
		case strings.Contains(name, "q_proj"), strings.Contains(name, "k_proj"):
			wanted *= 2
		}
		for i := range here {
			here[i] *= float32(wanted / usual)
		}
	}
	return m, nil
}

// run searches the rate of every arm and returns all curves, those of an arm
// in the order in which they were tried. roles are spelled in an alphabet of so
// many symbols.
func (s roundsStudy) run(roles []role, symbols int, kept *kept, progress io.Writer) ([][]curve, error) {
	on, list := tests(roles, s.tested), arms()
	all, errs := make([][]curve, len(list)), make([]error, len(list))
	var wait sync.WaitGroup
	for i, a := range list {
		wait.Go(func() {
			t, err := newTrainers(roundsShape(symbols))
			if err != nil {
				errs[i] = err
				return
			}
			all[i], errs[i] = search(a.first, s.most, func(place, most int, rival curve) (curve, error) {
				if c, ok := kept.find(a.name, rateOf(place), most); ok {
					return c, nil
				}
				c, err := s.play(t, roles, on, a, rateOf(place), most, rival, progress)
				if err != nil {
					return c, fmt.Errorf("%s, rate %g: %w", a.name, c.Rate, err)
				}
				return c, kept.add(c)
			})
		})
	}
	wait.Wait()
	return all, errors.Join(errs...)
}

// search walks the grid from a place to the larger rates while that is better,
// else to the smaller ones, so that both neighbours of the best have been
// tried. Whoever is not faster than the best so far is stopped.
func search(first, most int, try func(place, most int, rival curve) (curve, error)) ([]curve, error) {
	best, err := try(first, most, curve{})
	if err != nil {
		return nil, err
	}
	all := []curve{best}
	for _, way := range []int{1, -1} {
		for place := first + way; ; place += way {
			if best.Reached > 0 {
				most = int(math.Ceil(best.Reached))
			}
			c, err := try(place, most, best)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
			if !c.better(best) {
				break
			}
			best = c
		}
		if best.Rate != all[0].Rate {
			break // the other neighbour is an earlier place
		}
	}
	return all, nil
}

// fastest is the best of the curves of an arm.
func fastest(curves []curve) curve {
	best := curves[0]
	for _, c := range curves[1:] {
		if c.better(best) {
			best = c
		}
	}
	return best
}

// due says after which rounds is measured: every one of the first hundred,
// then every tenth, and the last.
func due(round, most int) bool { return round <= 100 || round%10 == 0 || round == most }

// play is FederatedAveraging (McMahan et al. 2017, algorithm 1) until the
// target; an arm with one step of everything a client has is FedSGD.
func (s roundsStudy) play(t *trainers, roles []role, on sequences, a arm, rate float64, most int, rival curve, progress io.Writer) (curve, error) {
	c := curve{Arm: a.name, Rate: rate}
	a.local.build = sgd(rate)
	m, err := fresh(t.shape, s.seed)
	if err != nil {
		return c, err
	}
	weights := m.Params.Data
	got, err := t.accuracy(weights, on)
	c.Points = []point{{0, got}}
	for round := 1; err == nil && c.Reached == 0 && !c.GaveUp && round <= most; round++ {
		if err = s.round(t, weights, roles, a, round); errors.Is(err, errBroke) {
			c.Broke = err.Error()
			return c, nil
		}
		c.Rounds = round
		if err != nil || !due(round, most) {
			continue
		}
		if got, err = t.accuracy(weights, on); err == nil {
			c.extend(round, got, s.target)
			c.GaveUp = c.Reached == 0 && c.behind(rival)
			fmt.Fprintf(progress, "%s, rate %g, round %d: %.2f %%\n", a.name, rate, round, 100*got)
		}
	}
	return c, err
}

// behind says that a rate has needed half as many rounds again as its rival
// for what it has reached, after sixty rounds: it is given up.
func (c curve) behind(rival curve) bool {
	if c.Rounds < 60 {
		return false
	}
	for _, p := range rival.Points {
		if p.Accuracy >= c.best() {
			return float64(c.Rounds) > 1.5*float64(p.Round)
		}
	}
	return false
}

// extend adds a measurement as section 3 of the paper does: the curve never
// falls, and the target is met where the line between two of its points is.
func (c *curve) extend(round int, accuracy, target float64) {
	before := c.Points[len(c.Points)-1]
	now := point{round, max(accuracy, before.Accuracy)}
	c.Points = append(c.Points, now)
	if now.Accuracy >= target {
		c.Reached = float64(before.Round) + float64(round-before.Round)*(target-before.Accuracy)/(now.Accuracy-before.Accuracy)
	}
}

// errBroke says that a rate was too large for the model.
var errBroke = errors.New("the weights are no numbers any more")

// round trains a drawn cohort and moves the weights by the mean of its
// updates, each weighed by its characters.
func (s roundsStudy) round(t *trainers, weights []float32, roles []role, a arm, round int) error {
	var cohort []role
	for _, place := range shuffled(len(roles), s.seed, round)[:max(2, len(roles)*s.share/100)] {
		cohort = append(cohort, roles[place])
	}
	updates, err := t.updates(weights, cohort, a.local, s.seed+uint64(round)<<20)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroke, err) // a step is only refused for its gradient
	}
	mean, change := fedavg.NewMean(len(weights)), make([]float32, len(weights))
	for i, u := range updates {
		if !fedavg.Finite(u) {
			return errBroke
		}
		if err := mean.Add(u, int64(len(cohort[i].train.tokens))); err != nil {
			return err
		}
	}
	if err := mean.Into(change); err != nil {
		return err
	}
	for i, c := range change {
		weights[i] += c
	}
	return nil
}
