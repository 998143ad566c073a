package safetensors

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// shards is a checkpoint of two files: one of half precision, one of single.
func shards(t testing.TB) fstest.MapFS {
	t.Helper()
	half := raw(`{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}}`, 6)
	copy(half[len(half)-6:], []byte{0x80, 0x3f, 0x49, 0xc0, 0x01, 0x3c}) // 1, -3.140625, 1 + 2^-10
	return fstest.MapFS{
		"model-00001-of-00002.safetensors": {Data: half},
		"model-00002-of-00002.safetensors": {Data: file(t, []Tensor{{"c", []int{3}, F32}}, []float32{1, 2, 3})},
		IndexFile: {Data: []byte(`{"metadata":{"total_size":18},"weight_map":{"c":"model-00002-of-00002.safetensors",` +
			`"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}}`)},
	}
}

func collect(folder fs.FS) (map[string][]float32, error) {
	got := map[string][]float32{}
	err := ReadFolder(folder, func(t Tensor) ([]float32, error) {
		got[t.Name] = make([]float32, t.Elements())
		return got[t.Name], nil
	})
	return got, err
}

func TestReadFolder(t *testing.T) {
	want := map[string][]float32{"a": {1, -3.140625}, "b": {1 + 1.0/1024}, "c": {1, 2, 3}}
	got, err := collect(shards(t))
	if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("ReadFolder = %v, %v, want %v", got, err, want)
	}
	single := fstest.MapFS{SingleFile: {Data: file(t, two, ramp(11))}}
	if got, err := collect(single); err != nil || !slices.Equal(got["norm"], ramp(11)[6:]) {
		t.Errorf("ReadFolder of one file = %v, %v", got, err)
	}
	passed := 0
	err = ReadFolder(single, func(t Tensor) ([]float32, error) { passed++; return nil, nil })
	if err != nil || passed != 2 {
		t.Errorf("passing over: %d tensors, %v", passed, err)
	}
	stop := errors.New("stop")
	if err := ReadFolder(single, func(Tensor) ([]float32, error) { return nil, stop }); !errors.Is(err, stop) {
		t.Errorf("an error of place came back as %v", err)
	}
	if err := ReadFolder(single, func(Tensor) ([]float32, error) { return make([]float32, 3), nil }); err == nil {
		t.Error("3 places for 6 elements were taken")
	}
}

func TestReadFolderRefuses(t *testing.T) {
	if _, err := collect(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"a way out", `"a":"model-00001`, `"a":"../model-00001`},
		{"a folder", `"a":"model-00001`, `"a":"x/model-00001`},
		{"a drive", `"a":"model-00001`, `"a":"C:model-00001`},
		{"hidden", `"a":"model-00001`, `"a":".model-00001`},
		{"another format", `"c":"model-00002-of-00002.safetensors"`, `"c":"pytorch_model.bin"`},
		{"no such file", `"c":"model-00002`, `"c":"model-00009`},
		{"the other file", `"c":"model-00002`, `"c":"model-00001`},
		{"not in the files", `"c":`, `"d":"model-00002-of-00002.safetensors","c":`},
		{"not in the index", `"b":"model-00001-of-00002.safetensors"`, `"d":"model-00001-of-00002.safetensors"`},
		{"twice", `"a":`, `"c":"model-00001-of-00002.safetensors","a":`},
		{"no name", `"a":`, `"":`},
		{"a number", `"c":"model-00002-of-00002.safetensors"`, `"c":7`},
		{"no map", `weight_map`, `weight_maps`},
		{"map twice", `"metadata":`, `"weight_map":`},
		{"text after", `}}`, `}}x`},
		{"not UTF-8", `total_size`, "\xff"},
	} {
		folder := shards(t)
		text := string(folder[IndexFile].Data)
		edited := strings.Replace(text, tt.old, tt.new, 1)
		if edited == text {
			t.Fatalf("%s: nothing to edit", tt.name)
		}
		folder[IndexFile] = &fstest.MapFile{Data: []byte(edited)}
		if got, err := collect(folder); err == nil {
			t.Errorf("%s: ReadFolder took it: %v", tt.name, got)
		}
	}
	var many strings.Builder
	for i := range maxShards + 1 {
		fmt.Fprintf(&many, `,"t%d":"s%d.safetensors"`, i, i)
	}
	if _, _, err := parseIndex([]byte(`{"weight_map":{` + many.String()[1:] + `}}`)); !errors.Is(err, ErrFormat) {
		t.Errorf("%d files: %v", maxShards+1, err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(shards(f)[IndexFile].Data)
	f.Add([]byte(`{"weight_map":{"a":"../b.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, where, err := parseIndex(data)
		if err != nil {
			return
		}
		for name, shard := range where {
			if !fs.ValidPath(shard) || strings.ContainsAny(shard, "/\\:") || !slices.Contains(files, shard) {
				t.Fatalf("tensor %q is in %q of %q", name, shard, files)
			}
		}
	})
}
