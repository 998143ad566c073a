package handlers

import (
	"maps"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/recipes"
)

var someBase = training.DigestOf([]byte("base")).Hex()

// Every preset goes through the form and comes back as it was, and every
// term that the form links to is in the glossary.
func TestRecipeFormKeepsPresets(t *testing.T) {
	for _, p := range recipes.Presets() {
		want := p.Recipe(7, someBase, 128)
		values := recipeValues(want)
		got, err := readRecipe(func(name string) string { return values[name] }, recipes.Circumstances{})
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v\nwant %+v", p.Name, got, err, want)
		}
	}
	for _, part := range recipeParts(new(recipeDraft)) {
		for _, f := range part.fields {
			for _, k := range append(f.terms, f.keys...) {
				if _, ok := recipes.Lookup(k); !ok && f.name != "selection.strata" {
					t.Errorf("%s leads to %q, which the glossary has not", f.name, k)
				}
			}
		}
	}
}

// What does not work is said beside its field, with what would; several
// problems at once, and what is typed for choices not made is left out.
func TestRecipeFormSaysWhatWould(t *testing.T) {
	for _, tt := range []struct {
		name, preset string
		typed        map[string]string
		where        recipes.Circumstances
		want         map[string]string // by field: a part of the message
	}{
		{"no number", "small-steady", map[string]string{"rounds": "three", "learn_rate": "0,1"}, recipes.Circumstances{}, map[string]string{"rounds": "Rounds: write a whole number", "learn_rate": "write a decimal number"}},
		{"no base", "small-steady", map[string]string{"base": "x"}, recipes.Circumstances{}, map[string]string{"base": "64 hexadecimal digits"}},
		{"one update", "small-steady", map[string]string{"min_reports": "1"}, recipes.Circumstances{}, map[string]string{"min_reports": "fewer than two would show one member's update. Ask for 2"}},
		{"too many hostile", "hostile-weather", map[string]string{"robust.rule": "bulyan"}, recipes.Circumstances{}, map[string]string{"robust.f": "Take Multi-Krum"}},
		{"sparse and robust", "hostile-weather", map[string]string{"up.codec": "topk", "up.share": "50"}, recipes.Circumstances{}, map[string]string{"up.codec": "Send int8 blocks"}},
		{"rare and stateful", "thin-lines", nil, recipes.Circumstances{Nodes: 1000}, map[string]string{"up.codec": "random mask"}},
		{"half of scaffold", "small-steady", map[string]string{"local.objective": "scaffold"}, recipes.Circumstances{}, map[string]string{"server.rule": "or FedProx", "optimizer": "Take SGD"}},
		{"robust and private", "private", map[string]string{"robust.rule": "median"}, recipes.Circumstances{}, map[string]string{"robust.rule": "Keep the mean"}},
		{"private without noise", "private", map[string]string{"privacy.noise": ""}, recipes.Circumstances{}, map[string]string{"privacy.noise": "needs noise"}},
		{"not private any more", "private", map[string]string{"privacy.on": "", "privacy.noise": "0"}, recipes.Circumstances{}, nil},
		{"no FedProx any more", "small-steady", map[string]string{"local.mu": "0.01"}, recipes.Circumstances{}, nil},
		{"beyond sense", "small-steady", map[string]string{"server.rate": "200"}, recipes.Circumstances{}, map[string]string{"server.rate": "200 is too much"}},
		{"an unknown codec", "small-steady", map[string]string{"up.codec": "zip"}, recipes.Circumstances{}, map[string]string{"up.codec": `no choice "zip"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := recipes.ByKey(tt.preset)
			values := recipeValues(p.Recipe(7, someBase, 128))
			maps.Copy(values, tt.typed)
			_, err := readRecipe(func(name string) string { return values[name] }, tt.where)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("got %v, want problems with %v", err, tt.want)
			}
			for field, want := range tt.want {
				if got := problem(err, field); !strings.Contains(got, want) {
					t.Errorf("beside %q: got %q, want %q", field, got, want)
				}
			}
		})
	}
}

func TestBytesOf(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 3_297_792: "3.30 MB", 2_500_000_000: "2.50 GB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("bytesOf(%d) = %s, want %s", n, got, want)
		}
	}
}
