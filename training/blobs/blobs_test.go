package blobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
)

func newFolder(t testing.TB, o Options) *Folder {
	t.Helper()
	f, err := OpenFolder(filepath.Join(t.TempDir(), "blobs"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPutOpenRemove(t *testing.T) {
	f := newFolder(t, Options{})
	ctx := t.Context()
	data := bytes.Repeat([]byte("update "), 50_000)
	name := training.DigestOf(data)
	if _, err := f.Open(ctx, name); !governance.Is(err, governance.NotFound) {
		t.Errorf("before: %v, want NotFound", err)
	}
	for range 2 {
		if err := f.Put(ctx, name, int64(len(data)), bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := f.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got, err := io.ReadAll(Reader(b))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v; want the %d that were put", len(got), err, len(data))
	}
	part := make([]byte, 7)
	if _, err := b.ReadAt(part, 7); err != nil || string(part) != "update " {
		t.Errorf("ReadAt = %q, %v", part, err)
	}
	n := 0
	if err := f.All(func(d training.Digest, size int64, _ time.Time) error {
		n++
		if d != name || size != int64(len(data)) {
			t.Errorf("All gave %s, %d", d, size)
		}
		return nil
	}); err != nil || n != 1 {
		t.Errorf("All visited %d, %v; want 1", n, err)
	}
	for range 2 {
		if err := f.Remove(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Stat(ctx, name); !governance.Is(err, governance.NotFound) {
		t.Errorf("after: %v, want NotFound", err)
	}
}

func TestRefusedArtefactsLeaveNothing(t *testing.T) {
	data := []byte("weights")
	name := training.DigestOf(data)
	broken := errors.New("broken")
	plenty := func(string) (uint64, uint64, error) { return 1 << 40, 1 << 40, nil }
	for _, tt := range []struct {
		name string
		size int64
		body io.Reader
		o    Options
		want func(error) bool
	}{
		{"another content", 7, strings.NewReader("weightz"), Options{Free: plenty}, isKind(governance.Invalid)},
		{"too short", 7, strings.NewReader("weight"), Options{Free: plenty}, isKind(governance.Invalid)},
		{"too long", 7, strings.NewReader("weights!"), Options{Free: plenty}, isKind(governance.Invalid)},
		{"endless", 7, iotest.OneByteReader(endless{}), Options{Free: plenty}, isKind(governance.Invalid)},
		{"broken off", 7, io.MultiReader(strings.NewReader("wei"), iotest.ErrReader(broken)), Options{Free: plenty}, func(err error) bool { return errors.Is(err, broken) }},
		{"too large", 7, bytes.NewReader(data), Options{Max: 6, Free: plenty}, isKind(governance.TooMany)},
		{"below zero", -1, bytes.NewReader(data), Options{Free: plenty}, isKind(governance.TooMany)},
		{"below the floor", 7, bytes.NewReader(data), Options{Free: func(string) (uint64, uint64, error) { return 106, 1000, nil }}, isKind(governance.Full)},
		{"disk full", 7, iotest.ErrReader(syscall.ENOSPC), Options{Free: plenty}, isKind(governance.Full)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, tt.o)
			if err := f.Put(t.Context(), name, tt.size, tt.body); !tt.want(err) {
				t.Errorf("Put = %v", err)
			}
			if left := files(t, f.root.Name()); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
	f := newFolder(t, Options{Free: func(string) (uint64, uint64, error) { return 107, 1000, nil }})
	if err := f.Put(t.Context(), name, 7, bytes.NewReader(data)); err != nil {
		t.Errorf("exactly at the floor: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newFolder(t, Options{}).Put(ended, name, 7, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func isKind(k governance.Kind) func(error) bool {
	return func(err error) bool { return governance.Is(err, k) }
}

func TestManyPutTheSame(t *testing.T) {
	f := newFolder(t, Options{})
	data := bytes.Repeat([]byte{1, 2, 3}, 100_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := f.Put(t.Context(), training.DigestOf(data), int64(len(data)), bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if left := files(t, f.root.Name()); len(left) != 1 {
		t.Errorf("%d files, want 1: %v", len(left), left)
	}
}

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	f := newFolder(t, Options{})
	if err := os.WriteFile(filepath.Join(f.root.Name(), fresh, "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Sweep(time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("Sweep of old files = %d, %v, want 0", n, err)
	}
	if n, err := f.Sweep(time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v, want 1", n, err)
	}
}

func TestLinksOutOfTheFolderAreNotFollowed(t *testing.T) {
	f := newFolder(t, Options{})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := training.DigestOf([]byte("secret"))
	if err := os.Mkdir(filepath.Join(f.root.Name(), name.Hex()[:2]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(f.root.Name(), place(name))); err != nil {
		t.Fatal(err)
	}
	if b, err := f.Open(t.Context(), name); err == nil {
		b.Close()
		t.Error("a link out of the folder was opened")
	}
}

func newPartial(t testing.TB, dir, secret string) *Partial {
	t.Helper()
	p, err := OpenPartial(dir, []byte(secret), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPartsInAnySizeGiveTheWhole(t *testing.T) {
	data := bytes.Repeat([]byte("gradient "), 37)
	name, size := training.DigestOf(data), int64(len(data))
	for _, step := range []int{1, 7, 15, 16, 17, 100, len(data)} {
		dir := t.TempDir()
		var at int64
		for at < size {
			p := newPartial(t, dir, "secret") // as after a restart
			for range 40 {
				end := min(at+int64(step), size)
				now, err := p.Append(t.Context(), name, size, at, bytes.NewReader(data[at:end]), false)
				if err != nil || now != end {
					t.Fatalf("step %d: Append at %d = %d, %v; want %d", step, at, now, err, end)
				}
				if at = now; at == size {
					break
				}
			}
		}
		p := newPartial(t, dir, "secret")
		raw, err := os.ReadFile(filepath.Join(dir, partialName(name, size)))
		if err != nil || bytes.Contains(raw, []byte("gradient")) {
			t.Errorf("step %d: the file on the disk can be read (%v)", step, err)
		}
		r, err := p.Open(name, size)
		if err != nil {
			t.Fatal(err)
		}
		f := newFolder(t, Options{})
		if err := f.Put(t.Context(), name, size, r); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
		r.Close()
		if err := p.Remove(name, size); err != nil {
			t.Error(err)
		}
		if have, err := p.Have(name, size); have != 0 || err != nil {
			t.Errorf("after Remove: %d, %v", have, err)
		}
	}
}

// TestServersShareAFolderOfParts lets two servers take the parts of an artefact
// by turns, as behind a proxy that spreads requests.
func TestServersShareAFolderOfParts(t *testing.T) {
	dir := t.TempDir()
	servers := []*Partial{newPartial(t, dir, "secret"), newPartial(t, dir, "secret")}
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	name, size := training.DigestOf(data), int64(len(data))
	for at, turn := int64(0), 0; at < size; turn++ {
		part := data[at:min(at+30_001, size)]
		now, err := servers[turn%2].Append(t.Context(), name, size, at, bytes.NewReader(part), false)
		if err != nil || now != at+int64(len(part)) {
			t.Fatalf("part at %d: %d, %v", at, now, err)
		}
		at = now
	}
	for i, p := range servers {
		whole, err := p.Open(name, size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(whole); err != nil || !bytes.Equal(got, data) {
			t.Errorf("server %d reads another artefact (%v)", i, err)
		}
		whole.Close()
	}
}

func TestPartialRefusals(t *testing.T) {
	p := newPartial(t, t.TempDir(), "secret")
	name := training.DigestOf([]byte("0123456789"))
	ctx := t.Context()
	if _, err := p.Append(ctx, name, 10, 3, strings.NewReader("3"), false); !governance.Is(err, governance.Conflict) {
		t.Errorf("a hole: %v, want a Conflict", err)
	}
	if now, err := p.Append(ctx, name, 10, 0, strings.NewReader("01234"), false); err != nil || now != 5 {
		t.Fatal(now, err)
	}
	if now, err := p.Append(ctx, name, 10, 0, strings.NewReader("01234"), false); !governance.Is(err, governance.Conflict) || now != 5 {
		t.Errorf("the same part again: %d, %v; want a Conflict that says 5", now, err)
	}
	broken := errors.New("cut")
	body := func() io.Reader { return io.MultiReader(strings.NewReader("56"), iotest.ErrReader(broken)) }
	if now, err := p.Append(ctx, name, 10, 5, body(), false); !errors.Is(err, broken) || now != 5 {
		t.Errorf("cut and taken back: %d, %v; want 5", now, err)
	}
	if now, err := p.Append(ctx, name, 10, 5, body(), true); !errors.Is(err, broken) || now != 7 {
		t.Errorf("cut and kept: %d, %v; want 7", now, err)
	}
	if now, err := p.Append(ctx, name, 10, 7, strings.NewReader("789!"), true); !governance.Is(err, governance.Invalid) || now != 7 {
		t.Errorf("too long: %d, %v; want Invalid at 7", now, err)
	}
	if _, err := p.Open(name, 10); !governance.Is(err, governance.Conflict) {
		t.Errorf("open while parts are missing: %v, want a Conflict", err)
	}
	if n, err := p.Sweep(time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v, want 1", n, err)
	}
	small, err := OpenPartial(t.TempDir(), nil, Options{Max: 9})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if _, err := small.Append(ctx, name, 10, 0, strings.NewReader("0"), false); !governance.Is(err, governance.TooMany) {
		t.Errorf("announced too large: %v, want TooMany", err)
	}
}

func TestTwoTransfersOfOneArtefact(t *testing.T) {
	p := newPartial(t, t.TempDir(), "secret")
	name := training.DigestOf([]byte("ab"))
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := p.Append(t.Context(), name, 2, 0, r, false)
		done <- err
	}()
	if _, err := w.Write([]byte("a")); err != nil { // the first transfer is under way
		t.Fatal(err)
	}
	if _, err := p.Append(t.Context(), name, 2, 0, strings.NewReader("ab"), false); !governance.Is(err, governance.Conflict) {
		t.Errorf("second transfer: %v, want a Conflict", err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTakeNamesWhatItWrites(t *testing.T) {
	t.Parallel()
	s, err := OpenFolder(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name, size, err := s.Take(t.Context(), 4, func(w io.Writer) error { _, err := w.Write([]byte("text")); return err })
	if err != nil || size != 4 || name != training.DigestOf([]byte("text")) {
		t.Fatalf("Take = %s, %d, %v", name.Hex(), size, err)
	}
	if n, err := s.Stat(t.Context(), name); n != 4 || err != nil {
		t.Errorf("Stat = %d, %v", n, err)
	}
	cut := errors.New("cut")
	_, _, err = s.Take(t.Context(), 4, func(w io.Writer) error {
		return errors.Join(cut, func() error { _, err := w.Write([]byte("te")); return err }())
	})
	if !errors.Is(err, cut) {
		t.Errorf("Take of what broke off = %v", err)
	}
	if _, err := s.Stat(t.Context(), training.DigestOf([]byte("te"))); !governance.Is(err, governance.NotFound) {
		t.Errorf("half of it is there: %v", err)
	}
}
