//go:build unix

package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// self is the account of this test.
func self() account { return account{uid: os.Geteuid(), gid: os.Getegid(), name: "the test"} }

func TestSocketPathLimit(t *testing.T) {
	t.Parallel()
	deep := filepath.Join(folder(t), strings.Repeat("d", 100))
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := socketDirIn(deep, "althing-0123456789ab", self()); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("a socket below a name of 100 bytes: %v, want an error that names TMPDIR", err)
	}
	// A deep data directory is no problem: only its hash is in the path.
	dir, err := socketDir(filepath.Join(deep, "data"), self())
	if err != nil {
		t.Fatalf("socket of a deep data directory: %v", err)
	}
	defer os.Remove(dir)
	other, err := socketDir(filepath.Join(deep, "data2"), self())
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(other)
	if dir == other {
		t.Errorf("two data directories share the socket folder %s", dir)
	}
}

// TestForeignSocketFolderIsRefused: whoever could make the folder first could
// listen in.
func TestForeignSocketFolderIsRefused(t *testing.T) {
	t.Parallel()
	parent := folder(t)
	for name, make := range map[string]func(string) error{
		"open to all": func(dir string) error { return os.Mkdir(dir, 0o755) },
		"a link":      func(dir string) error { return os.Symlink(parent, dir) },
		"a file":      func(dir string) error { return os.WriteFile(dir, nil, 0o700) },
	} {
		dir := filepath.Join(parent, strings.ReplaceAll(name, " ", "-"))
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := socketDirIn(parent, filepath.Base(dir), self()); err == nil || !strings.Contains(err.Error(), "0700") {
			t.Errorf("a socket folder that is %s: %v, want a refusal", name, err)
		}
	}
	if _, err := socketDirIn(parent, "fresh", self()); err != nil {
		t.Errorf("a fresh socket folder: %v", err)
	}
	if _, err := socketDirIn(parent, "fresh", self()); err != nil {
		t.Errorf("our own socket folder of an earlier run: %v", err)
	}
}

func TestParentThatCannotBeEnteredIsNamed(t *testing.T) {
	t.Parallel()
	closed := folder(t) // MkdirTemp makes it 0700
	inner := filepath.Join(closed, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	other := account{uid: 4242, gid: 4242, name: "somebody", drop: true}
	err := other.canEnter(inner)
	if err == nil || !strings.Contains(err.Error(), "chmod o+x "+closed) {
		t.Errorf("canEnter(%s) = %v, want an error that names %s", inner, err, closed)
	}
	if err := os.Chmod(closed, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := other.canEnter(inner); err != nil {
		t.Errorf("canEnter(%s) after chmod = %v", inner, err)
	}
}

func TestLongLogIsMovedAside(t *testing.T) {
	t.Parallel()
	name := filepath.Join(folder(t), "postgres.log")
	if err := os.WriteFile(name, []byte(strings.Repeat("x", maxLog)+"the end"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tail(name, 7); got != "the end" {
		t.Errorf("tail = %q, want the end", got)
	}
	f, err := openLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := tail(name, 10); got != "" {
		t.Errorf("the new log holds %q, want nothing", got)
	}
	if got := tail(name+".old", 7); got != "the end" {
		t.Errorf("the old log ends with %q, want the end", got)
	}
}
