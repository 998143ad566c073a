package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Completion says what to continue, with which model.
type Completion struct {
	Dir   string // of a node: the model that it downloaded last
	Model string // or a folder in the layout of Hugging Face; it wins
	// Adapter is the name of one that Adapt trained, or a folder of PEFT's;
	// "" for the model as it is.
	Adapter string
	Prompt  string
	Tokens  int
	llama.Sampling
	Trainer string    // TrainerBuiltin or TrainerTorch; "" is builtin
	Threads int       // of the builtin one, at least 1; they change no letter
	Notes   io.Writer // remarks that are no part of the text; nil for none
}

// Complete continues a prompt without any network, writing as it goes.
func Complete(ctx context.Context, c Completion, out io.Writer) error {
	m, err := completionModel(ctx, c)
	if err != nil {
		return err
	}
	words, err := tokens(c.Model, m.Config.Vocab)
	if err != nil {
		return err
	}
	if c.Adapter != "" {
		if m, err = personal(m, c); err != nil {
			return err
		}
	}
	prompt := words.Encode(c.Prompt)
	end := endOf(words)
	if len(prompt) == 0 {
		prompt = []int32{end}
	}
	switch c.Trainer {
	case TrainerTorch:
		if !words.IsBytes() || c.TopP > 0 && c.TopP < 1 {
			return fmt.Errorf("the trainer %s continues texts of bytes and knows no top-p", TrainerTorch)
		}
		return completeElsewhere(ctx, c, m, prompt, out)
	case "", TrainerBuiltin:
	default:
		return fmt.Errorf("trainer %q: want %s or %s", c.Trainer, TrainerBuiltin, TrainerTorch)
	}
	ids, err := llama.NewParallelGenerator(m, c.Threads).Generate(prompt, c.Sampling)
	if err != nil {
		return err
	}
	decoder := tokenizer.Decoder{BPE: words}
	n := 0
	for id := range ids {
		if n++; n > c.Tokens || id == end || ctx.Err() != nil {
			break
		}
		if _, err := io.WriteString(out, decoder.Next(id)); err != nil {
			return err
		}
	}
	_, err = io.WriteString(out, decoder.Rest()+"\n")
	return errors.Join(err, ctx.Err())
}

// tokens returns the encoding of the model: what tokenizer.json in its folder
// says, or the bytes.
func tokens(folder string, vocabulary int) (*tokenizer.BPE, error) {
	words := tokenizer.Bytes()
	if folder != "" {
		f, err := os.Open(filepath.Join(folder, "tokenizer.json"))
		if err == nil {
			words, err = tokenizer.Read(f)
			err = errors.Join(err, f.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if words.Len() > vocabulary {
		return nil, fmt.Errorf("the encoding has %d tokens, the model %d", words.Len(), vocabulary)
	}
	return words, nil
}

// endOf returns the id at which a text ends: the mark by one of its usual
// names, or byte 0.
func endOf(words *tokenizer.BPE) int32 {
	for _, name := range []string{"<|endoftext|>", "<|end_of_text|>", "</s>"} {
		if id, ok := words.Special(name); ok {
			return id
		}
	}
	return words.Encode("\x00")[0]
}

func completionModel(ctx context.Context, c Completion) (*llama.Model, error) {
	if c.Model != "" {
		return llama.Load(os.DirFS(c.Model))
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
