package localdata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"codeberg.org/althing/althing/training"
	"golang.org/x/mod/sumdb/tlog"
)

var key = []byte("a community's key")

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// texts makes n pieces; every tenth is Go code under the MIT licence.
func texts(n int) []Piece {
	pieces := make([]Piece, n)
	for i := range pieces {
		pieces[i] = Piece{Path: fmt.Sprintf("secret-name-%d.txt", i), Text: fmt.Sprintf("This is private text number %d.", i), Licence: "CC0-1.0", Language: "text"}
		if i%10 == 0 {
			pieces[i].Licence, pieces[i].Language = "MIT", "go"
		}
	}
	return pieces
}

func corpus(t testing.TB, s *Store, pieces []Piece) Corpus {
	t.Helper()
	c, err := s.Corpus(pieces, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func begin(t testing.TB, s *Store, round training.RoundID, c Corpus) Use {
	t.Helper()
	use, err := s.Begin(round, c)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

func TestCorpusHasEachTextOnce(t *testing.T) {
	s := open(t, t.TempDir())
	pieces := texts(50)
	c := corpus(t, s, append(pieces, pieces[:5]...))
	if len(c.Records) != 50 || c.Duplicates != 5 {
		t.Errorf("%d records, %d duplicates, want 50 and 5", len(c.Records), c.Duplicates)
	}
	slices.Reverse(pieces)
	if other := corpus(t, s, pieces); !reflect.DeepEqual(other.Records, c.Records) {
		t.Error("another order of files gave other records")
	}
}

func TestPartsAreTheCommunitys(t *testing.T) {
	counts := map[Part]int{}
	differ := 0
	for i := range 20_000 {
		text := fmt.Sprintf("text %d", i)
		p := PartOf(key, text)
		counts[p]++
		if p != PartOf([]byte("another key"), text) {
			differ++
		}
	}
	// 20,000 draws: three standard deviations are 92 twins and 127 to validate.
	if !(908 < counts[Twin] && counts[Twin] < 1092) || !(1873 < counts[Validate] && counts[Validate] < 2127) || differ == 0 {
		t.Errorf("parts %v of 20,000, %d differ under another key; want about 1,000, 2,000, 17,000", counts, differ)
	}
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	ca, cb := corpus(t, a, texts(40)), corpus(t, b, texts(40))
	parts := func(c Corpus) map[string]Part {
		m := map[string]Part{}
		for _, r := range c.Records {
			m[r.Text] = r.Part
		}
		return m
	}
	if !reflect.DeepEqual(parts(ca), parts(cb)) {
		t.Error("two nodes put the same texts into different parts")
	}
	for i, r := range ca.Records {
		if slices.ContainsFunc(cb.Records, func(o Record) bool { return o.ID == r.ID }) {
			t.Errorf("record %d has the same id at both nodes", i)
		}
	}
}

func TestManifestHoldsNoTextAndNoNames(t *testing.T) {
	s := open(t, t.TempDir())
	c := corpus(t, s, texts(30))
	data := c.Manifest().Encode()
	for _, word := range []string{"private", "secret-name", ".txt"} {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("the manifest holds %q", word)
		}
	}
	if got := c.Manifest().Tokens(Train) + c.Manifest().Tokens(Validate) + c.Manifest().Tokens(Twin); got < 30*29 {
		t.Errorf("%d tokens in 30 texts", got)
	}
	m, err := ParseManifest(data)
	if err != nil || !reflect.DeepEqual(m, c.Manifest()) {
		t.Errorf("ParseManifest(Encode) = %v, %v", m, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	good := string(corpus(t, s, texts(3)).Manifest().Encode())
	lines := strings.SplitAfter(good, "\n")
	for _, tt := range []struct{ name, data string }{
		{"no header", strings.Join(lines[1:], "")},
		{"no end", strings.TrimSuffix(good, "\n")},
		{"out of order", lines[0] + lines[2] + lines[1]},
		{"twice", lines[0] + lines[1] + lines[1]},
		{"upper case", strings.ToUpper(good)},
		{"a blank line", good + "\n"},
		{"leading zero", strings.Replace(good, "\t0\n", "\t00\n", 1)},
		{"negative", strings.Replace(good, "\t0\n", "\t-1\n", 1)},
		{"text as licence", strings.Replace(good, "\tCC0-1.0\t", "\tI met Ada on Monday\t", 1)},
		{"unknown part", strings.Replace(strings.ReplaceAll(good, "\tvalidate\t", "\ttrain\t"), "\ttrain\t", "\train\t", 1)},
		{"seven fields", strings.Replace(good, "\t0\n", "\t0\t0\n", 1)},
	} {
		if tt.data == good {
			t.Fatalf("%s: nothing was edited", tt.name)
		}
		if m, err := ParseManifest([]byte(tt.data)); err == nil {
			t.Errorf("%s: ParseManifest = %v", tt.name, m)
		}
	}
}

func TestRootIsRFC6962(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 20 {
		m := corpus(t, s, texts(n)).Manifest()
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
			var out []tlog.Hash
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for i, e := range m.Entries {
			hashes, err := tlog.StoredHashes(int64(i), []byte(e.line()), reader)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, hashes...)
		}
		want, err := tlog.TreeHash(int64(n), reader)
		if n == 0 {
			want = tlog.Hash(training.DigestOf(nil))
		}
		if got := m.Root(); err != nil || got != training.Digest(want) {
			t.Errorf("%d entries: root %v, want %x (%v)", n, got, want, err)
		}
	}
}

func TestReplayGivesTheSameAfterFilesChanged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := begin(t, s, 3, corpus(t, s, texts(40)))
	for _, r := range first.Train {
		if r.FirstUse != 3 || r.Part != Train {
			t.Errorf("record %v: first use %d in part %s, want 3 in train", r.ID, r.FirstUse, r.Part)
		}
	}
	for _, e := range first.Manifest.Entries {
		if e.Part != Train && e.FirstUse != 0 {
			t.Errorf("%s record has first use %d", e.Part, e.FirstUse)
		}
	}
	second := begin(t, s, 5, corpus(t, s, texts(60)[20:])) // 20 gone, 20 new
	uses := map[training.RoundID]int{}
	for _, r := range second.Train {
		uses[r.FirstUse]++
	}
	if uses[3] == 0 || uses[5] == 0 || len(uses) != 2 {
		t.Errorf("first uses %v, want some at 3 and some at 5", uses)
	}
	s.Close()
	again := open(t, dir)
	for round, want := range map[training.RoundID]Use{3: first, 5: second} {
		got, err := again.Replay(round)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("round %d replayed: %v, other text", round, err)
		}
		got, err = again.ReplayManifest(want.Manifest.Root())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("round %d replayed by its root: %v, other text", round, err)
		}
	}
	if retried, err := again.Begin(5, corpus(t, again, texts(1))); err != nil || !reflect.DeepEqual(retried, second) {
		t.Errorf("a round begun twice: %v, other text", err)
	}
	if rounds, err := again.Rounds(); err != nil || !slices.Equal(rounds, []training.RoundID{3, 5}) {
		t.Errorf("Rounds = %v %v, want 3 and 5", rounds, err)
	}
	if _, err := again.ReplayManifest(training.Digest{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown root: %v", err)
	}
	if _, err := again.Replay(4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a round without this node: %v", err)
	}
	for _, r := range corpus(t, again, texts(60)).Records {
		want := training.RoundID(0)
		for _, u := range append(slices.Clone(second.Train), first.Train...) {
			if u.ID == r.ID {
				want = u.FirstUse
			}
		}
		if r.FirstUse != want {
			t.Errorf("record %v: first use %d, want %d", r.ID, r.FirstUse, want)
		}
	}
}

func TestTwinsAreNeverTrainedOn(t *testing.T) {
	s := open(t, t.TempDir())
	c := corpus(t, s, texts(200))
	use := begin(t, s, 1, c)
	if len(c.Of(Twin)) == 0 || len(use.Train) != len(c.Of(Train)) {
		t.Fatalf("%d twins, %d of %d to train", len(c.Of(Twin)), len(use.Train), len(c.Of(Train)))
	}
	stored, err := fs.ReadDir(s.root.FS(), "records")
	if err != nil || len(stored) != len(use.Train) {
		t.Errorf("%d texts stored (%v), want the %d trained on", len(stored), err, len(use.Train))
	}
}

func TestSuppression(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule func(c Corpus) Rule
		out  func(r Record) bool
	}{
		{"list of ids", func(c Corpus) Rule { return Rule{Records: []training.Digest{c.Of(Train)[7].ID, c.Of(Train)[2].ID}} }, nil},
		{"texts of any node", func(c Corpus) Rule {
			k := []byte("key of the case 1")
			return Rule{Key: k, Texts: []training.Digest{TextHash(k, c.Of(Train)[2].Text+" \r\n"), TextHash(k, c.Of(Train)[7].Text), TextHash(k, "nobody's")}}
		}, nil},
		{"licence", func(Corpus) Rule { return Rule{Licence: "MIT"} }, func(r Record) bool { return r.Licence == "MIT" }},
		{"language", func(Corpus) Rule { return Rule{Language: "go"} }, func(r Record) bool { return r.Language == "go" }},
	} {
		dir := t.TempDir()
		s := open(t, dir)
		c := corpus(t, s, texts(60))
		trained := c.Of(Train)
		out := tt.out
		if out == nil {
			out = func(r Record) bool { return r.ID == trained[2].ID || r.ID == trained[7].ID }
		}
		before := begin(t, s, 1, c)
		rule := tt.rule(c)
		rule.Case = 9
		if err := s.Suppress(rule); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		s.Close()
		s = open(t, dir) // a rule survives
		var want []Record
		for _, r := range before.Train {
			if !out(r) {
				want = append(want, r)
			}
		}
		gone := len(before.Train) - len(want)
		if gone == 0 {
			t.Fatalf("%s: nothing to suppress", tt.name)
		}
		check := func(when string, use Use, err error) {
			if err != nil || !reflect.DeepEqual(use.Train, want) || use.Suppressed[9] < gone {
				t.Errorf("%s, %s: %d of %d left, counts %v, %v; want %d left", tt.name, when, len(use.Train), len(before.Train), use.Suppressed, err, len(want))
			}
			for _, e := range use.Manifest.Entries {
				if slices.ContainsFunc(before.Train, func(r Record) bool { return r.ID == e.ID && out(r) }) {
					t.Errorf("%s, %s: the manifest still has %v", tt.name, when, e)
				}
			}
		}
		use, err := s.Replay(1)
		check("replay", use, err)
		use, err = s.Begin(2, corpus(t, s, texts(60)))
		check("next round", use, err)
		if n, err := s.Erase(); err != nil || n != gone {
			t.Errorf("%s: erased %d (%v), want %d", tt.name, n, err, gone)
		}
		use, err = s.Replay(1)
		check("replay after erasing", use, err)
		shorter := use.Manifest
		s.Close()
		s = open(t, dir)
		if use, err = s.ReplayManifest(shorter.Root()); err != nil || !reflect.DeepEqual(use.Train, want) || len(use.Suppressed) > 0 {
			t.Errorf("%s: the replay replayed: %d records, %v, %v; want %d", tt.name, len(use.Train), use.Suppressed, err, len(want))
		}
		if n, err := s.Erase(); err != nil || n != 0 {
			t.Errorf("%s: erased %d again (%v)", tt.name, n, err)
		}
		if err := s.Lift(9); err != nil || len(s.Rules()) != 0 {
			t.Fatal(err)
		}
		if use := begin(t, s, 3, corpus(t, s, texts(60))); len(use.Train) != len(before.Train) {
			t.Errorf("%s: %d records after the rule was lifted, want %d", tt.name, len(use.Train), len(before.Train))
		}
	}
}

func TestSuppressionOfTheWholeNode(t *testing.T) {
	s := open(t, t.TempDir())
	c := corpus(t, s, texts(20))
	if err := s.Suppress(Rule{Case: 1, All: true}); err != nil {
		t.Fatal(err)
	}
	if use, err := s.Begin(1, c); !errors.Is(err, ErrNoText) || use.Suppressed[1] != 20 {
		t.Errorf("Begin = %v %v, want ErrNoText and 20 suppressed", use, err)
	}
	for _, bad := range []Rule{{}, {Case: 1}, {All: true}, {Case: 1, Key: []byte("short"), Texts: []training.Digest{{}}}} {
		if err := s.Suppress(bad); err == nil {
			t.Errorf("Suppress(%+v) was taken", bad)
		}
	}
}

func TestRuleOfACaseIsReplaced(t *testing.T) {
	s := open(t, t.TempDir())
	for _, r := range []Rule{{Case: 4, All: true}, {Case: 2, Licence: "MIT"}, {Case: 4, Language: "go"}} {
		if err := s.Suppress(r); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Rules(); len(got) != 2 || got[0].Case != 2 || got[1].All || got[1].Language != "go" {
		t.Errorf("Rules = %+v", got)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

func TestFullDiskLeavesTheOldState(t *testing.T) {
	for after := range 5 { // the writes of the second round that succeed before the disk is full
		dir := t.TempDir()
		s := open(t, dir)
		first := begin(t, s, 1, corpus(t, s, texts(5)))
		var n atomic.Int32
		s.wrap = func(w io.Writer) io.Writer {
			if int(n.Add(1)) > after {
				return fullDisk{}
			}
			return w
		}
		_, err := s.Begin(2, corpus(t, s, texts(30)))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "round 2") {
			t.Fatalf("full disk after %d files: %v", after, err)
		}
		if err := s.Suppress(Rule{Case: 1, All: true}); !errors.Is(err, syscall.ENOSPC) || len(s.Rules()) != 0 {
			t.Errorf("a rule that is not on disk: %v %v", err, s.Rules())
		}
		left, err := filepath.Glob(filepath.Join(dir, "*", "*"+unfinished))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		s.Close()
		again := open(t, dir)
		if use, err := again.Replay(1); err != nil || !reflect.DeepEqual(use, first) {
			t.Errorf("after a full disk: %v", err)
		}
		if use := begin(t, again, 2, corpus(t, again, texts(30))); len(use.Train) <= len(first.Train) {
			t.Errorf("second try has %d records", len(use.Train))
		}
	}
}

func TestStoreNoticesChangedFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	use := begin(t, s, 1, corpus(t, s, texts(5)))
	name := filepath.Join(dir, recordFile(use.Train[0].ID))
	if err := os.WriteFile(name, []byte("another text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replay(1); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a changed text: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replay(1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing text: %v", err)
	}
	list, err := filepath.Glob(filepath.Join(dir, "manifests", "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("manifests %v %v", list, err)
	}
	if err := os.WriteFile(list[0], []byte(manifestHeader), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replay(1); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a changed manifest: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, rulesFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(dir); err == nil || !strings.Contains(err.Error(), "suppression") {
		t.Error("a store with broken rules was opened: it would train on what was forgotten")
	}
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	half := filepath.Join(dir, "records", "abc.00"+unfinished)
	if err := os.WriteFile(half, []byte("half a te"), 0o600); err != nil {
		t.Fatal(err)
	}
	salt := s.Salt()
	s.Close()
	if again := open(t, dir); !bytes.Equal(again.Salt(), salt) {
		t.Error("the salt changed")
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is still there: %v", err)
	}
}

func TestPurgeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := corpus(t, s, texts(20))
	root := begin(t, s, 1, c).Manifest.Root()
	if err := s.Suppress(Rule{Case: 1, Licence: "MIT"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReplayManifest(root); err == nil {
		t.Error("a purged store replayed a manifest")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if _, err := s.Begin(2, c); !errors.Is(err, ErrPurged) {
		t.Errorf("Begin after Purge: %v", err)
	}
	if _, err := s.Replay(1); !errors.Is(err, ErrPurged) {
		t.Errorf("Replay after Purge: %v", err)
	}
	if _, err := s.Corpus(texts(1), key); !errors.Is(err, ErrPurged) {
		t.Errorf("Corpus after Purge: %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	s := open(f, f.TempDir())
	f.Add(corpus(f, s, texts(3)).Manifest().Encode())
	f.Add([]byte(manifestHeader))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ParseManifest(data); err == nil && !bytes.Equal(m.Encode(), data) {
			t.Fatalf("%q was taken and is encoded as %q", data, m.Encode())
		}
	})
}
