package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
)

// benchCommunity is a community that lives for one measurement, in a folder of
// its own: this process writes what people would have decided, a second
// process of the same program serves it, so that its memory is a server's.
type benchCommunity struct {
	*platform
	url    string
	base   training.Digest
	header []byte // of the model's file, with its length word
	count  int    // parameters
	server *exec.Cmd
	exited chan error
	said   *bytes.Buffer // by the server; read after exited
	remove func() error
}

// newBenchCommunity founds a community with a model of so many parameters and
// serves it.
func newBenchCommunity(ctx context.Context, parameters int) (_ *benchCommunity, err error) {
	dir, err := os.MkdirTemp("", "althing-bench-")
	if err != nil {
		return nil, err
	}
	b := &benchCommunity{count: parameters, remove: func() error { return os.RemoveAll(dir) }}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.end(ctx))
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres runs as another user when root starts it
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	s := settings{Dir: filepath.Join(dir, "site"), Addr: addr}
	if err := s.complete(); err != nil {
		return nil, err
	}
	s.Issuers, b.url = nil, s.URL
	if b.platform, err = openDatabase(ctx, s, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{b.openTrail, b.openStores, b.found} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b, b.serve(ctx, dir)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// found founds the community and imports its model: zeros, in one tensor.
func (b *benchCommunity) found(ctx context.Context) error {
	founder, err := b.stores.Members.Join(ctx, members.Joining{Identity: members.Identity{Issuer: "bench", Subject: "founder"}, Name: "Ada", Founder: true})
	if err != nil {
		return err
	}
	secret, err := b.stores.Policies.OpenFounding(ctx, governance.Job("bench"))
	if err != nil {
		return err
	}
	if _, err := b.stores.Policies.Found(ctx, governance.Member(founder, governance.NewOperation("bench-founding")), secret, []policies.Change{
		{Key: policies.ModelName, Value: "Bench"}, {Key: policies.MinTokens, Value: "128"}, {Key: policies.OverSelection, Value: "0"},
		{Key: policies.MaxShare, Value: "1000"},
	}); err != nil {
		return err
	}
	list := []safetensors.Tensor{{Name: "w", Shape: []int{b.count}, DType: safetensors.F32}}
	var file bytes.Buffer
	if b.base, err = safetensors.Write(&file, list, make([]float32, b.count)); err != nil {
		return err
	}
	b.header = bytes.Clone(file.Bytes()[:file.Len()-4*b.count])
	size := int64(file.Len())
	if err := b.stores.Blobs.Put(ctx, b.base, size, &file); err != nil {
		return err
	}
	tokens := []byte("{}")
	if err := b.stores.Blobs.Put(ctx, training.DigestOf(tokens), int64(len(tokens)), bytes.NewReader(tokens)); err != nil {
		return err
	}
	_, err = b.stores.Models.ImportFounding(ctx, governance.Job("begin-community"), models.Founding{
		Name: "Bench 0", Weights: b.base, Size: size, Config: `{"model_type":"llama"}`, Tokenizer: training.DigestOf(tokens),
		Licence: "bsd-3-clause", Card: "# Bench\n",
	})
	return err
}

// serve starts the server's process and waits until it answers.
func (b *benchCommunity) serve(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.server = exec.Command(self, "serve", "--dir", b.settings.Dir, "--addr", b.settings.Addr)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ALTHING_") && !strings.HasPrefix(e, "DATABASE_URL=") {
			b.server.Env = append(b.server.Env, e)
		}
	}
	b.server.Env = append(b.server.Env, "DATABASE_URL="+b.postgres.URL(), "XDG_DATA_HOME="+dir)
	b.said = &bytes.Buffer{}
	b.server.Stdout, b.server.Stderr = b.said, b.said
	if err := b.server.Start(); err != nil {
		b.server = nil
		return err
	}
	b.exited = make(chan error, 1)
	go func() { b.exited <- b.server.Wait() }()
	for {
		res, err := http.Get(b.url + "/healthz")
		if err == nil {
			_ = res.Body.Close()
			return nil
		}
		select {
		case err := <-b.exited:
			b.exited <- err
			return fmt.Errorf("the server ended: %w: %s", err, b.said)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// end stops everything and removes what it left.
func (b *benchCommunity) end(ctx context.Context) error {
	var errs []error
	if b.server != nil {
		errs = append(errs, b.server.Process.Kill())
		<-b.exited
	}
	if b.platform != nil {
		errs = append(errs, b.close(ctx))
	}
	return errors.Join(append(errs, b.remove())...)
}

// decide writes the adoption of a recipe as the job at the end of a vote does,
// and opens its campaign.
func (b *benchCommunity) decide(ctx context.Context, recipe protocol.Recipe) (training.CampaignID, error) {
	text, err := jsonCanonical(recipe)
	if err != nil {
		return 0, err
	}
	receipt, err := b.trail.Act(ctx, governance.Job("bench"), func(context.Context, *audit.Tx) (audit.Event, error) {
		return proposals.AdoptedEvent{Proposal: 1, Poll: 1, Motion: protocol.MotionTrain, Params: text}, nil
	})
	if err != nil {
		return 0, err
	}
	return b.stores.Rounds.OpenCampaign(ctx, governance.Job("enact-motion"), receipt.Entry, nil)
}

// recipe is a campaign that asks every node for one update a round.
func (b *benchCommunity) recipe(rounds, nodes int) protocol.Recipe {
	return protocol.Recipe{
		Rounds: rounds, Steps: 1, BatchTokens: 16, Context: 8, Optimizer: "adamw", LearnRate: "0.001", Beta1: "0.9", Beta2: "0.95",
		Epsilon: "0.00000001", WeightDecay: "0.1", ClipNorm: "1", UpdateNorm: "100", Cohort: nodes, MinReports: max(2, nodes/2), Deadline: 300,
		Aggregator: "fedavg", Converge: "0", Base: b.base.Hex(), Arithmetic: training.Arithmetic,
	}
}

// join registers nodes of as many members as they need, with keys of their
// own, and lets each say what it holds; validation is the number of records on
// which it can measure.
func (b *benchCommunity) join(ctx context.Context, n int, validation int64) ([]*benchNode, error) {
	const perMember = 50
	owners := make([]governance.MemberID, max(3, (n+perMember-1)/perMember))
	for i := range owners {
		var err error
		owners[i], err = b.stores.Members.Join(ctx, members.Joining{Identity: members.Identity{Issuer: "bench", Subject: fmt.Sprint(i)}, Name: fmt.Sprintf("Member%d", i)})
		if err != nil {
			return nil, err
		}
	}
	all := make([]*benchNode, n)
	client := benchClient(n)
	err := together(8, n, func(i int) error {
		node, err := b.joinOne(ctx, i, owners[i%len(owners)], validation)
		if err != nil {
			return fmt.Errorf("join node %d: %w", i, err)
		}
		node.http, all[i] = client, node
		return nil
	})
	if err != nil {
		return nil, err
	}
	seen := map[governance.NodeID]time.Time{}
	for _, node := range all {
		seen[node.id] = now()
	}
	return all, b.stores.Nodes.SeenMany(ctx, seen)
}

func (b *benchCommunity) joinOne(ctx context.Context, i int, owner governance.MemberID, validation int64) (*benchNode, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	token, err := protocol.NewToken(rand.Reader, b.serverKey(), 0)
	if err != nil {
		return nil, err
	}
	op := governance.NewOperation(fmt.Sprintf("bench-node-%d", i))
	issued, err := b.stores.Nodes.Register(ctx, governance.Member(owner, op), fmt.Sprintf("node %d", i), token.Key().Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	joined, err := b.stores.Nodes.Redeem(ctx, issued.ID, public, []byte(`{"program":"bench","cpu":"amd64","threads":1}`))
	if err != nil {
		return nil, err
	}
	root := training.DigestOf(public)
	err = b.stores.Corpus.Describe(ctx, governance.Node(joined.ID, governance.NewOperation(fmt.Sprintf("bench-manifest-%d", i))), owner, protocol.ManifestSummary{
		Root: root, Records: 1000, Bytes: 100_000, Tokens: 100_000, Validation: validation, Twins: 10,
	})
	return &benchNode{id: joined.ID, key: private, pin: protocol.PinOf(b.serverKey()), url: b.url, manifest: root, index: i}, err
}

// together calls f for 0 to n-1 from several goroutines and returns the first error.
func together(workers, n int, f func(int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = f(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func jsonCanonical(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	text, err = translog.Canonical(text)
	return string(text), err
}

// drain reads an answer to its end so that the connection serves again.
func drain(r io.ReadCloser) error {
	_, err := io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}
