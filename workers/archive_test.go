package workers

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

func sampleRound() RoundFile {
	d := training.DigestOf([]byte("something"))
	return RoundFile{
		Version: archiveFormat, Round: 1, Campaign: 1, Number: 1, MaxShare: 500, Seed: d, Base: d, Checkpoint: d, Config: d,
		Recipe: protocol.Recipe{
			Rounds: 1, Steps: 2, BatchTokens: 16, Context: 8, Optimizer: "adamw", LearnRate: "0.001", Beta1: "0.9", Beta2: "0.95",
			Epsilon: "0.00000001", WeightDecay: "0.1", ClipNorm: "1", UpdateNorm: "100", Cohort: 2, MinReports: 2, Deadline: 60,
			Aggregator: "fedavg", Converge: "0", Base: d.Hex(), Arithmetic: training.Arithmetic,
		},
		Updates: []ArchivedUpdate{{Node: 1, Owner: 1, Digest: d, Manifest: d, Examples: 10, Weight: 5}, {Node: 2, Owner: 2, Digest: d, Manifest: d, Examples: 10, Weight: 5, Scale: "0.5", Outcome: "clip"}},
	}
}

func encoded(t testing.TB, f RoundFile) []byte {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRoundFileRefuses(t *testing.T) {
	t.Parallel()
	if _, err := ParseRoundFile(encoded(t, sampleRound())); err != nil {
		t.Fatalf("the sample: %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*RoundFile)
		want   string
	}{
		{"nodes out of order", func(f *RoundFile) { f.Updates[1].Node = 1 }, "ascending"},
		{"one update", func(f *RoundFile) { f.Updates = f.Updates[:1] }, "1 updates"},
		{"examples that overflow", func(f *RoundFile) { f.Updates[0].Examples = 1<<63 - 1 }, "examples"},
		{"more weight than examples", func(f *RoundFile) { f.Updates[0].Weight = 11 }, "weight 11"},
		{"a factor that enlarges", func(f *RoundFile) { f.Updates[1].Scale = "2" }, "factor"},
		{"a factor that is no number", func(f *RoundFile) { f.Updates[1].Scale = "NaN" }, "factor"},
		{"an outcome of its own", func(f *RoundFile) { f.Updates[1].Outcome = "trust me" }, "not known"},
		{"no checkpoint", func(f *RoundFile) { f.Checkpoint = training.Digest{} }, "not named"},
		{"a recipe that cannot be trained", func(f *RoundFile) { f.Recipe.Steps = 0 }, "recipe"},
		{"a share above all", func(f *RoundFile) { f.MaxShare = 1001 }, "largest share"},
	} {
		f := sampleRound()
		tt.change(&f)
		if _, err := ParseRoundFile(encoded(t, f)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want “%s”", tt.name, err, tt.want)
		}
	}
}

// part is one file of a zip that a stranger made.
type part struct {
	name   string
	method uint16
	data   []byte
}

func zipOf(t testing.TB, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: p.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileArchivesAreRefused(t *testing.T) {
	t.Parallel()
	round := part{roundFile, zip.Deflate, encoded(t, sampleRound())}
	d := training.DigestOf([]byte("something"))
	good := part{blobName(d), zip.Store, []byte("something")}
	if _, err := OpenRoundArchive(bytes.NewReader(zipOf(t, round, good)), int64(len(zipOf(t, round, good))), nil); err != nil {
		t.Fatalf("the sample: %v", err)
	}
	zeros := make([]byte, maxRoundFile+1)
	for _, tt := range []struct {
		name  string
		parts []part
		want  string
	}{
		{"no round.json", []part{good}, "missing"},
		{"a name twice", []part{round, good, good}, "twice"},
		{"round.json twice", []part{round, round}, "twice"},
		{"a name above the folder", []part{round, {"../round.json", zip.Store, nil}}, "does not belong"},
		{"a name above the log", []part{round, {"log/../../x", zip.Store, nil}}, "does not belong"},
		{"an absolute name", []part{round, {"/etc/passwd", zip.Store, nil}}, "does not belong"},
		{"a blob in capitals", []part{round, {"blobs/" + strings.ToUpper(d.Hex()), zip.Store, nil}}, "does not belong"},
		{"a blob that unpacks", []part{round, {blobName(d), zip.Deflate, make([]byte, 1<<20)}}, "compressed"},
		{"a round.json that unpacks to too much", []part{{roundFile, zip.Deflate, zeros}}, "larger than"},
		{"a round.json with more behind it", []part{{roundFile, zip.Store, append(encoded(t, sampleRound()), '{')}}, "round.json"},
	} {
		data := zipOf(t, tt.parts...)
		if _, err := OpenRoundArchive(bytes.NewReader(data), int64(len(data)), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want “%s”", tt.name, err, tt.want)
		}
	}
	wrong := zipOf(t, round, part{blobName(d), zip.Store, []byte("otherwise")})
	a, err := OpenRoundArchive(bytes.NewReader(wrong), int64(len(wrong)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.digests(t.Context()); err == nil || !strings.Contains(err.Error(), "the base") {
		t.Errorf("a blob with other bytes: %v, want that the base is named", err)
	}
}

// What the builtin engine computed is the same bytes again; what another one
// computed lies within a tolerance, and only where the log says so.
func TestReplayIsExactUnlessTheLogSaysOtherwise(t *testing.T) {
	t.Parallel()
	base, baseName := file(t, tensors, random(1, 1000))
	sent := random(2, 1000)
	update, name := file(t, tensors, sent)
	salt, text := make([]byte, 32), "The law is public."
	id := training.DigestOf(append(bytes.Clone(salt), text...))
	manifest := localdata.Manifest{Entries: []localdata.Entry{{ID: id, Part: localdata.Train, Language: "text", Tokens: len(text), FirstUse: 1}}}
	f := sampleRound()
	f.Base, f.Config = baseName, training.DigestOf([]byte("{}"))
	f.Updates[0].Digest, f.Updates[0].Manifest = name, manifest.Root()
	data := zipOf(t, part{roundFile, zip.Deflate, encoded(t, f)}, part{blobName(baseName), zip.Store, base}, part{blobName(name), zip.Store, update}, part{blobName(f.Config), zip.Store, []byte("{}")})
	a, err := OpenRoundArchive(bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	shard := localdata.Shard{Version: 1, Node: 1, Round: 1, Salt: salt, Manifest: string(manifest.Encode()), Texts: []string{text}}
	for _, tt := range []struct {
		name    string
		change  float32
		inexact bool
		want    string // of the error, "" for none
		said    string
	}{
		{"the same bytes", 0, false, "", "bit for bit"},
		{"other bytes", 1e-6, false, "the log says", ""},
		{"other bytes of another engine", 1e-6, true, "", "within the tolerance"},
		{"another update of another engine", 0.01, true, "another update", ""},
	} {
		again := slices.Clone(sent)
		again[7] += tt.change
		replay, _ := file(t, tensors, again)
		var out bytes.Buffer
		v := Verification{Archive: a, Round: 1, Out: &out, Shard: &shard, Retrain: func(_ context.Context, _ blobs.Store, as protocol.Assignment, records []localdata.Record, _ int) ([]byte, error) {
			if as.Seed != rounds.TrainingSeed(f.Seed, 1) || len(records) != 1 || records[0].Text != text {
				t.Errorf("asked to train %+v on %+v", as, records)
			}
			return replay, nil
		}}
		log := &roundLog{updates: map[governance.NodeID]rounds.UpdateReceived{1: {Inexact: tt.inexact}}}
		err := v.replay(t.Context(), log)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) || !strings.Contains(out.String(), tt.said) {
			t.Errorf("%s: %v, want “%s”, and that it says “%s”\n%s", tt.name, err, tt.want, tt.said, &out)
		}
	}
}

func FuzzParseRoundFile(f *testing.F) {
	f.Add(encoded(f, sampleRound()))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"updates":[{},{}],"recipe":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRoundFile(data)
		if err != nil {
			return
		}
		again, err := ParseRoundFile(encoded(t, r))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if a, b := encoded(t, r), encoded(t, again); !bytes.Equal(a, b) {
			t.Errorf("read %s, then %s", a, b)
		}
		if _, err := Weigh(r.inputs(0).Updates, r.MaxShare); err != nil {
			t.Errorf("weights of what was read: %v", err)
		}
	})
}

func FuzzOpenRoundArchive(f *testing.F) {
	d := training.DigestOf([]byte("something"))
	f.Add(zipOf(f, part{roundFile, zip.Deflate, encoded(f, sampleRound())}, part{blobName(d), zip.Store, []byte("something")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := OpenRoundArchive(bytes.NewReader(data), int64(len(data)), nil)
		if err != nil {
			return
		}
		if _, err := a.digests(t.Context()); err != nil {
			return
		}
		if b, err := a.Open(t.Context(), a.File.Base); err == nil {
			if b.Size() > int64(len(data)) {
				t.Errorf("an archive of %d bytes opens a base of %d", len(data), b.Size())
			}
			b.Close()
		}
	})
}
