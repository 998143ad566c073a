//go:build unix

package torch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// misbehave is what the test binary does when it stands in for Python: as an
// honest program of the contract, but for one thing.
func misbehave(how, folder string) {
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	if folder == "--check" {
		switch how {
		case "missing":
			say(`{"event":"error","code":4,"reason":"No module named 'torch'"}`)
			os.Exit(4)
		case "mute":
			os.Exit(0)
		}
		say(`{"event":"hardware","trainer":"torch 9.9","python":"3","dtype":"float32","device":"cpu","hardware":"a \u001b[31mtest","threads":1}`)
		os.Exit(0)
	}
	var j job
	data, err := os.ReadFile(filepath.Join(folder, jobFile))
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err != nil {
		panic(err)
	}
	say(`{"event":"start","trainer":"torch 9.9","device":"cpu"}`)
	switch how {
	case "crash":
		fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\nSegmentationError: the GPU fell off the bus")
		os.Exit(1)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "memory":
		say(`{"event":"error","code":3,"reason":"one sequence does not fit"}`)
		os.Exit(3)
	case "unknown code":
		os.Exit(99)
	case "hang", "hang with a child":
		if how != "hang" {
			child := exec.Command("sleep", "600")
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				panic(err)
			}
			say(`{"event":"start","reason":"%d"}`, child.Process.Pid)
		}
		signal.Ignore(syscall.SIGTERM)
		forever()
	case "babble":
		say("Downloading shards: 100%%")
		forever()
	case "endless line":
		for {
			fmt.Print(strings.Repeat("x", 1<<16))
		}
	}
	if strings.HasPrefix(how, "asked") {
		askedToStop(how, folder, &j)
	}
	losses := make([]string, j.Hyperparams.Steps)
	for i := range losses {
		losses[i] = "2.5"
		say(`{"event":"step","step":%d,"loss":2.5}`, i+1)
	}
	file, err := os.ReadFile(filepath.Join(folder, baseFile))
	if err != nil {
		panic(err)
	}
	switch how {
	case "not a number":
		put(file, uint32(math.Float32bits(float32(math.NaN()))))
	case "short":
		file = file[:len(file)-4]
	case "other shape":
		file = []byte(strings.Replace(string(file), "[32]", "[ 2]", 1))
	case "other name":
		file = []byte(strings.Replace(string(file), "lm_head", "lm_feet", 1))
	case "half precision":
		file = []byte(strings.Replace(string(file), `"F32"`, `"F16"`, 1))
	}
	digest := sha256.Sum256(file)
	switch how {
	case "lie":
		put(file, 0x40000000) // after the digest was taken
	case "fewer steps":
		losses = losses[1:]
	case "loss below zero":
		losses[0] = "-1"
	case "loss no number":
		losses[0] = "NaN"
	}
	version := Version
	if how == "other version" {
		version++
	}
	result := fmt.Sprintf(`{"version":%d,"kind":"train","digest":%q,"bytes":%d,"steps":%d,"losses":[%s],"trainer":"torch 9.9","device":"cpu","tokens_per_second":5}`,
		version, hex.EncodeToString(digest[:]), len(file), len(losses), strings.Join(losses, ","))
	path := filepath.Join(folder, resultFile)
	switch how {
	case "no result":
	case "half a result":
		err = os.WriteFile(path, []byte(result[:len(result)/2]), 0o600)
	case "a pipe for a result":
		err = syscall.Mkfifo(path, 0o600)
	default:
		err = os.WriteFile(path, []byte(result), 0o600)
	}
	if how == "a link for tensors" {
		err = errors.Join(err, os.Symlink(filepath.Join(folder, baseFile), filepath.Join(folder, outFile)))
	} else {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, outFile), file, 0o600))
	}
	if err != nil {
		panic(err)
	}
	os.Exit(0)
}

// askedToStop reports one step and waits until it is asked to stop; then it
// says that it has done fewer steps, or does not listen.
func askedToStop(how, folder string, j *job) {
	fmt.Println(`{"event":"step","step":1,"loss":2.5}`)
	for {
		if _, err := os.Stat(filepath.Join(folder, j.Stop)); err == nil && j.Stop != "" {
			break
		}
	}
	switch how {
	case "asked, and goes on":
		for i := 2; ; i++ {
			fmt.Printf(`{"event":"step","step":%d,"loss":2.5}`+"\n", i)
		}
	case "asked, and did nothing":
		j.Hyperparams.Steps = 0
	default:
		j.Hyperparams.Steps = 1
	}
}

// TestAProgramThatIsAskedToStop is heard where fewer steps are of use.
func TestAProgramThatIsAskedToStop(t *testing.T) {
	h := numbers(3, 64, 32)
	for _, tt := range []struct {
		how  string
		want error
		says string
	}{
		{"asked", nil, ""},
		{"asked, and goes on", ErrInterrupted, "asked to stop and went on"},
		{"asked, and did nothing", ErrLied, "0 steps"},
	} {
		t.Run(tt.how, func(t *testing.T) {
			py, err := hostile(t, tt.how)
			if err != nil {
				t.Fatal(err)
			}
			got, done, err := py.Train(t.Context(), Training{Model: modelOf(t, small(t)), Hyperparams: h, Batch: batchOf(h), Partial: true,
				Progress: func(int, float64) error { return ErrEnough }}, Limits{Time: time.Minute, Silence: time.Minute})
			if !errors.Is(err, tt.want) || tt.want != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Train: %v\nwant %v that says %q", err, tt.want, tt.says)
			}
			if tt.want == nil && (len(got) == 0 || len(done.Losses) != 1) {
				t.Errorf("Train: %d values after %d steps, want those of one step", len(got), len(done.Losses))
			}
		})
	}
}

// forever waits for a signal that nobody sends.
func forever() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	<-never
}

// put overwrites the last value of a file.
func put(file []byte, bits uint32) {
	for i := range 4 {
		file[len(file)-4+i] = byte(bits >> (8 * i))
	}
}

// hostile is a Python that is none.
func hostile(t *testing.T, how string) (*Trainer, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALTHING_PYTHON", self)
	t.Setenv("HOSTILE", how)
	return Find(t.Context(), filepath.Join(t.TempDir(), "torch"))
}

func TestAProgramThatMisbehaves(t *testing.T) {
	h := numbers(3, 64, 32)
	for _, tt := range []struct {
		how  string
		want error
		says string
	}{
		{"honest", nil, ""},
		{"crash", ErrCrashed, "the GPU fell off the bus"},
		{"killed", ErrCrashed, "killed"},
		{"unknown code", ErrCrashed, "99"},
		{"memory", ErrMemory, "one sequence does not fit"},
		{"hang", ErrSilent, "said nothing"},
		{"babble", ErrLied, "Downloading"},
		{"endless line", ErrLied, "a line of more than"},
		{"lie", ErrLied, "the digest of"},
		{"not a number", ErrLied, "NaN"},
		{"short", ErrLied, outFile},
		{"other shape", ErrLied, outFile},
		{"other name", ErrLied, "lm_head.weight"},
		{"half precision", ErrLied, outFile},
		{"fewer steps", ErrLied, "2 steps"},
		{"loss below zero", ErrLied, "loss of step 1"},
		{"loss no number", ErrLied, resultFile},
		{"other version", ErrLied, "version 2"},
		{"no result", ErrLied, "no file result.json"},
		{"half a result", ErrLied, resultFile},
		{"a pipe for a result", ErrLied, "no file result.json"},
		{"a link for tensors", ErrLied, "no file out.safetensors"},
	} {
		t.Run(tt.how, func(t *testing.T) {
			py, err := hostile(t, tt.how)
			if err != nil {
				t.Fatal(err)
			}
			l := Limits{Time: time.Minute, Silence: time.Minute}
			if tt.how == "hang" {
				l.Silence = 300 * time.Millisecond
			}
			base := modelOf(t, small(t))
			got, done, err := py.Train(t.Context(), Training{Model: base, Hyperparams: h, Batch: batchOf(h)}, l)
			if !errors.Is(err, tt.want) || tt.want != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Train: %v\nwant %v that says %q", err, tt.want, tt.says)
			}
			if tt.want == nil && (len(got) != len(base.Data) || len(done.Losses) != 3 || done.String() != "torch 9.9 cpu") {
				t.Errorf("Train: %d values, %+v", len(got), done)
			}
			if tt.want != nil && got != nil {
				t.Errorf("Train returned weights with %v", err)
			}
			if rest, _ := filepath.Glob(filepath.Join(py.dir, "job-*")); len(rest) > 0 {
				t.Errorf("the text of the job was left in %v", rest)
			}
		})
	}
}

func TestFindSaysWhatIsWrong(t *testing.T) {
	for how, says := range map[string]string{"missing": "No module named 'torch'", "mute": "does not say what it is"} {
		if _, err := hostile(t, how); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want ErrMissing that says %q", how, err, says)
		}
	}
	t.Setenv("ALTHING_PYTHON", "/nonexistent/python")
	if _, err := Find(t.Context(), t.TempDir()); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "/nonexistent/python") {
		t.Errorf("no Python: %v", err)
	}
	py, err := hostile(t, "honest")
	if err != nil || py.Hardware != "a ?[31mtest" {
		t.Errorf("Find: %v, hardware %q; want control characters taken out", err, py.Hardware)
	}
}

// TestCancelEndsTheWholeGroup ends a program that ignores requests, and the
// child that it started and that holds its output open.
func TestCancelEndsTheWholeGroup(t *testing.T) {
	py, err := hostile(t, "hang with a child")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var child int
	watch := func(e event) error {
		if child, err = strconv.Atoi(e.Reason); err == nil {
			cancel()
		}
		return nil
	}
	j := job{Kind: "train", Hyperparams: nil}
	dir, err := folder(py.dir, &j, modelOf(t, small(t)), limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := process(ctx, py.python, []string{dir}, limits, watch); !errors.Is(err, context.Canceled) {
		t.Errorf("process: %v, want %v", err, context.Canceled)
	}
	if child == 0 {
		t.Fatal("no child was started")
	}
	// A killed orphan may wait for its new parent to collect it: a zombie is dead.
	for range 1000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("the child %d still runs", child)
}

// FuzzResult holds that whatever is taken is a result that can be shown and
// calculated with.
func FuzzResult(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"train","digest":"ab","bytes":5,"steps":1,"losses":[2.5],"trainer":"torch 9","device":"cpu","tokens_per_second":5}`))
	f.Add([]byte(`{"version":1,"kind":"train","trainer":"\u001b[31m","device":"cpu","losses":[1e308]}`))
	f.Add([]byte(`{"Version":1,"KIND":"train","trainer":{},"losses":[null,-0]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseResult(data, "train")
		if err != nil {
			if !errors.Is(err, ErrLied) {
				t.Errorf("parseResult(%q): %v, want ErrLied", data, err)
			}
			return
		}
		for _, c := range r.String() + r.Hardware + r.Python {
			if c < ' ' || c > '~' {
				t.Errorf("parseResult(%q) shows %q", data, c)
			}
		}
		for _, loss := range append(r.Losses, r.Speed, r.Start) {
			if !(loss >= 0) || math.IsInf(loss, 0) {
				t.Errorf("parseResult(%q) has the number %g", data, loss)
			}
		}
	})
}

func TestBatchesThatTheContractCannotSay(t *testing.T) {
	row, err := appendRow(nil, []int32{5, 6, 7}, []int32{6, Ignore, 9})
	want := []int32{5, 6, -8, 9}
	for i := range want {
		if got := int32(uint32(row[4*i]) | uint32(row[4*i+1])<<8 | uint32(row[4*i+2])<<16 | uint32(row[4*i+3])<<24); err != nil || got != want[i] {
			t.Errorf("appendRow[%d] = %d, %v, want %d", i, got, err, want[i])
		}
	}
	if _, err := appendRow(nil, []int32{5, 6}, []int32{7, 7}); err == nil {
		t.Error("appendRow took a target that is not the next token")
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		a, b   []float32
		within bool
	}{
		{[]float32{1, 2, 3}, []float32{1, 2, 3}, true},
		{[]float32{0, 0}, []float32{0, 0}, true},
		{[]float32{1, 0}, []float32{1, 0.0009}, true},
		{[]float32{1, 0}, []float32{1, 0.0011}, false},
		{[]float32{1, 0}, []float32{-1, 0}, false},
		{[]float32{1, 0}, []float32{0, 0}, false},
	} {
		if a, err := Compare(tt.a, tt.b); err != nil || a.Within() != tt.within {
			t.Errorf("Compare(%v, %v) = %v, %v, want within %v", tt.a, tt.b, a, err, tt.within)
		}
	}
	for _, b := range [][]float32{{1}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), 1}} {
		if a, err := Compare([]float32{1, 1}, b); err == nil {
			t.Errorf("Compare with %v = %v, want an error", b, a)
		}
	}
}
