package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/compress"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// apply makes the base of an assignment from the one before, which the node
// still has, and the difference that the platform sends. It reports whether it
// did; where anything does not fit, the base is downloaded whole.
func (r *runner) apply(ctx context.Context, a protocol.Assignment) (bool, error) {
	if a.Delta.IsZero() {
		return false, nil
	}
	if size, err := r.state.blobs.Stat(ctx, a.Previous); err != nil || size != a.BaseSize {
		return false, nil
	}
	delta, err := r.fetch(ctx, a, a.Delta, a.BaseSize)
	if isRefusal(err, http.StatusNotFound) || errors.Is(err, errGarbled) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	data, err := r.rebuild(ctx, a, delta)
	if err == nil && training.DigestOf(data) != a.Base {
		err = errors.New("it gives other bytes")
	}
	if err != nil {
		r.say("the difference to the base %s cannot be used (%v); downloading it whole", a.Previous, printable(err.Error()))
		return false, nil
	}
	r.say("made the base from the one before and %d bytes of difference, %.1f %% of the whole", len(delta), 100*float64(len(delta))/float64(a.BaseSize))
	return true, r.state.blobs.Put(ctx, a.Base, a.BaseSize, bytes.NewReader(data))
}

// rebuild returns the file of the base.
func (r *runner) rebuild(ctx context.Context, a protocol.Assignment, delta []byte) ([]byte, error) {
	blob, err := r.state.blobs.Open(ctx, a.Previous)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	var word [8]byte
	if _, err := blob.ReadAt(word[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(word[:])
	if n > protocol.MaxMessage || int64(n)+8 > blob.Size() || (blob.Size()-8-int64(n))%4 != 0 {
		return nil, fmt.Errorf("a file of %d bytes with a header of %d", blob.Size(), n)
	}
	header := make([]byte, 8+n)
	values := make([]float32, (blob.Size()-int64(len(header)))/4)
	if _, err := blob.ReadAt(header, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := safetensors.Receive(blobs.Reader(blob), header, len(values), values, safetensors.Limits{}); err != nil {
		return nil, err
	}
	if err := compress.Apply(values, values, delta); err != nil {
		return nil, err
	}
	return encodeFile(header, values), nil
}
