package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoDatabaseInTheNode keeps what only a server needs out of the program
// that strangers run on their machines.
func TestNoDatabaseInTheNode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		for _, banned := range []string{"jackc", "riverqueue", "go-chi", "a-h/templ", "zitadel", "coreos/go-oidc", "althing/handlers", "althing/web", "althing/governance/pg", "althing/governance/audit", "althing/governance/nodes", "althing/training/rounds"} {
			if strings.Contains(dep, banned) {
				t.Errorf("the node program links %s: its package must not import a store or the web", dep)
			}
		}
	}
}

func TestStaticForBothProcessors(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		path := filepath.Join(t.TempDir(), "node")
		build := exec.Command("go", "build", "-o", path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, out)
		}
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		libraries, err := f.ImportedLibraries()
		f.Close()
		if f.Machine != machine || err != nil || len(libraries) != 0 {
			t.Errorf("%s: machine %v, libraries %v (%v); want %v and none", arch, f.Machine, libraries, err, machine)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() > 24<<20 {
			t.Errorf("%s: %d bytes (%v), want at most 24 MiB", arch, info.Size(), err)
		}
		t.Logf("%s: %.1f MiB", arch, float64(info.Size())/(1<<20))
		if arch != "amd64" {
			continue
		}
		var stderr bytes.Buffer
		run := exec.Command(path, "join", "--url", "http://localhost:1", "aj1.secret")
		run.Stderr = &stderr
		if err := run.Run(); err == nil || !strings.Contains(stderr.String(), "history") {
			t.Errorf("a token on the command line: %v, %q; want a refusal", err, stderr.String())
		}
	}
}
