//go:build unix

package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxLog is when postgres.log is moved aside at a start, in bytes.
const maxLog = 8 << 20

// maxSocket is the longest path of a unix socket that every system takes:
// 104 bytes with the closing zero on BSD and macOS, 108 on Linux.
const maxSocket = 103

var errLocked = errors.New("locked by another process")

// prepareDir makes Dir and returns its real path: Postgres reports the real
// path as its working directory, and both must compare equal.
func prepareDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no directory named for the database")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("directory of the database: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the directory of the database: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("directory of the database: %w", err)
	}
	if os.Geteuid() == 0 {
		// This folder itself is ours to open for the server's account, what
		// lies above it is not.
		info, err := os.Stat(dir)
		if err != nil {
			return "", fmt.Errorf("directory of the database: %w", err)
		}
		if info.Mode()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
				return "", fmt.Errorf("open the directory of the database: %w", err)
			}
		}
	}
	return dir, nil
}

// lockFile takes an exclusive flock, trying for at most patience: a server
// that was killed a moment ago may still be closing its files.
func lockFile(ctx context.Context, name string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, err
		}
		if time.Now().After(deadline) {
			f.Close()
			return nil, errLocked
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// majorOf reads which major version made the data directory; 0 when there is
// none yet.
func majorOf(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		major, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("%s does not hold a version of Postgres: %q", filepath.Join(data, "PG_VERSION"), text)
		}
		return major, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("read the version of the database: %w", err)
	}
	if _, err := os.Lstat(data); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return 0, fmt.Errorf("%s exists and is no database (it has no PG_VERSION); move it away or choose another directory", data)
}

// socketDir makes the private folder of the unix socket. Its name is a hash of
// the data directory: short, because the path of a socket is limited, and the
// same after a crash, so that none is left behind.
func socketDir(data string, owner account) (string, error) {
	sum := sha256.Sum256([]byte(data))
	return socketDirIn(socketParent(), "althing-"+hex.EncodeToString(sum[:6]), owner)
}

// socketParent is /run for root, which only root can write, else /tmp.
func socketParent() string {
	if os.Geteuid() == 0 {
		if info, err := os.Stat("/run"); err == nil && info.IsDir() && info.Mode()&0o022 == 0 {
			return "/run"
		}
	}
	if info, err := os.Stat("/tmp"); err == nil && info.IsDir() {
		return "/tmp"
	}
	return os.TempDir()
}

func socketDirIn(parent, name string, owner account) (string, error) {
	dir := filepath.Join(parent, name)
	if n := len(filepath.Join(dir, ".s.PGSQL."+port)); n > maxSocket {
		return "", fmt.Errorf("the socket's path below %s would have %d bytes and the system allows %d; set TMPDIR to a shorter folder", dir, n, maxSocket)
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return dir, owner.own(dir)
	}
	if !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make the socket's folder: %w", err)
	}
	// It is there from an earlier run, or a stranger made it to listen in.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the socket's folder: %w", err)
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || info.Mode().Perm() != 0o700 || int(uid) != owner.uid && uid != 0 {
		return "", fmt.Errorf("%s must be a folder of mode 0700 that belongs to %s, and is not; remove it", dir, owner)
	}
	if int(uid) != owner.uid {
		return dir, owner.own(dir)
	}
	return dir, nil
}

// openLog opens the server's log for appending and moves a long one aside.
func openLog(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && info.Size() > maxLog {
		if err := os.Rename(name, name+".old"); err != nil {
			return nil, fmt.Errorf("move the log of Postgres aside: %w", err)
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of Postgres: %w", err)
	}
	return f, nil
}

// tail returns at most the last n bytes of a file, for an error message.
func tail(name string, n int64) string {
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > n {
		if _, err := f.Seek(-n, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

// syncDir makes a rename in the folder survive a crash of the machine.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
