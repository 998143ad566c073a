package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tokenizer"
)

// files lists what is below a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			list = append(list, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAdaptStaysInTheNode(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	a := Adaptation{Dir: n.dir, Name: "mine", Folder: n.text, Steps: 12, Batch: 256, Rank: 4, Alpha: 8, Rate: 1e-2, Seed: 5, Threads: 1}
	var said bytes.Buffer
	if err := Adapt(t.Context(), a, &said); err == nil || !strings.Contains(err.Error(), "no model yet") {
		t.Errorf("before any work: %v", err)
	}
	p.give(p.training(protocol.Train))
	n.mustRun(t, 1)
	p.web.Close() // from here on any connection would fail
	before := files(t, n.dir)
	if err := Adapt(t.Context(), a, &said); err != nil {
		t.Fatal(err)
	}
	added := slices.DeleteFunc(files(t, n.dir), func(name string) bool { return slices.Contains(before, name) })
	if want := []string{"adapters/mine/adapter_config.json", "adapters/mine/adapter_model.safetensors"}; !slices.Equal(added, want) {
		t.Errorf("Adapt wrote %v, want %v", added, want)
	}
	info, err := os.Stat(filepath.Join(n.dir, "adapters", "mine"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the adapter's folder: %v, %v, want mode 0700", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(n.dir, "adapters", "mine", "adapter_model.safetensors")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the adapter: %v, %v, want mode 0600", info.Mode(), err)
	}
	if err := Adapt(t.Context(), a, &said); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("a second adapter of the name: %v", err)
	}
	weights := filepath.Join(n.dir, "adapters", "mine", "adapter_model.safetensors")
	first, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	a.Replace, a.Threads = true, 2
	if err := Adapt(t.Context(), a, &said); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(weights); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same text and seed on two threads gave another adapter (%v)", err)
	}

	complete := func(adapter string) string {
		var out, notes bytes.Buffer
		c := Completion{Dir: n.dir, Adapter: adapter, Prompt: "Record", Tokens: 30, Threads: 1, Notes: &notes, Sampling: llama.Sampling{Temperature: 1, Seed: 3}}
		if err := Complete(t.Context(), c, &out); err != nil {
			t.Fatal(err)
		}
		if notes.Len() > 0 {
			t.Errorf("with adapter %q: %s", adapter, &notes)
		}
		return out.String()
	}
	plain, adapted := complete(""), complete("mine")
	if plain == adapted {
		t.Errorf("the adapter changes nothing: %q", plain)
	}
	if byFolder := complete(filepath.Join(n.dir, "adapters", "mine")); byFolder != adapted {
		t.Errorf("the same adapter by its folder says %q, want %q", byFolder, adapted)
	}
	for _, bad := range []string{"", "../mine", "Mine", "a b", ".."} {
		a.Name = bad
		if err := Adapt(t.Context(), a, &said); err == nil {
			t.Errorf("Adapt took the name %q", bad)
		}
	}
	var out bytes.Buffer
	if err := Complete(t.Context(), Completion{Dir: n.dir, Adapter: "other", Prompt: "x"}, &out); err == nil || !strings.Contains(err.Error(), "no adapter") {
		t.Errorf("an unknown adapter: %v", err)
	}
}

// TestAdapterOfOtherWeightsIsNoted: a new version is another base.
func TestAdapterOfOtherWeightsIsNoted(t *testing.T) {
	shape := llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 32, Vocab: 256, NormEps: 1e-5, RopeTheta: 1e4, Tied: true}
	var folders []string
	for seed := range uint64(2) {
		m, err := llama.Init(shape, seed)
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, t.TempDir())
		if err := m.Save(wholeFiles(folders[seed])); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var out, notes bytes.Buffer
	a := Adaptation{Dir: dir, Model: folders[0], Name: "mine", Folder: textFolder(t, 20), Steps: 2, Batch: 64, Rank: 2, Alpha: 4, Rate: 1e-3, Threads: 1}
	if err := Adapt(t.Context(), a, &out); err != nil {
		t.Fatal(err)
	}
	c := Completion{Dir: dir, Model: folders[1], Adapter: "mine", Prompt: "x", Tokens: 3, Notes: &notes}
	if err := Complete(t.Context(), c, &out); err != nil || !strings.Contains(notes.String(), "other weights") {
		t.Errorf("with other weights: %v, notes %q", err, &notes)
	}
}

// TestCompleteReadsTheTokenizerOfTheModel writes a model of 300 tokens.
func TestCompleteReadsTheTokenizerOfTheModel(t *testing.T) {
	shape := llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 32, Vocab: 258, NormEps: 1e-5, RopeTheta: 1e4}
	m, err := llama.Init(shape, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Save(wholeFiles(dir)); err != nil {
		t.Fatal(err)
	}
	words, err := tokenizer.FromMerges([]tokenizer.Pair{{Left: 'a', Right: 'b'}, {Left: 256, Right: 'c'}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := words.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	c := Completion{Model: dir, Prompt: "abc", Tokens: 8, Sampling: llama.Sampling{Temperature: 1, Seed: 2}}
	if err := Complete(t.Context(), c, &got); err != nil {
		t.Fatal(err)
	}
	ids, err := llama.NewGenerator(m).Generate([]int32{257}, c.Sampling)
	if err != nil {
		t.Fatal(err)
	}
	var want []int32
	for id := range ids {
		if want = append(want, id); len(want) == 8 {
			break
		}
	}
	if got.String() != words.Decode(want)+"\n" {
		t.Errorf("Complete = %q, want %q", &got, words.Decode(want))
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Complete(t.Context(), c, &got); err == nil {
		t.Error("Complete took a broken tokenizer.json")
	}
}
