package models

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/training"
)

var founding = Founding{
	Name: "Skald 0", Weights: training.DigestOf([]byte("w0")), Size: 2, Config: `{"model_type":"llama","eos_token_id":0}`,
	Tokenizer: training.DigestOf([]byte("tok")), Licence: "apache-2.0", Card: "# Skald 0\n",
}

// descended records a checkpoint in an act of its own.
type descended struct{ N int }

func (descended) Kind() string             { return "test.descended" }
func (descended) Subject() governance.Ref  { return "test/1" }
func (descended) Sentence() audit.Sentence { return audit.Say("tested") }

var _ = audit.Register[descended]()

func step(t *testing.T, b *audittest.Bench, f func(context.Context, *audit.Tx) error) {
	t.Helper()
	_, err := b.Trail.Act(t.Context(), governance.Job("test"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		return descended{}, f(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func founded(t *testing.T) (*audittest.Bench, *Store) {
	t.Helper()
	b := audittest.New(t)
	s := New(b.Trail, b.Pool)
	if _, err := s.ImportFounding(t.Context(), governance.Job("found"), founding); err != nil {
		t.Fatalf("import: %v", err)
	}
	return b, s
}

func TestFoundingIsImportedOnce(t *testing.T) {
	t.Parallel()
	_, s := founded(t)
	other := founding
	other.Weights = training.DigestOf([]byte("w1"))
	if _, err := s.ImportFounding(t.Context(), governance.Job("found"), other); !governance.Is(err, governance.Conflict) {
		t.Errorf("second founding model: got %v, want a conflict", err)
	}
	served, err := s.Served(t.Context())
	if err != nil || served.Weights != founding.Weights || served.Size != 2 {
		t.Errorf("served: got %+v, %v, want the founding model", served, err)
	}
}

func TestOnlyJobsPublish(t *testing.T) {
	t.Parallel()
	_, s := founded(t)
	member := governance.Member(3, governance.NewOperation("operation-1"))
	if _, err := s.ImportFounding(t.Context(), member, founding); !governance.Is(err, governance.Forbidden) {
		t.Errorf("import by a member: got %v, want forbidden", err)
	}
	if _, err := s.Publish(t.Context(), member, Publication{Name: "x", Weights: founding.Weights, Parent: 1, Campaign: 1}); !governance.Is(err, governance.Forbidden) {
		t.Errorf("publish by a member: got %v, want forbidden", err)
	}
}

// A campaign's checkpoint is served; when it is tainted, what was trained from
// it is too, every version of them goes, and the newest clean one is served.
func TestTaintReachesDescendants(t *testing.T) {
	t.Parallel()
	b, s := founded(t)
	w := func(name string) training.Digest { return training.DigestOf([]byte(name)) }
	step(t, b, func(ctx context.Context, tx *audit.Tx) error {
		for i, e := range []Edge{
			{w("a1"), founding.Weights, 1, 1}, {w("a2"), w("a1"), 1, 2}, {w("b1"), w("a2"), 2, 3}, {w("c1"), founding.Weights, 3, 4},
		} {
			if err := Descend(ctx, tx, e, int64(10+i)); err != nil {
				return err
			}
		}
		return nil
	})
	publish := func(name string, parent training.VersionID, campaign training.CampaignID) training.VersionID {
		t.Helper()
		id, err := s.Publish(t.Context(), governance.Job("publish"), Publication{Name: name, Weights: w(name), Parent: parent, Campaign: campaign, Decision: 1, Card: "card"})
		if err != nil {
			t.Fatalf("publish %s: %v", name, err)
		}
		return id
	}
	clean := publish("c1", 1, 3)
	dirty := publish("a2", 1, 1)
	later := publish("b1", dirty, 2)
	if _, err := s.Publish(t.Context(), governance.Job("publish"), Publication{Name: "again", Weights: w("b1"), Parent: 1, Campaign: 2}); !governance.Is(err, governance.Conflict) {
		t.Errorf("second version of a campaign: got %v, want a conflict", err)
	}

	var marked int64
	var gone []training.VersionID
	step(t, b, func(ctx context.Context, tx *audit.Tx) (err error) {
		if marked, err = Taint(ctx, tx, 9, []training.Digest{w("a1")}); err != nil {
			return err
		}
		gone, err = WithdrawTainted(ctx, tx, "unlearning case 9")
		return err
	})
	if want := []training.VersionID{dirty, later}; marked != 3 || !slices.Equal(gone, want) {
		t.Errorf("taint a1: got %d checkpoints and versions %v, want 3 and %v", marked, gone, want)
	}
	if served, err := s.Served(t.Context()); err != nil || served.ID != clean {
		t.Errorf("served after the taint: got %d, %v, want %d", served.ID, err, clean)
	}
	step(t, b, func(ctx context.Context, tx *audit.Tx) error {
		return Descend(ctx, tx, Edge{w("late"), w("b1"), 2, 7}, 10)
	})
	if c, err := s.Checkpoint(t.Context(), w("late")); err != nil || c.TaintedBy != 9 {
		t.Errorf("checkpoint trained from a tainted one: got %+v, %v, want tainted by 9", c, err)
	}
	if _, err := s.Publish(t.Context(), governance.Job("publish"), Publication{Name: "late", Weights: w("late"), Parent: 1, Campaign: 8}); !governance.Is(err, governance.Conflict) {
		t.Errorf("publish tainted weights: got %v, want a conflict", err)
	}
	edges, err := s.Lineage(t.Context(), w("b1"))
	if err != nil || len(edges) != 3 || edges[2].Parent != founding.Weights {
		t.Errorf("lineage of b1: got %v, %v, want three edges back to the founding model", edges, err)
	}
}

func TestExportIsTheFolderThatTransformersLoad(t *testing.T) {
	t.Parallel()
	_, s := founded(t)
	v, err := s.Version(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[training.Digest]string{founding.Weights: "weights", founding.Tokenizer: "{}"}
	open := func(d training.Digest) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(blobs[d])), nil }
	var first, second bytes.Buffer
	if err := Export(&first, v, open); err != nil {
		t.Fatal(err)
	}
	if err := Export(&second, v, open); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("two exports of one version differ (%v)", err)
	}
	z, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		got[f.Name] = string(text)
	}
	want := map[string]string{
		"README.md": founding.Card, "config.json": founding.Config, "tokenizer.json": "{}", "model.safetensors": "weights",
		"generation_config.json": "{\n  \"eos_token_id\": 0,\n  \"do_sample\": true\n}\n",
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: got %q, want %q", name, got[name], text)
		}
	}
}
