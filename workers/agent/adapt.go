package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/lora"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Adaptation says which personal adapter to train: on the owner's text, for the
// model that the node downloaded last or one in a folder.
type Adaptation struct {
	Dir     string // of the node; the adapter is adapters/NAME in it
	Model   string // a folder with config.json and weights; it wins over the node's last model
	Name    string
	Folder  string            // of text; it is only read
	Text    localdata.Options // what of it is read
	Replace bool              // an adapter of this name
	Steps   int
	Batch   int // tokens of one step
	Rank    int
	Alpha   float64
	Rate    float64 // of AdamW, constant
	Seed    uint64
	Threads int
}

// adapterNames are names of folders on every system.
var adapterNames = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func adapterDir(dir, name string) (string, error) {
	if !adapterNames.MatchString(name) {
		return "", fmt.Errorf("an adapter is named with small letters, digits and hyphens, not %q", name)
	}
	return filepath.Join(dir, "adapters", name), nil
}

// Adapt trains a personal adapter. It opens no connection, and no other part of
// the node reads what it writes: the adapter holds what its owner's text says
// and stays in the node's folder until the owner deletes it there. The base is
// not changed.
func Adapt(ctx context.Context, a Adaptation, out io.Writer) error {
	dir, err := adapterDir(a.Dir, a.Name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil && !a.Replace {
		return fmt.Errorf("there is an adapter %q; give --replace to train it anew, or another --name", a.Name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m, err := completionModel(ctx, Completion{Dir: a.Dir, Model: a.Model})
	if err != nil {
		return err
	}
	if m.Config.Vocab != tokenizer.Vocabulary {
		return fmt.Errorf("the model has %d tokens; adapters are trained for models over the %d bytes", m.Config.Vocab, tokenizer.Vocabulary)
	}
	stream, err := ownText(ctx, a, out)
	if err != nil {
		return err
	}
	adapter, err := lora.New(m, lora.Config{Rank: a.Rank, Alpha: a.Alpha, Targets: lora.All()}, a.Seed)
	if err != nil {
		return err
	}
	if err := adapt(ctx, a, m, adapter, stream, out); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the adapter: %w", err)
	}
	if err := adapter.Save(wholeFiles(dir)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d numbers are in %s and nowhere else; use them with: node complete --adapter %s --prompt TEXT\n",
		adapter.Params.Len(), dir, a.Name)
	return err
}

// wholeFiles keeps files in a folder, readable by their owner only: each is
// written beside its place and renamed when it is on the disk, so that a crash
// leaves the old one or the new one.
func wholeFiles(dir string) safetensors.Put {
	return func(name string, write func(io.Writer) error) error {
		f, err := os.CreateTemp(dir, name+".*") // mode 0600
		if err != nil {
			return err
		}
		err = errors.Join(write(f), f.Sync(), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), filepath.Join(dir, name))
		}
		if err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return nil
	}
}

// ownText reads the folder as a node reads it for a campaign, so that secrets
// are taken out here too, and keeps no record of it.
func ownText(ctx context.Context, a Adaptation, out io.Writer) (*localdata.Stream, error) {
	pieces, report, err := localdata.Scan(ctx, a.Folder, a.Text)
	if err != nil {
		return nil, err
	}
	var records []localdata.Record
	for _, p := range pieces {
		records = append(records, localdata.Record{Text: p.Text})
	}
	stream := localdata.NewStream(records)
	_, err = fmt.Fprintf(out, "%d files: %d tokens to adapt to; %d files left out, %d secrets taken out\n",
		report.Files, stream.Len(), len(report.Skipped), len(report.Findings))
	return stream, err
}

func adapt(ctx context.Context, a Adaptation, m *llama.Model, adapter *lora.Adapter, stream *localdata.Stream, out io.Writer) error {
	time := min(m.Config.Context, stream.Len()-1)
	h := training.Hyperparams{Steps: a.Steps, Context: time, BatchTokens: max(1, a.Batch/max(time, 1)) * time,
		LearnRate: a.Rate, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1}
	if err := h.Check(); err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	trainer, err := lora.NewTrainer(m, adapter, time, a.Threads)
	if err != nil {
		return err
	}
	adam := optim.New(h, a.Threads)
	for step := range h.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		inputs, targets, err := stream.Batch(a.Seed, step, h.BatchTokens/time, time)
		if err != nil {
			return err
		}
		loss, err := trainer.Step(inputs, targets, adam)
		if err != nil {
			return err
		}
		if step == 0 || (step+1)%(max(h.Steps/10, 1)) == 0 {
			if _, err := fmt.Fprintf(out, "step %d of %d: loss %.4f\n", step+1, h.Steps, loss); err != nil {
				return err
			}
		}
	}
	return nil
}

func adaptCommand(ctx context.Context, flags *flag.FlagSet, args []string, t Terminal) error {
	a := Adaptation{Batch: 1024}
	flags.StringVar(&a.Dir, "dir", DefaultDir(), "the node's folder")
	flags.StringVar(&a.Model, "model", "", "folder of a downloaded version, instead of the node's last model")
	flags.StringVar(&a.Name, "name", "mine", "of the adapter")
	flags.StringVar(&a.Folder, "text", "", "folder of your text; it is only read, and neither it nor the adapter leaves this machine")
	flags.BoolVar(&a.Replace, "replace", false, "an adapter of this name")
	flags.IntVar(&a.Steps, "steps", 200, "of training")
	flags.IntVar(&a.Rank, "rank", 8, "of the adapter: more learn more and take longer")
	flags.Float64Var(&a.Alpha, "alpha", 16, "the addition is scaled by alpha/rank")
	flags.Float64Var(&a.Rate, "rate", 2e-3, "learning rate")
	flags.Uint64Var(&a.Seed, "seed", 1, "the same seed, text and model give the same adapter")
	flags.IntVar(&a.Threads, "threads", 0, "threads to compute with; 0 takes all")
	if err := parse(flags, args); err != nil {
		return err
	}
	if a.Folder == "" {
		return errors.New("say which text to adapt to: --text FOLDER")
	}
	a.Threads = Limits{Threads: a.Threads}.threads()
	return Adapt(ctx, a, t.Out)
}

// personal returns the model with an adapter of the node, or with one in a
// folder that PEFT wrote, merged into it.
func personal(m *llama.Model, c Completion) (*llama.Model, error) {
	dir := c.Adapter
	if filepath.Base(dir) == dir {
		var err error
		if dir, err = adapterDir(c.Dir, c.Adapter); err != nil {
			return nil, err
		}
	}
	adapter, err := lora.Load(os.DirFS(dir), m.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no adapter %q; train it with: node adapt --name NAME --text FOLDER", c.Adapter)
	}
	if err != nil {
		return nil, err
	}
	if c.Notes != nil && !adapter.Base.IsZero() && adapter.Base != m.Params.Digest() {
		fmt.Fprintf(c.Notes, "The adapter %s was trained for other weights than this model has now; train it again if it reads worse.\n", c.Adapter)
	}
	return adapter.Merge(m)
}
