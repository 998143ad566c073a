package workers

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/rounds"
	"filippo.io/age"
)

// Archives writes archives of rounds.
type Archives struct {
	Training
	Log *audit.Log
}

// Prepare reads what the archive of a round needs and returns what writes it.
// recipient is whom updates are encrypted to; with "" they are in plain, so
// the caller must have asked Store.Reader. Updates pass through decrypted and
// are nowhere laid down. A round that has no archive is a Conflict, with the
// reason.
func (a Archives) Prepare(ctx context.Context, id training.RoundID, recipient string) (func(io.Writer) error, error) {
	in, err := a.Rounds.Inputs(ctx, id)
	if err != nil {
		return nil, err
	}
	if in.Replay {
		return nil, governance.Errorf(governance.Conflict, "Round %d trains another one again, for an unlearning case. Its auditors are drawn by lot, and what they found stands in the certificate.", id)
	}
	if !slices.Contains([]string{rounds.Evaluating, rounds.Accepted, rounds.Rejected}, in.State) {
		return nil, governance.Errorf(governance.Conflict, "Round %d is %s; there is an archive once its updates are aggregated.", id, in.State)
	}
	w := &archiveWriter{Archives: a, in: in, written: map[string]bool{}}
	if recipient != "" {
		if w.to, err = age.ParseX25519Recipient(recipient); err != nil {
			return nil, fmt.Errorf("archive of round %d: %w", id, err)
		}
	}
	if w.file, w.config, err = a.file(ctx, in, recipient); err != nil {
		return nil, err
	}
	for _, u := range in.Updates {
		plain, err := w.open(ctx, u)
		if err != nil {
			return nil, err
		}
		if err := plain.Close(); err != nil {
			return nil, err
		}
	}
	if w.signed, err = a.Log.Checkpoint(ctx); err != nil {
		return nil, err
	}
	return func(to io.Writer) error {
		if err := w.write(ctx, to); err != nil {
			return fmt.Errorf("archive of round %d: %w", id, err)
		}
		return nil
	}, nil
}

// file is round.json, and the config of the model beside it.
func (a Archives) file(ctx context.Context, in rounds.Inputs, recipient string) (RoundFile, string, error) {
	f := RoundFile{
		Version: archiveFormat, Round: in.Round, Campaign: in.Campaign, Number: in.Number, Recipe: in.Recipe, MaxShare: in.MaxShare, Seed: in.Seed,
		Present: in.Present, Wanted: in.Wanted, Base: in.Base, ServerBase: in.ServerBase, Checkpoint: in.Checkpoint, Recipient: recipient,
	}
	v, err := a.Models.Version(ctx, in.Version)
	if err != nil {
		return f, "", err
	}
	f.Config = training.DigestOf([]byte(v.Config))
	if f.Checks, err = a.Rounds.Checks(ctx, in.Round); err != nil {
		return f, "", err
	}
	for _, u := range in.Updates {
		f.Updates = append(f.Updates, ArchivedUpdate{
			Node: u.Node, Owner: u.Owner, Digest: u.Digest, Manifest: u.Manifest, Examples: u.Examples, Steps: u.Steps, Weight: u.Weight,
			Outcome: u.Outcome, Scale: u.Scale, Divisor: u.Divisor,
		})
	}
	return f, v.Config, nil
}

// archiveWriter writes one archive.
type archiveWriter struct {
	Archives
	in      rounds.Inputs
	file    RoundFile
	config  string
	to      *age.X25519Recipient // nil for updates in plain
	signed  audit.Signed
	zip     *zip.Writer
	written map[string]bool
}

func (w *archiveWriter) open(ctx context.Context, u rounds.Update) (io.ReadCloser, error) {
	plain, err := Sealed{w.Blobs, w.Keys}.OpenUpdate(ctx, u)
	if errors.Is(err, keys.ErrDestroyed) || governance.Is(err, governance.NotFound) {
		return nil, governance.Errorf(governance.Conflict, "The update of node %d was forgotten by decision, so round %d cannot be computed again.", u.Node, w.in.Round)
	}
	return plain, err
}

func (w *archiveWriter) write(ctx context.Context, to io.Writer) error {
	w.zip = zip.NewWriter(to)
	text, err := json.MarshalIndent(w.file, "", "\t")
	if err != nil {
		return err
	}
	if err := w.put(roundFile, zip.Deflate, strings.NewReader(string(text))); err != nil {
		return err
	}
	err = translog.Archive(w.signed.Note, w.Log.Key(), w.signed.Size, func(t translog.Tile) ([]byte, error) { return w.Log.Tile(ctx, t) },
		func(path string, data []byte) error {
			return w.put(logFolder+path, zip.Deflate, strings.NewReader(string(data)))
		})
	if err != nil {
		return err
	}
	if err := w.put(blobName(w.file.Config), zip.Store, strings.NewReader(w.config)); err != nil {
		return err
	}
	if err := w.blob(ctx, w.in.Base); err != nil {
		return err
	}
	if w.in.ServerBase != nil {
		if err := w.blob(ctx, *w.in.ServerBase); err != nil {
			return err
		}
	}
	for _, u := range w.in.Updates {
		if err := w.update(ctx, u); err != nil {
			return fmt.Errorf("update of node %d: %w", u.Node, err)
		}
	}
	return w.zip.Close()
}

func (w *archiveWriter) blob(ctx context.Context, name training.Digest) error {
	b, err := w.Blobs.Open(ctx, name)
	if err != nil {
		return err
	}
	return errors.Join(w.put(blobName(name), zip.Store, blobs.Reader(b)), b.Close())
}

func (w *archiveWriter) update(ctx context.Context, u rounds.Update) (err error) {
	plain, err := w.open(ctx, u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	if w.to == nil {
		return w.put(blobName(u.Digest), zip.Store, plain)
	}
	name := sealedName(u.Digest)
	if w.written[name] {
		return nil
	}
	part, err := w.create(name, zip.Store)
	if err != nil {
		return err
	}
	sealed, err := age.Encrypt(part, w.to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sealed, plain); err != nil {
		return err
	}
	return sealed.Close()
}

// put writes a part once; equal artefacts have one name.
func (w *archiveWriter) put(name string, method uint16, r io.Reader) error {
	if w.written[name] {
		return nil
	}
	part, err := w.create(name, method)
	if err != nil {
		return err
	}
	_, err = io.Copy(part, r)
	return err
}

func (w *archiveWriter) create(name string, method uint16) (io.Writer, error) {
	w.written[name] = true
	return w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: time.Unix(w.signed.At.Unix(), 0).UTC()})
}
