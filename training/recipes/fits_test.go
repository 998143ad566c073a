package recipes

import (
	"strings"
	"testing"

	"codeberg.org/althing/althing/training/protocol"
)

// Whatever Unfit says is refused by the recipe's own check too, and the other
// way round for the choices that a form offers.
func TestUnfit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		preset string
		change func(*protocol.Recipe)
		field  string
		says   string
	}{
		{"nothing", "private", func(*protocol.Recipe) {}, "", ""},
		{"one update", "small-steady", func(r *protocol.Recipe) { r.MinReports = 1 }, "min_reports", "Ask for 2"},
		{"fewer nodes than updates", "small-steady", func(r *protocol.Recipe) { r.Cohort = 2 }, "cohort", "2 nodes cannot send 3"},
		{"half a sequence", "small-steady", func(r *protocol.Recipe) { r.BatchTokens = 100 }, "batch_tokens", "multiple"},
		{"FedProx without μ", "small-steady", func(r *protocol.Recipe) { r.Local.Objective = protocol.FedProx }, "local.mu", "0.01"},
		{"warm-up for ever", "far-apart", func(r *protocol.Recipe) { r.Local.Warmup = 2500 }, "local.warmup", "has 2500"},
		{"uneven parts", "many-gpus", func(r *protocol.Recipe) { r.Local.Accumulate = 5 }, "local.accumulate", "5 equal parts"},
		{"SCAFFOLD at the nodes", "small-steady", func(r *protocol.Recipe) { r.Local.Objective, r.Optimizer = protocol.Scaffold, "sgd" }, "server.rule", "FedProx"},
		{"SCAFFOLD at the server", "small-steady", func(r *protocol.Recipe) { r.Server.Rule = protocol.Scaffold }, "local.objective", "FedAvg"},
		{"SCAFFOLD with AdamW", "small-steady", func(r *protocol.Recipe) { r.Local.Objective, r.Server.Rule = protocol.Scaffold, protocol.Scaffold }, "optimizer", "SGD"},
		{"no radius", "hostile-weather", func(r *protocol.Recipe) { r.Robust.Rule = protocol.Centered }, "robust.radius", "pull"},
		{"no share", "thin-lines", func(r *protocol.Recipe) { r.Up.Share = 0 }, "up.share", "twentieth"},
		{"strata without floor", "small-steady", func(r *protocol.Recipe) { r.Selection.Strata = "language" }, "selection.floor", "Write 1"},
		{"no noise", "private", func(r *protocol.Recipe) { r.Privacy.Noise = "0" }, "privacy.noise", "needs noise"},
		{"public and private", "private", func(r *protocol.Recipe) { r.Public = true }, "public", "one of the two"},
		{"no clip", "private", func(r *protocol.Recipe) { r.Privacy.Clip = "" }, "privacy.clip", "0.5"},
		{"no δ", "private", func(r *protocol.Recipe) { r.Privacy.Delta = "" }, "privacy.delta", "0.00001"},
		{"no ceiling", "private", func(r *protocol.Recipe) { r.Privacy.Ceiling = "" }, "privacy.ceiling", "asked no more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := preset(t, tt.preset)
			tt.change(&r)
			got := Unfit(r)
			if tt.field == "" {
				if len(got) > 0 || r.Check() != nil {
					t.Fatalf("got %v and %v, want nothing", got, r.Check())
				}
				return
			}
			if len(got) != 1 || got[0].Field != tt.field || !strings.Contains(got[0].Error(), tt.says) {
				t.Errorf("got %+v, want %s: %q", got, tt.field, tt.says)
			}
			if r.Check() == nil {
				t.Errorf("Unfit refuses what the recipe's own check takes: %+v", r)
			}
		})
	}
	r := preset(t, "small-steady")
	r.Selection.Rule = protocol.Diverse // can be carried out, as a draw without floors, and is not what was meant
	if got := Unfit(r); len(got) != 1 || got[0].Field != "selection.strata" {
		t.Errorf("a draw from no strata: got %v", got)
	}
}

func TestCostOf(t *testing.T) {
	const d = 824_448
	for _, tt := range []struct {
		name   string
		change func(*protocol.Recipe)
		up     float64 // share of raw, at most
		down   int64   // times raw
	}{
		{"float32", func(*protocol.Recipe) {}, 1.0001, 1},
		{"bf16", func(r *protocol.Recipe) { r.Up.Codec = protocol.BF16 }, 0.51, 1},
		{"int8", func(r *protocol.Recipe) { r.Up.Codec = protocol.Int8 }, 0.26, 1},
		{"signs", func(r *protocol.Recipe) { r.Up.Codec = protocol.Sign }, 0.032, 1},
		{"top-k", func(r *protocol.Recipe) { r.Up = protocol.Uplink{Codec: protocol.TopK, Share: 50} }, 0.08, 1},
		{"SCAFFOLD", func(r *protocol.Recipe) { r.Local.Objective = protocol.Scaffold }, 2.0001, 2},
	} {
		r := preset(t, "small-steady")
		tt.change(&r)
		c := CostOf(r, d)
		if c.Raw != 4*d || c.Down != tt.down*c.Raw || float64(c.Up) > tt.up*float64(c.Raw) || float64(c.Up) < tt.up*float64(c.Raw)*0.7 {
			t.Errorf("%s: got %+v, want %.3f of %d up and %d of it down", tt.name, c, tt.up, 4*d, tt.down)
		}
	}
}
