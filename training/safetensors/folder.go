package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"
)

// The names of weights in a model's folder, by convention of Hugging Face.
const (
	SingleFile = "model.safetensors"
	IndexFile  = "model.safetensors.index.json"
)

// Bounds of a sharded checkpoint.
const (
	maxIndex  = 8 << 20
	maxShards = 1 << 10
)

// Place says where the values of a tensor go: a slice of exactly
// t.Elements() values, or nil to pass over them. An error ends the reading.
type Place func(t Tensor) ([]float32, error)

// Put keeps one file of a model's folder: it calls write with where the bytes
// go. Who has a disk makes the file appear whole or not at all.
type Put func(name string, write func(io.Writer) error) error

// ReadFolder reads the weights of a model's folder, one file or many with an
// index, into the places that the caller names, so that a model takes its size
// once. Within limits: a file name is a plain name beside the index, and every
// tensor is in the file that the index says and in no other. What it refuses
// of one file Read refuses too.
func ReadFolder(folder fs.FS, place Place) error {
	index, err := folder.Open(IndexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return readShard(folder, SingleFile, place)
	}
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	defer index.Close()
	data, err := io.ReadAll(io.LimitReader(index, maxIndex+1))
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	shards, where, err := parseIndex(data)
	if err != nil {
		return err
	}
	found := 0
	for _, shard := range shards {
		err := readShard(folder, shard, func(t Tensor) ([]float32, error) {
			if where[t.Name] != shard {
				return nil, formatError("tensor %q is in %s, the index says %q", t.Name, shard, where[t.Name])
			}
			found++
			return place(t)
		})
		if err != nil {
			return err
		}
	}
	if found != len(where) {
		return formatError("the files hold %d tensors, the index names %d", found, len(where))
	}
	return nil
}

func readShard(folder fs.FS, name string, place Place) error {
	f, err := folder.Open(name)
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	if !info.Mode().IsRegular() {
		return formatError("%s is not a file", name)
	}
	if err := ReadInto(f, info.Size(), place); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// parseIndex returns the files in ascending order and the file of each tensor.
// The total_size of the metadata is not used: writers disagree on what it
// counts, and the sizes of the files are known.
func parseIndex(data []byte) (shards []string, where map[string]string, err error) {
	if len(data) > maxIndex || !utf8.Valid(data) {
		return nil, nil, formatError("index: not UTF-8 of at most %d bytes", maxIndex)
	}
	where = map[string]string{}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	err = object(dec, func(key string) error {
		if key != "weight_map" {
			var skip json.RawMessage
			return dec.Decode(&skip)
		}
		return object(dec, func(tensor string) error {
			var file *string
			if err := dec.Decode(&file); err != nil || file == nil || !shardName(*file) || tensor == "" {
				return fmt.Errorf("tensor %q is in no .safetensors file beside the index", tensor)
			}
			if len(where) == maxTensors {
				return fmt.Errorf("more than %d tensors", maxTensors)
			}
			where[tensor] = *file
			if !slices.Contains(shards, *file) {
				if len(shards) == maxShards {
					return fmt.Errorf("more than %d files", maxShards)
				}
				shards = append(shards, *file)
			}
			return nil
		})
	})
	if err != nil {
		return nil, nil, formatError("index: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, formatError("index: text after the object")
	}
	if len(where) == 0 {
		return nil, nil, formatError("index: no tensors")
	}
	slices.Sort(shards)
	return shards, where, nil
}

// shardName reports whether a name is that of a file in the same folder on
// every system.
func shardName(name string) bool {
	if len(name) > 200 || !strings.HasSuffix(name, ".safetensors") || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
