package workers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
	"filippo.io/age"
)

// form is what all files of one model have in common.
type form struct {
	header   []byte // length word and JSON
	elements int
}

// formOf reads the form of a checkpoint.
func formOf(b blobs.Blob) (form, error) {
	var word [8]byte
	if _, err := b.ReadAt(word[:], 0); err != nil {
		return form{}, fmt.Errorf("read header: %w", err)
	}
	n := int64(binary.LittleEndian.Uint64(word[:]))
	if n < 2 || n > 1<<20 || 8+n > b.Size() || (b.Size()-8-n)%4 != 0 {
		return form{}, fmt.Errorf("a file of %d bytes has a header of %d", b.Size(), n)
	}
	f := form{header: make([]byte, 8+n), elements: int((b.Size() - 8 - n) / 4)}
	if _, err := b.ReadAt(f.header, 0); err != nil {
		return form{}, fmt.Errorf("read header: %w", err)
	}
	return f, nil
}

// size is the bytes of a file of this form.
func (f form) size() int64 { return int64(len(f.header)) + 4*int64(f.elements) }

// codecOf is the one form in which an update of a recipe may come. The seed is
// that of the node's training.
func codecOf(r protocol.Recipe, seed uint64) (compress.Settings, error) {
	codec, err := compress.Parse(r.Up.Name())
	if err != nil {
		return compress.Settings{}, err
	}
	s := compress.Settings{Codec: codec, Share: r.Up.Share}
	if codec == compress.Int8 || codec == compress.Mask {
		s.Seed = protocol.CodecSeed(seed)
	}
	return s, s.Check()
}

// errChanged says that a stored update is not the one that was reported.
var errChanged = errors.New("the stored bytes have another digest than the one in the log")

// received is one update, read and checked.
type received struct {
	digest training.Digest
	norm   float64 // as it was decoded, before any clipping here
}

// receive reads an update in the one form that its recipe allows. change gets
// the update; control, in SCAFFOLD, the difference of the control variate, the
// second file. Both have as many elements as the model. What was compressed is
// clipped again to the recipe's norm: decoding can scale it up (package
// compress). What was not must be within it.
func receive(r io.Reader, f form, recipe protocol.Recipe, seed uint64, change, control []float32) (received, error) {
	var got received
	limit := protocol.Number(recipe.UpdateNorm, 0)
	if recipe.Up.Codec == "" && recipe.Server.Rule != protocol.Scaffold { // one file, hashed where it is read
		one, err := safetensors.Receive(r, f.header, f.elements, change, safetensors.Limits{MaxNorm: limit})
		return received{one.Digest, one.Norm}, err
	}
	hash := newHash()
	r = io.TeeReader(r, hash)
	if recipe.Up.Codec != "" {
		settings, err := codecOf(recipe, seed)
		if err != nil {
			return got, err
		}
		data, err := io.ReadAll(io.LimitReader(r, settings.LargestBytes(f.elements)+1))
		if err != nil {
			return got, err
		}
		if err := compress.Decode(change, data, settings); err != nil {
			return got, err
		}
		got.norm = fedavg.Clip(change, limit)
		hash.Sum(got.digest[:0])
		if math.IsNaN(got.norm) || math.IsInf(got.norm, 0) {
			return got, fmt.Errorf("norm %v: %w", got.norm, safetensors.ErrNorm)
		}
		return got, nil
	}
	first, err := safetensors.Receive(io.LimitReader(r, f.size()), f.header, f.elements, change, safetensors.Limits{MaxNorm: limit})
	if err != nil {
		return got, err
	}
	if _, err := safetensors.Receive(r, f.header, f.elements, control, safetensors.Limits{}); err != nil {
		return got, fmt.Errorf("control variate: %w", err)
	}
	got.norm = first.Norm
	hash.Sum(got.digest[:0])
	return got, nil
}

// Opener gives the bytes of an update as its node sent them. The platform
// decrypts what it stored; an archive of a round has a copy.
type Opener interface {
	OpenUpdate(ctx context.Context, u rounds.Update) (io.ReadCloser, error)
}

// Sealed opens the updates that a platform stores, by its contributors' keys.
type Sealed struct {
	Blobs blobs.Store
	Keys  *keys.Ring
}

// OpenUpdate decrypts while it is read.
func (s Sealed) OpenUpdate(ctx context.Context, u rounds.Update) (io.ReadCloser, error) {
	identity, err := s.Keys.Contributor(int64(u.Owner))
	if err != nil {
		return nil, err
	}
	blob, err := s.Blobs.Open(ctx, u.Sealed)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(blobs.Reader(blob), identity)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decrypt: %w", err), blob.Close())
	}
	return opened{plain, blob}, nil
}

// opened is plain bytes, and what is closed after them.
type opened struct {
	io.Reader
	io.Closer
}

// readUpdate opens and reads one update.
func readUpdate(ctx context.Context, from Opener, in rounds.Inputs, u rounds.Update, f form, change, control []float32) (received, error) {
	plain, err := from.OpenUpdate(ctx, u)
	if err != nil {
		return received{}, err
	}
	defer plain.Close()
	got, err := receive(plain, f, in.Recipe, rounds.TrainingSeed(in.Seed, u.Node), change, control)
	if err == nil && got.digest != u.Digest {
		err = errChanged
	}
	return got, err
}

// fileReader reads a header and then float32 values, little-endian.
type fileReader struct {
	head   []byte
	values []float32
}

// Read fills p with whole values, at least four bytes long.
func (r *fileReader) Read(p []byte) (int, error) {
	n := copy(p, r.head)
	r.head = r.head[n:]
	if len(r.head) > 0 {
		return n, nil
	}
	if len(r.values) == 0 && n == 0 {
		return 0, io.EOF
	}
	for len(p)-n >= 4 && len(r.values) > 0 {
		binary.LittleEndian.PutUint32(p[n:], math.Float32bits(r.values[0]))
		n, r.values = n+4, r.values[1:]
	}
	if n == 0 && len(p) > 0 {
		return 0, io.ErrShortBuffer
	}
	return n, nil
}
