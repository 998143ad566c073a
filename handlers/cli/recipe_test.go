package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/web/browsertest"
	"github.com/chromedp/chromedp"
)

// TestRecipeInABrowser writes a proposal to train as a member does: a preset
// is chosen and filled in, changed into something that does not work, refused
// with what would, mended and saved; with the pages' scripts and without. The
// form, its refusal, the proposal and the glossary hold in every look.
func TestRecipeInABrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%v", script), func(t *testing.T) {
			t.Parallel()
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
			base := b.Value("train.base")
			b.Tick(`#train-h ~ details > summary`)
			b.Fill("train.rounds", "0", "train.deadline", "4", "train.learn_rate", "2", "train.robust.f", "four", "train.base", strings.Repeat("0", 64))
			b.Press(`main form button[value="save"]`)
			refused(t, b, map[string]string{
				"train.rounds": "0 is too little. Write a number from 1 to 10,000.", "train.deadline": "4 is too little. Write a number from 5 to 2,592,000.",
				"train.learn_rate": "2 is too much. Write a number above 0 and at most 1.", "train.robust.f": "write a whole number",
			})
			for name, want := range map[string]string{"train.rounds": "0", "train.learn_rate": "2", "train.robust.f": "four", "title": "Train among strangers"} {
				if got := b.Value(name); got != want {
					t.Errorf("the refused form comes back with %s = %q, want what was typed, %q", name, got, want)
				}
			}
			b.Shot(fmt.Sprintf("recipe-%v-out-of-range", script))
			b.Fill("train.rounds", "9", "train.deadline", "300", "train.learn_rate", "0.001", "train.robust.f", "4")
			b.Press(`main form button[value="save"]`)
			refused(t, b, map[string]string{"train.base": "No version that is published has these weights."})
			b.Fill("train.base", base)
			b.Fill("train.robust.rule", "bulyan", "train.up.codec", "topk", "train.up.share", "50")
			b.Press(`main form button[value="save"]`)
			b.Sees("Bulyan can withstand 4 hostile members only among 19 or more, and a round may go on with 12. Take Multi-Krum, which needs fewer.",
				"Sparse updates send different entries", "Send int8 blocks: a quarter of the bytes")
			refused(t, b, map[string]string{"train.robust.f": "Take Multi-Krum", "train.up.codec": "Send int8 blocks"})
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

// refused looks at a form that came back: the message above links to exactly
// these fields, and each is marked as wrong and described by its own problem.
func refused(t *testing.T, b *browsertest.Tab, want map[string]string) {
	t.Helper()
	const ask = `Object.fromEntries([...document.querySelectorAll("main .cdx-message--error[role=alert] a")].map(a => {
		const field = document.getElementById(decodeURIComponent(a.hash.slice(1)));
		const by = (field?.getAttribute("aria-describedby") ?? "").split(" ").map(id => document.getElementById(id)?.innerText ?? "");
		return [field?.name ?? a.hash, (field?.getAttribute("aria-invalid") === "true" && field.checkVisibility() ? "" : "not marked: ") + by.join(" ")];
	}))`
	var got map[string]string
	b.Run("read what is refused", chromedp.Evaluate(ask, &got))
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		t.Errorf("the message above leads to %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for name, words := range want {
		if !strings.Contains(got[name], words) || strings.HasPrefix(got[name], "not marked") {
			t.Errorf("%s is described by %q, want %q", name, got[name], words)
		}
	}
}
