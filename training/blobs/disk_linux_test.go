package blobs

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
)

// TestFullDisk fills a real disk of 1 MB, without the share that is kept free
// and would refuse before: what does not fit is refused as full and leaves
// nothing, and what fits then is taken.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("a real disk was not tried, to mount one takes more rights: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	folder, err := OpenFolder(filepath.Join(dir, "blobs"), Options{Floor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	parts, err := OpenPartial(filepath.Join(dir, "parts"), []byte("secret"), Options{Floor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	large, little := make([]byte, 2<<20), make([]byte, 100_000)
	for i := range large {
		large[i] = byte(i >> 3)
	}
	name := training.DigestOf(large)
	if err := folder.Put(t.Context(), name, int64(len(large)), bytes.NewReader(large)); !governance.Is(err, governance.Full) {
		t.Errorf("Put of 2 MB on a disk of 1 MB: %v, want Full", err)
	}
	if left := files(t, filepath.Join(dir, "blobs")); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
	if now, err := parts.Append(t.Context(), name, int64(len(large)), 0, bytes.NewReader(large), false); !governance.Is(err, governance.Full) || now != 0 {
		t.Errorf("Append of 2 MB on a disk of 1 MB: %d, %v, want 0 and Full", now, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "parts", partialName(name, int64(len(large))))); err == nil && info.Size() != 0 {
		t.Errorf("it left %d bytes", info.Size())
	}
	if err := folder.Put(t.Context(), training.DigestOf(little), int64(len(little)), bytes.NewReader(little)); err != nil {
		t.Errorf("Put of what fits: %v", err)
	}
}
