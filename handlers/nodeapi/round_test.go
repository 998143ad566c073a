package nodeapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/handlers/nodeapi"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/rounds/roundstest"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/workers"
	"codeberg.org/althing/althing/workers/agent"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// whole is a platform as a server wires it, and machines that train for it.
type whole struct {
	*roundstest.Bench
	t      *testing.T
	parts  workers.Training
	nodes  *nodes.Store
	api    *nodeapi.API
	url    string
	base   training.Digest
	all    sync.WaitGroup
	cancel context.CancelFunc
	mu     sync.Mutex
	said   bytes.Buffer // by all machines
}

// Write collects what the machines say.
func (w *whole) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(p)
}

func newWhole(t *testing.T) *whole {
	t.Helper()
	return newWholeWith(t, rounds.Options{})
}

func newWholeWith(t *testing.T, opts rounds.Options) *whole {
	t.Helper()
	shape := llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 32, Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
	model, err := llama.Init(shape, 1)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []safetensors.Tensor
	for _, s := range model.Params.Specs() {
		tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	var file bytes.Buffer
	base, err := safetensors.Write(&file, tensors, model.Params.Data)
	if err != nil {
		t.Fatal(err)
	}
	config, err := llama.MarshalConfig(shape)
	if err != nil {
		t.Fatal(err)
	}
	w := &whole{t: t, base: base, Bench: roundstest.NewWith(t, roundstest.Founding{Weights: base, Size: int64(file.Len())}, opts)}
	if _, err := w.Pool.Exec(t.Context(), `update versions set config = @config`, pgx.StrictNamedArgs{"config": string(config)}); err != nil {
		t.Fatal(err)
	}
	folder, err1 := blobs.OpenFolder(t.TempDir(), blobs.Options{})
	partial, err2 := blobs.OpenPartial(t.TempDir(), []byte("secret"), blobs.Options{})
	ring, err3 := keys.Open(t.TempDir(), "althing.test/log")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if err := folder.Put(t.Context(), base, int64(file.Len()), &file); err != nil {
		t.Fatal(err)
	}
	w.parts = workers.Training{Rounds: w.Rounds, Models: w.Models, Blobs: folder, Keys: ring}
	w.nodes = nodes.New(w.Trail, w.Pool, w.Now)
	w.api = nodeapi.New(nodeapi.Config{
		Nodes: w.nodes, Work: workers.Uploads{Store: w.Rounds, Blobs: folder, Keys: ring, Dir: t.TempDir()}, Corpus: w.Corpus, Blobs: folder,
		Uploads: partial, Server: w.Server, LogKey: w.Log.Key(), Split: ring.Split, Now: w.Now, Log: slog.New(slog.DiscardHandler),
	})
	web := httptest.NewServer(w.api.Handler())
	w.url = web.URL
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	t.Cleanup(func() { w.cancel(); w.all.Wait(); web.Close(); folder.Close(); partial.Close() })
	w.serve(ctx)
	return w
}

// serve starts what runs beside the requests of a server.
func (w *whole) serve(ctx context.Context) {
	w.t.Helper()
	jobs := river.NewWorkers()
	workers.Rounds(w.parts)(jobs)
	client, err := river.NewClient(riverpgxv5.New(w.Pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}}, Workers: jobs,
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := client.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.all.Go(func() {
		<-ctx.Done()
		end, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		_ = client.StopAndCancel(end)
	})
	w.all.Go(func() { _ = w.Sequencer.Run(ctx) })
	w.all.Go(func() { w.Rounds.Hub().Listen(ctx, w.Pool, nil) })
}

// register registers a node of a member and returns the token that the member
// is shown.
func (w *whole) register(ctx context.Context, owner governance.MemberID) string {
	w.t.Helper()
	token, err := protocol.NewToken(rand.Reader, w.Server.Public().(ed25519.PublicKey), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	issued, err := w.nodes.Register(ctx, governance.Member(owner, w.Operation()), "machine of "+owner.String(), token.Key().Public().(ed25519.PublicKey))
	if err != nil {
		w.t.Fatal(err)
	}
	token.ID = issued.ID
	return token.Text()
}

// records is a folder with the texts of the i-th member.
func records(t *testing.T, i int) string {
	t.Helper()
	dir := t.TempDir()
	for n := range 400 {
		line := fmt.Sprintf("Member %d writes record %d: the law is made by those who live under it, %d times.\n", i, n, n*n)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.txt", n)), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// machine registers a node of a member, joins it with the token that the
// member was shown, and lets it run.
func (w *whole) machine(ctx context.Context, owner governance.MemberID, text string) {
	w.t.Helper()
	w.machineWith(ctx, owner, text, agent.Limits{Threads: 1})
}

// machineWith is machine with limits of its own; it returns the node's folder.
func (w *whole) machineWith(ctx context.Context, owner governance.MemberID, text string, limits agent.Limits) (dir string) {
	w.t.Helper()
	dir = filepath.Join(w.t.TempDir(), "node")
	token := strings.NewReader(w.register(ctx, owner))
	if err := agent.Join(ctx, agent.JoinOptions{Dir: dir, URL: w.url, Token: token, Out: io.Discard}); err != nil {
		w.t.Fatal(err)
	}
	w.all.Go(func() {
		err := agent.Run(ctx, agent.Options{Dir: dir, Folder: text, Out: w, Wait: 5 * time.Second, Limits: &limits})
		if err != nil {
			w.t.Errorf("machine of member %d: %v", owner, err)
		}
	})
	return dir
}

// until waits for what the platform does by itself.
func (w *whole) until(what string, done func() bool) {
	w.t.Helper()
	deadline := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-w.Rounds.Hub().Campaigns():
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("%s: not after two minutes\n%s", what, &w.said)
		}
	}
}

// reported waits until so many nodes have sent their manifests.
func (w *whole) reported(ctx context.Context, nodes int64) {
	w.t.Helper()
	w.until("manifests", func() bool {
		total, err := w.Corpus.Totals(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		return total.Nodes == nodes
	})
	if err := w.api.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// train trains by a recipe until the campaign has ended.
func (w *whole) train(ctx context.Context, r protocol.Recipe) (c rounds.Campaign, all []rounds.Round) {
	w.t.Helper()
	id, err := w.Rounds.OpenCampaign(ctx, governance.Job("enact"), w.Adopt(protocol.MotionTrain, r), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("campaign", func() bool {
		if err := w.api.Flush(ctx); err != nil { // as Run does every ten seconds
			w.t.Fatal(err)
		}
		if c, err = w.Rounds.Campaign(ctx, id); err != nil {
			w.t.Fatal(err)
		}
		return c.State != rounds.Running
	})
	if all, err = w.Rounds.Rounds(ctx, id); err != nil {
		w.t.Fatal(err)
	}
	return c, all
}

// TestMachinesTrainForTheCommunity goes all the way with nothing between: a
// decision in the log, three members' machines that check it, train on their
// own text and measure, and a better version that is served.
func TestMachinesTrainForTheCommunity(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancelBefore := w.cancel
	w.cancel = func() { cancel(); cancelBefore() }
	for i, owner := range memberstest.Join(t, w.Bench.Bench, "Anna", "Bert", "Cleo") {
		w.machine(ctx, owner, records(t, i))
	}
	w.reported(ctx, 3)
	recipe := w.Recipe(2, 3)
	recipe.Steps, recipe.BatchTokens, recipe.Context, recipe.LearnRate = 20, 128, 32, "0.01"
	c, all := w.train(ctx, recipe)
	if c.State != rounds.Finished || c.Head == w.base {
		t.Fatalf("campaign %+v\nrounds %+v\n%s", c, all, &w.said)
	}
	before, after := all[0].LossBefore, all[0].LossAfter
	b, err1 := strconv.ParseFloat(before, 64)
	a, err2 := strconv.ParseFloat(after, 64)
	if err1 != nil || err2 != nil || math.Abs(b-math.Log(256)) > 0.5 || a > b-0.5 {
		t.Errorf("loss %q, then %q; want about ln 256 and at least 0.5 less", before, after)
	}
	w.until("version", func() bool {
		v, err := w.Models.Served(ctx)
		return err == nil && v.Weights == c.Head
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(w.said.String(), "refused") || strings.Contains(w.said.String(), "trying again") {
		t.Errorf("something went wrong on the way:\n%s", &w.said)
	}
}
