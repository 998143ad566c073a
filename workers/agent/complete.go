package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Completion says what to continue, with which model.
type Completion struct {
	Dir    string // of a node: the model that it downloaded last
	Model  string // or a folder with config.json and model.safetensors; it wins
	Prompt string
	Tokens int
	llama.Sampling
	Trainer string // TrainerBuiltin or TrainerTorch; "" is builtin
}

// Complete continues a prompt without any network, writing as it goes.
func Complete(ctx context.Context, c Completion, out io.Writer) error {
	m, err := completionModel(ctx, c)
	if err != nil {
		return err
	}
	prompt := tokenizer.Encode(c.Prompt)
	if len(prompt) == 0 {
		prompt = []int32{tokenizer.EndOfText}
	}
	switch c.Trainer {
	case TrainerTorch:
		return completeElsewhere(ctx, c, m, prompt, out)
	case "", TrainerBuiltin:
	default:
		return fmt.Errorf("trainer %q: want %s or %s", c.Trainer, TrainerBuiltin, TrainerTorch)
	}
	tokens, err := llama.NewGenerator(m).Generate(prompt, c.Sampling)
	if err != nil {
		return err
	}
	var decoder tokenizer.Decoder
	n := 0
	for id := range tokens {
		if n++; n > c.Tokens || id == tokenizer.EndOfText || ctx.Err() != nil {
			break
		}
		if _, err := io.WriteString(out, decoder.Next(id)); err != nil {
			return err
		}
	}
	_, err = io.WriteString(out, decoder.Rest()+"\n")
	return errors.Join(err, ctx.Err())
}

func completionModel(ctx context.Context, c Completion) (*llama.Model, error) {
	if c.Model != "" {
		return readModel(c.Model)
	}
	root, err := os.OpenRoot(c.Dir) // without the lock: the node may run meanwhile
	if err != nil {
		return nil, fmt.Errorf("open node folder: %w", err)
	}
	s := &State{dir: c.Dir, root: root}
	defer s.Close()
	var last downloaded
	found, err := s.read(baseFile, &last)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errors.New("this node has downloaded no model yet; it does so with its first work, or give a model's folder")
	}
	if s.blobs, err = blobs.OpenFolder(filepath.Join(c.Dir, "blobs"), blobs.Options{}); err != nil {
		return nil, err
	}
	m, err := loadModel(ctx, s.blobs, last.Weights, last.Config)
	if err != nil {
		return nil, err
	}
	return m.Model, nil
}

// readModel reads a version as it is downloaded from the platform.
func readModel(dir string) (*llama.Model, error) {
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	shape, err := llama.ParseConfig(config)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	f, err := os.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	tensors, err := safetensors.Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m, err := fill(shape, tensors)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return m.Model, nil
}
