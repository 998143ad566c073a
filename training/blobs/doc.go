// Package blobs keeps artefacts by content: checkpoints, updates, tokenizers,
// each named by the SHA-256 of its bytes. Writing one twice is writing it once,
// and what is read under a name is what was named.
//
// Folder is the store of one machine. A file appears under its name whole and
// synced or not at all: bytes are hashed while they come, under another name,
// and renamed at the end. A crash leaves a file that Sweep removes. No name in
// it comes from anybody else: a digest is 32 bytes, and every path is opened
// below the folder's root (os.Root).
//
// Partial holds artefacts that arrive in parts, so that a transfer can go on
// after a cut or a restart on either side.
package blobs

import (
	"context"
	"io"

	"codeberg.org/althing/althing/training"
)

// Blob is an open artefact. It is safe for concurrent ReadAt.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Store keeps artefacts by content. Folder is one; a store for several servers
// needs no more than this.
type Store interface {
	// Put reads exactly size bytes whose SHA-256 must be the name. What is
	// there already is not read again.
	Put(ctx context.Context, name training.Digest, size int64, r io.Reader) error
	// Open returns an artefact, NotFound if there is none.
	Open(ctx context.Context, name training.Digest) (Blob, error)
	// Stat returns the size of an artefact, NotFound if there is none.
	Stat(ctx context.Context, name training.Digest) (int64, error)
	// Remove forgets an artefact; removing what is not there is no error.
	Remove(ctx context.Context, name training.Digest) error
}

// Taker is a Store that names what it is given while it writes it: whoever does
// not know the digest beforehand spares a second pass over the bytes.
type Taker interface {
	// Take stores what write writes, about so many bytes, and returns its name
	// and size. Nothing is stored when write fails.
	Take(ctx context.Context, about int64, write func(io.Writer) error) (training.Digest, int64, error)
}

// Reader reads a blob from its beginning.
func Reader(b Blob) *io.SectionReader { return io.NewSectionReader(b, 0, b.Size()) }
