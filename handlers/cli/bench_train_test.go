package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	first "codeberg.org/althing/althing/training/founding"
	"codeberg.org/althing/althing/training/llama"
)

// bench runs a measurement and returns its output and status.
func (d measured) bench(args ...string) (out, problem string, status int) {
	var o, e bytes.Buffer
	status = Run(d.t.Context(), Terminal{In: os.Stdin, Out: &o, Err: &e}, append([]string{"bench", "train"}, args...))
	return o.String(), e.String(), status
}

// measured is a folder with a small shape, its first weights, a text and batches.
type measured struct {
	t   *testing.T
	dir string
}

func (d measured) path(name string) string { return filepath.Join(d.dir, name) }

func (d measured) write(name string, content []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), content, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func newMeasured(t *testing.T) measured {
	d := measured{t, t.TempDir()}
	c := llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 32, Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
	shape, err := llama.MarshalConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	d.write("config.json", shape)
	m, err := llama.Init(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	var weights bytes.Buffer
	if _, err := first.Write(&weights, m); err != nil {
		t.Fatal(err)
	}
	d.write("init.safetensors", weights.Bytes())
	d.write("text", []byte(strings.Repeat("hear the other side. ", 40)))
	d.write("batches", []byte("0 5 10\n7 3 1\n20 30 40\n"))
	return d
}

// TestBenchTrainComputesWhatItsFilesSay: the same weights from a file and from
// the seed, the same batches on one and on two threads, give the same digest.
func TestBenchTrainComputesWhatItsFilesSay(t *testing.T) {
	d := newMeasured(t)
	var digests []string
	for _, extra := range [][]string{{"--threads", "1"}, {"--threads", "2"}, {"--threads", "1", "--init", d.path("init.safetensors")}} {
		out, problem, status := d.bench(append([]string{"--config", d.path("config.json"), "--text", d.path("text"),
			"--batches", d.path("batches"), "--steps", "3", "--json"}, extra...)...)
		if status != 0 {
			t.Fatalf("bench train %v: %s", extra, problem)
		}
		var r map[string]any
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("bench train printed %q: %v", out, err)
		}
		for _, key := range []string{"parameters", "tokens_per_second", "tokens_per_second_best", "peak_rss_mib", "fma_share"} {
			if v, ok := r[key].(float64); !ok || v < 0 || key != "peak_rss_mib" && v == 0 {
				t.Errorf("%s is %v, want a number above 0", key, r[key])
			}
		}
		losses, _ := r["losses"].([]any)
		if len(losses) != 3 {
			t.Fatalf("losses are %v, want three", r["losses"])
		}
		if first, _ := losses[0].(float64); math.Abs(first-math.Log(256)) > 0.1 {
			t.Errorf("the first loss is %g, want about ln 256", first)
		}
		digest, _ := r["weights_sha256"].(string)
		digests = append(digests, digest)
	}
	if len(digests[0]) != 64 || digests[1] != digests[0] || digests[2] != digests[0] {
		t.Errorf("weights are %q, want one digest", digests)
	}
}

func TestBenchTrainRefuses(t *testing.T) {
	d := newMeasured(t)
	d.write("far", []byte("1000000\n"))
	d.write("uneven", []byte("1 2\n3\n"))
	d.write("short", []byte("too short"))
	for _, tt := range []struct {
		name, want string
		args       []string
		status     int
	}{
		{"no threads", "at least one thread", []string{"--threads", "0"}, 2},
		{"an argument", "flags only", []string{"S"}, 2},
		{"a shape that is not there", "read the shape", []string{"--config", d.path("nothing")}, 1},
		{"an offset past the text", "no offset", []string{"--text", d.path("text"), "--batches", d.path("far"), "--steps", "1"}, 1},
		{"batches of two sizes", "line 2 has 1", []string{"--text", d.path("text"), "--batches", d.path("uneven"), "--steps", "2"}, 1},
		{"more steps than batches", "3 lines for 4 steps", []string{"--text", d.path("text"), "--batches", d.path("batches"), "--steps", "4"}, 1},
		{"a text shorter than a sequence", "fewer than one sequence", []string{"--text", d.path("short")}, 1},
		{"weights of another shape", "compare layouts", []string{"--config", "S", "--init", d.path("init.safetensors")}, 1},
	} {
		args := append([]string{"--config", d.path("config.json")}, tt.args...)
		if _, problem, status := d.bench(args...); status != tt.status || !strings.Contains(problem, tt.want) {
			t.Errorf("%s: status %d and %q, want %d and %q", tt.name, status, problem, tt.status, tt.want)
		}
	}
	var out, problem bytes.Buffer
	if status := Run(t.Context(), Terminal{Out: &out, Err: &problem}, []string{"bench"}); status != 2 || !strings.Contains(problem.String(), "bench train") {
		t.Errorf("bench alone: status %d and %q, want 2 and the list", status, problem.String())
	}
}
