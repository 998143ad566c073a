package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tensor"
)

// stepTokens are the tokens of one measured step.
const stepTokens = 2048

// trainReport is what bench train prints with --json. Its keys are read by
// scripts.
type trainReport struct {
	Parameters int       `json:"parameters"`
	Speed      float64   `json:"tokens_per_second"`      // median of the steps after the first
	Best       float64   `json:"tokens_per_second_best"` // fastest step
	Losses     []float64 `json:"losses"`                 // of every step, before its update
	PeakRSS    float64   `json:"peak_rss_mib"`           // of the process, 0 where the system does not say
	FMAShare   float64   `json:"fma_share"`              // of the processor's measured peak on as many threads, matrix products counted in full
	Weights    string    `json:"weights_sha256"`
	CPU        float64   `json:"cpu_seconds_per_step"` // of all threads, 0 where the system does not say
	Kernel     string    `json:"kernel"`
	Threads    int       `json:"threads"`
}

// benchTrain trains a model for some steps and says how fast that was. Text,
// first weights and batches can come from files, so that another engine can do
// the same work and its losses can be compared digit by digit.
func benchTrain(ctx context.Context, t Terminal, args []string) error {
	set := flags("bench train", t)
	config := set.String("config", "S", "S, B, 150M or a config.json of a Llama-layout model")
	threads := set.Int("threads", runtime.NumCPU(), "threads")
	steps := set.Int("steps", 20, "optimiser steps")
	text := set.String("text", "", "file whose bytes are the tokens; a made-up text if empty")
	first := set.String("init", "", "safetensors file with the first weights; drawn from seed 1 if empty")
	batches := set.String("batches", "", "file with a line per step: the offset in the text of each sequence of the batch")
	asJSON := set.Bool("json", false, "print one JSON object")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 || *threads < 1 || *threads > 1024 || *steps < 1 {
		return fmt.Errorf("%w: bench train takes flags only, and at least one thread and one step", errUsage)
	}
	c, err := benchConfig(*config)
	if err != nil {
		return err
	}
	m, err := benchModel(c, *first)
	if err != nil {
		return err
	}
	d, err := readTrainText(c, *text, *batches, *steps)
	if err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(*threads))
	r, err := measureTraining(ctx, m, d, *steps, *threads)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(t.Out).Encode(r)
	}
	fmt.Fprintf(t.Out, "%d parameters, %s kernels, %d threads, %d sequences of %d tokens a step\n", r.Parameters, r.Kernel, r.Threads, d.sequences, c.Context)
	for i, loss := range r.Losses {
		fmt.Fprintf(t.Out, "step %4d  loss %.6f\n", i, loss)
	}
	fmt.Fprintf(t.Out, "%.0f tokens/s (median), %.0f (best), %.3f CPU-seconds a step\n", r.Speed, r.Best, r.CPU)
	fmt.Fprintf(t.Out, "peak memory %.0f MiB, %.0f %% of the FMA peak\nweights %s\n", r.PeakRSS, 100*r.FMAShare, r.Weights)
	return nil
}

// benchConfig finds a shape by its name or reads it from a file.
func benchConfig(name string) (llama.Config, error) {
	switch name {
	case "S":
		return llama.S(), nil
	case "B":
		return llama.B(), nil
	case "150M":
		return llama.M150(), nil
	}
	file, err := os.ReadFile(name)
	if err != nil {
		return llama.Config{}, fmt.Errorf("read the shape of the model: %w", err)
	}
	return llama.ParseConfig(file)
}

// benchModel draws the first weights or reads them from a file.
func benchModel(c llama.Config, file string) (*llama.Model, error) {
	if file == "" {
		return llama.Init(c, 1)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read first weights: %w", err)
	}
	loaded, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("read first weights from %s: %w", file, err)
	}
	specs := make([]tensor.Spec, len(loaded))
	for i, l := range loaded {
		specs[i] = tensor.Spec{Name: l.Name, Shape: l.Shape}
	}
	params, err := tensor.NewParams(specs...)
	if err != nil {
		return nil, fmt.Errorf("read first weights from %s: %w", file, err)
	}
	for _, l := range loaded {
		copy(params.Vector(l.Name), l.Data)
	}
	return llama.With(c, params)
}

// trainText is a text and where each step's sequences begin in it.
type trainText struct {
	text      []byte
	context   int
	sequences int
	offsets   [][]int
}

func readTrainText(c llama.Config, text, batches string, steps int) (trainText, error) {
	d := trainText{context: c.Context, sequences: max(1, stepTokens/c.Context)}
	if c.Vocab < 256 {
		return d, fmt.Errorf("train on bytes: a vocabulary of %d is too small", c.Vocab)
	}
	var err error
	if text == "" {
		d.text = madeUpText(1 << 20)
	} else if d.text, err = os.ReadFile(text); err != nil {
		return d, fmt.Errorf("read the text: %w", err)
	}
	last := len(d.text) - c.Context - 1
	if last < 0 {
		return d, fmt.Errorf("read the text: %d bytes are fewer than one sequence of %d and its last target", len(d.text), c.Context)
	}
	if batches == "" {
		draw := uint64(1)
		for range steps {
			row := make([]int, d.sequences)
			for i := range row {
				draw = draw*6364136223846793005 + 1442695040888963407 // Knuth's MMIX generator
				row[i] = int(draw >> 33 % uint64(last+1))
			}
			d.offsets = append(d.offsets, row)
		}
		return d, nil
	}
	file, err := os.ReadFile(batches)
	if err != nil {
		return d, fmt.Errorf("read the batches: %w", err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		var row []int
		for _, word := range strings.Fields(line) {
			at, err := strconv.Atoi(word)
			if err != nil || at < 0 || at > last {
				return d, fmt.Errorf("read the batches: %q in line %d is no offset from 0 to %d", word, n+1, last)
			}
			row = append(row, at)
		}
		if n == 0 {
			d.sequences = len(row)
		}
		if len(row) == 0 || len(row) != d.sequences {
			return d, fmt.Errorf("read the batches: line %d has %d sequences, the first %d", n+1, len(row), d.sequences)
		}
		d.offsets = append(d.offsets, row)
	}
	if len(d.offsets) < steps {
		return d, fmt.Errorf("read the batches: %d lines for %d steps", len(d.offsets), steps)
	}
	return d, nil
}

// madeUpText is n bytes of words in an order that a generator draws.
func madeUpText(n int) []byte {
	words := strings.Fields("the assembly meets by the river and hears who speaks before it votes on what all of them shall keep")
	var text []byte
	for draw := uint64(7); len(text) < n; {
		draw = draw*6364136223846793005 + 1442695040888963407
		text = append(append(text, words[draw>>33%uint64(len(words))]...), ' ')
	}
	return text[:n]
}

// batch writes one step's tokens and their successors.
func (d trainText) batch(step int, tokens, targets []int32) ([]int32, []int32) {
	tokens, targets = tokens[:0], targets[:0]
	for _, at := range d.offsets[step] {
		for i := range d.context {
			tokens = append(tokens, int32(d.text[at+i]))
			targets = append(targets, int32(d.text[at+i+1]))
		}
	}
	return tokens, targets
}

func measureTraining(ctx context.Context, m *llama.Model, d trainText, steps, threads int) (trainReport, error) {
	r := trainReport{Parameters: m.Params.Len(), Kernel: tensor.Kernel(), Threads: threads}
	trainer, err := llama.NewTrainer(m, d.context, threads)
	if err != nil {
		return r, err
	}
	o := optim.New(training.Hyperparams{LearnRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01}, threads)
	var tokens, targets []int32
	var seconds []float64
	cpu := 0.0
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		tokens, targets = d.batch(step, tokens, targets)
		began := time.Now()
		loss, err := trainer.Step(tokens, targets, o)
		if err != nil {
			return r, err
		}
		seconds = append(seconds, time.Since(began).Seconds())
		r.Losses = append(r.Losses, loss)
		if step == 0 {
			cpu = cpuSeconds()
		}
	}
	if steps > 1 { // the first step allocates
		seconds = seconds[1:]
		r.CPU = (cpuSeconds() - cpu) / float64(steps-1)
	}
	slices.Sort(seconds)
	n := float64(len(tokens))
	r.Best, r.Speed = n/seconds[0], n/seconds[len(seconds)/2]
	r.PeakRSS = peakRSS()
	r.Weights = m.Params.Digest().Hex()
	r.FMAShare = float64(m.Config.StepFLOPs(len(tokens), d.context)) / seconds[len(seconds)/2] / peakFLOPs(threads)
	return r, nil
}

// peakFLOPs is the best of ten short runs of fused multiply-adds in registers
// on as many threads at once, in operations per second.
func peakFLOPs(threads int) float64 {
	team, best := tensor.Threads(threads), 0.0
	for range 10 {
		began := time.Now()
		done := make([]int, threads)
		team.Split(threads, 1, func(worker, _, _ int) { done[worker] = tensor.Burn(1 << 20) })
		total := 0
		for _, n := range done {
			total += n
		}
		best = max(best, float64(total)/time.Since(began).Seconds())
	}
	return best
}

// peakRSS is the largest resident memory of this process in MiB, from Linux.
func peakRSS() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(words[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// cpuSeconds is the processor time of this process in ticks of 10 ms, from
// Linux: fields 14 and 15 of proc(5)'s stat, counted after the name.
func cpuSeconds() float64 {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	words := strings.Fields(string(after))
	if len(words) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(words[11], 64)
	system, _ := strconv.ParseFloat(words[12], 64)
	return (user + system) / 100
}
