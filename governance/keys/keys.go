// Package keys keeps the platform's secrets in files beside the database and
// never in it: a backup of Postgres alone opens nothing. Each file is made
// once, readable by its owner only, and named in the operator's manual.
//
//	log.key       signs checkpoints of the log and nothing else (signed-note form)
//	log.pub       its public half; alone, it makes a server that does not sign
//	server.key    answers nodes and signs assignments (Ed25519)
//	ballots.key   opens the envelopes of secret ballots at the close (age X25519)
//	split.key     decides which records are twins, validation or training (32 bytes)
//	contributors/ one age key per contributor; destroying it forgets the updates
//	              of that contributor, in backups too
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
)

// Ring holds the open keys of one platform.
type Ring struct {
	dir         string
	LogSigner   note.Signer // nil where another server signs
	LogVerifier note.Verifier
	LogKey      string // public, "name+hash+key"
	Server      ed25519.PrivateKey
	Ballots     *age.X25519Identity
	Split       []byte // 32 bytes
	// Made, if set, hears the name and mark of each contributor's key that is
	// made here; its error takes the key back.
	Made func(name string, mark [sha256.Size]byte) error
}

// Open reads the keys of a folder and makes those that are missing. origin
// names the log for ever; it is used at the first start only.
func Open(dir, origin string) (*Ring, error) {
	if err := os.MkdirAll(filepath.Join(dir, "contributors"), 0o700); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	r := &Ring{dir: dir}
	if err := r.openLog(origin); err != nil {
		return nil, err
	}
	seed, err := r.secret("server.key", func() (string, error) { return randomText(ed25519.SeedSize) })
	if err != nil {
		return nil, err
	}
	raw, err := decode("server.key", seed, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	r.Server = ed25519.NewKeyFromSeed(raw)
	if r.Ballots, err = r.identity("ballots.key"); err != nil {
		return nil, err
	}
	split, err := r.secret("split.key", func() (string, error) { return randomText(32) })
	if err != nil {
		return nil, err
	}
	r.Split, err = decode("split.key", split, 32)
	return r, err
}

// openLog opens the log's key and lays its public half beside it. A folder with
// the public half alone is that of a server that serves and does not sign.
func (r *Ring) openLog(origin string) error {
	const public = "log.pub"
	_, private := os.Stat(filepath.Join(r.dir, "log.key"))
	if text, err := os.ReadFile(filepath.Join(r.dir, public)); err == nil && errors.Is(private, fs.ErrNotExist) {
		r.LogKey = strings.TrimSpace(string(text))
		if r.LogVerifier, err = note.NewVerifier(r.LogKey); err != nil {
			return fmt.Errorf("%s is damaged: %w", public, err)
		}
		return nil
	}
	if err := r.openPair(origin); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(r.dir, public), r.LogKey); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: %w", public, err)
	}
	return nil
}

func (r *Ring) openPair(origin string) error {
	pair, err := r.secret("log.key", func() (string, error) {
		private, public, err := note.GenerateKey(rand.Reader, origin)
		return private + "\n" + public, err
	})
	if err != nil {
		return err
	}
	private, public, ok := strings.Cut(pair, "\n")
	if !ok {
		return fmt.Errorf("log.key is damaged: want the private and the public key, a line each")
	}
	if r.LogSigner, err = note.NewSigner(private); err != nil {
		return fmt.Errorf("log.key is damaged: %w", err)
	}
	if r.LogVerifier, err = note.NewVerifier(public); err != nil {
		return fmt.Errorf("log.key is damaged: %w", err)
	}
	r.LogKey = public
	return nil
}

// Marks tell the keys of one ring from those of another, by the names of their
// files, and open nothing: digests of public halves, and of the one key that
// has none.
func (r *Ring) Marks() map[string][sha256.Size]byte {
	return map[string][sha256.Size]byte{
		"log.key":     markOf("log.key", r.LogKey),
		"server.key":  markOf("server.key", string(r.Server.Public().(ed25519.PublicKey))),
		"ballots.key": markOf("ballots.key", r.Ballots.Recipient().String()),
		"split.key":   markOf("split.key", string(r.Split)),
	}
}

func markOf(name, text string) [sha256.Size]byte {
	return sha256.Sum256([]byte("althing mark of " + name + "\n" + text))
}

// ErrDestroyed says that a contributor's updates were forgotten for good.
var ErrDestroyed = errors.New("it was destroyed")

// Contributor returns the age identity under which a contributor's updates
// are stored, made at first use. It is gone for ever after Destroy.
func (r *Ring) Contributor(member int64) (*age.X25519Identity, error) {
	name := contributorFile(member)
	if _, err := os.Stat(filepath.Join(r.dir, name+".destroyed")); err == nil {
		return nil, fmt.Errorf("key of contributor %d: %w", member, ErrDestroyed)
	}
	_, before := os.Stat(filepath.Join(r.dir, name))
	id, err := r.identity(name)
	if err != nil || before == nil || r.Made == nil {
		return id, err
	}
	// Whoever finds a key does not tell of it: a server that dies here leaves
	// one without a mark, which is as good.
	if err := r.Made(name, markOf(name, id.Recipient().String())); err != nil {
		return nil, errors.Join(err, os.Remove(filepath.Join(r.dir, name)))
	}
	return id, nil
}

// Destroy overwrites and removes a contributor's key. What was encrypted
// under it can no longer be read, wherever copies of it are.
func (r *Ring) Destroy(member int64) error {
	path := filepath.Join(r.dir, contributorFile(member))
	if err := writeWhole(path+".destroyed", "destroyed"); err != nil {
		return fmt.Errorf("destroy key of contributor %d: %w", member, err)
	}
	if info, err := os.Stat(path); err == nil {
		if err := os.WriteFile(path, make([]byte, info.Size()), 0o600); err != nil {
			return fmt.Errorf("destroy key of contributor %d: %w", member, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("destroy key of contributor %d: %w", member, err)
	}
	return nil
}

func contributorFile(member int64) string { return fmt.Sprintf("contributors/%d.key", member) }

func (r *Ring) identity(name string) (*age.X25519Identity, error) {
	text, err := r.secret(name, func() (string, error) {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return "", err
		}
		return id.String(), nil
	})
	if err != nil {
		return nil, err
	}
	id, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", name, err)
	}
	return id, nil
}

// secret reads a file or makes it. Two servers that make it at once both end
// with the one that was linked first.
func (r *Ring) secret(name string, fresh func() (string, error)) (string, error) {
	path := filepath.Join(r.dir, name)
	for range 2 {
		data, err := os.ReadFile(path)
		if err == nil {
			return strings.TrimSpace(string(data)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("open key: %w", err)
		}
		text, err := fresh()
		if err != nil {
			return "", fmt.Errorf("make %s: %w", name, err)
		}
		if err := writeWhole(path, text); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make %s: %w", name, err)
		}
	}
	return "", fmt.Errorf("open key %s: it vanishes as soon as it is made", name)
}

// writeWhole makes a file that appears whole and synced, or ErrExist.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.WriteString(text + "\n"); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	return err
}

func randomText(n int) (string, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return base64.StdEncoding.EncodeToString(b), err
}

func decode(name, text string, size int) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("%s is damaged: want %d bytes in base64", name, size)
	}
	return b, nil
}
