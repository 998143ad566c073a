package agent

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"golang.org/x/mod/sumdb/note"
)

// Identity is who a node is, as the platform said when it joined.
type Identity struct {
	Node   int64  `json:"node"`
	Owner  int64  `json:"owner"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	Server []byte `json:"server"`  // the platform's public key, pinned by the token
	LogKey string `json:"log_key"` // checks mandates
	Split  []byte `json:"split"`   // the community's key of twins and validation records
}

// State is a node's folder, readable by its owner only:
//
//	node.key      the seed of the node's key; it never leaves the machine
//	node.json     Identity
//	checkpoint    the newest checkpoint of the log that was seen
//	limits.json   what the owner allows (Limits)
//	base.json     the model that was downloaded last, for Complete
//	adapters/     what Adapt trained for the owner; nothing else reads it
//	done/         what was answered to each assignment
//	blobs/        models and updates by digest; partial/ while they come
//	records/      what was trained on (localdata.Store)
//
// One process uses it at a time.
type State struct {
	dir      string
	root     *os.Root
	lock     *os.File
	key      ed25519.PrivateKey
	Identity Identity
	blobs    *blobs.Folder
	partial  *blobs.Partial
	records  *localdata.Store
}

const (
	keyFile        = "node.key"
	identityFile   = "node.json"
	checkpointFile = "checkpoint"
	limitsFile     = "limits.json"
	baseFile       = "base.json"
)

// ErrNotJoined says that a folder belongs to no node yet.
var ErrNotJoined = errors.New("this folder holds no node yet: join first (“node join”)")

// OpenState opens the folder of a node that has joined.
func OpenState(dir string) (*State, error) { return openState(dir, blobs.Options{}) }

func openState(dir string, disk blobs.Options) (*State, error) {
	s, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	if disk.Floor == 0 {
		disk.Floor = 0.02
	}
	if err := s.open(disk); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openFolder takes the folder for this process and reads or makes the key.
func openFolder(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open node folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open node folder: %w", err)
	}
	s := &State{dir: dir, root: root}
	if s.lock, err = root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		err = lockFile(s.lock)
	}
	if err == nil {
		err = root.MkdirAll("done", 0o700)
	}
	if err == nil {
		s.key, err = s.openKey()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open node folder %s: %w", dir, err)
	}
	return s, nil
}

// openKey reads the node's key, or makes it: before the join, so that a join
// whose answer was lost is repeated by the same machine.
func (s *State) openKey() (ed25519.PrivateKey, error) {
	text, err := s.root.ReadFile(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		text = []byte(base64.StdEncoding.EncodeToString(seed) + "\n")
		err = s.write(keyFile, text)
	}
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is damaged", keyFile)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (s *State) open(disk blobs.Options) error {
	found, err := s.read(identityFile, &s.Identity)
	if err != nil {
		return err
	}
	if !found {
		return ErrNotJoined
	}
	if s.blobs, err = blobs.OpenFolder(filepath.Join(s.dir, "blobs"), disk); err != nil {
		return err
	}
	if s.partial, err = blobs.OpenPartial(filepath.Join(s.dir, "partial"), s.key.Seed(), disk); err != nil {
		return err
	}
	s.records, err = localdata.OpenStore(filepath.Join(s.dir, "records"))
	return err
}

// Close releases the folder.
func (s *State) Close() error {
	var errs []error
	if s.records != nil {
		errs = append(errs, s.records.Close())
	}
	if s.partial != nil {
		errs = append(errs, s.partial.Close())
	}
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(append(errs, s.root.Close())...)
}

// write puts a file in place whole and synced, or leaves the old one.
func (s *State) write(name string, data []byte) error {
	temporary := name + ".new"
	f, err := s.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = s.root.Rename(temporary, name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (s *State) save(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return s.write(name, append(data, '\n'))
}

// read reads a JSON file strictly and reports whether it is there.
func (s *State) read(name string, to any) (bool, error) {
	data, err := s.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return false, fmt.Errorf("%s cannot be read: %w", filepath.Join(s.dir, name), err)
	}
	return true, nil
}

// verifier returns the key that checks the log.
func (s *State) verifier() (note.Verifier, error) {
	v, err := note.NewVerifier(s.Identity.LogKey)
	if err != nil {
		return nil, fmt.Errorf("the log's key in %s: %w", identityFile, err)
	}
	return v, nil
}

// remembered returns the newest checkpoint that this node has seen, the zero
// one at first.
func (s *State) remembered() (translog.Checkpoint, error) {
	signed, err := s.root.ReadFile(checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return translog.Checkpoint{}, nil
	}
	if err != nil {
		return translog.Checkpoint{}, err
	}
	v, err := s.verifier()
	if err != nil {
		return translog.Checkpoint{}, err
	}
	return translog.OpenCheckpoint(signed, v)
}

// done is what was answered to an assignment: the same again if it comes again.
type done struct {
	Epoch  int             `json:"epoch"`
	Report protocol.Report `json:"report"`
}

func doneFile(id training.AssignmentID) string { return "done/" + id.String() + ".json" }

// downloaded names the model that was downloaded last.
type downloaded struct {
	Weights  training.Digest     `json:"weights"`
	Config   string              `json:"config"`
	Campaign training.CampaignID `json:"campaign"`
	Number   int                 `json:"number"`
}
