package llama

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/tensor"
)

// childKernel is set for a process that trains and prints a digest only, see
// TestWeightsAreTheSameInEveryProcess.
const childKernel = "ALTHING_TEST_KERNEL"

// goldenS is the digest of S after two steps of 2 sequences of 45 tokens, which
// has whole and broken panels, tiles of every height and two blocks of
// queries. It changes only with training.Arithmetic.
const goldenS = "85e6aac0606a917995e1363a03366ef07f875ba19bb72021d8ba7556d9564c81"

func TestMain(m *testing.M) {
	kernel := os.Getenv(childKernel)
	if kernel == "" {
		os.Exit(m.Run())
	}
	if err := tensor.Use(kernel); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	threads, _ := strconv.Atoi(os.Getenv("ALTHING_TEST_THREADS"))
	fmt.Println(digestOfS(threads))
	os.Exit(0)
}

// digestOfS trains S for two steps.
func digestOfS(threads int) string {
	m, err := Init(S(), 1)
	if err != nil {
		return err.Error()
	}
	tr, err := NewTrainer(m, 45, threads)
	if err != nil {
		return err.Error()
	}
	o := optim.New(recipe(), threads)
	for step := range 2 {
		tokens, targets := sample(uint64(step), 2*45, m.Config.Vocab)
		if _, err := tr.Step(tokens, targets, o); err != nil {
			return err.Error()
		}
	}
	return m.Params.Digest().Hex()
}

// TestWeightsAreTheSameInEveryProcess is the promise that lets a second node
// recompute an update: the same digest from processes of their own, on every
// kernel, with any number of threads and of processors.
func TestWeightsAreTheSameInEveryProcess(t *testing.T) {
	for i, kernel := range tensor.Kernels() {
		for _, threads := range []int{1, 2, 5} {
			if kernel == tensor.Portable && threads > 2 {
				continue // a minute for nothing new
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childKernel+"="+kernel, fmt.Sprintf("ALTHING_TEST_THREADS=%d", threads), fmt.Sprintf("GOMAXPROCS=%d", 1+(i+threads)%3))
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != goldenS {
				t.Errorf("%s, %d threads: a process says %q (%v), want %s", kernel, threads, got, err, goldenS)
			}
		}
	}
}

// TestAStepReusesItsBuffers: once the buffers are there, a step allocates
// closures and views only, 64 KiB where the activations are 6 MiB.
func TestAStepReusesItsBuffers(t *testing.T) {
	m, err := Init(S(), 1)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTrainer(m, 64, 2)
	if err != nil {
		t.Fatal(err)
	}
	o := optim.New(recipe(), 2)
	tokens, targets := sample(1, 2*64, m.Config.Vocab)
	step := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := tr.Step(tokens, targets, o); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	first := step()
	if least := min(step(), step(), step()); first < 1<<20 || least > 64<<10 {
		t.Errorf("the first step allocates %d bytes and the next %d, want over a MiB and at most 64 KiB", first, least)
	}
}

// TestGradientInPartsIsTheGradient compares parts with the whole: as many
// parts as sequences give the same bits on any number of threads and nearly
// those of the whole batch; one part gives exactly those of the whole.
func TestGradientInPartsIsTheGradient(t *testing.T) {
	m := wide(t, tiny(true))
	tokens, targets := sample(12, 6*9, m.Config.Vocab)
	gradient := func(part, threads int) (float64, *tensor.Params) {
		tr, err := NewTrainer(m, 9, threads)
		if err != nil {
			t.Fatal(err)
		}
		tr.Part = part
		loss, err := tr.Gradient(tokens, targets)
		if err != nil {
			t.Fatal(err)
		}
		return loss, tr.Grad
	}
	wholeLoss, whole := gradient(0, 1)
	for _, part := range []int{1, 2, 3, 6} {
		loss, g := gradient(part, 1)
		_, other := gradient(part, 3)
		if g.Digest() != other.Digest() {
			t.Errorf("parts of %d: one and three threads differ", part)
		}
		difference := g.Clone()
		difference.AddScaled(-1, whole)
		if d := difference.Norm() / whole.Norm(); d > 1e-6 || loss-wholeLoss > 1e-9 || wholeLoss-loss > 1e-9 {
			t.Errorf("parts of %d: loss %.12f and a gradient %.2g of its norm away, want %.12f and at most 1e-6", part, loss, d, wholeLoss)
		}
		if same := g.Digest() == whole.Digest(); same != (part == 6) {
			t.Errorf("parts of %d: same bits as the whole is %v", part, same)
		}
	}
	tr, err := NewTrainer(m, 9, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr.Part = 4
	if _, err := tr.Gradient(tokens, targets); err == nil {
		t.Error("six sequences were taken in parts of four")
	}
}
