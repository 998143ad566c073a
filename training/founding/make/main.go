// Command make trains the founding version again from its recipe and compares:
// the same SHA-256 shows that the embedded weights are what the recipe says
// and nothing else. `make founding` runs it in the root of the module.
//
// With -record it takes the recipe's numbers as they are, trains, and writes
// the digests and the weights: this is how a new founding version is made.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/founding"
	"codeberg.org/althing/althing/training/founding/gosource"
	"codeberg.org/althing/althing/training/llama"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.dir, "dir", "training/founding", "folder of recipe.json and model.safetensors")
	flag.StringVar(&o.goroot, "goroot", "", "Go toolchain whose standard library is the text; empty takes the one on this machine")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads; changes no bit")
	flag.BoolVar(&o.record, "record", false, "write the digests into the recipe instead of comparing with them")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	dir, goroot string
	threads     int
	record      bool
}

func run(ctx context.Context, o options) error {
	path := filepath.Join(o.dir, "recipe.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the recipe: %w", err)
	}
	r, err := founding.ParseRecipe(data)
	if err != nil {
		return err
	}
	if o.goroot == "" {
		if o.goroot, err = gosource.Root(); err != nil {
			return err
		}
	}
	c, err := founding.ReadCorpus(o.goroot)
	if err != nil {
		return err
	}
	want := r
	if o.record {
		r.Go = c.Go
		r.Corpus, r.CorpusBytes = c.Digest()
	} else if err := c.Check(r); err != nil {
		return err
	}
	fmt.Printf("%d files, %d bytes of %s; %d steps of %d tokens on %d threads\n", len(c.Files), r.CorpusBytes, r.Go, r.Steps, r.Sequences*r.Config.Context, o.threads)
	m, err := train(ctx, &r, c, o.threads, !o.record)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if r.Weights, err = founding.Write(&file, m); err != nil {
		return err
	}
	fmt.Println("weights", r.Weights)
	if !o.record && r.Weights != want.Weights {
		return fmt.Errorf("the recipe gives other weights than it says: want %v", want.Weights)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "model.safetensors"), file.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the weights: %w", err)
	}
	if !o.record {
		return nil
	}
	if data, err = json.MarshalIndent(r, "", "  "); err != nil {
		return fmt.Errorf("write the recipe: %w", err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// train makes all steps, prints every fiftieth and looks at the digest of the
// first ones, so that a machine that goes astray is told at once.
func train(ctx context.Context, r *founding.Recipe, c founding.Corpus, threads int, compare bool) (*llama.Model, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun, mean := time.Now(), 0.0
	early := training.Digest{}
	m, err := founding.Train(ctx, *r, c, r.Steps, threads, func(step int, loss float64, m *llama.Model) {
		if step == founding.EarlySteps {
			if early = m.Params.Digest(); compare && early != r.Early {
				cancel(fmt.Errorf("after %d steps the parameters are %v, want %v", step, early, r.Early))
			}
		}
		if mean += loss / 50; step%50 == 0 {
			fmt.Printf("%5d/%d  loss %.3f  %v\n", step, r.Steps, mean, time.Since(begun).Round(time.Second))
			mean = 0
		}
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	r.Early = early
	return m, nil
}
