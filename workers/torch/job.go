package torch

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/safetensors"
)

// Version of the contract that this package speaks.
const Version = 1

// Ignore as a target leaves its position out of the loss, as in training/llama.
const Ignore int32 = -1

// Model is what a job begins from.
type Model struct {
	Config  []byte               // config.json
	Tensors []safetensors.Tensor // F32, in the order of Data
	Data    []float32            // all weights; read, never changed
}

// Limits are what the owner allows a job.
type Limits struct {
	Threads   int           // of the processor; 0 leaves it to the program
	Megabytes int64         // of memory, of the device where there is one; 0 is no limit
	Time      time.Duration // of the whole job; 0 is a day
	Silence   time.Duration // longest time without a word; 0 is 10 minutes
}

func (l Limits) withDefaults() Limits {
	if l.Time <= 0 {
		l.Time = 24 * time.Hour
	}
	if l.Silence <= 0 {
		l.Silence = 10 * time.Minute
	}
	return l
}

// job is job.json. Files are names within the job's folder.
type job struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"` // "train", "evaluate" or "sample"
	Config  string `json:"config"`
	Base    string `json:"base"`
	Batches string `json:"batches,omitempty"`
	Out     string `json:"out"`
	Stop    string `json:"stop,omitempty"` // appears when the job shall end with what is done; "" where only all of it is of use
	Device  string `json:"device"`         // "auto", "cpu" or "cuda"
	Seed    string `json:"seed"`           // decimal: JSON numbers lose bits above 2^53

	Rows        int                   `json:"rows,omitempty"`
	Context     int                   `json:"context,omitempty"`
	Hyperparams *training.Hyperparams `json:"hyperparams,omitempty"`
	Rates       []float64             `json:"rates,omitempty"`
	Lora        *Lora                 `json:"lora,omitempty"`
	Sample      *jobSample            `json:"sample,omitempty"`
	Limits      jobLimits             `json:"limits"`
}

type jobLimits struct {
	Threads   int     `json:"threads"`
	Megabytes int64   `json:"memory_mb"`
	Seconds   float64 `json:"seconds"`
}

type jobSample struct {
	Prompt      []int32 `json:"prompt"`
	Tokens      int     `json:"tokens"`
	Temperature float64 `json:"temperature"`
	TopK        int     `json:"top_k"`
}

// Lora trains adapters of a rank instead of all weights (Hu et al. 2021) and
// merges them: W + Alpha/Rank·B·A on every linear layer.
type Lora struct {
	Rank  int     `json:"rank"`
	Alpha float64 `json:"alpha"`
}

// Names of the files in a job's folder.
const (
	scriptFile  = "trainer.py"
	jobFile     = "job.json"
	configFile  = "config.json"
	baseFile    = "base.safetensors"
	batchesFile = "batches.i32"
	outFile     = "out.safetensors"
	stopFile    = "stop"
	resultFile  = "result.json"
)

// folder makes the folder of a job below dir, readable by its owner only: it
// holds the text as ids. rows writes the batches, nil where there are none.
func folder(dir string, j *job, m Model, limits Limits, rows func(io.Writer) error) (path string, err error) {
	path, err = os.MkdirTemp(dir, "job-")
	if err != nil {
		return "", fmt.Errorf("make the folder of a job: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make the folder of a job: %w", err), os.RemoveAll(path))
		}
	}()
	j.Version, j.Config, j.Base, j.Out = Version, configFile, baseFile, outFile
	j.Limits = jobLimits{limits.Threads, limits.Megabytes, limits.Time.Seconds()}
	if j.Device == "" {
		j.Device = "auto"
	}
	if rows != nil {
		j.Batches = batchesFile
		if err := write(path, batchesFile, rows); err != nil {
			return path, err
		}
	}
	text, err := json.MarshalIndent(j, "", "\t")
	if err != nil {
		return path, err
	}
	for name, data := range map[string][]byte{scriptFile: script, configFile: m.Config, jobFile: text} {
		if err := os.WriteFile(filepath.Join(path, name), data, 0o600); err != nil {
			return path, err
		}
	}
	return path, write(path, baseFile, func(w io.Writer) error {
		_, err := safetensors.Write(w, m.Tensors, m.Data)
		return err
	})
}

func write(dir, name string, content func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = content(w)
	return errors.Join(err, w.Flush(), f.Close())
}

// appendRow appends one sequence as context + 1 ids: what is read, and the last
// target. A token that is read and never predicted is written as -1 - id.
// Targets must be the inputs moved on by one, or Ignore; after the last one
// that counts it does not matter what is read.
func appendRow(row []byte, inputs, targets []int32) ([]byte, error) {
	put := func(id int32) { row = binary.LittleEndian.AppendUint32(row, uint32(id)) }
	for i, target := range targets {
		if i == 0 {
			put(inputs[0])
		}
		next := int32(0) // after the last input nothing is read
		if i+1 < len(inputs) {
			next = inputs[i+1]
		}
		switch {
		case target < 0:
			put(-1 - next)
		case i+1 == len(inputs) || target == next || !slices.ContainsFunc(targets[i+1:], func(t int32) bool { return t >= 0 }):
			put(target)
		default:
			return row, fmt.Errorf("target %d is %d and the token after it %d: the contract knows next-token prediction only", i, target, next)
		}
	}
	return row, nil
}
