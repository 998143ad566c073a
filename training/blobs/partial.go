package blobs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
)

// Partial holds artefacts while they arrive in parts, each under its digest and
// its announced size. On the disk the bytes are encrypted under the key
// (AES-256 in counter mode; the counter's start follows from key, digest and
// size), because an update that is half uploaded already reveals text.
// Integrity is not the cipher's: the whole is checked against its digest by
// whoever stores it.
type Partial struct {
	root    *os.Root
	options Options
	key     [sha256.Size]byte

	mu   sync.Mutex
	busy map[string]bool
}

// OpenPartial opens the folder dir and makes it if there is none. secret is any
// bytes that only this program knows; without them what is there cannot be
// continued, and is begun again.
func OpenPartial(dir string, secret []byte, options Options) (*Partial, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	p := &Partial{root: root, options: options.withDefaults(), busy: map[string]bool{}}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("althing partial artefacts v1"))
	mac.Sum(p.key[:0])
	return p, nil
}

// Close releases the folder.
func (p *Partial) Close() error { return p.root.Close() }

func partialName(name training.Digest, size int64) string {
	return fmt.Sprintf("%s.%d", name.Hex(), size)
}

// stream returns the key stream of a file from an offset on.
func (p *Partial) stream(file string, offset int64) cipher.Stream {
	block, err := aes.NewCipher(p.key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(file))
	counter := mac.Sum(nil)[:aes.BlockSize]
	low := binary.BigEndian.Uint64(counter[8:])
	next := low + uint64(offset/aes.BlockSize)
	binary.BigEndian.PutUint64(counter[8:], next)
	if next < low { // carry
		binary.BigEndian.PutUint64(counter, binary.BigEndian.Uint64(counter)+1)
	}
	s := cipher.NewCTR(block, counter)
	var skip [aes.BlockSize]byte
	s.XORKeyStream(skip[:offset%aes.BlockSize], skip[:offset%aes.BlockSize])
	return s
}

// Have returns how many bytes of an artefact are here.
func (p *Partial) Have(name training.Digest, size int64) (int64, error) {
	info, err := p.root.Stat(partialName(name, size))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("partial %s: %w", name.Hex(), err)
	}
	return info.Size(), nil
}

// claim makes one writer of a file in this process.
func (p *Partial) claim(file string) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[file] {
		return nil, governance.Errorf(governance.Conflict, "Another transfer of this artefact is going on.")
	}
	p.busy[file] = true
	return func() {
		p.mu.Lock()
		delete(p.busy, file)
		p.mu.Unlock()
	}, nil
}

// Append adds a part that begins at offset, which must be as far as the
// artefact has come, and returns how far it is then: a Conflict tells where to
// go on. When r fails, the bytes that came are kept if keep is true (the
// whole will be checked anyway) and taken back if not. More bytes than size
// are refused.
func (p *Partial) Append(ctx context.Context, name training.Digest, size, offset int64, r io.Reader, keep bool) (int64, error) {
	path := partialName(name, size)
	release, err := p.claim(path)
	if err != nil {
		return 0, err
	}
	defer release()
	have, err := p.Have(name, size)
	if err != nil {
		return 0, err
	}
	if have != offset {
		return have, governance.Errorf(governance.Conflict, "The transfer goes on at byte %d, not at %d.", have, offset)
	}
	if err := p.options.room(p.root.Name(), size-have); err != nil {
		return have, err
	}
	file, err := p.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return have, fmt.Errorf("partial %s: %w", name.Hex(), full(err))
	}
	defer file.Close()
	out := cipher.StreamWriter{S: p.stream(path, offset), W: file}
	n, err := io.Copy(out, io.LimitReader(withContext(ctx, r), size-offset+1))
	if err == nil && offset+n > size {
		err = governance.Errorf(governance.Invalid, "The transfer is longer than the %d bytes that were announced.", size)
		keep = false
	}
	if err == nil || keep {
		if syncErr := file.Sync(); err == nil {
			err = syncErr
		}
	}
	if err != nil && !keep {
		if back := file.Truncate(offset); back != nil {
			return have, errors.Join(err, p.root.Remove(path))
		}
		return offset, fmt.Errorf("partial %s: %w", name.Hex(), full(err))
	}
	if err != nil {
		now, statErr := p.Have(name, size)
		return now, errors.Join(fmt.Errorf("partial %s: %w", name.Hex(), full(err)), statErr)
	}
	return offset + n, nil
}

// Open reads a whole artefact; a Conflict while parts are missing.
func (p *Partial) Open(name training.Digest, size int64) (io.ReadCloser, error) {
	path := partialName(name, size)
	have, err := p.Have(name, size)
	if err != nil {
		return nil, err
	}
	if have != size {
		return nil, governance.Errorf(governance.Conflict, "%d of %d bytes have come.", have, size)
	}
	file, err := p.root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("partial %s: %w", name.Hex(), err)
	}
	return struct {
		io.Reader
		io.Closer
	}{cipher.StreamReader{S: p.stream(path, 0), R: file}, file}, nil
}

// Remove forgets what has come of an artefact.
func (p *Partial) Remove(name training.Digest, size int64) error {
	err := p.root.Remove(partialName(name, size))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("partial %s: %w", name.Hex(), err)
	}
	return nil
}

// Sweep removes transfers that nobody has continued since a time and returns
// how many.
func (p *Partial) Sweep(before time.Time) (int, error) { return sweep(p.root, ".", before) }
