package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/blobs/s3"
)

// s3FromEnvironment reads the bucket in which several servers keep artefacts;
// a config without an endpoint means a folder of this server.
func s3FromEnvironment() s3.Config {
	return s3.Config{
		Endpoint: os.Getenv("ALTHING_S3_ENDPOINT"), Bucket: os.Getenv("ALTHING_S3_BUCKET"), Region: os.Getenv("ALTHING_S3_REGION"),
		Access: os.Getenv("ALTHING_S3_ACCESS_KEY"), Secret: os.Getenv("ALTHING_S3_SECRET_KEY"), Prefix: os.Getenv("ALTHING_S3_PREFIX"),
	}
}

// openBlobs opens the store of artefacts and returns what closes it.
func (s settings) openBlobs() (store blobs.Store, end func() error, err error) {
	if s.Bucket.Endpoint != "" {
		store, err = s3.Open(s.Bucket)
		return store, func() error { return nil }, err
	}
	folder, err := blobs.OpenFolder(filepath.Join(s.Dir, "blobs"), blobs.Options{})
	if err != nil {
		return nil, nil, err
	}
	return folder, folder.Close, nil
}

// openCheckpoint opens the place of the log's last signed checkpoint: a file,
// by default in the folder of data, or an object of the bucket.
func (s settings) openCheckpoint(ctx context.Context) (audit.CheckpointStore, error) {
	if s.Checkpoint != "s3" {
		path := either(s.Checkpoint, filepath.Join(s.Dir, "log", "checkpoint"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("make log folder: %w", err)
		}
		return audit.NewCheckpointFile(path), nil
	}
	register, err := s3.OpenRegister(s.Bucket, "log/checkpoint")
	if err != nil {
		return nil, err
	}
	return bucketCheckpoint{register}, register.CheckConditions(ctx)
}

// bucketCheckpoint is the last checkpoint in a bucket.
type bucketCheckpoint struct{ *s3.Register }

// Swap exchanges the checkpoint unless another server has signed since.
func (b bucketCheckpoint) Swap(ctx context.Context, old, signed []byte) error {
	err := b.Register.Swap(ctx, old, signed)
	if errors.Is(err, s3.ErrChanged) {
		return fmt.Errorf("%w (%w)", audit.ErrOvertaken, err)
	}
	return err
}
