package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/workers"
	"codeberg.org/althing/althing/workers/agent"
	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
)

// roundToVerify is what the command line says of a round.
type roundToVerify struct {
	id                           training.RoundID
	source, key, identity, shard string
}

// verifyRound computes a round again from its archive, a file or the address of
// a site, and with a shard the update of a node.
func verifyRound(ctx context.Context, out io.Writer, v roundToVerify) (err error) {
	file, err := roundSource(ctx, out, v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	var identity age.Identity
	if v.identity != "" {
		if identity, err = readIdentity(v.identity); err != nil {
			return err
		}
	}
	archive, err := workers.OpenRoundArchive(file, info.Size(), identity)
	if err != nil {
		return err
	}
	key := v.key
	if key == "" {
		if key, err = archive.Key(); err != nil {
			return err
		}
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("log key %q: %w", key, err)
	}
	verification := workers.Verification{Archive: archive, Round: v.id, Verifier: verifier, Out: out, Retrain: agent.Retrain}
	if v.shard != "" {
		if verification.Shard, err = readShard(v.shard); err != nil {
			return err
		}
	}
	if err := verification.Verify(ctx); err != nil {
		return fmt.Errorf("round %d is not verified: %w", v.id, err)
	}
	fmt.Fprintf(out, "round %d is verified\n", v.id)
	if v.key == "" {
		fmt.Fprintf(out, "  The key came from the archive itself. Compare it with the one that the site shows, keep it and pass it next time: --key %q\n", key)
	}
	return nil
}

// roundSource opens the archive: the file, or what a site serves, laid into a
// file without a name that ends with this program.
func roundSource(ctx context.Context, out io.Writer, v roundToVerify) (*os.File, error) {
	if !strings.HasPrefix(v.source, "http://") && !strings.HasPrefix(v.source, "https://") {
		f, err := os.Open(v.source)
		if err != nil {
			return nil, fmt.Errorf("open archive: %w", err)
		}
		return f, nil
	}
	address := strings.TrimSuffix(v.source, "/") + href.RoundArchive(int64(v.id))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get archive: %w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusUnauthorized:
		return nil, fmt.Errorf("get archive: the updates of round %d are not public. An auditor whom a decision names downloads %s when signed in, and gives the file", v.id, address)
	default:
		return nil, fmt.Errorf("get archive: %s: the server says %s", address, res.Status)
	}
	f, err := os.CreateTemp("", "round-*.zip")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // an open file stays readable; where it cannot be removed the system's cleaning does
	n, err := io.Copy(f, res.Body)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("get archive: %w", err), f.Close())
	}
	fmt.Fprintf(out, "archive: %d bytes from %s\n", n, address)
	return f, nil
}

// readIdentity reads the first key of a file as age-keygen writes it.
func readIdentity(name string) (age.Identity, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the auditor's key: %w", err)
	}
	defer f.Close()
	found, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("read the auditor's key in %s: %w", name, err)
	}
	return found[0], nil
}

func readShard(name string) (*localdata.Shard, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read shard: %w", err)
	}
	defer f.Close()
	shard, err := localdata.ReadShard(f)
	return &shard, err
}
