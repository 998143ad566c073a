package llama

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tensor"
)

func TestSaveAndLoad(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m, folder := wide(t, tiny(tied)), fstest.MapFS{}
		err := m.Save(func(name string, write func(io.Writer) error) error {
			var out bytes.Buffer
			err := write(&out)
			folder[name] = &fstest.MapFile{Data: out.Bytes()}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		if got.Config != m.Config || got.Params.Digest() != m.Params.Digest() {
			t.Errorf("tied %v: loaded %+v, %v", tied, got.Config, got.Params.Digest())
		}
		if len(folder) != 2 {
			t.Errorf("the folder holds %d files", len(folder))
		}
		full := errors.New("the disk is full")
		for _, at := range []string{ConfigFile, safetensors.SingleFile} {
			err := m.Save(func(name string, write func(io.Writer) error) error {
				if name == at {
					return full
				}
				return write(io.Discard)
			})
			if !errors.Is(err, full) {
				t.Errorf("no room for %s: %v", at, err)
			}
		}
	}
}

// bfloat16 writes a model in two shards of the upper halves of its weights,
// with the rotary frequencies of old exports, and returns what is to be loaded.
func bfloat16(t *testing.T, m *Model) (fstest.MapFS, *tensor.Params) {
	t.Helper()
	want := m.Params.Zeros()
	for i, v := range m.Params.Data {
		want.Data[i] = math.Float32frombits(math.Float32bits(v) &^ 0xffff)
	}
	folder, where := fstest.MapFS{}, map[string]string{}
	names := []string{"model.layers.0.self_attn.rotary_emb.inv_freq"}
	for _, s := range m.Params.Specs() {
		names = append(names, s.Name)
	}
	for shard := range 2 {
		header, data := map[string]any{}, []byte{}
		file := fmt.Sprintf("model-%05d-of-00002.safetensors", shard+1)
		for i, name := range names {
			if i%2 != shard {
				continue
			}
			where[name] = file
			from, shape := len(data), []int{1}
			if view, ok := want.View(name); ok {
				shape = want.Specs()[i-1].Shape
				for _, v := range view {
					data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(v)>>16))
				}
			} else {
				data = append(data, 0, 0)
			}
			header[name] = map[string]any{"dtype": "BF16", "shape": shape, "data_offsets": []int{from, len(data)}}
		}
		text, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		folder[file] = &fstest.MapFile{Data: slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, data)}
	}
	index, err := json.Marshal(map[string]any{"weight_map": where})
	if err != nil {
		t.Fatal(err)
	}
	config, err := MarshalConfig(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	folder[safetensors.IndexFile], folder[ConfigFile] = &fstest.MapFile{Data: index}, &fstest.MapFile{Data: config}
	return folder, want
}

func TestLoadShardsOfBFloat16(t *testing.T) {
	folder, want := bfloat16(t, wide(t, tiny(false)))
	got, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if got.Params.Digest() != want.Digest() {
		t.Error("the weights are not the upper halves")
	}
}

// saved returns the files of a saved tied model with more tensors or other
// values.
func saved(t *testing.T, m *Model, change func(specs *[]safetensors.Tensor, data *[]float32)) fstest.MapFS {
	t.Helper()
	var specs []safetensors.Tensor
	for _, s := range m.Params.Specs() {
		specs = append(specs, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	data := slices.Clone(m.Params.Data)
	change(&specs, &data)
	var out bytes.Buffer
	if _, err := safetensors.Write(&out, specs, data); err != nil {
		t.Fatal(err)
	}
	config, err := MarshalConfig(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{ConfigFile: {Data: config}, safetensors.SingleFile: {Data: out.Bytes()}}
}

func TestLoadTakesAnOutputMatrixThatIsTheEmbedding(t *testing.T) {
	m := wide(t, tiny(true))
	add := func(change float32) fstest.MapFS {
		return saved(t, m, func(specs *[]safetensors.Tensor, data *[]float32) {
			*specs = append(*specs, safetensors.Tensor{Name: "lm_head.weight", Shape: []int{11, 8}, DType: safetensors.F32})
			*data = append(*data, m.w.embed.Data...)
			(*data)[len(*data)-1] += change
		})
	}
	if got, err := Load(add(0)); err != nil || got.Params.Digest() != m.Params.Digest() {
		t.Errorf("Load: %v", err)
	}
	if _, err := Load(add(1)); err == nil || !strings.Contains(err.Error(), "ties") {
		t.Errorf("another output matrix: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	m := wide(t, tiny(true))
	for _, tt := range []struct {
		name   string
		change func(specs *[]safetensors.Tensor, data *[]float32)
	}{
		{"another name", func(s *[]safetensors.Tensor, _ *[]float32) { (*s)[0].Name = "model.wte.weight" }},
		{"another shape", func(s *[]safetensors.Tensor, _ *[]float32) { (*s)[0].Shape = []int{8, 11} }},
		{"a tensor less", func(s *[]safetensors.Tensor, d *[]float32) {
			*d = (*d)[(*s)[0].Elements():]
			*s = (*s)[1:]
		}},
		{"a tensor more", func(s *[]safetensors.Tensor, d *[]float32) {
			*d = append(*d, 1)
			*s = append(*s, safetensors.Tensor{Name: "model.layers.0.self_attn.q_proj.bias", Shape: []int{1}, DType: safetensors.F32})
		}},
		{"not a number", func(_ *[]safetensors.Tensor, d *[]float32) { (*d)[5] = float32(math.NaN()) }},
	} {
		if _, err := Load(saved(t, m, tt.change)); err == nil {
			t.Errorf("%s: Load took it", tt.name)
		}
	}
	folder := saved(t, m, func(*[]safetensors.Tensor, *[]float32) {})
	folder[ConfigFile] = &fstest.MapFile{Data: append(folder[ConfigFile].Data, bytes.Repeat([]byte{' '}, maxConfig)...)}
	if _, err := Load(folder); err == nil {
		t.Error("Load took a config.json of more than 1 MiB")
	}
	delete(folder, ConfigFile)
	if _, err := Load(folder); err == nil {
		t.Error("Load took a folder without config.json")
	}
}
