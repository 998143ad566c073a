package workers

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/rounds"
	"filippo.io/age"
)

// RoundArchive is an archive of a round that somebody handed over. It stands
// in for a blob store that is only read, and opens updates.
type RoundArchive struct {
	File RoundFile

	zip      *zip.Reader
	source   io.ReaderAt
	size     int64 // of source
	parts    map[string]*zip.File
	identity age.Identity
}

// ErrNoIdentity says that updates are encrypted to an auditor.
var ErrNoIdentity = errors.New("the updates are encrypted to the auditor")

// OpenRoundArchive reads the directory and round.json of an archive. It takes
// nothing that Archives would not have written: other names, a name twice, a
// blob that is compressed. identity is the auditor's key, nil for none.
func OpenRoundArchive(source io.ReaderAt, size int64, identity age.Identity) (*RoundArchive, error) {
	z, err := zip.NewReader(source, size)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if len(z.File) > maxParts {
		return nil, fmt.Errorf("open archive: it has %d files, at most %d are read", len(z.File), maxParts)
	}
	a := &RoundArchive{zip: z, source: source, size: size, parts: make(map[string]*zip.File, len(z.File)), identity: identity}
	for _, f := range z.File {
		if err := checkPart(f); err != nil {
			return nil, fmt.Errorf("open archive: %w", err)
		}
		if a.parts[f.Name] != nil {
			return nil, fmt.Errorf("open archive: %q is in it twice", f.Name)
		}
		a.parts[f.Name] = f
	}
	text, err := a.read(roundFile, maxRoundFile)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	a.File, err = ParseRoundFile(text)
	return a, err
}

func checkPart(f *zip.File) error {
	stored := func(hex string) error {
		d, err := training.ParseDigest(hex)
		if err != nil || d.Hex() != hex {
			return fmt.Errorf("%q does not belong into the archive of a round", f.Name)
		}
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
			return fmt.Errorf("%q is compressed, and only stored artefacts are read", f.Name)
		}
		return nil
	}
	switch name := f.Name; {
	case name == roundFile:
		return nil
	case strings.HasPrefix(name, logFolder) && fs.ValidPath(name) && path.Clean(name) == name:
		return nil
	case strings.HasPrefix(name, blobFolder):
		return stored(strings.TrimPrefix(name, blobFolder))
	case strings.HasPrefix(name, updateFolder) && strings.HasSuffix(name, sealedEnding):
		return stored(strings.TrimSuffix(strings.TrimPrefix(name, updateFolder), sealedEnding))
	}
	return fmt.Errorf("%q does not belong into the archive of a round", f.Name)
}

// read returns a small part.
func (a *RoundArchive) read(name string, most int64) ([]byte, error) {
	f := a.parts[name]
	if f == nil {
		return nil, fmt.Errorf("%s is missing", name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return data, nil
}

// Log reads one file of the log in the archive (translog.Fetch).
func (a *RoundArchive) Log(name string, most int64) ([]byte, error) {
	return a.read(logFolder+name, most)
}

// section is a stored part as a blob.
type section struct{ *io.SectionReader }

// Close has nothing to release.
func (section) Close() error { return nil }

func (a *RoundArchive) section(name string) (section, error) {
	f := a.parts[name]
	if f == nil {
		return section{}, governance.Errorf(governance.NotFound, "%s is not in the archive.", name)
	}
	at, err := f.DataOffset()
	if err != nil {
		return section{}, fmt.Errorf("%s: %w", name, err)
	}
	if f.UncompressedSize64 > uint64(a.size) || at < 0 || at > a.size-int64(f.UncompressedSize64) {
		return section{}, fmt.Errorf("%s claims %d bytes, more than the archive has", name, f.UncompressedSize64)
	}
	return section{io.NewSectionReader(a.source, at, int64(f.UncompressedSize64))}, nil
}

// Open returns an artefact of the archive, NotFound if there is none.
func (a *RoundArchive) Open(_ context.Context, name training.Digest) (blobs.Blob, error) {
	return a.section(blobName(name))
}

// Stat returns the size of an artefact.
func (a *RoundArchive) Stat(_ context.Context, name training.Digest) (int64, error) {
	s, err := a.section(blobName(name))
	if err != nil {
		return 0, err
	}
	return s.Size(), nil
}

var errReadOnly = errors.New("an archive is only read")

// Put refuses.
func (*RoundArchive) Put(context.Context, training.Digest, int64, io.Reader) error {
	return errReadOnly
}

// Remove refuses.
func (*RoundArchive) Remove(context.Context, training.Digest) error { return errReadOnly }

// OpenUpdate opens an update, with the auditor's key where it needs one.
func (a *RoundArchive) OpenUpdate(_ context.Context, u rounds.Update) (io.ReadCloser, error) {
	if a.File.Recipient == "" {
		s, err := a.section(blobName(u.Digest))
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if a.identity == nil {
		return nil, fmt.Errorf("%w whose public key is %s: give the secret half with --identity FILE", ErrNoIdentity, a.File.Recipient)
	}
	s, err := a.section(sealedName(u.Digest))
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(s, a.identity)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be decrypted with the key given; it is for %s: %w", sealedName(u.Digest), a.File.Recipient, err)
	}
	return opened{plain, s}, nil
}

// digests checks that every blob is what its name says, and returns how many
// there are.
func (a *RoundArchive) digests(ctx context.Context) (int, error) {
	n := 0
	for _, f := range a.zip.File {
		hex, ok := strings.CutPrefix(f.Name, blobFolder)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		s, err := a.section(f.Name)
		if err != nil {
			return n, err
		}
		d, err := digestOf(s)
		if err != nil {
			return n, fmt.Errorf("%s: %w", f.Name, err)
		}
		if d.Hex() != hex {
			return n, fmt.Errorf("%s%s: its bytes have the digest %s", f.Name, a.whose(hex), d.Hex())
		}
		n++
	}
	return n, nil
}

// whose says what an artefact is, for an error.
func (a *RoundArchive) whose(hex string) string {
	switch hex {
	case a.File.Base.Hex():
		return " (the base)"
	case a.File.Config.Hex():
		return " (the model's config)"
	}
	for _, u := range a.File.Updates {
		if u.Digest.Hex() == hex {
			return fmt.Sprintf(" (the update of node %d)", u.Node)
		}
	}
	return ""
}
