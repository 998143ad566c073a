package marks_test

import (
	"crypto/sha256"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/governance/keys/marks"
	"codeberg.org/althing/althing/governance/pg/pgtest"
)

func ring(t *testing.T, dir string) marks.Marks {
	t.Helper()
	r, err := keys.Open(dir, "althing.test/log")
	if err != nil {
		t.Fatal(err)
	}
	return r.Marks()
}

func TestServersOfOneDatabaseHoldTheSameKeys(t *testing.T) {
	t.Parallel()
	pool, dir := pgtest.New(t), t.TempDir()
	own, strange := ring(t, filepath.Join(dir, "own")), ring(t, filepath.Join(dir, "strange"))
	mixed := maps.Clone(own)
	mixed["split.key"] = strange["split.key"]
	all := []string{"ballots.key", "log.key", "server.key", "split.key"}
	check := func(what string, m marks.Marks, other ...string) {
		t.Helper()
		err := marks.Check(t.Context(), pool, "the folder", m, time.Now())
		if governance.Is(err, governance.Conflict) != (len(other) > 0) || err != nil && len(other) == 0 {
			t.Fatalf("%s: %v, want a refusal that names %q", what, err, other)
		}
		for _, name := range all {
			if said := err != nil && strings.Contains(err.Error(), name); said != slices.Contains(other, name) {
				t.Errorf("%s: %v; want a refusal that names %q", what, err, other)
			}
		}
	}
	check("the first server", own)
	check("its second start", ring(t, filepath.Join(dir, "own")))
	check("a server with other keys", strange, all...)
	check("one other key", mixed, "split.key")
	if err := marks.Replace(t.Context(), pool, strange, time.Now()); err != nil {
		t.Fatal(err)
	}
	check("new keys after the old ones were lost", strange)
	check("the server with the old ones", own, all...)
}

// TestCopiesOfAFolderOfKeysAreFound gives two servers the same keys in folders
// of their own.
func TestCopiesOfAFolderOfKeysAreFound(t *testing.T) {
	t.Parallel()
	pool, dir := pgtest.New(t), t.TempDir()
	server := func(name string) *keys.Ring {
		t.Helper()
		r, err := keys.Open(filepath.Join(dir, name), "althing.test/log")
		if err != nil {
			t.Fatal(err)
		}
		r.Made = func(file string, mark [sha256.Size]byte) error {
			return marks.Made(t.Context(), pool, name, file, mark, time.Now())
		}
		return r
	}
	one, two, copied := server("one"), server("one"), server("two")
	key, err := one.Contributor(7)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if same, err := two.Contributor(7); err != nil || same.String() != key.String() {
			t.Errorf("another server on the same folder: %v", err)
		}
		if _, err := copied.Contributor(7); !governance.Is(err, governance.Unavailable) || !strings.Contains(err.Error(), "contributors/7.key") {
			t.Errorf("a server on a copy: %v, want a refusal that names the key", err)
		}
	}
	if _, err := copied.Contributor(8); err != nil {
		t.Errorf("a key that nobody else made: %v", err)
	}
	if err := marks.Replace(t.Context(), pool, copied.Marks(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := copied.Contributor(7); err != nil {
		t.Errorf("after the old keys were lost: %v", err)
	}
}

func TestMarksAreNoKeys(t *testing.T) {
	t.Parallel()
	r, err := keys.Open(t.TempDir(), "althing.test/log")
	if err != nil {
		t.Fatal(err)
	}
	m := r.Marks()
	if len(m) != 4 || m["split.key"] == [32]byte(r.Split) || m["server.key"] == [32]byte(r.Server.Seed()) {
		t.Errorf("marks %x of a ring with split key %x", m, r.Split)
	}
}
