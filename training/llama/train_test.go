package llama

import (
	"fmt"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/tensor"
)

func TestNamedShapesHaveTheirParameters(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shape Config
		want  int
	}{{"S", S(), 824_448}, {"B", B(), 4_812_032}, {"M150", M150(), 150_436_608}} {
		got := 0
		for _, s := range tt.shape.Specs() {
			got += s.Len()
		}
		if err := tt.shape.Check(); err != nil || got != tt.want {
			t.Errorf("%s has %d parameters, want %d (%v)", tt.name, got, tt.want, err)
		}
	}
}

// TestStepFLOPs counts S by hand: 5.7 million a token.
func TestStepFLOPs(t *testing.T) {
	const want = 2048 * (6*(256*128+4*(4*128*128+3*128*344)) + 12*4*128*128)
	if got := S().StepFLOPs(2048, 128); got != want {
		t.Errorf("StepFLOPs of S = %d, want %d", got, want)
	}
}

// recipe is a node's local training as rounds order it.
func recipe() training.Hyperparams {
	return training.Hyperparams{Steps: 15, BatchTokens: 2048, Context: 128, LearnRate: 2e-3,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, ClipNorm: 1}
}

// train makes n steps of a fresh model and returns it with its losses.
func train(t testing.TB, c Config, n, batch, time, threads int) (*Model, []float64) {
	t.Helper()
	m, err := Init(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTrainer(m, time, threads)
	if err != nil {
		t.Fatal(err)
	}
	o := optim.New(recipe(), threads)
	var losses []float64
	for range n {
		// One text over and over, so that the loss must fall.
		tokens, targets := sample(6, batch*time, c.Vocab)
		loss, err := tr.Step(tokens, targets, o)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return m, losses
}

// golden is the digest of all weights after four steps of the tiny model. It
// changes only with training.Arithmetic.
const golden = "fd745f9229ad5c5c284c70926973d3af9d1ddb003be00aa3604137f3966050a2"

func TestWeightsAreTheSameOnEveryKernelAndThreadCount(t *testing.T) {
	before := tensor.Kernel()
	defer func() {
		if err := tensor.Use(before); err != nil {
			t.Fatal(err)
		}
	}()
	c := tiny(true)
	c.Hidden, c.Intermediate, c.Vocab = 48, 70, 67 // panels with edges, lanes with tails
	for _, kernel := range tensor.Kernels() {
		for _, threads := range []int{1, 2, 3} {
			if err := tensor.Use(kernel); err != nil {
				t.Fatal(err)
			}
			m, losses := train(t, c, 4, 9, 37, threads)
			if got := m.Params.Digest().Hex(); got != golden {
				t.Errorf("%s, %d threads: weights are %s, want %s", kernel, threads, got, golden)
			}
			if losses[3] > losses[0]-0.02 {
				t.Errorf("%s, %d threads: losses %v do not fall", kernel, threads, losses)
			}
		}
	}
}

func BenchmarkTrainStep(b *testing.B) {
	for _, shape := range []struct {
		name string
		Config
	}{{"S", S()}, {"B", B()}} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", shape.name, threads), func(b *testing.B) {
				m, err := Init(shape.Config, 1)
				if err != nil {
					b.Fatal(err)
				}
				tr, err := NewTrainer(m, shape.Context, threads)
				if err != nil {
					b.Fatal(err)
				}
				o := optim.New(recipe(), threads)
				tokens, targets := sample(1, 2048, 256)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := tr.Step(tokens, targets, o); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(2048*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
