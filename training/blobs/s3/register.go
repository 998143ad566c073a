package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"github.com/minio/minio-go/v7"
)

// Register is one small object that several servers exchange by turns: what is
// there is replaced only by who has read it. It needs a server that keeps the
// conditions of a put (If-Match, If-None-Match); CheckConditions asks it.
type Register struct {
	*client
	name string
}

// OpenRegister returns the register of a name in a bucket.
func OpenRegister(c Config, name string) (*Register, error) {
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &Register{client, client.Prefix + name}, nil
}

// ErrChanged says that another server has exchanged the object since.
var ErrChanged = errors.New("another server was first")

const most = 1 << 20

// Load returns what is there; nil, nil if nothing is.
func (r *Register) Load(ctx context.Context) ([]byte, error) {
	data, _, err := r.read(ctx)
	return data, err
}

func (r *Register) read(ctx context.Context) (data []byte, tag string, err error) {
	body, about, _, err := r.api.GetObject(ctx, r.Bucket, r.name, minio.GetObjectOptions{})
	if status(err) == http.StatusNotFound {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", r.name, told(ctx, err))
	}
	defer body.Close()
	data, err = io.ReadAll(io.LimitReader(body, most))
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", r.name, err)
	}
	return data, about.ETag, nil
}

// Swap replaces old, nil for nothing, by fresh; ErrChanged if something else
// is there by now.
func (r *Register) Swap(ctx context.Context, old, fresh []byte) error {
	present, tag, err := r.read(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(present, old) || (present == nil) != (old == nil) {
		return ErrChanged
	}
	var condition minio.PutObjectOptions
	if present == nil {
		condition.SetMatchETagExcept("*")
	} else {
		condition.SetMatchETag(tag)
	}
	switch err := r.write(ctx, r.name, fresh, condition); {
	case conditionFails(err):
		return ErrChanged
	case err != nil:
		return fmt.Errorf("exchange %s: %w", r.name, err)
	}
	return nil
}

// CheckConditions refuses a server that accepts a put whose condition does not
// hold: there two servers could each believe that they were first.
func (r *Register) CheckConditions(ctx context.Context) error {
	probe := r.name + ".probe"
	text := []byte("Does this server keep the conditions of a put?\n")
	if err := r.write(ctx, probe, text, minio.PutObjectOptions{}); err != nil {
		return fmt.Errorf("probe S3: %w", err)
	}
	var there, other minio.PutObjectOptions
	there.SetMatchETagExcept("*")
	other.SetMatchETag("00000000000000000000000000000000")
	for _, condition := range []minio.PutObjectOptions{there, other} {
		switch err := r.write(ctx, probe, text, condition); {
		case conditionFails(err):
		case err != nil:
			return fmt.Errorf("probe S3: %w", err)
		default:
			return governance.Errorf(governance.Unavailable, "This S3 server ignores the conditions of a put, so it cannot hold the last checkpoint. Keep that in a file of one server.")
		}
	}
	return nil
}
