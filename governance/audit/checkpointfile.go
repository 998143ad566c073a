package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// CheckpointFile is a CheckpointStore in a file, for one server or for several
// that see one folder; while one exchanges it, it holds a lock on the folder. It
// must not be part of a backup of the database that it guards.
type CheckpointFile struct {
	mu   sync.Mutex
	path string
}

// NewCheckpointFile returns the store at a path; its folder must exist.
func NewCheckpointFile(path string) *CheckpointFile { return &CheckpointFile{path: path} }

// Load returns the last signed checkpoint, nil if there is none.
func (f *CheckpointFile) Load(context.Context) ([]byte, error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read last checkpoint: %w", err)
	}
	return data, nil
}

// Swap writes the new checkpoint beside the old one, syncs it and renames it
// into place: a crash leaves the old or the new one, whole.
func (f *CheckpointFile) Swap(ctx context.Context, old, signed []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := lockFolder(filepath.Dir(f.path))
	if err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	defer unlock()
	present, err := f.Load(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(present, old) {
		return ErrOvertaken
	}
	fresh, err := os.CreateTemp(filepath.Dir(f.path), ".checkpoint-*")
	if err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	defer os.Remove(fresh.Name()) // after the rename this does nothing
	if _, err = fresh.Write(signed); err == nil {
		err = fresh.Sync()
	}
	if closeErr := fresh.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(fresh.Name(), f.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(f.path))
	}
	if err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
