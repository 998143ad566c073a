package recipes

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

var base = training.DigestOf([]byte("base")).Hex()

func preset(t *testing.T, name string) protocol.Recipe {
	t.Helper()
	p, ok := ByKey(name)
	if !ok {
		t.Fatalf("there is no preset %q", name)
	}
	return p.Recipe(5, base, 128)
}

// The six presets can be carried out, are described, and stand on words that
// the glossary has.
func TestPresets(t *testing.T) {
	seen := map[protocol.Recipe]string{}
	for _, p := range Presets() {
		r := p.Recipe(5, base, 128)
		if err := Check(r, Circumstances{Nodes: r.Cohort}); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if other, twice := seen[r]; twice {
			t.Errorf("%s is the same recipe as %s", p.Name, other)
		}
		seen[r] = p.Name
		for _, text := range []string{p.Summary, p.When, p.Costs} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", p.Name, text)
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("got %d presets, want 6", len(seen))
	}
}

func TestConflicts(t *testing.T) {
	many := Circumstances{Nodes: 1000}
	scaffold := func(r *protocol.Recipe) {
		r.Local.Objective, r.Server.Rule, r.Optimizer = protocol.Scaffold, protocol.Scaffold, "sgd"
	}
	for _, tt := range []struct {
		name    string
		preset  string
		change  func(*protocol.Recipe)
		where   Circumstances
		field   string
		reason  string
		instead string
	}{
		{"krum among few", "hostile-weather", func(r *protocol.Recipe) { r.Robust.Rule, r.MinReports = protocol.Krum, 9 }, Circumstances{}, "robust.f", "among 11 or more", "trimmed mean"},
		{"bulyan among few", "hostile-weather", func(r *protocol.Recipe) { r.Robust.Rule = protocol.Bulyan }, Circumstances{}, "robust.f", "among 19 or more", "Multi-Krum"},
		{"trimmed among few", "hostile-weather", func(r *protocol.Recipe) { r.MinReports = 7 }, Circumstances{}, "robust.f", "among 9 or more", "at most 3 hostile"},
		{"several nodes of a member", "hostile-weather", func(r *protocol.Recipe) { r.Selection.MemberCap = 0 }, Circumstances{}, "selection.member_cap", "counts each member once", "1 node"},
		{"sparse and robust", "hostile-weather", func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: protocol.TopK, Share: 50} }, Circumstances{}, "up.codec", "nearly always 0", "int8"},
		{"masked and robust", "hostile-weather", func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: protocol.Mask, Share: 50} }, Circumstances{}, "up.codec", "Sparse", "int8"},
		{"signs and krum", "hostile-weather", func(r *protocol.Recipe) { r.Robust.Rule, r.Up.Codec = protocol.MultiKrum, protocol.Sign }, Circumstances{}, "up.codec", "Multi-Krum chooses by distances", "median"},
		{"oort and robust", "hostile-weather", func(r *protocol.Recipe) { r.Selection.Rule = protocol.Oort }, Circumstances{}, "selection.rule", "hostile ones be drawn", "uniformly"},
		{"privacy of a median", "private", func(r *protocol.Recipe) { r.Robust.Rule = protocol.Median }, Circumstances{}, "robust.rule", "measured for a mean", "Keep the mean"},
		{"privacy and top-k", "private", func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: protocol.TopK, Share: 50} }, Circumstances{}, "up.codec", "biased", "int8"},
		{"privacy and partial work", "private", func(r *protocol.Recipe) { r.Local.Partial = true }, Circumstances{}, "local.partial", "after they were clipped", "over-select"},
		{"privacy and oort", "private", func(r *protocol.Recipe) { r.Selection.Rule = protocol.Oort }, Circumstances{}, "selection.rule", "losses", "uniformly"},
		{"too little noise", "private", func(r *protocol.Recipe) { r.Privacy.Noise = "0.1" }, Circumstances{}, "privacy.ceiling", "one round alone", "more noise"},
		{"too many rounds", "private", func(r *protocol.Recipe) { r.Privacy.Rounds = 500 }, Circumstances{}, "privacy.rounds", "After 500 rounds", "rounds at most"},
		{"signs and adam", "thin-lines", func(r *protocol.Recipe) {
			r.Up = protocol.Uplink{Codec: protocol.Sign}
			r.Server.Rule = protocol.FedAdam
		}, Circumstances{}, "server.rule", "FedAdam divides", "DiLoCo"},
		{"error feedback of strangers", "thin-lines", func(*protocol.Recipe) {}, many, "up.codec", "once in 200 rounds", "int8"},
		{"scaffold of strangers", "small-steady", scaffold, many, "local.objective", "once in 200 rounds", "FedProx"},
		{"scaffold compressed", "small-steady", func(r *protocol.Recipe) { scaffold(r); r.Up.Codec = protocol.Int8 }, Circumstances{}, "up.codec", "doubles", "FedProx"},
		{"scaffold and privacy", "private", scaffold, Circumstances{}, "local.objective", "noise covers the update only", "FedProx"},
		{"scaffold and robust", "hostile-weather", scaffold, Circumstances{}, "robust.rule", "control variates", "FedProx"},
		{"scaffold cut short", "small-steady", func(r *protocol.Recipe) { scaffold(r); r.Local.Partial = true }, Circumstances{}, "local.partial", "same number", "FedNova"},
		{"several nodes and privacy", "private", func(r *protocol.Recipe) { r.Selection.MemberCap = 0 }, Circumstances{}, "selection.member_cap", "Privacy is of members", "1 node"},
		{"fednova of equals", "many-gpus", func(r *protocol.Recipe) { r.Local.Partial = false }, Circumstances{}, "server.rule", "same number", "FedAvg"},
	} {
		r := preset(t, tt.preset)
		tt.change(&r)
		found := Conflicts(r, tt.where)
		i := slices.IndexFunc(found, func(c Conflict) bool { return c.Field == tt.field && strings.Contains(c.Reason, tt.reason) })
		if i < 0 || !strings.Contains(found[i].Instead, tt.instead) {
			t.Errorf("%s: Conflicts() = %+v, want %s with %q and %q", tt.name, found, tt.field, tt.reason, tt.instead)
		}
		var conflict *Conflict
		if err := Check(r, tt.where); !errors.As(err, &conflict) {
			t.Errorf("%s: Check() = %v, want a Conflict", tt.name, err)
		}
	}
}

// What is impossible and no conflict is refused as well.
func TestCheckRefusesTheImpossible(t *testing.T) {
	r := preset(t, "small-steady")
	r.Steps = 0
	if err := Check(r, Circumstances{}); err == nil {
		t.Error("a recipe of no steps passes")
	}
}

// ε at the test vector of q = 1 that the accountant's paper gives, and the
// ceiling that follows.
func TestEpsilon(t *testing.T) {
	p := protocol.Privacy{Noise: "5.0", Delta: "0.00001", Ceiling: "7.088"}
	if got := Epsilon(p, 50); got != "7.088" {
		t.Errorf("ε after 50 rounds of noise 5 = %s, want 7.088 (7.0879 rounded up)", got)
	}
	if got := RoundsUnder(p); got != 50 {
		t.Errorf("rounds under 7.088 = %d, want 50", got)
	}
	if got := Epsilon(p, 0); got != "0.000" {
		t.Errorf("ε of nobody = %s", got)
	}
}

// Every description is of sentences and names the words that it uses.
func TestDescribe(t *testing.T) {
	for _, p := range Presets() {
		r := p.Recipe(5, base, 128)
		var all []string
		for _, l := range Describe(r) {
			if !strings.HasSuffix(l.Text, ".") || l.Label == "" {
				t.Errorf("%s: %+v is no sentence", p.Name, l)
			}
			all = append(all, l.Text)
			for _, term := range l.Terms {
				if _, ok := Lookup(term); !ok {
					t.Errorf("%s: the glossary lacks %q", p.Name, term)
				}
			}
		}
		if r.Server.Rule != "" && !strings.Contains(strings.Join(all, " "), title(r.Server.Rule)) {
			t.Errorf("%s: nothing says %s: %q", p.Name, title(r.Server.Rule), all)
		}
	}
	got := Describe(preset(t, "private"))
	if last := got[len(got)-1]; last.Label != "Privacy of members" || !strings.Contains(last.Text, "ceiling of 10") {
		t.Errorf("the private preset ends with %+v", last)
	}
}

// Every rule, codec and objective has its term, and each term a source.
func TestGlossary(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range Glossary() {
		if seen[g.Key] || g.Name == "" || g.Source == "" || !strings.HasSuffix(g.Text, ".") || len(g.Text) < 60 {
			t.Errorf("term %+v", g)
		}
		seen[g.Key] = true
	}
	for _, k := range strings.Fields("fedavg fedprox fedavgm fedadagrad fedadam fedyogi fednova scaffold diloco median trimmed krum multikrum bulyan geomedian centered bucketing bf16 int8 sign topk mask resource oort proximity diverse adamw sgd cosine") {
		if !seen[k] {
			t.Errorf("the glossary lacks %q", k)
		}
	}
}

func TestDescribeSaysThatUpdatesArePublished(t *testing.T) {
	t.Parallel()
	r := Presets()[0].Recipe(1, strings.Repeat("0", 64), 32)
	for _, public := range []bool{false, true} {
		r.Public = public
		said := slices.ContainsFunc(Describe(r), func(l Line) bool {
			return strings.Contains(l.Text, "every update is published") && slices.Contains(l.Terms, "public-data")
		})
		if said != public {
			t.Errorf("Describe of a recipe that is public: %v, says so: %v", public, said)
		}
	}
}
