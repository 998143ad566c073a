package torch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Trainer is a Python that has PyTorch.
type Trainer struct {
	Info
	python string
	dir    string // where jobs have their folders
	// Device is "auto", "cpu" or "cuda"; "" is auto: CUDA where torch sees it.
	Device string
}

// Find looks for a Python with PyTorch: the one that ALTHING_PYTHON names and
// no other, else python3 of the path, else /usr/bin/python3. Jobs get folders
// below dir, which is emptied first: a node that was killed left the text of
// its job there. The error is ErrMissing and says what was wrong with each.
func Find(ctx context.Context, dir string) (*Trainer, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("look for PyTorch: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("look for PyTorch: %w", err)
	}
	path := filepath.Join(dir, scriptFile)
	if err := os.WriteFile(path, script, 0o600); err != nil {
		return nil, fmt.Errorf("look for PyTorch: %w", err)
	}
	candidates := []string{"python3", "/usr/bin/python3"}
	if named := os.Getenv("ALTHING_PYTHON"); named != "" {
		candidates = []string{named}
	}
	var faults []error
	for _, name := range candidates {
		python, err := exec.LookPath(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		t := &Trainer{python: python, dir: dir}
		err = process(ctx, python, []string{"-B", path, "--check"}, Limits{Time: 2 * time.Minute, Silence: 2 * time.Minute}, func(e event) error {
			if e.Event == "hardware" {
				t.Info = e.Info.printable()
			}
			return nil
		})
		if err == nil && t.Trainer == "" {
			err = errors.New("it does not say what it is")
		}
		if err == nil {
			return t, nil
		}
		if interrupted(ctx, err) {
			return nil, err
		}
		faults = append(faults, fmt.Errorf("%s: %w", python, err))
	}
	return nil, fmt.Errorf("%w: %w", ErrMissing, errors.Join(faults...))
}
