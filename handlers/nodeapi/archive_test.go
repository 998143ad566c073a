package nodeapi_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/handlers/cli"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/workers"
	"codeberg.org/althing/althing/workers/agent"
	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
)

// votes stands for the polls behind the decisions that a bench puts into its
// log by itself.
type votes struct {
	Poll int64 `json:"poll"`
}

var _ = audit.Register[votes]()

func (votes) Kind() string { return "test.votes" }
func (votes) Subject() governance.Ref {
	return governance.RefTo(governance.RefPoll, governance.PollID(1))
}
func (votes) Sentence() audit.Sentence { return audit.Say("voted") }
func (e votes) Replay(s *audit.State, _ translog.Entry) error {
	s.Polls[governance.PollID(e.Poll)] = &audit.PollState{Closed: true}
	return nil
}

// one trains for one round and returns it.
func (w *whole) one(ctx context.Context, r protocol.Recipe) training.RoundID {
	w.t.Helper()
	c, all := w.train(ctx, r)
	if len(all) != 1 || all[0].Checkpoint.IsZero() {
		w.t.Fatalf("rounds of campaign %d: %+v\n%s", c.ID, all, &w.said)
	}
	return all[0].ID
}

// archive is what the site would serve.
func (w *whole) archive(ctx context.Context, id training.RoundID, recipient string) []byte {
	w.t.Helper()
	write, err := workers.Archives{Training: w.parts, Log: w.Log}.Prepare(ctx, id, recipient)
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// verify is what a stranger does with an archive.
func (w *whole) verify(ctx context.Context, id training.RoundID, data []byte, identity age.Identity, shard *localdata.Shard) (string, error) {
	w.t.Helper()
	a, err := workers.OpenRoundArchive(bytes.NewReader(data), int64(len(data)), identity)
	if err != nil {
		return "", err
	}
	key, err := note.NewVerifier(w.Log.Key())
	if err != nil {
		w.t.Fatal(err)
	}
	var said bytes.Buffer
	v := workers.Verification{Archive: a, Round: id, Verifier: key, Out: &said, Shard: shard, Retrain: agent.Retrain}
	err = v.Verify(ctx)
	return said.String(), err
}

// rewrite makes another archive: edit returns the name and bytes of a part, or
// "" to leave it out.
func rewrite(t *testing.T, data []byte, edit func(name string, data []byte) (string, []byte)) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, part := edit(f.Name, part)
		if name == "" {
			continue
		}
		p, err := to.CreateHeader(&zip.FileHeader{Name: name, Method: f.Method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRoundsAreVerifiedFromTheirArchives trains three rounds with machines that
// go all the way, and computes each again from what the site hands out: a round
// of a public campaign, one for an auditor, a private one.
func TestRoundsAreVerifiedFromTheirArchives(t *testing.T) {
	t.Parallel()
	w := newWholeWith(t, rounds.Options{Choose: workers.Choose})
	ctx, cancel := context.WithCancel(context.Background())
	cancelBefore := w.cancel
	w.cancel = func() { cancel(); cancelBefore() }
	_, err := w.Trail.Act(ctx, governance.Job("vote"), func(context.Context, *audit.Tx) (audit.Event, error) { return votes{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	owners := memberstest.Join(t, w.Bench.Bench, "Anna", "Bert", "Cleo")
	var dirs []string
	running, stop := context.WithCancel(ctx)
	for i, owner := range append(owners, memberstest.Join(t, w.Bench.Bench, "Dora")...) {
		dirs = append(dirs, w.machineWith(running, owner, records(t, i), agent.Limits{Threads: 1, Public: i < 3}))
	}
	w.reported(ctx, 4)
	recipe := w.Recipe(1, 4)
	recipe.Steps, recipe.BatchTokens, recipe.Context, recipe.LearnRate, recipe.MinReports = 6, 64, 32, "0.01", 3
	open := recipe
	open.Public, open.Cohort = true, 3
	closed := recipe
	closed.Up.Codec, closed.Server.Rule = protocol.Int8, protocol.FedAvgM
	private := recipe
	private.Privacy = protocol.Privacy{Noise: "0.3", Clip: "0.05", Delta: "0.00001", Ceiling: "200"}
	private.Privacy.Rounds = recipes.RoundsUnder(private.Privacy)
	id, forAuditor, noisy := w.one(ctx, open), w.one(ctx, closed), w.one(ctx, private)
	data := w.archive(ctx, id, "")
	r, err := w.Rounds.Round(ctx, id)
	if err != nil || r.Updates != 3 || len(r.Cohort) != 3 || r.Present != 3 {
		t.Fatalf("a public round has %d updates of %d nodes asked among %d, %v; want the three whose owners declare that their text is public", r.Updates, len(r.Cohort), r.Present, err)
	}

	said, err := w.verify(ctx, id, data, nil, nil)
	if err != nil || !strings.Contains(said, "bit for bit") {
		t.Fatalf("the archive of a public round: %v\n%s", err, said)
	}
	t.Run("command", func(t *testing.T) { w.command(t, id, data) })
	t.Run("changed", func(t *testing.T) { w.changed(t, id, data) })
	t.Run("auditor", func(t *testing.T) {
		key, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		other, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		data := w.archive(ctx, forAuditor, key.Recipient().String())
		if said, err := w.verify(ctx, forAuditor, data, key, nil); err != nil || !strings.Contains(said, "bit for bit") {
			t.Errorf("with the auditor's key: %v\n%s", err, said)
		}
		if _, err := w.verify(ctx, forAuditor, data, nil, nil); !errors.Is(err, workers.ErrNoIdentity) {
			t.Errorf("without a key: %v, want that one is needed", err)
		}
		if _, err := w.verify(ctx, forAuditor, data, other, nil); err == nil || !strings.Contains(err.Error(), "cannot be decrypted") {
			t.Errorf("with another key: %v, want that it does not open them", err)
		}
	})
	t.Run("private", func(t *testing.T) {
		key, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		said, err := w.verify(ctx, noisy, w.archive(ctx, noisy, key.Recipient().String()), key, nil)
		if err != nil || !strings.Contains(said, "up to the sum before noise") || strings.Contains(said, "bit for bit") {
			t.Errorf("a private round: %v\n%s", err, said)
		}
	})
	stop()
	w.until("machines", func() bool { return lockedNot(dirs) })
	t.Run("shard", func(t *testing.T) { w.shards(t, id, data, dirs) })
}

// command verifies as a person does, from a site and from a file.
func (w *whole) command(t *testing.T, id training.RoundID, data []byte) {
	web := httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/rounds/"+id.String()+"/archive.zip" {
			http.Error(res, "not for you", http.StatusForbidden)
			return
		}
		_, _ = res.Write(data)
	}))
	defer web.Close()
	file := filepath.Join(t.TempDir(), "round.zip")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--id", id.String(), web.URL}, 0, "round " + id.String() + " is verified"},
		{[]string{"--id", id.String(), "--key", w.Log.Key(), file}, 0, "round " + id.String() + " is verified"},
		{[]string{"--id", id.String(), "--key", "other+00000000+AQ", file}, 1, "log key"},
		{[]string{"--id", "99", web.URL}, 1, "an auditor whom a decision names"},
		{[]string{"--id", "99", file}, 1, "opens no round 99"},
		{[]string{"--id", id.String(), "--identity", file, file}, 1, "the auditor's key"},
		{[]string{"--id", id.String(), "--shard", file, file}, 1, "read shard"},
		{[]string{"--id", id.String(), file + ".missing"}, 1, "open archive"},
		{[]string{file}, 2, "verify round --id N"},
	} {
		var out bytes.Buffer
		got := cli.Run(t.Context(), cli.Terminal{Out: &out, Err: &out}, append([]string{"verify", "round"}, tt.args...))
		if got != tt.status || !strings.Contains(strings.ToLower(out.String()), strings.ToLower(tt.want)) {
			t.Errorf("verify round %v: status %d, want %d and “%s”\n%s", tt.args, got, tt.status, tt.want, &out)
		}
	}
}

// lockedNot reports whether the machines have left their folders.
func lockedNot(dirs []string) bool {
	for _, d := range dirs {
		s, err := agent.OpenState(d)
		if err != nil {
			return false
		}
		s.Close()
	}
	return true
}

// changed finds and names what differs in an archive.
func (w *whole) changed(t *testing.T, id training.RoundID, data []byte) {
	in, err := w.Rounds.Inputs(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	u := in.Updates[1]
	update, base := "blobs/"+u.Digest.Hex(), "blobs/"+in.Base.Hex()
	flip := func(b []byte) []byte { b[len(b)-3] ^= 1; return b }
	text := func(pattern, to string) func(string, []byte) (string, []byte) {
		return func(name string, b []byte) (string, []byte) {
			if name == "round.json" {
				changed := regexp.MustCompile(pattern).ReplaceAll(b, []byte(to))
				if bytes.Equal(changed, b) {
					t.Errorf("%q is not in round.json:\n%s", pattern, b)
				}
				return name, changed
			}
			return name, b
		}
	}
	var forged training.Digest
	for _, tt := range []struct {
		what string
		edit func(string, []byte) (string, []byte)
		want string
	}{
		{"one byte of an update", func(name string, b []byte) (string, []byte) {
			if name == update {
				b = flip(b)
			}
			return name, b
		}, fmt.Sprintf("the update of node %d", u.Node)},
		{"one byte of the base", func(name string, b []byte) (string, []byte) {
			if name == base {
				b = flip(b)
			}
			return name, b
		}, "the base"},
		{"an update under the name of its own", func(name string, b []byte) (string, []byte) {
			if name == update {
				b = flip(b)
				forged = training.DigestOf(b)
				return "blobs/" + forged.Hex(), b
			}
			return name, b
		}, "is not in the archive"},
		{"no update", func(name string, b []byte) (string, []byte) {
			if name == update {
				return "", nil
			}
			return name, b
		}, "is not in the archive"},
		{"an update's digest", text(u.Digest.Hex(), strings.Repeat("0", 64)), fmt.Sprintf("digest of node %d", u.Node)},
		{"a weight", text(fmt.Sprintf(`"weight": %d\b`, u.Weight), `"weight": 1`), "weight of node"},
		{"an owner", text(fmt.Sprintf(`"owner": %d\b`, u.Owner), `"owner": 77`), fmt.Sprintf("owner of node %d", u.Node)},
		{"the seed", text(in.Seed.Hex(), strings.Repeat("1", 64)), "seed is"},
		{"the cap", text(`"max_share": \d+`, `"max_share": 499`), "largest share"},
		{"the recipe", text(`"learn_rate": "0.01"`, `"learn_rate": "0.02"`), "recipe"},
		{"the checkpoint", text(`"checkpoint": "[0-9a-f]+"`, `"checkpoint": "`+in.Base.Hex()+`"`), "checkpoint"},
		{"an outcome", text(`"outcome": "pass"`, `"outcome": "hold"`), "by the checks"},
		{"a value of a check", text(`"Threshold": "10"`, `"Threshold": "11"`), "values of the checks"},
		{"an unknown field", text(`"version": 1`, `"version": 1, "more": 1`), "unknown field"},
		{"another version", text(`"version": 1`, `"version": 2`), "version 2"},
		{"an entry of the log", func(name string, b []byte) (string, []byte) {
			if strings.HasPrefix(name, "log/tile/entries/") {
				b = flip(b)
			}
			return name, b
		}, "verify log"},
		{"a file too many", func(name string, b []byte) (string, []byte) {
			if name == base {
				return "blobs/../../evil", b
			}
			return name, b
		}, "does not belong"},
	} {
		said, err := w.verify(t.Context(), id, rewrite(t, data, tt.edit), nil, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s changed: %v, want an error that names “%s”\n%s", tt.what, err, tt.want, said)
		}
	}
	if _, err := w.verify(t.Context(), id+1, data, nil, nil); err == nil {
		t.Errorf("the archive of round %d passes for round %d", id, id+1)
	}
}

// shards trains updates again from what their owners share.
func (w *whole) shards(t *testing.T, id training.RoundID, data []byte, dirs []string) {
	if err := agent.Share(dirs[0], id, false, io.Discard); err == nil || !strings.Contains(err.Error(), "public") {
		t.Errorf("sharing text that nobody called public: %v, want a refusal", err)
	}
	var file bytes.Buffer
	if err := agent.Share(dirs[0], id, true, &file); err != nil {
		t.Fatal(err)
	}
	shard, err := localdata.ReadShard(&file)
	if err != nil {
		t.Fatal(err)
	}
	said, err := w.verify(t.Context(), id, data, nil, &shard)
	if err != nil || !strings.Contains(said, "training done again gives") {
		t.Errorf("the shard of node %d: %v\n%s", shard.Node, err, said)
	}
	other := shard
	other.Node = shard.Node%3 + 1
	if _, err := w.verify(t.Context(), id, data, nil, &other); err == nil || !strings.Contains(err.Error(), "was committed to") {
		t.Errorf("the shard as another node's: %v, want that its manifest is not that one's", err)
	}
	texts := append([]string(nil), shard.Texts...)
	texts[0] += "!"
	other = shard
	other.Texts = texts
	if _, err := w.verify(t.Context(), id, data, nil, &other); err == nil || !strings.Contains(err.Error(), "text 0") {
		t.Errorf("a shard with another text: %v, want that it is named", err)
	}
	other.Texts = shard.Texts[1:]
	if _, err := w.verify(t.Context(), id, data, nil, &other); err == nil {
		t.Error("a shard without its first text passes")
	}
}
