package localdata

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Store is a node's memory, a directory that only its owner can read:
//
//	salt                32 bytes; with it anyone could test guesses of texts
//	records/<id>        texts that were trained on, so that a round can be
//	                    replayed after their files changed
//	manifests/<digest>  what a round or a replay trained on; equal ones are kept once
//	rounds/<number>     the digest of the round's manifest
//	suppression.json    rules of unlearning cases
//	origins.json        where the texts that were trained on came from
//	withheld.json       which of them their owner opted out
//
// Files are written under another name and renamed, so a crash or a full disk
// leaves the old state; a round counts as begun when its file under rounds is
// there, and what was written before it is found again by the next try. One
// goroutine of one process uses a store.
type Store struct {
	root  *os.Root
	salt  []byte
	roots map[training.Digest]training.Digest  // Merkle root of each manifest → its file
	first map[training.Digest]training.RoundID // first use of each record
	known map[training.Digest]Entry            // as of its latest round
	rules []Rule
	from  map[training.Digest][]Origin // of each record that was trained on
	out   []training.Digest            // that the owner opted out, ascending
	wrap  func(io.Writer) io.Writer    // stands before each file; a test fills the disk here
}

const (
	saltFile  = "salt"
	rulesFile = "suppression.json"

	unfinished = ".new" // ends the name of a file while it is written
)

// ErrPurged says that the store was emptied and remembers nothing.
var ErrPurged = errors.New("the store was purged")

func recordFile(id training.Digest) string  { return "records/" + id.Hex() }
func manifestFile(d training.Digest) string { return "manifests/" + d.Hex() }
func roundFile(id training.RoundID) string  { return "rounds/" + id.String() }

// OpenStore opens the store in dir, and makes it with a fresh salt if there is
// none.
func OpenStore(dir string) (*Store, error) {
	s := &Store{
		roots: map[training.Digest]training.Digest{},
		first: map[training.Digest]training.RoundID{},
		known: map[training.Digest]Entry{},
		from:  map[training.Digest][]Origin{},
		wrap:  func(w io.Writer) io.Writer { return w },
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.root = root
	if err := s.load(); err != nil {
		root.Close()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

// load reads everything but the texts, and removes files that a crash left
// half written.
func (s *Store) load() error {
	for _, dir := range []string{"records", "manifests", "rounds", "."} {
		if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		entries, err := fs.ReadDir(s.root.FS(), dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), unfinished) {
				continue
			}
			if err := s.root.Remove(dir + "/" + e.Name()); err != nil {
				return err
			}
		}
	}
	salt, err := s.root.ReadFile(saltFile)
	if errors.Is(err, fs.ErrNotExist) {
		salt = make([]byte, sha256.Size)
		rand.Read(salt)
		err = s.write(saltFile, salt)
	}
	if err != nil {
		return err
	}
	if len(salt) != sha256.Size {
		return fmt.Errorf("salt of %d bytes, want %d", len(salt), sha256.Size)
	}
	s.salt = salt
	if data, err := s.root.ReadFile(rulesFile); err == nil {
		if err := json.Unmarshal(data, &s.rules); err != nil {
			return fmt.Errorf("read suppression: %w", err) // training without it would break a decision
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.loadOrigins(); err != nil {
		return err
	}
	manifests, err := fs.ReadDir(s.root.FS(), "manifests")
	if err != nil {
		return err
	}
	for _, file := range manifests {
		digest, err := training.ParseDigest(file.Name())
		if err != nil {
			return err
		}
		m, err := s.manifest(digest)
		if err != nil {
			return err
		}
		s.remember(m, digest)
	}
	return nil
}

// remember notes the root of a manifest, and the first use of every record
// that it trains on.
func (s *Store) remember(m Manifest, digest training.Digest) {
	s.roots[m.Root()] = digest
	for _, e := range m.Entries {
		if e.Part == Train {
			s.first[e.ID] = e.FirstUse
			s.known[e.ID] = e
		}
	}
}

// Close releases the directory.
func (s *Store) Close() error { return s.root.Close() }

// Salt returns a copy of the node's salt. A campaign on public data publishes
// it, so that anyone can compute the ids; elsewhere it stays.
func (s *Store) Salt() []byte { return slices.Clone(s.salt) }

// ID returns the id of a text in normal form at this node.
func (s *Store) ID(text string) training.Digest { return identify(s.salt, text) }

// identify is SHA-256 over the salt and the text.
func identify(salt []byte, text string) training.Digest {
	h := sha256.New()
	h.Write(salt)
	_, _ = io.WriteString(h, text) // a hash takes everything
	return training.Digest(h.Sum(nil))
}

// Corpus makes records of pieces, each text once; of equal texts the first
// piece says licence and language.
func (s *Store) Corpus(pieces []Piece, key []byte) (Corpus, error) {
	var c Corpus
	if s.salt == nil {
		return c, fmt.Errorf("make records: %w", ErrPurged)
	}
	seen := make(map[training.Digest]int, len(pieces))
	for _, p := range pieces {
		id := s.ID(p.Text)
		from := Origin{p.Source, p.Path, p.Author}
		if at, ok := seen[id]; ok {
			c.Duplicates++
			if r := &c.Records[at]; !slices.Contains(r.From, from) {
				r.From = append(r.From, from)
			}
			continue
		}
		seen[id] = len(c.Records)
		c.Records = append(c.Records, Record{
			ID: id, Text: p.Text, Part: PartOf(key, p.Text), Licence: p.Licence, Language: p.Language,
			Tokens: len(tokenizer.Encode(p.Text)), FirstUse: s.first[id],
			Domain: p.Domain, From: []Origin{from},
		})
	}
	slices.SortFunc(c.Records, func(a, b Record) int { return compareIDs(a.ID, b.ID) })
	return c, nil
}

// Use is what a round may train on.
type Use struct {
	Train      []Record // in ascending order of id
	Manifest   Manifest // of the round, including validation text and twins
	Suppressed map[training.UnlearningID]int
}

// Begin fixes what a round trains on: the training records that no rule
// suppresses. Their texts are copied and the list is on disk when it returns.
// All of them count as used from this round on, drawn or not, because which
// windows are drawn depends on the whole stream. A round that was begun before
// is replayed, so a node that crashed goes on with the same text.
func (s *Store) Begin(round training.RoundID, c Corpus) (Use, error) {
	if s.salt == nil {
		return Use{}, fmt.Errorf("begin round %d: %w", round, ErrPurged)
	}
	if _, err := s.root.Stat(roundFile(round)); err == nil {
		return s.Replay(round)
	}
	use := Use{Suppressed: map[training.UnlearningID]int{}}
	var kept []Record
	for _, r := range c.Records {
		if s.suppressed(Entry{r.ID, r.Part, r.Licence, r.Language, r.Tokens, r.FirstUse}, r.Text, use.Suppressed) {
			continue
		}
		if r.FirstUse == 0 && r.Part == Train {
			r.FirstUse = round
		}
		kept = append(kept, r)
		if r.Part == Train {
			use.Train = append(use.Train, r)
		}
	}
	if len(use.Train) == 0 {
		return use, fmt.Errorf("begin round %d: %w to train on in %d records", round, ErrNoText, len(c.Records))
	}
	if err := s.keep(use.Train); err != nil {
		return use, fmt.Errorf("begin round %d: keep a record: %w", round, err)
	}
	if err := s.keepOrigins(use.Train); err != nil {
		return use, fmt.Errorf("begin round %d: keep where records came from: %w", round, err)
	}
	for i := range use.Train { // as Replay gives them
		use.Train[i].From, use.Train[i].Domain = nil, ""
	}
	use.Manifest = manifestOf(kept)
	digest, err := s.keepManifest(use.Manifest)
	if err != nil {
		return use, fmt.Errorf("begin round %d: keep the manifest: %w", round, err)
	}
	if err := s.write(roundFile(round), []byte(digest.Hex())); err != nil {
		return use, fmt.Errorf("begin round %d: %w", round, err)
	}
	return use, nil
}

// keepManifest writes a manifest under its digest and remembers it.
func (s *Store) keepManifest(m Manifest) (training.Digest, error) {
	data := m.Encode()
	digest := training.DigestOf(data)
	if err := s.write(manifestFile(digest), data); err != nil {
		return digest, err
	}
	s.remember(m, digest)
	return digest, nil
}

// keep writes the texts that are not stored yet. Each waits for the disk, so
// several wait at once.
func (s *Store) keep(records []Record) error {
	const writers = 16
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := w; i < len(records) && errs[w] == nil; i += writers {
				name := recordFile(records[i].ID)
				if _, err := s.root.Stat(name); err != nil {
					errs[w] = s.write(name, []byte(records[i].Text))
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one is enough to say that the disk is full
		}
	}
	return nil
}

// Replay returns what a past round trained on, less what was suppressed since:
// the same text even if the files have changed, and so the same batches if
// nothing was suppressed. Its manifest is the one of that time, less the same
// records.
func (s *Store) Replay(round training.RoundID) (Use, error) {
	digest, err := s.manifestOfRound(round)
	if err != nil {
		return Use{}, fmt.Errorf("replay round %d: %w", round, err)
	}
	use, err := s.replay(digest)
	if err != nil {
		return use, fmt.Errorf("replay round %d: %w", round, err)
	}
	return use, nil
}

// ReplayManifest is Replay by the Merkle root that this node reported when it
// trained, which is what the assignment of a replay names.
func (s *Store) ReplayManifest(root training.Digest) (Use, error) {
	digest, ok := s.roots[root]
	if !ok {
		return Use{}, fmt.Errorf("replay manifest %s: %w", root, fs.ErrNotExist)
	}
	use, err := s.replay(digest)
	if err != nil {
		return use, fmt.Errorf("replay manifest %s: %w", root, err)
	}
	return use, nil
}

// replay collects the records of a manifest that are not suppressed. A
// manifest that became shorter is kept too: a later case may replay the replay.
func (s *Store) replay(digest training.Digest) (Use, error) {
	use := Use{Suppressed: map[training.UnlearningID]int{}}
	m, err := s.manifest(digest)
	if err != nil {
		return use, err
	}
	for _, e := range m.Entries {
		var text string
		var missing error // no matter for a text that is suppressed: it may have been erased
		if e.Part == Train {
			text, missing = s.text(e.ID)
		}
		if s.suppressed(e, text, use.Suppressed) {
			continue
		}
		if missing != nil {
			return use, missing
		}
		use.Manifest.Entries = append(use.Manifest.Entries, e)
		if e.Part == Train {
			use.Train = append(use.Train, Record{
				ID: e.ID, Text: text, Part: e.Part, Licence: e.Licence, Language: e.Language, Tokens: e.Tokens, FirstUse: e.FirstUse,
			})
		}
	}
	if len(use.Suppressed) > 0 {
		if _, err := s.keepManifest(use.Manifest); err != nil {
			return use, err
		}
	}
	return use, nil
}

// Rounds returns the rounds that this node took part in, ascending.
func (s *Store) Rounds() ([]training.RoundID, error) {
	entries, err := fs.ReadDir(s.root.FS(), "rounds")
	if err != nil {
		return nil, fmt.Errorf("list rounds: %w", err)
	}
	var ids []training.RoundID
	for _, e := range entries {
		if id, err := strconv.ParseInt(e.Name(), 10, 64); err == nil && strconv.FormatInt(id, 10) == e.Name() {
			ids = append(ids, training.RoundID(id))
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// manifestOfRound returns the digest under which a round's manifest is kept.
func (s *Store) manifestOfRound(round training.RoundID) (training.Digest, error) {
	if s.salt == nil {
		return training.Digest{}, ErrPurged
	}
	name, err := s.root.ReadFile(roundFile(round))
	if err != nil {
		return training.Digest{}, err
	}
	return training.ParseDigest(string(name))
}

// manifest reads a manifest and checks it against its name.
func (s *Store) manifest(digest training.Digest) (Manifest, error) {
	data, err := s.root.ReadFile(manifestFile(digest))
	if err != nil {
		return Manifest{}, err
	}
	if training.DigestOf(data) != digest {
		return Manifest{}, fmt.Errorf("manifest %s: the file was changed", digest)
	}
	return ParseManifest(data)
}

// text reads a stored text and checks it against its id.
func (s *Store) text(id training.Digest) (string, error) {
	data, err := s.root.ReadFile(recordFile(id))
	if err != nil {
		return "", fmt.Errorf("stored record: %w", err)
	}
	if s.ID(string(data)) != id {
		return "", fmt.Errorf("stored record %s was changed", id.Hex())
	}
	return string(data), nil
}

// write puts a file in place whole or not at all, synced.
func (s *Store) write(name string, data []byte) (err error) {
	var random [8]byte
	rand.Read(random[:])
	temporary := name + "." + hex.EncodeToString(random[:]) + unfinished
	f, err := s.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			s.root.Remove(temporary)
		}
	}()
	if _, err = s.wrap(f).Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return s.root.Rename(temporary, name)
}

// Purge empties the store: texts, lists, rules and the salt, without which
// the ids in old manifests can no longer be tied to texts. It is what leaving
// means on the node's side. The store stays open and refuses to work.
func (s *Store) Purge() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("purge store: %w", err)
	}
	for _, e := range entries {
		if err := s.root.RemoveAll(e.Name()); err != nil {
			return fmt.Errorf("purge store: %w", err)
		}
	}
	s.salt, s.rules, s.out = nil, nil, nil
	clear(s.from)
	clear(s.roots)
	clear(s.first)
	clear(s.known)
	return nil
}
