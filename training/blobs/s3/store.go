package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"github.com/minio/minio-go/v7"
)

// Store is a blobs.Store in a bucket.
type Store struct{ *client }

var _ blobs.Store = (*Store)(nil)

// Open returns the store of a bucket, which must exist. It asks nothing yet.
func Open(c Config) (*Store, error) {
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &Store{client}, nil
}

// key is the place of an artefact, below folders of 256 as in a folder.
func (s *Store) key(name training.Digest) string {
	return s.Prefix + "blobs/" + name.Hex()[:2] + "/" + name.Hex()
}

func missing(name training.Digest) error {
	return governance.Errorf(governance.NotFound, "There is no artefact %s here.", name.Hex())
}

// Stat implements blobs.Store.
func (s *Store) Stat(ctx context.Context, name training.Digest) (int64, error) {
	about, err := s.api.StatObject(ctx, s.Bucket, s.key(name), minio.StatObjectOptions{})
	if status(err) == http.StatusNotFound {
		return 0, missing(name)
	}
	if err != nil {
		return 0, fmt.Errorf("stat %s: %w", name.Hex(), told(ctx, err))
	}
	if about.UserMetadata[announcedSize] != strconv.FormatInt(about.Size, 10) {
		return 0, missing(name)
	}
	return about.Size, nil
}

// announcedSize is metadata of every object: the bytes that it should have.
// Servers that follow Amazon's drop a body that breaks off; some keep what
// came, and that must not be read for the artefact. Who copies a bucket copies
// the metadata with it.
const announcedSize = "Size"

func announced(size int64) minio.PutObjectOptions {
	return minio.PutObjectOptions{
		UserMetadata:         map[string]string{announcedSize: strconv.FormatInt(size, 10)},
		DisableContentSha256: true, // of pieces: the whole is signed
	}
}

// Remove implements blobs.Store.
func (s *Store) Remove(ctx context.Context, name training.Digest) error {
	if err := s.api.RemoveObject(ctx, s.Bucket, s.key(name), minio.RemoveObjectOptions{}); err != nil && status(err) != http.StatusNotFound {
		return fmt.Errorf("remove %s: %w", name.Hex(), told(ctx, err))
	}
	return nil
}

// Put implements blobs.Store.
func (s *Store) Put(ctx context.Context, name training.Digest, size int64, r io.Reader) error {
	if size < 0 || size > s.Max {
		return governance.Errorf(governance.TooMany, "An artefact of %d bytes was announced; at most %d are taken.", size, s.Max)
	}
	if have, err := s.Stat(ctx, name); err == nil {
		if have != size {
			return governance.Errorf(governance.Invalid, "Artefact %s has %d bytes, not %d.", name.Hex(), have, size)
		}
		return nil
	} else if !governance.Is(err, governance.NotFound) {
		return err
	}
	whole := &checked{r: r, hash: sha256.New(), left: size, want: name}
	var err error
	if size > s.Part {
		err = s.parts(ctx, name, size, whole)
	} else {
		err = s.put(ctx, name, size, whole)
	}
	if whole.err != nil { // says more than the connection that it broke off
		err = whole.err
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", name.Hex(), err)
	}
	return nil
}

// put sends an artefact in one request. The signature covers the name as the
// digest of the body, so that the server compares it too; a server that knows
// conditions stores it once, and one that does not stores the same bytes again.
func (s *Store) put(ctx context.Context, name training.Digest, size int64, whole *checked) error {
	if size == 0 {
		if err := whole.end(); err != nil {
			return err
		}
	}
	options := announced(size)
	options.SetMatchETagExcept("*")
	_, err := s.api.PutObject(ctx, s.Bucket, s.key(name), whole, size, "", name.Hex(), options)
	if code := status(err); code == http.StatusPreconditionFailed || code == http.StatusConflict {
		return s.another(ctx, name, err)
	}
	return told(ctx, err)
}

// another looks at what stands under the name already: the artefact, which
// another server was first to store, or half of one, which is taken away so
// that the next try can store it.
func (s *Store) another(ctx context.Context, name training.Digest, refusal error) error {
	_, err := s.Stat(ctx, name)
	if governance.Is(err, governance.NotFound) {
		return errors.Join(refusal, s.Remove(ctx, name))
	}
	return err
}

// checked reads exactly left bytes and hands out the last of them only when
// all have the wanted digest and nothing follows.
type checked struct {
	r    io.Reader
	hash hash.Hash
	left int64
	want training.Digest
	err  error // why it broke off
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.left -= int64(n)
	switch {
	case c.left == 0:
		if err := c.end(); err != nil {
			return 0, err
		}
		return n, nil
	case err == io.EOF:
		c.err = governance.Errorf(governance.Invalid, "The artefact is shorter than was announced; %d bytes are missing.", c.left)
	default:
		c.err = err
	}
	return n, c.err
}

// end compares the digest and looks for what should not follow.
func (c *checked) end() error {
	var more [1]byte
	if n, _ := io.ReadFull(c.r, more[:]); n > 0 {
		c.err = governance.Errorf(governance.Invalid, "The artefact is longer than was announced.")
	} else if training.Digest(c.hash.Sum(nil)) != c.want {
		c.err = governance.Errorf(governance.Invalid, "The artefact's bytes do not have the digest %s.", c.want.Hex())
	}
	return c.err
}

// parts sends an artefact in parts. Those that an earlier try has sent are
// compared and not sent again. The artefact appears with the last request,
// which is not made unless everything has the digest.
func (s *Store) parts(ctx context.Context, name training.Digest, size int64, whole *checked) error {
	key := s.key(name)
	upload, there, err := s.begun(ctx, key, size)
	if err != nil {
		return err
	}
	var list []minio.CompletePart
	buffer := make([]byte, s.Part)
	for number, left := 1, size; left > 0; number++ {
		data := buffer[:min(left, s.Part)]
		if _, err := io.ReadFull(whole, data); err != nil {
			return errors.Join(err, s.abort(ctx, key, upload, whole))
		}
		left -= int64(len(data))
		sum := md5.Sum(data)
		tag := hex.EncodeToString(sum[:])
		if there[number] != tag {
			sent, err := s.api.PutObjectPart(ctx, s.Bucket, key, upload, number, bytes.NewReader(data), int64(len(data)),
				minio.PutObjectPartOptions{Sha256Hex: hashOf(data), DisableContentSha256: true})
			if err != nil {
				return told(ctx, err) // the parts stay for the next try
			}
			tag = sent.ETag
		}
		list = append(list, minio.CompletePart{PartNumber: number, ETag: tag})
	}
	_, err = s.api.CompleteMultipartUpload(ctx, s.Bucket, key, upload, list, minio.PutObjectOptions{})
	return told(ctx, err)
}

// abort forgets parts of an artefact that turned out to be another one.
func (s *Store) abort(ctx context.Context, key, upload string, whole *checked) error {
	if !governance.Is(whole.err, governance.Invalid) {
		return nil
	}
	return told(ctx, s.api.AbortMultipartUpload(context.WithoutCancel(ctx), s.Bucket, key, upload))
}

// begun returns the upload of a key that an earlier try began, with its parts
// by number, or begins one.
func (s *Store) begun(ctx context.Context, key string, size int64) (upload string, there map[int]string, err error) {
	// a server that cannot list uploads cannot continue them either
	if uploads, err := s.api.ListMultipartUploads(ctx, s.Bucket, key, "", "", "", 10); err == nil {
		for _, u := range uploads.Uploads {
			if u.Key != key {
				continue
			}
			there = map[int]string{}
			for parts, more := (minio.ListObjectPartsResult{}), true; more && err == nil; more = parts.IsTruncated {
				parts, err = s.api.ListObjectParts(ctx, s.Bucket, key, u.UploadID, parts.NextPartNumberMarker, 1000)
				for _, p := range parts.ObjectParts {
					there[p.PartNumber] = strings.Trim(p.ETag, `"`)
				}
			}
			if err == nil {
				return u.UploadID, there, nil
			}
		}
	}
	upload, err = s.api.NewMultipartUpload(ctx, s.Bucket, key, announced(size))
	return upload, nil, told(ctx, err)
}

// Open implements blobs.Store.
func (s *Store) Open(ctx context.Context, name training.Digest) (blobs.Blob, error) {
	size, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &object{store: s, name: name, size: size}, nil
}

// object is an open artefact. Reading on where the last read ended goes on in
// one request, whatever the sizes of the reads. io.ReaderAt takes no context:
// who closes the object ends its request.
type object struct {
	store *Store
	name  training.Digest
	size  int64

	mu   sync.Mutex
	at   int64 // where body goes on
	body io.ReadCloser
}

// Size returns the bytes of the artefact.
func (o *object) Size() int64 { return o.size }

// Close ends what is under way.
func (o *object) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.body == nil {
		return nil
	}
	err := o.body.Close()
	o.body = nil
	return err
}

// ReadAt implements io.ReaderAt.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read before the beginning of an artefact")
	}
	if off >= o.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > o.size-off
	if short {
		p = p[:o.size-off]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.seek(off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(o.body, p)
	o.at += int64(n)
	if err != nil {
		_ = o.body.Close() // the next read asks again
		o.body = nil
		return n, fmt.Errorf("read %s: %w", o.name.Hex(), err)
	}
	if short {
		err = io.EOF
	}
	return n, err
}

// seek asks for the bytes from off on, unless they come next.
func (o *object) seek(off int64) error {
	if o.body != nil && o.at == off {
		return nil
	}
	if o.body != nil {
		_ = o.body.Close()
		o.body = nil
	}
	var options minio.GetObjectOptions
	if err := options.SetRange(off, o.size-1); err != nil {
		return err
	}
	ctx := context.Background()
	body, _, header, err := o.store.api.GetObject(ctx, o.store.Bucket, o.store.key(o.name), options)
	if status(err) == http.StatusNotFound {
		return missing(o.name)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o.name.Hex(), told(ctx, err))
	}
	if off > 0 && header.Get("Content-Range") == "" {
		return errors.Join(fmt.Errorf("read %s: the server does not know ranges", o.name.Hex()), body.Close())
	}
	o.at, o.body = off, body
	return nil
}
