package cli

import (
	"fmt"
	"testing"

	"codeberg.org/althing/althing/web/browsertest"
)

// TestRecipeInABrowser writes a proposal to train as a member does: a preset
// is chosen and filled in, changed into something that does not work, refused
// with what would, mended and saved; with the pages' scripts and without. The
// form, its refusal, the proposal and the glossary hold in every look.
func TestRecipeInABrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%v", script), func(t *testing.T) {
			s := newSite(t)
			s.found(t, s.join(t, "signy"))
			b := browsertest.Open(t, s.url, script)
			signUp(b, "astrid")
			b.Visit("/proposals/new?motion=train")
			b.Fill("title", "Train among strangers", "text", "Whoever comes may train with us.", "train.rounds", "9")
			b.Tick(`main input[name="train.preset"][value="hostile-weather"]`)
			b.Press(`main form button[value="save"]`)
			b.Sees("its numbers have not been filled in", "Nothing has been saved yet")
			b.Press(`main form button[value="preset.train"]`)
			b.Sees("Use this preset")
			for name, want := range map[string]string{"title": "Train among strangers", "train.rounds": "9", "train.robust.rule": "trimmed", "train.robust.f": "4", "train.selection.member_cap": "1", "train.cohort": "20"} {
				if got := b.Value(name); got != want {
					t.Errorf("after the preset, %s: got %q, want %q", name, got, want)
				}
			}
			b.Tick(`#train-h ~ details > summary`)
			b.Fill("train.robust.rule", "bulyan", "train.up.codec", "topk", "train.up.share", "50")
			b.Press(`main form button[value="save"]`)
			b.Sees("Bulyan can withstand 4 hostile members only among 19 or more, and a round may go on with 12. Take Multi-Krum, which needs fewer.",
				"Sparse updates send different entries", "Send int8 blocks: a quarter of the bytes")
			if got := b.Value("train.up.codec"); got != "topk" {
				t.Errorf("the form comes back with the codec %q, want what was chosen", got)
			}
			b.Shot(fmt.Sprintf("recipe-%v-refused", script))
			if script {
				b.Hold()
			}
			b.Fill("train.robust.rule", "multikrum", "train.up.codec", "int8")
			b.Press(`main form button[value="preview"]:not([hidden])`)
			b.Sees("What it would do", "Multi-Krum over members", "int8 blocks, about one byte", "up instead of 3.30 MB (25 % of it)")
			b.Press(`main form button[value="save"]`)
			b.Sees("Train among strangers", "draft", "trains the model in 9 rounds at most, each collecting for 5 minutes.",
				"Multi-Krum over members, after each update was clipped to the usual length; withstands 4 hostile members among 11 or more.")
			b.Shot(fmt.Sprintf("recipe-%v-proposal", script))
			if script {
				b.Inspect("/proposals/new?motion=train", "/proposals/1", "/proposals/1/edit", "/glossary")
			}
			b.Visit("/glossary#multikrum")
			b.Sees("Multi-Krum", "Machine Learning with Adversaries")
		})
	}
}
