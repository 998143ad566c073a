package handlers

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/recipes"
	"pgregory.net/rapid"
)

// A number out of its range is refused beside its field, with the range.
func TestNumbersOutOfRangeAreRefusedBesideTheirFields(t *testing.T) {
	for _, tt := range []struct{ preset, field, typed, want string }{
		{"small-steady", "rounds", "0", "0 is too little. Write a number from 1 to 10,000."},
		{"small-steady", "deadline", "2592001", "2592001 is too much. Write a number from 5 to 2,592,000. That is 5 seconds to 30 days."},
		{"small-steady", "deadline", "-1", "-1 is too little."},
		{"small-steady", "batch_tokens", "64", "64 is too little. Write 128 or more. It is the context or a multiple of it."},
		{"small-steady", "learn_rate", "0", "Write a number above 0 and at most 1. 0.001 is usual with AdamW"},
		{"small-steady", "learn_rate", "NaN", "Learning rate: write a decimal number"},
		{"small-steady", "clip_norm", "Inf", "write a decimal number"},
		{"small-steady", "weight_decay", "0x1p-2", "write a decimal number"},
		{"small-steady", "beta1", "1", "1 is too much. Write a number from 0 to below 1."},
		{"small-steady", "server.rate", "200", "Write a number above 0 and below 100."},
		{"small-steady", "up.codec", "zip", `there is no choice "zip"`},
		{"hostile-weather", "robust.bucket", "101", "Write a number from 0 to 100."},
		{"private", "privacy.delta", "1", "Write a number above 0 and below 1. 0.00001 is usual."},
	} {
		p, _ := recipes.ByKey(tt.preset)
		values := recipeValues(p.Recipe(7, someBase, 128))
		values[tt.field] = tt.typed
		_, err := readRecipe(func(name string) string { return values[name] }, recipes.Circumstances{})
		if got := problem(err, tt.field); !strings.Contains(got, tt.want) {
			t.Errorf("%s = %s: got %q beside it, want %q", tt.field, tt.typed, got, tt.want)
		}
	}
}

// Numbers and choices are wrong together, and all of it is said at once.
func TestRecipeFormSaysAllThatIsOutOfRange(t *testing.T) {
	p, _ := recipes.ByKey("small-steady")
	values := recipeValues(p.Recipe(7, someBase, 128))
	values["rounds"], values["deadline"], values["local.floor"], values["learn_rate"] = "many", "1", "9", "2"
	values["local.schedule"], values["local.warmup"] = "cosine", "-4"
	_, err := readRecipe(func(name string) string { return values[name] }, recipes.Circumstances{})
	var fields []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		fields = append(fields, problemField(e))
	}
	slices.Sort(fields)
	if want := []string{"deadline", "learn_rate", "local.warmup", "rounds"}; !slices.Equal(fields, want) {
		t.Errorf("problems beside %q, want %q", fields, want)
	}
}

// Whatever is typed, every problem stands beside a field that the form has,
// says why and what would work; nothing is left for the top of the page.
func TestEveryProblemOfARecipeHasItsField(t *testing.T) {
	fields := []string{"base"}
	choices := map[string][]string{}
	for _, part := range recipeParts(new(recipeDraft)) {
		for _, f := range part.fields {
			fields = append(fields, f.name)
			for _, o := range f.options() {
				choices[f.name] = append(choices[f.name], o.Value)
			}
		}
	}
	numbers := []string{"", "0", "1", "2", "3", "20", "128", "640", "-1", "0.5", "0.01", "1e-8", "1e400", "99999999999", "999999999999999999999", "x", "NaN"}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(recipes.Presets()).Draw(t, "preset")
		values := recipeValues(p.Recipe(7, someBase, 128))
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			name := rapid.SampledFrom(fields).Draw(t, "field")
			if of := choices[name]; of != nil {
				values[name] = rapid.SampledFrom(append(of, "nonsense")).Draw(t, "choice")
			} else {
				values[name] = rapid.SampledFrom(numbers).Draw(t, "number")
			}
		}
		nodes := rapid.SampledFrom([]int{0, 3, 1000}).Draw(t, "nodes")
		_, err := readRecipe(func(name string) string { return values[name] }, recipes.Circumstances{Nodes: nodes})
		if err == nil {
			return
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			var refusal *governance.Error
			if !errors.As(e, &refusal) || refusal.Kind != governance.Invalid {
				t.Fatalf("%v is no problem of a form", e)
			}
			if !slices.Contains(fields, refusal.Field) {
				t.Fatalf("%q stands beside %q, which the form has not", refusal.Message, refusal.Field)
			}
			if !strings.HasSuffix(refusal.Message, ".") {
				t.Fatalf("%s: %q is no sentence", refusal.Field, refusal.Message)
			}
		}
	})
}
