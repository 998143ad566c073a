package protocol

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/translog"
	"codeberg.org/althing/althing/training"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// testLog is a log in memory, grown entry by entry.
type testLog struct {
	t        testing.TB
	signer   note.Signer
	verifier note.Verifier
	entries  [][]byte
	hashes   []tlog.Hash
}

func newTestLog(t testing.TB, seed string) *testLog {
	private, public, err := note.GenerateKey(strings.NewReader(strings.Repeat(seed, 64)[:64]), "log.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(private)
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{t: t, signer: signer, verifier: verifier}
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *testLog) add(kind string, data any) int64 {
	raw, _ := json.Marshal(data)
	e := translog.Entry{Version: translog.Version, Kind: kind, At: time.Unix(int64(len(l.entries)), 0), Actor: "job/test", Subject: "proposal/1", Data: raw}
	b, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	index := int64(len(l.entries))
	hashes, err := tlog.StoredHashes(index, b, l)
	if err != nil {
		l.t.Fatal(err)
	}
	l.entries, l.hashes = append(l.entries, b), append(l.hashes, hashes...)
	return index
}

func (l *testLog) checkpoint() (translog.Checkpoint, []byte) {
	size := int64(len(l.entries))
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	c := translog.Checkpoint{Origin: "log.test", Size: size, Root: root}
	signed, err := c.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return c, signed
}

func (l *testLog) inclusion(index int64) translog.Inclusion {
	_, signed := l.checkpoint()
	proof, err := tlog.ProveRecord(int64(len(l.entries)), index, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return translog.NewInclusion(l.entries[index], index, proof, signed)
}

func (l *testLog) mandate(index, older int64) Mandate {
	m := Mandate{Decision: l.inclusion(index)}
	if older > 0 {
		proof, err := tlog.ProveTree(int64(len(l.entries)), older, l)
		if err != nil {
			l.t.Fatal(err)
		}
		m.Consistency = translog.NewConsistency(older, int64(len(l.entries)), proof)
	}
	return m
}

func testRecipe() Recipe {
	return Recipe{
		Rounds: 3, Steps: 10, BatchTokens: 64, Context: 16, Optimizer: "adamw", LearnRate: "0.001", Beta1: "0.9",
		Beta2: "0.95", Epsilon: "0.00000001", WeightDecay: "0.1", ClipNorm: "1", UpdateNorm: "10", Cohort: 3, MinReports: 2,
		Deadline: 600, Aggregator: "fedavg", Converge: "0", Base: training.DigestOf([]byte("base")).Hex(), Arithmetic: training.Arithmetic,
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// decision has a field that nodes do not read, as the entry of the community has.
type decision struct {
	Proposal int64  `json:"proposal"`
	Motion   string `json:"motion"`
	Params   string `json:"params"`
	Poll     int64  `json:"poll"`
}

func TestMandateIsCheckedAgainstTheLog(t *testing.T) {
	log := newTestLog(t, "a")
	for i := range 5 {
		log.add("page.saved", map[string]int{"n": i})
	}
	adopted := log.add(DecisionKind, decision{1, MotionTrain, text(testRecipe()), 4})
	rejected := log.add("proposal.rejected", decision{2, MotionTrain, text(testRecipe()), 5})
	old, _ := log.checkpoint()
	for i := range 9 {
		log.add("page.saved", map[string]int{"n": i})
	}
	now, _ := log.checkpoint()
	other := newTestLog(t, "b")
	other.add(DecisionKind, decision{1, MotionTrain, text(testRecipe()), 4})
	forked := now
	forked.Root[0] ^= 1

	good := log.mandate(adopted, old.Size)
	changed := good
	changed.Decision.Entry = []byte(strings.Replace(string(good.Decision.Entry), `\"steps\":10`, `\"steps\":99`, 1))
	if string(changed.Decision.Entry) == string(good.Decision.Entry) {
		t.Fatal("the test changes nothing")
	}
	unproven := good
	unproven.Consistency = translog.Consistency{}
	for _, tt := range []struct {
		name       string
		mandate    Mandate
		remembered translog.Checkpoint
		want       string
	}{
		{"first mandate", log.mandate(adopted, 0), translog.Checkpoint{}, ""},
		{"log has grown", good, old, ""},
		{"same size", log.mandate(adopted, 0), now, ""},
		{"another log's key", other.mandate(0, 0), translog.Checkpoint{}, "no decision covers this"},
		{"a changed recipe", changed, old, "no decision covers this"},
		{"a rejected proposal", log.mandate(rejected, old.Size), old, "adopts nothing"},
		{"no proof of consistency", unproven, old, "consistency proof is for"},
		{"a forked log", log.mandate(adopted, 0), forked, "two different histories"},
		{"a shorter log", good, translog.Checkpoint{Origin: "log.test", Size: now.Size + 1}, "this node has seen one of"},
		{"nothing", Mandate{}, old, "no decision covers this"},
	} {
		g, err := tt.mandate.Check(log.verifier, tt.remembered)
		if tt.want == "" {
			if err != nil || g.Checkpoint != now || g.Decision.Motion != MotionTrain {
				t.Errorf("%s: %+v, %v; want the decision under %d entries", tt.name, g, err, now.Size)
			}
		} else if !errors.Is(err, ErrMandate) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want ErrMandate with %q", tt.name, err, tt.want)
		}
	}
}

func TestCovers(t *testing.T) {
	recipe := testRecipe()
	forget := Forget{Campaign: 4, Contributor: 9, Method: "rollback"}
	train := Granted{Decision: Decision{1, MotionTrain, text(recipe)}}
	unlearn := Granted{Decision: Decision{2, MotionUnlearn, text(forget)}, Origin: &train.Decision}
	base := training.DigestOf([]byte("base"))
	work := func(kind string, change ...func(*Assignment)) Assignment {
		a := Assignment{ID: 1, Node: 2, Round: 3, Campaign: 4, Number: 1, Kind: kind, Base: base, BaseSize: 100, Recipe: recipe}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	open := recipe
	open.Public = true
	public := Granted{Decision: Decision{1, MotionTrain, text(open)}}
	stateful := open
	stateful.Up.Codec = Sign
	kept := Granted{Decision: Decision{1, MotionTrain, text(stateful)}}
	spot := func(kind string, change ...func(*Assignment)) Assignment {
		a := work(kind)
		a.Recipe, a.Manifest, a.Spot = open, base, &Spot{Node: 9, Shard: base, Size: 100, Steps: 10}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	forgetting := func(a *Assignment) { f := forget; a.Forget, a.Unlearning = &f, 6 }
	for _, tt := range []struct {
		name    string
		granted Granted
		work    Assignment
		want    string // "" for covered
	}{
		{"train", train, work(Train), ""},
		{"evaluate", train, work(Evaluate), ""},
		{"probe", train, work(Probe), ""},
		{"last round", train, work(Train, func(a *Assignment) { a.Number, a.Base = 3, training.DigestOf(nil) }), ""},
		{"replay", unlearn, work(Train, forgetting), ""},
		{"suppress", unlearn, work(Suppress, forgetting), ""},
		{"probe after forgetting", unlearn, work(Probe, forgetting), ""},

		{"share", public, spot(Share), ""},
		{"replay", public, spot(Replay), ""},
		{"settle", public, spot(Settle), ""},
		{"share where the text is not public", train, work(Share, func(a *Assignment) { a.Manifest = base }), "not on public data"},
		{"replay where the text is not public", train, work(Replay, func(a *Assignment) { a.Manifest, a.Spot = base, &Spot{Node: 9, Shard: base, Size: 1, Steps: 1} }), "not on public data"},
		{"share for a decision to forget", unlearn, work(Share, forgetting), "asks for no spot check"},
		{"share what is kept between rounds", kept, spot(Share, func(a *Assignment) { a.Recipe = stateful }), "lets nodes keep something"},
		{"share of no manifest", public, spot(Share, func(a *Assignment) { a.Manifest = training.Digest{} }), "no manifest"},
		{"replay of nobody", public, spot(Replay, func(a *Assignment) { a.Spot = nil }), "does not say whose"},
		{"replay of one's own", public, spot(Replay, func(a *Assignment) { a.Spot.Node = a.Node }), "does not check itself"},
		{"replay of too much text", public, spot(Replay, func(a *Assignment) { a.Spot.Size = MaxShard + 1 }), "bytes"},
		{"replay of more steps", public, spot(Replay, func(a *Assignment) { a.Spot.Steps = 11 }), "asks for 11 steps"},
		{"replay from another base", public, spot(Replay, func(a *Assignment) { a.Base = training.DigestOf(nil) }), "the first round begins from"},
		{"replay of a round too many", public, spot(Settle, func(a *Assignment) { a.Number = 4 }), "this is round 4"},

		{"ten times the steps", train, work(Train, func(a *Assignment) { a.Recipe.Steps *= 10 }), "steps is 100, the decision says 10"},
		{"another rate", train, work(Train, func(a *Assignment) { a.Recipe.LearnRate = "0.01" }), "learn_rate"},
		{"no clipping", train, work(Train, func(a *Assignment) { a.Recipe.UpdateNorm = "0" }), "update_norm"},
		{"unknown kind", train, work("shell"), "does not know"},
		{"no kind", train, work(""), "does not know"},
		{"a name with ../", train, work("../train"), "does not know"},
		{"a round too many", train, work(Train, func(a *Assignment) { a.Number = 4 }), "this is round 4"},
		{"evaluate a round too many", train, work(Evaluate, func(a *Assignment) { a.Number = 4 }), "this is round 4"},
		{"round 0", train, work(Train, func(a *Assignment) { a.Number = 0 }), "this is round 0"},
		{"another base", train, work(Train, func(a *Assignment) { a.Base = training.DigestOf(nil) }), "the first round begins from"},
		{"no base", train, work(Evaluate, func(a *Assignment) { a.Base = training.Digest{} }), "names no base"},
		{"no campaign", train, work(Train, func(a *Assignment) { a.Campaign = 0 }), "no campaign"},
		{"suppress without a decision to forget", train, work(Suppress, forgetting), "to train"},
		{"replay without a decision to forget", train, work(Train, forgetting), "to train"},
		{"forget another campaign", unlearn, work(Suppress, forgetting, func(a *Assignment) { a.Campaign = 5 }), "about campaign 4"},
		{"forget another member", unlearn, work(Suppress, forgetting, func(a *Assignment) { a.Forget.Contributor = 8 }), "does not name"},
		{"suppress for no case", unlearn, work(Suppress, forgetting, func(a *Assignment) { a.Unlearning = 0 }), "no unlearning case"},
		{"forget nobody", unlearn, work(Train), "does not name"},
		{"replay with ten times the steps", unlearn, work(Train, forgetting, func(a *Assignment) { a.Recipe.Steps *= 10 }), "steps"},
		{"replay without its origin", Granted{Decision: unlearn.Decision}, work(Train, forgetting), "does not show"},
		{"a motion about pages", Granted{Decision: Decision{1, "page", "{}"}}, work(Train), "asks nothing of nodes"},
		{"a recipe with an unknown field", Granted{Decision: Decision{1, MotionTrain, strings.Replace(text(recipe), "{", `{"shell":"rm",`, 1)}}, work(Train), "cannot be read"},
		{"params twice", Granted{Decision: Decision{1, MotionTrain, text(recipe) + text(recipe)}}, work(Train), "cannot be read"},
		{"a method that is not known", Granted{Decision: Decision{2, MotionUnlearn, `{"campaign":4,"contributor":9,"method":"magic"}`}}, work(Suppress, forgetting), "magic"},
	} {
		err := Covers(tt.granted, tt.work)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrMandate) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAssignmentSignature(t *testing.T) {
	server := testKey("server")
	log := newTestLog(t, "a")
	index := log.add(DecisionKind, decision{1, MotionTrain, text(testRecipe()), 4})
	a := Assignment{ID: 1, Node: 2, Round: 3, Kind: Train, Seed: 1 << 63, Recipe: testRecipe(), Mandate: log.mandate(index, 0)}
	signed, err := a.Sign(server)
	if err != nil {
		t.Fatal(err)
	}
	wire, _ := json.Marshal(signed)
	back, err := Decode[Assignment](wire)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Verify(server.Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("after the wire: %v", err)
	}
	for i, change := range []func(*Assignment){
		func(a *Assignment) { a.ID++ }, func(a *Assignment) { a.Node++ }, func(a *Assignment) { a.Kind = Evaluate },
		func(a *Assignment) { a.Seed++ }, func(a *Assignment) { a.Recipe.Steps++ }, func(a *Assignment) { a.Expires++ },
		func(a *Assignment) { a.Base[0]++ }, func(a *Assignment) { a.Epoch++ }, func(a *Assignment) { a.Signature[0]++ },
		func(a *Assignment) { a.Mandate.Decision.Index++ }, func(a *Assignment) { a.Forget = &Forget{} }, func(a *Assignment) { a.Spot = &Spot{} },
	} {
		changed, _ := Decode[Assignment](wire)
		change(&changed)
		if err := changed.Verify(server.Public().(ed25519.PublicKey)); !errors.Is(err, ErrForged) {
			t.Errorf("change %d: %v, want ErrForged", i, err)
		}
	}
	if err := back.Verify(testKey("forger").Public().(ed25519.PublicKey)); !errors.Is(err, ErrForged) {
		t.Errorf("by another key: %v, want ErrForged", err)
	}
}

func TestReportCheck(t *testing.T) {
	good := Report{Assignment: 1, Examples: 5, Loss: Sums{Records: 20, Sum: 3, Squares: 4}, Probes: &Probes{Ranks: []int64{1, 1024}, References: 1023, AUC: 0.5}}
	if err := good.Check(); err != nil {
		t.Errorf("good report: %v", err)
	}
	for i, change := range []func(*Report){
		func(r *Report) { r.Assignment = 0 }, func(r *Report) { r.Examples = -1 }, func(r *Report) { r.Loss.Records = 19 },
		func(r *Report) { r.Seconds = -1 }, func(r *Report) { r.Probes.Ranks[0] = 1025 }, func(r *Report) { r.Probes.Ranks[0] = 0 },
		func(r *Report) { r.Probes.AUC = 1.5 }, func(r *Report) { r.Probes.Extracted = 1 }, func(r *Report) { r.Refused = strings.Repeat("x", 2001) },
		func(r *Report) { r.Trainer = "torch\x1b[31m" }, func(r *Report) { r.Trainer = strings.Repeat("x", 201) },
	} {
		bad := good
		probes := *good.Probes
		probes.Ranks = []int64{1, 1024}
		bad.Probes = &probes
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("change %d was taken: %+v", i, bad)
		}
	}
}

func FuzzAssignment(f *testing.F) {
	a, err := Assignment{ID: 1, Kind: Train, Recipe: testRecipe()}.Sign(testKey("server"))
	if err != nil {
		f.Fatal(err)
	}
	wire, _ := json.Marshal(a)
	f.Add(wire)
	f.Add([]byte(`{"seed":"1","mandate":{"origin":{}}}`))
	log := newTestLog(f, "a")
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Decode[Assignment](data)
		if err != nil {
			return
		}
		if a.Verify(testKey("server").Public().(ed25519.PublicKey)) == nil && a.Kind != Train {
			t.Errorf("a forged assignment was taken: %s", data)
		}
		if g, err := a.Mandate.Check(log.verifier, translog.Checkpoint{}); err == nil {
			t.Errorf("a forged mandate was granted: %+v", g)
		}
		_ = fmt.Sprint(Covers(Granted{Decision: Decision{1, MotionTrain, text(testRecipe())}}, a))
	})
}
