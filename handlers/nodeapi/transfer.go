package nodeapi

import (
	"bytes"
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
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/go-chi/chi/v5"
)

// transfer is what the address of a blob says.
type transfer struct {
	name       training.Digest
	assignment training.AssignmentID
	length     int64 // of the whole artefact; 0 where the address names none
	offset     int64
}

func transferOf(r *http.Request) (transfer, error) {
	var t transfer
	var err error
	if t.name, err = training.ParseDigest(chi.URLParam(r, "digest")); err != nil {
		return t, governance.Errorf(governance.NotFound, "There is no such artefact.")
	}
	query := r.URL.Query()
	id, err := strconv.ParseInt(query.Get("assignment"), 10, 64)
	if err != nil || id < 1 {
		return t, governance.Errorf(governance.Invalid, "The address names no assignment.")
	}
	t.assignment = training.AssignmentID(id)
	for _, number := range []struct {
		name string
		to   *int64
	}{{"length", &t.length}, {"offset", &t.offset}} {
		if text := query.Get(number.name); text != "" {
			if *number.to, err = strconv.ParseInt(text, 10, 64); err != nil || *number.to < 0 {
				return t, governance.Errorf(governance.Invalid, "“%s” is not a number of bytes.", number.name)
			}
		}
	}
	return t, nil
}

// download serves the base of one of the node's open assignments, and what
// else it reads, whole or by ranges. Any other artefact is not found.
func (a *API) download(w http.ResponseWriter, r *http.Request) {
	t, err := transferOf(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	slot, err := a.Work.Slot(r.Context(), callerOf(r).node, t.assignment, t.name)
	reads := []*training.Digest{&slot.Base, slot.Control, slot.Delta}
	var blob blobs.Blob
	switch {
	case err != nil:
	case slices.ContainsFunc(reads, func(d *training.Digest) bool { return d != nil && *d == t.name }):
		blob, err = a.Blobs.Open(r.Context(), t.name)
	default:
		blob, err = a.Work.Shard(r.Context(), callerOf(r).node, t.assignment, t.name)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	defer blob.Close()
	took := patience + time.Duration(blob.Size()/pace)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(took)) // a server that cannot keeps its own limits
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"`+t.name.Hex()+`"`)
	http.ServeContent(w, r, "", time.Time{}, blobs.Reader(blob))
}

// head tells how far an upload came, if the address names its length, and
// otherwise the size of a base.
func (a *API) head(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("length") {
		a.download(w, r)
		return
	}
	t, form, err := a.uploadSlot(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	have, err := t.length, error(nil)
	if !form.done {
		have, err = a.Uploads.Have(t.name, t.length)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.Header().Set(protocol.HeaderOffset, strconv.FormatInt(have, 10))
	w.WriteHeader(http.StatusNoContent)
}

// legal is the one form that an upload for an assignment may have.
type legal struct {
	header   []byte // of the base; nil where no update is asked for
	elements int
	slot     rounds.Slot
	done     bool // this very update was taken already
}

// uploadSlot checks, before any byte of the body is read, that the node may
// upload for this assignment and that the announced length is the only one.
func (a *API) uploadSlot(r *http.Request) (transfer, legal, error) {
	t, err := transferOf(r)
	if err != nil {
		return t, legal{}, err
	}
	slot, err := a.Work.Slot(r.Context(), callerOf(r).node, t.assignment, t.name)
	if err != nil {
		return t, legal{}, err
	}
	if !slot.Train && slot.Share == nil {
		return t, legal{}, governance.Errorf(governance.Conflict, "Assignment %d asks for no update.", t.assignment)
	}
	form := legal{slot: slot}
	if slot.Train {
		if form, err = a.form(r.Context(), slot); err != nil {
			return t, legal{}, err
		}
	}
	least, most, err := a.Work.Bounds(slot, form.header, form.elements)
	if err != nil {
		return t, legal{}, err
	}
	form.done = slot.Sealed != nil
	switch {
	case least == most && t.length != most:
		return t, legal{}, governance.Errorf(governance.Invalid, "An update of this round has %d bytes, not %d.", most, t.length)
	case t.length < least || t.length > most:
		return t, legal{}, governance.Errorf(governance.Invalid, "What is uploaded for this assignment has %d to %d bytes, not %d.", least, most, t.length)
	}
	return t, form, nil
}

// form reads the header of the base, from which the one form of its updates
// follows: the same tensors in the same order.
func (a *API) form(ctx context.Context, slot rounds.Slot) (legal, error) {
	blob, err := a.Blobs.Open(ctx, slot.Base)
	if err != nil {
		return legal{}, err
	}
	defer blob.Close()
	var word [8]byte
	if _, err := blob.ReadAt(word[:], 0); err != nil {
		return legal{}, fmt.Errorf("read header of base %s: %w", slot.Base.Hex(), err)
	}
	n := binary.LittleEndian.Uint64(word[:])
	if n > protocol.MaxMessage || int64(n)+8 > blob.Size() || (blob.Size()-8-int64(n))%4 != 0 {
		return legal{}, fmt.Errorf("base %s of %d bytes has a header of %d", slot.Base.Hex(), blob.Size(), n)
	}
	header := make([]byte, 8+n)
	if _, err := blob.ReadAt(header, 0); err != nil {
		return legal{}, fmt.Errorf("read header of base %s: %w", slot.Base.Hex(), err)
	}
	elements := int(blob.Size()-int64(len(header))) / 4
	return legal{header: header, elements: elements, slot: slot}, nil
}

// upload takes one part of an update. When the last part is here, the whole is
// checked and handed to the store of rounds, which encrypts it.
func (a *API) upload(w http.ResponseWriter, r *http.Request) {
	t, form, err := a.uploadSlot(r)
	if err == nil && (r.ContentLength < 0 || r.ContentLength > protocol.MaxPart) {
		err = governance.Errorf(governance.TooMany, "A part of an upload states its length and has at most %d bytes.", protocol.MaxPart)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	have := t.length
	switch {
	case form.done:
	case t.offset == 0 && r.ContentLength == t.length && a.room.take(t.length):
		have, err = a.whole(r, t, form)
		a.room.give(t.length)
	default:
		have, err = a.part(r, t, form)
	}
	w.Header().Set(protocol.HeaderOffset, strconv.FormatInt(have, 10))
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// whole takes an update that comes in one part: it touches the disk when it is
// checked and encrypted, and not before. It returns how much of it is here.
func (a *API) whole(r *http.Request, t transfer, form legal) (int64, error) {
	signed := callerOf(r).request.Digest
	if signed != t.name { // the whole update is the body
		return 0, t.named(signed)
	}
	body := r.Body
	if hashed, ok := body.(*digestBody); ok {
		body = hashed.ReadCloser // Check computes the digest
	}
	file := make([]byte, t.length)
	if _, err := io.ReadFull(body, file); err != nil {
		return 0, err
	}
	leave, err := a.turn(r.Context())
	if err != nil {
		return 0, err
	}
	defer leave()
	got, err := a.Work.Check(form.slot, form.header, form.elements, bytes.NewReader(file))
	if err == nil && got != t.name {
		err = errDigest
	}
	if err != nil {
		return 0, err
	}
	return t.length, a.Work.Upload(r.Context(), form.slot, t.incoming(true), bytes.NewReader(file))
}

// part takes one of several parts, or one for which there is no room in memory.
func (a *API) part(r *http.Request, t transfer, form legal) (int64, error) {
	have, err := a.Uploads.Append(r.Context(), t.name, t.length, t.offset, r.Body, false)
	if err == nil && have == t.length {
		leave, err := a.turn(r.Context())
		if err != nil {
			return have, err
		}
		defer leave()
		return have, a.finish(r.Context(), t, form)
	}
	return have, err
}

// finish checks a whole upload and hands it on. What is refused is forgotten,
// so that the node may begin again; what failed here stays for a retry.
func (a *API) finish(ctx context.Context, t transfer, form legal) error {
	if err := a.check(t, form); err != nil {
		return errors.Join(err, a.Uploads.Remove(t.name, t.length))
	}
	body, err := a.Uploads.Open(t.name, t.length)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := a.Work.Upload(ctx, form.slot, t.incoming(false), body); err != nil {
		return err
	}
	return a.Uploads.Remove(t.name, t.length)
}

func (a *API) check(t transfer, form legal) error {
	body, err := a.Uploads.Open(t.name, t.length)
	if err != nil {
		return err
	}
	defer body.Close()
	got, err := a.Work.Check(form.slot, form.header, form.elements, body)
	if err == nil {
		err = t.named(got)
	}
	return err
}

func (t transfer) incoming(checked bool) rounds.Incoming {
	return rounds.Incoming{Assignment: t.assignment, Name: t.name, Size: t.length, Checked: checked}
}

// named refuses bytes that are not those of the transfer's name.
func (t transfer) named(got training.Digest) error {
	if got == t.name {
		return nil
	}
	return governance.Errorf(governance.Invalid, "The update's bytes have the digest %s, not %s. Send it again.", got.Hex(), t.name.Hex())
}
