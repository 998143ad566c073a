package cli

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"golang.org/x/mod/sumdb/note"
)

// verify re-derives what others claim: a whole log, or what somebody was
// promised by it.
func verify(ctx context.Context, t Terminal, args []string) error {
	set := flags("verify", t)
	key := set.String("key", "", "the log's public key, name+hash+key; asked of the log itself if empty")
	log := set.String("log", "", "promise: the log in which the entry must be, URL or ARCHIVE")
	round := set.Int64("id", 0, "round: its number")
	identity := set.String("identity", "", "round: file with the auditor's age key, where updates are encrypted")
	shard := set.String("shard", "", "round: file that a node's owner shared (node share), to train that update again")
	rest, err := parse(set, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 2 && rest[0] == "log":
		_, _, err = verifyLog(ctx, t.Out, rest[1], *key)
		return err
	case len(rest) == 2 && rest[0] == "promise" && *log != "":
		return verifyPromise(ctx, t.Out, rest[1], *log, *key, time.Now())
	case len(rest) == 2 && rest[0] == "round" && *round > 0:
		return verifyRound(ctx, t.Out, roundToVerify{id: training.RoundID(*round), source: rest[1], key: *key, identity: *identity, shard: *shard})
	}
	return fmt.Errorf("%w: say “verify log URL”, “verify log ARCHIVE”, “verify promise FILE --log URL” or “verify round --id N URL”", errUsage)
}

// openedLog is a log that can be read, and the key that must have signed it.
type openedLog struct {
	fetch    translog.Fetch
	close    func() error
	verifier note.Verifier
	key      string // as it was written, to be passed the next time
}

// openKeyed opens a log by a key, or by the one that it names itself.
func openKeyed(ctx context.Context, source, key string) (openedLog, error) {
	fetch, closeSource, err := openLog(ctx, source)
	if err != nil {
		return openedLog{}, err
	}
	if key == "" {
		data, err := fetch(translog.KeyFile, 4096)
		if err != nil {
			return openedLog{}, errors.Join(fmt.Errorf("ask the log for its key: %w", err), closeSource())
		}
		key = strings.TrimSpace(string(data))
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return openedLog{}, errors.Join(fmt.Errorf("log key %q: %w", key, err), closeSource())
	}
	return openedLog{fetch, closeSource, verifier, key}, nil
}

// verifyLog checks a log, says what it rebuilt from it, and returns that and
// the log's size.
func verifyLog(ctx context.Context, out io.Writer, source, key string) (*audit.State, int64, error) {
	log, err := openKeyed(ctx, source, key)
	if err != nil {
		return nil, 0, err
	}
	defer log.close()
	state, visit := audit.Replay()
	begun := time.Now()
	c, err := translog.Verify(log.fetch, log.verifier, visit)
	if err != nil {
		return nil, 0, err
	}
	closed, ballots := 0, 0
	for _, p := range state.Polls {
		ballots += len(p.Ballots)
		if p.Closed {
			closed++
		}
	}
	fmt.Fprintf(out, "%s: %d entries verified in %.1f s\n", c.Origin, c.Size, time.Since(begun).Seconds())
	fmt.Fprintf(out, "  root %x, signed by %s\n", c.Root[:], log.verifier.Name())
	fmt.Fprintf(out, "  rebuilt from entries alone: %d polls (%d closed, every count repeated), %d ballots, %d rounds, %d versions, %d policies set\n",
		len(state.Polls), closed, ballots, len(state.Rounds), len(state.Versions), len(state.Policies))
	if key == "" {
		fmt.Fprintf(out, "  The key came from the log itself. Keep it and pass it next time: --key %q\n", log.key)
	}
	return state, c.Size, nil
}

// openLog reads a log from a server, a zip archive or a folder.
func openLog(ctx context.Context, source string) (translog.Fetch, func() error, error) {
	nothing := func() error { return nil }
	if strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://") {
		base := strings.TrimSuffix(strings.TrimSuffix(source, "/"), "/log") + "/log/"
		return fetchFrom(ctx, base), nothing, nil
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, nil, fmt.Errorf("open archive: %w", err)
	}
	if info.IsDir() {
		return fetchFiles(os.DirFS(source)), nothing, nil
	}
	z, err := zip.OpenReader(source)
	if err != nil {
		return nil, nil, fmt.Errorf("open archive %s: %w", source, err)
	}
	return fetchFiles(z), z.Close, nil
}

func fetchFrom(ctx context.Context, base string) translog.Fetch {
	client := &http.Client{Timeout: time.Minute}
	return func(path string, size int64) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s%s: the server says %s", base, path, res.Status)
		}
		return readAtMost(res.Body, path, size)
	}
}

func fetchFiles(files fs.FS) translog.Fetch {
	return func(path string, size int64) ([]byte, error) {
		f, err := files.Open(path)
		if err != nil {
			return nil, err
		}
		data, err := readAtMost(f, path, size)
		return data, errors.Join(err, f.Close())
	}
}

func readAtMost(r io.Reader, path string, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if int64(len(data)) > size {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, size)
	}
	return data, nil
}
