package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// loaded is a model with what its file says: the header, and the order of
// tensors that updates keep.
type loaded struct {
	*llama.Model
	header []byte
	order  []string // names of tensors in the order of the file's data
}

// model returns the base of an assignment, downloaded if it is not here.
func (r *runner) model(ctx context.Context, a protocol.Assignment) (*loaded, error) {
	if err := r.download(ctx, a); err != nil {
		return nil, err
	}
	m, err := loadModel(ctx, r.state.blobs, a.Base, a.Config)
	if err != nil {
		return nil, refuse("the base %s cannot be used: %v", a.Base.Hex(), err)
	}
	return m, r.state.save(baseFile, downloaded{a.Base, a.Config, a.Campaign, a.Number})
}

// download gets the base by its digest and goes on where it was cut.
func (r *runner) download(ctx context.Context, a protocol.Assignment) error {
	if size, err := r.state.blobs.Stat(ctx, a.Base); err == nil && size == a.BaseSize {
		return nil
	}
	if made, err := r.apply(ctx, a); made || err != nil {
		return err
	}
	have, err := r.state.partial.Have(a.Base, a.BaseSize)
	if err != nil {
		return err
	}
	if have < a.BaseSize {
		target := fmt.Sprintf("%s%s?assignment=%d", protocol.PathBlobs, a.Base.Hex(), a.ID)
		var header http.Header
		if have > 0 {
			header = http.Header{"Range": {fmt.Sprintf("bytes=%d-", have)}}
			r.say("downloading the base goes on at byte %d of %d", have, a.BaseSize)
		}
		res, err := r.client.do(ctx, http.MethodGet, target, nil, "", header)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if have > 0 && res.StatusCode != http.StatusPartialContent {
			return errors.Join(fmt.Errorf("%w: the platform sent the whole base again", io.ErrUnexpectedEOF), r.state.partial.Remove(a.Base, a.BaseSize))
		}
		have, err = r.state.partial.Append(ctx, a.Base, a.BaseSize, have, res.Body, true)
		if governance.Is(err, governance.Invalid) {
			return errors.Join(fmt.Errorf("%w: %w", errGarbled, err), r.state.partial.Remove(a.Base, a.BaseSize))
		}
		if err != nil {
			return err
		}
		if have < a.BaseSize {
			return fmt.Errorf("the base was cut at byte %d of %d: %w", have, a.BaseSize, io.ErrUnexpectedEOF)
		}
	}
	body, err := r.state.partial.Open(a.Base, a.BaseSize)
	if err != nil {
		return err
	}
	defer body.Close()
	err = r.state.blobs.Put(ctx, a.Base, a.BaseSize, body)
	if err != nil && !governance.Is(err, governance.Invalid) {
		return err
	}
	if err != nil { // what came is not the base: begin again
		err = fmt.Errorf("%w: %w", errGarbled, err)
	}
	return errors.Join(err, r.state.partial.Remove(a.Base, a.BaseSize))
}

// loadModel reads a model file. Its tensors must be exactly those of the
// config, float32.
func loadModel(ctx context.Context, store blobs.Store, name training.Digest, config string) (*loaded, error) {
	shape, err := llama.ParseConfig([]byte(config))
	if err != nil {
		return nil, err
	}
	blob, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	tensors, err := safetensors.Read(blobs.Reader(blob), blob.Size())
	if err != nil {
		return nil, err
	}
	m, err := fill(shape, tensors)
	if err != nil {
		return nil, err
	}
	var word [8]byte
	if _, err := blob.ReadAt(word[:], 0); err != nil {
		return nil, err
	}
	m.header = make([]byte, 8+binary.LittleEndian.Uint64(word[:])) // Read has checked the length
	_, err = blob.ReadAt(m.header, 0)
	return m, err
}

// fill puts the tensors of a file into a model of the shape.
func fill(shape llama.Config, tensors []safetensors.Loaded) (*loaded, error) {
	model, err := llama.New(shape)
	if err != nil {
		return nil, err
	}
	m := &loaded{Model: model}
	shapes := map[string][]int{}
	for _, s := range shape.Specs() {
		shapes[s.Name] = s.Shape
	}
	for _, t := range tensors {
		want, ok := shapes[t.Name]
		if !ok || !slices.Equal(want, t.Shape) || t.DType != safetensors.F32 {
			return nil, fmt.Errorf("tensor %q is %s of shape %v; the config says F32 of shape %v", t.Name, t.DType, t.Shape, want)
		}
		view, _ := model.Params.View(t.Name)
		copy(view, t.Data)
		m.order = append(m.order, t.Name)
	}
	if len(tensors) != len(shapes) {
		return nil, fmt.Errorf("the file has %d tensors, the config needs %d", len(tensors), len(shapes))
	}
	return m, model.Params.CheckFinite()
}

// upload sends an update by parts and goes on where the platform has it.
func (r *runner) upload(ctx context.Context, a protocol.Assignment, name training.Digest) error {
	blob, err := r.state.blobs.Open(ctx, name)
	if err != nil {
		return err
	}
	defer blob.Close()
	target := fmt.Sprintf("%s%s?assignment=%d&length=%d", protocol.PathBlobs, name.Hex(), a.ID, blob.Size())
	res, err := r.client.do(ctx, http.MethodHead, target, nil, "", nil)
	if err != nil {
		return err
	}
	res.Body.Close()
	part := make([]byte, protocol.MaxPart)
	for tries := 0; ; tries++ {
		offset, err := strconv.ParseInt(res.Header.Get(protocol.HeaderOffset), 10, 64)
		if err != nil || offset < 0 || offset > blob.Size() || tries > int(blob.Size()/protocol.MaxPart)+8 {
			return fmt.Errorf("the platform does not say how much of the update it has (%q)", res.Header.Get(protocol.HeaderOffset))
		}
		n, err := blob.ReadAt(part[:min(int64(len(part)), blob.Size()-offset)], offset)
		if err != nil && err != io.EOF {
			return err
		}
		// An empty part at the end asks the platform to check the whole.
		res, err = r.client.do(ctx, http.MethodPut, fmt.Sprintf("%s&offset=%d", target, offset), part[:n], "", nil)
		if isRefusal(err, http.StatusConflict) && res.Header.Get(protocol.HeaderOffset) != "" && res.Header.Get(protocol.HeaderOffset) != strconv.FormatInt(offset, 10) {
			continue // it has more, or less, than it said
		}
		if err != nil {
			return err
		}
		res.Body.Close()
		if offset+int64(n) == blob.Size() {
			return nil
		}
	}
}

// prune forgets updates that were answered and, if all take more than the
// owner allows, models but the last.
func (r *runner) prune(ctx context.Context, keep training.Digest) error {
	type item struct {
		name training.Digest
		size int64
		at   time.Time
	}
	var items []item
	var total int64
	err := r.state.blobs.All(func(name training.Digest, size int64, at time.Time) error {
		items = append(items, item{name, size, at})
		total += size
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(items, func(a, b item) int { return a.at.Compare(b.at) })
	for _, i := range items {
		if total <= r.limits.bytes() || i.name == keep {
			continue
		}
		if err := r.state.blobs.Remove(ctx, i.name); err != nil {
			return err
		}
		total -= i.size
	}
	return nil
}
