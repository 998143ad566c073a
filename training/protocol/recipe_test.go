package protocol

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A recipe that was decided before recipes had parts keeps its bytes: they
// stand in the log, and nodes compare what they are asked with them.
func TestOldRecipesKeepTheirBytes(t *testing.T) {
	const old = `{"rounds":3,"steps":10,"batch_tokens":64,"context":16,"optimizer":"adamw","learn_rate":"0.001","beta1":"0.9","beta2":"0.95",` +
		`"epsilon":"0.00000001","weight_decay":"0.1","clip_norm":"1","update_norm":"10","cohort":3,"min_reports":2,"deadline":600,` +
		`"aggregator":"fedavg","converge":"0","base":"BASE","arithmetic":"arith/1"}`
	decided := strings.Replace(old, "BASE", testRecipe().Base, 1)
	r, err := ParseRecipe([]byte(decided))
	if err != nil || r != testRecipe() {
		t.Fatalf("ParseRecipe(%s) = %+v, %v", decided, r, err)
	}
	if got := text(r); got != decided {
		t.Errorf("the recipe is written as %s, want %s", got, decided)
	}
	if r.ServerState() || r.Stateful() || r.PerMember() || r.FewestMembers() != 2 {
		t.Errorf("an old recipe means something new: %+v", r)
	}
}

// full is a recipe with every part that fits together.
func full() Recipe {
	r := testRecipe()
	r.Cohort, r.MinReports = 20, 11
	r.Local = Local{Objective: FedProx, Mu: "0.01", Partial: true, Schedule: "cosine", Warmup: 3, Floor: 100, Accumulate: 2}
	r.Server = Server{Rule: FedAdam, Rate: "0.01", Momentum: "0.9", Beta2: "0.99", Tau: "0.001"}
	r.Robust = Robust{Rule: Krum, Byzantine: 4}
	r.Up = Uplink{Codec: TopK, Share: 50}
	r.Down = Downlink{Delta: true}
	r.Privacy = Privacy{Noise: "1.5", Clip: "0.5", Adaptive: true, Delta: "0.00001", Ceiling: "8", Rounds: 3}
	r.Selection = Selection{Rule: Diverse, Over: 300, MemberCap: 1, MinMemory: 2048, MinSpeed: 10, Strata: "language", Floor: 1}
	return r
}

func TestRecipeWithEveryPartIsReadBack(t *testing.T) {
	want := full()
	got, err := ParseRecipe([]byte(text(want)))
	if err != nil || got != want {
		t.Errorf("ParseRecipe(%s) = %+v, %v", text(want), got, err)
	}
	if !got.ServerState() || !got.Stateful() || !got.PerMember() {
		t.Errorf("recipe %+v keeps state at server %v and nodes %v, counts members %v, want all", got, got.ServerState(), got.Stateful(), got.PerMember())
	}
	if d := difference(testRecipe(), want); !strings.Contains(d, "min_reports") && !strings.Contains(d, "cohort") {
		t.Errorf("difference = %q", d)
	}
	other := testRecipe()
	other.Server.Rule = FedAvgM
	if d := difference(testRecipe(), other); !strings.HasPrefix(d, "server is") {
		t.Errorf("difference of server rules = %q", d)
	}
}

func TestRecipeRefusesWhatNobodyCanCarryOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Recipe)
		want   string
	}{
		{"objective", func(r *Recipe) { r.Local.Objective = "fedsplit" }, "local objective"},
		{"schedule", func(r *Recipe) { r.Local.Schedule = "linear" }, "schedule"},
		{"server rule", func(r *Recipe) { r.Server.Rule = "adam" }, "server rule"},
		{"robust rule", func(r *Recipe) { r.Robust.Rule = "mode" }, "robust rule"},
		{"codec", func(r *Recipe) { r.Up.Codec = "zip" }, "codec"},
		{"selection", func(r *Recipe) { r.Selection.Rule = "friends" }, "selection"},
		{"strata", func(r *Recipe) { r.Selection.Strata, r.Selection.Floor = "age", 1 }, "floors by"},
		{"mu without fedprox", func(r *Recipe) { r.Local.Mu = "0.1" }, "fedprox"},
		{"fedprox without mu", func(r *Recipe) { r.Local.Objective = FedProx }, "fedprox"},
		{"warm-up without cosine", func(r *Recipe) { r.Local.Warmup = 2 }, "cosine"},
		{"only warm-up", func(r *Recipe) { r.Local.Schedule, r.Local.Warmup = "cosine", 30 }, "warm-up"},
		{"unequal parts", func(r *Recipe) { r.Local.Accumulate = 3 }, "equal parts"},
		{"scaffold at nodes only", func(r *Recipe) { r.Local.Objective, r.Optimizer = Scaffold, "sgd" }, "both"},
		{"scaffold with adamw", func(r *Recipe) { r.Local.Objective, r.Server.Rule = Scaffold, Scaffold }, "sgd"},
		{"hostile members of a mean", func(r *Recipe) { r.Robust.Byzantine = 1 }, "withstands no"},
		{"centered without radius", func(r *Recipe) { r.Robust.Rule = Centered }, "radius"},
		{"krum among few", func(r *Recipe) { r.Robust = Robust{Rule: Krum, Byzantine: 1} }, "5 members"},
		{"median among few", func(r *Recipe) { r.Robust = Robust{Rule: Median, Byzantine: 1} }, "3 members"},
		{"bulyan in buckets", func(r *Recipe) { r.Robust = Robust{Rule: Bulyan, Byzantine: 1, Bucket: 2} }, "14 members"},
		{"topk of nothing", func(r *Recipe) { r.Up.Codec = TopK }, "share"},
		{"share without topk", func(r *Recipe) { r.Up = Uplink{Codec: Int8, Share: 10} }, "share"},
		{"half of privacy", func(r *Recipe) { r.Privacy.Noise = "1" }, "privacy needs"},
		{"floor of nothing", func(r *Recipe) { r.Selection.Floor = 1 }, "floor"},
		{"rate that is no number", func(r *Recipe) { r.Server.Rate = "fast" }, "server rate"},
		{"momentum of 1", func(r *Recipe) { r.Server.Momentum = "1" }, "momentum"},
		{"negative noise", func(r *Recipe) { r.Privacy = full().Privacy; r.Privacy.Noise = "-1" }, "noise"},
		{"NaN", func(r *Recipe) { r.Server.Tau = "NaN" }, "tau"},
		{"too many hostile", func(r *Recipe) { r.Robust.Byzantine = 1 << 30 }, "hostile members"},
	} {
		r := testRecipe()
		tt.change(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check() = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Without one member a rule withstands the largest number of hostile members
// that its own condition allows, never more than the recipe says.
func TestBearable(t *testing.T) {
	for _, tt := range []struct {
		rule  Robust
		n     int
		f     int
		means bool
	}{
		{Robust{Rule: Krum, Byzantine: 4}, 11, 4, true}, {Robust{Rule: Krum, Byzantine: 4}, 10, 3, true},
		{Robust{Rule: Krum, Byzantine: 4}, 3, 0, true}, {Robust{Rule: Krum, Byzantine: 4}, 2, 0, false},
		{Robust{Rule: Median, Byzantine: 1}, 2, 0, true}, {Robust{Rule: Bulyan, Byzantine: 1, Bucket: 2}, 13, 0, true},
		{Robust{}, 2, 0, true}, {Robust{}, 1, 0, false},
	} {
		if f, ok := (Recipe{Robust: tt.rule}).Bearable(tt.n); f != tt.f || ok != tt.means {
			t.Errorf("%+v among %d: %d, %v, want %d, %v", tt.rule, tt.n, f, ok, tt.f, tt.means)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom([]string{Median, Trimmed, Krum, MultiKrum, Bulyan, GeoMedian}).Draw(t, "rule")
		r := Recipe{Robust: Robust{Rule: rule, Byzantine: rapid.IntRange(0, 9).Draw(t, "f"), Bucket: rapid.IntRange(0, 3).Draw(t, "bucket")}}
		if f, ok := r.Bearable(r.FewestMembers()); f != r.Robust.Byzantine || !ok {
			t.Fatalf("%+v among its fewest %d members bears %d, %v", r.Robust, r.FewestMembers(), f, ok)
		}
	})
}

func FuzzParseRecipe(f *testing.F) {
	f.Add([]byte(text(testRecipe())))
	f.Add([]byte(text(full())))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecipe(data)
		if err != nil {
			return
		}
		again, err := ParseRecipe([]byte(text(r)))
		if err != nil || again != r {
			t.Errorf("%s is read as %+v and its own JSON as %+v, %v", data, r, again, err)
		}
		if _, err := json.Marshal(r); err != nil || r.FewestMembers() > r.MinReports {
			t.Errorf("%s passes with %d reports for %d members, %v", data, r.MinReports, r.FewestMembers(), err)
		}
	})
}
