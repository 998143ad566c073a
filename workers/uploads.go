package workers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
	"filippo.io/age"
)

// Uploads is the store of rounds with the one thing that it cannot do itself:
// taking an update's bytes. It is what the node API works with.
type Uploads struct {
	*rounds.Store
	Blobs blobs.Store
	Keys  *keys.Ring
	Dir   string // for encrypted files that are not whole yet; "" for the system's
}

// Upload takes an update that has been checked and stores it encrypted to its
// contributor's key: destroying the key forgets it, in backups too. Bytes pass
// through and only the encrypted form touches the disk. The same digest again
// is no error, and nothing is read then.
func (u Uploads) Upload(ctx context.Context, slot rounds.Slot, in rounds.Incoming, body io.Reader) error {
	if slot.Sealed != nil {
		if _, err := u.Blobs.Stat(ctx, *slot.Sealed); err == nil {
			return nil
		}
	}
	sealed, err := u.seal(ctx, slot.Owner, in, body)
	if err != nil {
		return fmt.Errorf("store update of assignment %d: %w", in.Assignment, err)
	}
	return u.Offer(ctx, in.Assignment, in.Name, sealed, in.Size)
}

// Bounds says how many bytes an upload of a slot may have: one number for every
// form of an update but top-k, whose places take more or fewer bytes.
func (u Uploads) Bounds(slot rounds.Slot, header []byte, elements int) (least, most int64, err error) {
	f := form{header, elements}
	switch {
	case slot.Share != nil:
		return 1, protocol.MaxShard, nil
	case slot.Recipe.Up.Codec != "":
		settings, err := codecOf(slot.Recipe, slot.Seed)
		if err != nil {
			return 0, 0, err
		}
		most = settings.LargestBytes(elements)
		if settings.Codec == compress.TopK {
			return 1, most, nil
		}
		return most, most, nil
	case slot.Recipe.Server.Rule == protocol.Scaffold:
		return 2 * f.size(), 2 * f.size(), nil
	}
	return f.size(), f.size(), nil
}

// Check reads an upload to its end and returns its digest. What is not in the
// one form that the recipe allows is Invalid, with the reason.
func (u Uploads) Check(slot rounds.Slot, header []byte, elements int, body io.Reader) (training.Digest, error) {
	if slot.Share != nil {
		return checkShard(*slot.Share, body)
	}
	var change []float32
	if slot.Recipe.Up.Codec != "" {
		change = make([]float32, elements)
	}
	got, err := receive(body, form{header, elements}, slot.Recipe, slot.Seed, change, nil)
	for _, fault := range []error{safetensors.ErrHeader, safetensors.ErrLength, safetensors.ErrNotFinite, safetensors.ErrNorm, compress.ErrFormat, compress.ErrExpected, compress.ErrNotFinite} {
		if errors.Is(err, fault) {
			return got.digest, governance.Errorf(governance.Invalid, "The update was refused: %v.", err)
		}
	}
	return got.digest, err
}

// small is what is encrypted in memory where the store has to know a name
// beforehand; more goes through a file.
const small = protocol.MaxPart

// seal stores an update encrypted to its contributor and returns the name of
// the encrypted blob.
func (u Uploads) seal(ctx context.Context, owner governance.MemberID, in rounds.Incoming, body io.Reader) (sealed training.Digest, err error) {
	identity, err := u.Keys.Contributor(int64(owner))
	if err != nil {
		return sealed, err
	}
	size := in.Size
	write := func(w io.Writer) error { return encrypt(w, identity.Recipient(), in, body) }
	if store, ok := u.Blobs.(blobs.Taker); ok {
		sealed, _, err = store.Take(ctx, size, write)
		return sealed, err
	}
	if size <= small {
		var file bytes.Buffer
		file.Grow(int(size + size/1024 + 1024))
		if err := write(&file); err != nil {
			return sealed, err
		}
		sealed = training.DigestOf(file.Bytes())
		return sealed, u.Blobs.Put(ctx, sealed, int64(file.Len()), &file)
	}
	file, err := os.CreateTemp(u.Dir, "sealed-*")
	if err != nil {
		return sealed, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	hash := sha256.New()
	if err := write(io.MultiWriter(file, hash)); err != nil {
		return sealed, err
	}
	length, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return sealed, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return sealed, err
	}
	hash.Sum(sealed[:0])
	return sealed, u.Blobs.Put(ctx, sealed, length, file)
}

// encrypt writes an update in encrypted form. Bytes that nobody has checked
// since they were on the disk are checked here.
func encrypt(w io.Writer, recipient age.Recipient, in rounds.Incoming, body io.Reader) error {
	to, err := age.Encrypt(w, recipient)
	if err != nil {
		return err
	}
	plain, both := sha256.New(), io.Writer(to)
	if !in.Checked {
		both = io.MultiWriter(to, plain)
	}
	n, err := io.Copy(both, io.LimitReader(body, in.Size+1))
	if err == nil {
		err = to.Close()
	}
	if err != nil {
		return err
	}
	if n != in.Size || !in.Checked && training.Digest(plain.Sum(nil)) != in.Name {
		return governance.Errorf(governance.Invalid, "The update's bytes are not those of %s.", in.Name)
	}
	return nil
}

// digestOf reads to the end and returns the SHA-256 of what it read.
func digestOf(r io.Reader) (training.Digest, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return training.Digest{}, err
	}
	return training.Digest(hash.Sum(nil)), nil
}
