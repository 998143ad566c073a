package blobs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
)

// Options of a folder. The zero value is right for a server.
type Options struct {
	Max   int64   // bytes of one artefact; 0 is 16 GiB
	Floor float64 // share of the disk that stays free for everything else; 0 is a tenth, below 0 none
	// Free tells the free and all bytes of the disk that holds a folder; nil
	// asks the system. Where it cannot tell, nothing is refused.
	Free func(dir string) (free, all uint64, err error)
}

func (o Options) withDefaults() Options {
	if o.Max == 0 {
		o.Max = 16 << 30
	}
	if o.Floor == 0 {
		o.Floor = 0.1
	}
	if o.Free == nil {
		o.Free = freeBytes
	}
	return o
}

// Folder is a Store in a folder of its own: ab/abcdef… for each artefact, and
// "new" for files that are being written.
type Folder struct {
	root    *os.Root
	options Options
}

const fresh = "new"

// OpenFolder opens the store in dir and makes it if there is none.
func OpenFolder(dir string, options Options) (*Folder, error) {
	root, err := openRoot(dir, fresh)
	if err != nil {
		return nil, err
	}
	return &Folder{root: root, options: options.withDefaults()}, nil
}

func openRoot(dir string, inside ...string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	for _, name := range inside {
		if err := root.MkdirAll(name, 0o700); err != nil {
			root.Close()
			return nil, fmt.Errorf("open blobs: %w", err)
		}
	}
	return root, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

func place(name training.Digest) string { return name.Hex()[:2] + "/" + name.Hex() }

// room refuses what is too large, or would leave less free than the floor.
func (o Options) room(dir string, size int64) error {
	if size < 0 || size > o.Max {
		return governance.Errorf(governance.TooMany, "An artefact of %d bytes was announced; at most %d are taken.", size, o.Max)
	}
	free, all, err := o.Free(dir)
	if err != nil || o.Floor < 0 {
		return nil
	}
	if float64(free)-float64(size) < o.Floor*float64(all) {
		return governance.Errorf(governance.Full, "There is not enough room on the disk: %d MB are free and %.0f%% of the disk is kept free. Nothing was stored.", free>>20, 100*o.Floor)
	}
	return nil
}

// full turns a full disk into what a person may read.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w (%w)", governance.Errorf(governance.Full, "The disk is full. Nothing was stored."), err)
	}
	return err
}

// Put implements Store.
func (f *Folder) Put(ctx context.Context, name training.Digest, size int64, r io.Reader) error {
	if have, err := f.Stat(ctx, name); err == nil {
		if have != size {
			return governance.Errorf(governance.Invalid, "Artefact %s has %d bytes, not %d.", name.Hex(), have, size)
		}
		return nil
	}
	if err := f.options.room(f.root.Name(), size); err != nil {
		return err
	}
	if err := f.write(ctx, name, size, r); err != nil {
		return fmt.Errorf("store %s: %w", name.Hex(), full(err))
	}
	return nil
}

func (f *Folder) write(ctx context.Context, name training.Digest, size int64, r io.Reader) error {
	_, _, err := f.fresh(func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(withContext(ctx, r), size+1))
		if err == nil && n != size {
			err = governance.Errorf(governance.Invalid, "The artefact has another length than the %d bytes that were announced.", size)
		}
		return err
	}, &name)
	return err
}

// Take implements Taker.
func (f *Folder) Take(ctx context.Context, about int64, write func(io.Writer) error) (training.Digest, int64, error) {
	if err := f.options.room(f.root.Name(), about); err != nil {
		return training.Digest{}, 0, err
	}
	name, size, err := f.fresh(write, nil)
	if err != nil {
		err = fmt.Errorf("store an artefact of about %d bytes: %w", about, full(err))
	}
	return name, size, err
}

// fresh puts a file in place under the digest of what is written to it, whole
// and synced, or leaves nothing. want, if not nil, is the only name that it may get.
func (f *Folder) fresh(write func(io.Writer) error, want *training.Digest) (name training.Digest, size int64, err error) {
	temporary := fresh + "/" + randomName()
	file, err := f.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return name, 0, err
	}
	defer func() {
		file.Close()
		if err != nil {
			f.root.Remove(temporary)
		}
	}()
	hash := sha256.New()
	if err := write(io.MultiWriter(file, hash)); err != nil {
		return name, 0, err
	}
	hash.Sum(name[:0])
	if want != nil && name != *want {
		return name, 0, governance.Errorf(governance.Invalid, "The artefact's bytes do not have the digest %s.", want.Hex())
	}
	if size, err = file.Seek(0, io.SeekCurrent); err != nil {
		return name, 0, err
	}
	if err := file.Sync(); err != nil {
		return name, 0, err
	}
	made := f.root.Mkdir(name.Hex()[:2], 0o700)
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return name, 0, made
	}
	if err := f.root.Rename(temporary, place(name)); err != nil {
		return name, 0, err
	}
	if err := syncFolder(f.root, name.Hex()[:2]); err != nil || made != nil {
		return name, size, err
	}
	return name, size, syncFolder(f.root, ".")
}

// syncFolder makes a rename survive a power cut.
func syncFolder(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func randomName() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// withContext ends reading with the context.
func withContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

type openFile struct {
	*os.File
	size int64
}

// Size returns the bytes of the artefact.
func (f openFile) Size() int64 { return f.size }

func notFound(name training.Digest) error {
	return governance.Errorf(governance.NotFound, "There is no artefact %s here.", name.Hex())
}

// Open implements Store.
func (f *Folder) Open(_ context.Context, name training.Digest) (Blob, error) {
	file, err := f.root.Open(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(name)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name.Hex(), err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open %s: %w", name.Hex(), err)
	}
	return openFile{file, info.Size()}, nil
}

// Stat implements Store.
func (f *Folder) Stat(_ context.Context, name training.Digest) (int64, error) {
	info, err := f.root.Stat(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, notFound(name)
	}
	if err != nil {
		return 0, fmt.Errorf("stat %s: %w", name.Hex(), err)
	}
	return info.Size(), nil
}

// Remove implements Store.
func (f *Folder) Remove(_ context.Context, name training.Digest) error {
	if err := f.root.Remove(place(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name.Hex(), err)
	}
	return nil
}

// Sweep removes half-written files that nobody has touched since a time, which
// a crash left, and returns how many.
func (f *Folder) Sweep(before time.Time) (int, error) { return sweep(f.root, fresh, before) }

func sweep(root *os.Root, dir string, before time.Time) (int, error) {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
			continue
		}
		if err := root.Remove(strings.TrimPrefix(dir+"/"+e.Name(), "./")); err != nil {
			return n, fmt.Errorf("sweep blobs: %w", err)
		}
		n++
	}
	return n, nil
}

// All calls visit for each artefact with its size and when it was written,
// until visit returns an error.
func (f *Folder) All(visit func(name training.Digest, size int64, at time.Time) error) error {
	return fs.WalkDir(f.root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := training.ParseDigest(d.Name())
		if err != nil || place(name) != path {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(name, info.Size(), info.ModTime())
	})
}
