package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/governance/translog"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// errBroken is a promise whose time is over and whose entry is missing.
var errBroken = errors.New("the promise is broken")

// verifyPromise checks what a platform promised a voter: that one of the keys
// that the log names signed it, and that the log, itself verified, holds the
// entry. Before the promise's time a missing entry is no fault.
func verifyPromise(ctx context.Context, out io.Writer, file, source, key string, now time.Time) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the promise: %w", err)
	}
	log, err := openKeyed(ctx, source, key)
	if err != nil {
		return err
	}
	defer log.close()
	var keys []string
	found := map[tlog.Hash]int64{}
	c, err := translog.Verify(log.fetch, log.verifier, func(index int64, e translog.Entry) error {
		data, err := e.Encode()
		if err != nil {
			return err
		}
		found[tlog.RecordHash(data)] = index
		if e.Kind != (nodes.ServerKeyNamed{}).Kind() {
			return nil
		}
		named, err := serverKey(e, log.verifier.Name())
		keys = append(keys, named)
		return err
	})
	if err != nil {
		return err
	}
	var promise envelope.Promise
	err = errors.New("the log names no key of the platform")
	for _, k := range keys {
		if promise, err = envelope.OpenPromise(signed, k); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	fmt.Fprintf(out, "%s: signed by a key that the log of %s names\n", file, c.Origin)
	index, there := found[promise.Entry]
	switch {
	case there:
		fmt.Fprintf(out, "  kept: entry %d of %d is the sealed ballot in poll %d\n", index, c.Size, promise.Poll)
	case now.Before(promise.By):
		fmt.Fprintf(out, "  not due: the entry of poll %d must be in the log by %s\n", promise.Poll, promise.By.Format(time.RFC3339))
	default:
		return fmt.Errorf("%w: poll %d should have entry %x since %s, and the log of %d entries has not; show this promise and that checkpoint to anybody",
			errBroken, promise.Poll, promise.Entry, promise.By.Format(time.RFC3339), c.Size)
	}
	return nil
}

// serverKey is the key that an entry names, in the form of signed notes.
func serverKey(e translog.Entry, name string) (string, error) {
	var named nodes.ServerKeyNamed
	if err := json.Unmarshal(e.Data, &named); err != nil {
		return "", fmt.Errorf("key of the platform: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(named.PublicKey)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return "", fmt.Errorf("key of the platform: %q is no Ed25519 key", named.PublicKey)
	}
	return note.NewEd25519VerifierKey(name, ed25519.PublicKey(raw))
}
