package gosource

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNone says that this machine has no Go standard library where one usually
// is.
var ErrNone = errors.New("no source of the Go standard library found: install Go, or name its folder by GOROOT")

// Root returns the folder of the Go toolchain on this machine: GOROOT if it is
// set, else what the go command says, else the usual places.
func Root() (string, error) {
	candidates := []string{os.Getenv("GOROOT")}
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	candidates = append(candidates, "/usr/local/go", "/usr/lib/go", "/usr/share/go", "/opt/homebrew/opt/go/libexec")
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "src", "fmt", "print.go")); err == nil {
			return dir, nil
		}
	}
	return "", ErrNone
}
