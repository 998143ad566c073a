// Package roundstest gives tests a small community that can train: members
// with nodes, a founding model of a thousand parameters, decisions that stand
// in the log, and a job queue that is worked by hand.
package roundstest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
)

// Bench is a community on a database of its own.
type Bench struct {
	*audittest.Bench
	Rounds *rounds.Store
	Models *models.Store
	Corpus *corpus.Store
	Server ed25519.PrivateKey
	Base   training.Digest // of the founding model

	t testing.TB
	n int
}

// Founding is what a bench imports: any bytes stand for weights.
type Founding struct {
	Weights training.Digest
	Size    int64
}

// New returns a community without members. crash, if not nil, is asked at
// every named point inside acts of rounds and may break them off.
func New(t testing.TB, f Founding, crash func(string) error) *Bench {
	t.Helper()
	return NewWith(t, f, rounds.Options{Crash: crash})
}

// NewWith is New with options of the store; log and key are the bench's, and
// the clock where none is given.
func NewWith(t testing.TB, f Founding, opts rounds.Options) *Bench {
	t.Helper()
	b := &Bench{Bench: audittest.New(t), t: t, Base: f.Weights, Server: ed25519.NewKeyFromSeed(make([]byte, 32))}
	opts.Log, opts.Server = b.Log, b.Server
	if opts.Now == nil {
		opts.Now = b.Now
	}
	b.Rounds = rounds.New(b.Trail, b.Pool, opts)
	b.Models = models.New(b.Trail, b.Pool)
	b.Corpus = corpus.New(b.Trail, b.Pool)
	_, err := b.Models.ImportFounding(t.Context(), governance.Job("found"), models.Founding{
		Name: "Skald 0", Weights: f.Weights, Size: f.Size, Config: `{"model_type":"llama"}`,
		Tokenizer: training.DigestOf([]byte("tokenizer")), Licence: "apache-2.0", Card: "# Skald 0\n",
	})
	if err != nil {
		t.Fatalf("import the founding model: %v", err)
	}
	return b
}

// Node adds a node, present for good, with a manifest of so many training
// tokens; the member is made if there is none of that number.
func (b *Bench) Node(owner governance.MemberID, tokens int64) governance.NodeID {
	b.t.Helper()
	b.n++
	ctx := b.t.Context()
	name := fmt.Sprintf("m%d", owner)
	const member = `
		insert into members (id, issuer, subject, name, skeleton, joined_at) overriding system value
		values (@id, 'test', @name, @name, @name, clock_timestamp()) on conflict (id) do nothing`
	b.exec(ctx, member, pgx.StrictNamedArgs{"id": owner, "name": name})
	const node = `
		insert into nodes (owner, name, public_key, registered_at, joined_at)
		values (@owner, @name, sha256(@key), clock_timestamp(), clock_timestamp()) returning id`
	var id governance.NodeID
	key := fmt.Sprintf("key %d", b.n)
	args := pgx.StrictNamedArgs{"owner": owner, "name": key, "key": []byte(key)}
	if err := b.Pool.QueryRow(ctx, node, args).Scan(&id); err != nil {
		b.t.Fatalf("insert node: %v", err)
	}
	const seen = `insert into heartbeats (node, seen_at) values (@id, clock_timestamp() + interval '100 years')`
	b.exec(ctx, seen, pgx.StrictNamedArgs{"id": id})
	b.describe(id, owner, tokens, false)
	return id
}

// PublicNode is Node whose owner declares that all its text is public.
func (b *Bench) PublicNode(owner governance.MemberID, tokens int64) governance.NodeID {
	b.t.Helper()
	id := b.Node(owner, tokens)
	b.describe(id, owner, tokens, true)
	return id
}

func (b *Bench) describe(id governance.NodeID, owner governance.MemberID, tokens int64, public bool) {
	b.t.Helper()
	err := b.Corpus.Describe(b.t.Context(), governance.Node(id, b.Operation()), owner, protocol.ManifestSummary{
		Root: Manifest(id), Records: 100, Bytes: tokens, Tokens: tokens, Validation: 50, Twins: 25, Public: public,
	})
	if err != nil {
		b.t.Fatalf("describe manifest: %v", err)
	}
}

// Manifest is the root of the manifest of a bench's node.
func Manifest(id governance.NodeID) training.Digest {
	return training.DigestOf([]byte("manifest of " + id.String()))
}

func (b *Bench) exec(ctx context.Context, q string, args pgx.StrictNamedArgs) {
	b.t.Helper()
	if _, err := b.Pool.Exec(ctx, q, args); err != nil {
		b.t.Fatalf("prepare community: %v", err)
	}
}

// Recipe is one that every bench's nodes can carry out.
func (b *Bench) Recipe(rounds, cohort int) protocol.Recipe {
	return protocol.Recipe{
		Rounds: rounds, Steps: 2, BatchTokens: 16, Context: 8, Optimizer: "adamw", LearnRate: "0.001", Beta1: "0.9", Beta2: "0.95",
		Epsilon: "0.00000001", WeightDecay: "0.1", ClipNorm: "1", UpdateNorm: "100", Cohort: cohort, MinReports: 2, Deadline: 60,
		Aggregator: "fedavg", Converge: "0", Base: b.Base.Hex(), Arithmetic: training.Arithmetic,
	}
}

// Decide puts a decision into the log, as the adoption of a proposal would.
func (b *Bench) Decide(motion string, params any) governance.EntryID {
	b.t.Helper()
	id := b.Adopt(motion, params)
	if err := b.Sequence(b.t.Context()); err != nil {
		b.t.Fatalf("sequence: %v", err)
	}
	return id
}

// Adopt is Decide where a sequencer runs beside: it leaves the entry's place in
// the log to it.
func (b *Bench) Adopt(motion string, params any) governance.EntryID {
	b.t.Helper()
	text, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	if text, err = translog.Canonical(text); err != nil {
		b.t.Fatal(err)
	}
	b.n++
	data, err := json.Marshal(protocol.Decision{Proposal: int64(b.n), Motion: motion, Params: string(text)})
	if err != nil {
		b.t.Fatal(err)
	}
	e := translog.Entry{
		Version: translog.Version, Kind: protocol.DecisionKind, At: time.Now().UTC().Truncate(time.Microsecond),
		Actor: "job/close-poll", Subject: fmt.Sprintf("proposal/%d", b.n), Data: data,
	}
	raw, err := e.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	const insert = `
		insert into audit_entries (at, kind, actor, subject, refs, data) values (@at, @kind, @actor, @subject, @refs, @data) returning id`
	var id governance.EntryID
	err = b.Pool.QueryRow(b.t.Context(), insert, pgx.StrictNamedArgs{
		"at": e.At, "kind": e.Kind, "actor": e.Actor, "subject": e.Subject, "refs": e.Refs(), "data": raw,
	}).Scan(&id)
	if err != nil {
		b.t.Fatalf("decide: %v", err)
	}
	return id
}

// Operation makes an operation id that no other of this bench has.
func (b *Bench) Operation() governance.Operation {
	b.n++
	return governance.NewOperation(fmt.Sprintf("operation-%d", b.n))
}

// Jobs counts the jobs of a kind that wait.
func (b *Bench) Jobs(kind string) int {
	b.t.Helper()
	const q = `select count(*) from river_job where kind = @kind and state in ('available', 'scheduled', 'retryable')`
	var n int
	if err := b.Pool.QueryRow(b.t.Context(), q, pgx.StrictNamedArgs{"kind": kind}).Scan(&n); err != nil {
		b.t.Fatalf("count jobs: %v", err)
	}
	return n
}
