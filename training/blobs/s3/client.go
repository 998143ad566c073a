package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"codeberg.org/althing/althing/governance"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Config names a bucket and who may use it.
type Config struct {
	Endpoint string // scheme and host, "https://s3.example.org"
	Bucket   string // addressed as ENDPOINT/BUCKET
	Region   string // "us-east-1" if empty, which most servers of one's own take
	Access   string // access key
	Secret   string // secret key
	Prefix   string // of every name in the bucket, such as "althing/"

	Part int64 // bytes of a part of a long upload; 64 MiB if 0
	Max  int64 // bytes of one artefact; 16 GiB if 0
}

// client makes signed requests to one bucket, each once: who waits for an
// artefact asks again later.
type client struct {
	Config
	api minio.Core
}

func newClient(c Config) (*client, error) {
	base, err := url.Parse(c.Endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("S3 endpoint %q: want a scheme and a host, as https://s3.example.org", c.Endpoint)
	}
	if c.Bucket == "" || c.Access == "" || c.Secret == "" {
		return nil, errors.New("S3: a bucket, an access key and a secret key are needed")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Part == 0 {
		c.Part = 64 << 20
	}
	if c.Max == 0 {
		c.Max = 16 << 30
	}
	api, err := minio.NewCore(base.Host, &minio.Options{
		Creds: credentials.NewStaticV4(c.Access, c.Secret, ""), Secure: base.Scheme == "https", Region: c.Region,
		BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %q: %w", c.Endpoint, err)
	}
	return &client{c, *api}, nil
}

// status is that of the server's refusal, 0 where it did not answer.
func status(err error) int {
	var refusal minio.ErrorResponse
	if errors.As(err, &refusal) {
		return refusal.StatusCode
	}
	return 0
}

// conditionFails reports whether a put was refused for its condition.
func conditionFails(err error) bool {
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound:
		return true
	}
	return false
}

// told gives an error of the library its kind: Full where the server says so,
// Unavailable where none could be reached.
func told(ctx context.Context, err error) error {
	var refusal minio.ErrorResponse
	var mine *governance.Error
	switch {
	case err == nil || errors.As(err, &mine) || ctx.Err() != nil:
		return err
	case !errors.As(err, &refusal):
		return fmt.Errorf("%w (%w)", governance.Errorf(governance.Unavailable, "The store of artefacts cannot be reached. Please try again in a moment."), err)
	case refusal.StatusCode == http.StatusInsufficientStorage || refusal.Code == "XMinioStorageFull" || refusal.Code == "QuotaExceeded":
		return fmt.Errorf("%w (%w)", governance.Errorf(governance.Full, "The store of artefacts is full. Nothing was stored."), err)
	}
	return err
}

// write puts an object of a few bytes.
func (c *client) write(ctx context.Context, key string, data []byte, options minio.PutObjectOptions) error {
	options.DisableContentSha256 = true // of parts: the whole is signed
	_, err := c.api.PutObject(ctx, c.Bucket, key, bytes.NewReader(data), int64(len(data)), "", hashOf(data), options)
	return told(ctx, err)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
