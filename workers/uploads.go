package workers

import (
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
	"codeberg.org/althing/althing/training/rounds"
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
func (u Uploads) Upload(ctx context.Context, node governance.NodeID, id training.AssignmentID, name training.Digest, size int64, body io.Reader) error {
	slot, err := u.Slot(ctx, node, id)
	if err != nil {
		return err
	}
	if sealed, err := u.Uploaded(ctx, id, name); err == nil {
		if _, err := u.Blobs.Stat(ctx, sealed); err == nil {
			return nil
		}
	} else if !governance.Is(err, governance.NotFound) {
		return err
	}
	sealed, err := u.seal(ctx, slot.Owner, name, size, body)
	if err != nil {
		return fmt.Errorf("store update of assignment %d: %w", id, err)
	}
	return u.Offer(ctx, id, name, sealed)
}

func (u Uploads) seal(ctx context.Context, owner governance.MemberID, name training.Digest, size int64, body io.Reader) (sealed training.Digest, err error) {
	identity, err := u.Keys.Contributor(int64(owner))
	if err != nil {
		return sealed, err
	}
	file, err := os.CreateTemp(u.Dir, "sealed-*")
	if err != nil {
		return sealed, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	hash, plain := sha256.New(), sha256.New()
	to, err := age.Encrypt(io.MultiWriter(file, hash), identity.Recipient())
	if err != nil {
		return sealed, err
	}
	n, err := io.Copy(io.MultiWriter(to, plain), io.LimitReader(body, size+1))
	if err == nil {
		err = to.Close()
	}
	if err != nil {
		return sealed, err
	}
	if n != size || training.Digest(plain.Sum(nil)) != name {
		return sealed, governance.Errorf(governance.Invalid, "The update's bytes are not those of %s.", name)
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

// digestOf reads to the end and returns the SHA-256 of what it read.
func digestOf(r io.Reader) (training.Digest, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return training.Digest{}, err
	}
	return training.Digest(hash.Sum(nil)), nil
}
