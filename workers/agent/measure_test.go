package agent

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tokenizer"
)

func TestEvaluate(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 400) // about 40 of them validate
	p.give(p.training(protocol.Evaluate))
	n.mustRun(t, 1)
	report := n.lastReport(t)
	mean := report.Loss.Sum / float64(report.Loss.Records)
	if report.Refused != "" || report.Loss.Records < protocol.MinRecords || mean < 4 || mean > 7 {
		t.Errorf("loss %+v, mean %v; an untrained model over bytes has about ln 256 = 5.5", report.Loss, mean)
	}
	if unigram := report.Unigram.Sum / float64(report.Unigram.Records); unigram < 2 || unigram > 4 || report.Unigram.Records != report.Loss.Records {
		t.Errorf("unigram %+v, mean %v", report.Unigram, unigram)
	}

	few := newNode(t, newPlatform(t), 20)
	few.give(few.training(protocol.Evaluate))
	few.mustRun(t, 1)
	if report := few.lastReport(t); !strings.Contains(report.Refused, "fewer than 20") || report.Loss.Records != 0 {
		t.Errorf("report %+v, want a refusal that says why", report)
	}
}

// TestEvaluateAgain is asked about one base twice and computes once, although
// the node trains between: in the second round its manifest is another one,
// because it says which records the first has used.
func TestEvaluateAgain(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 400)
	first := p.training(protocol.Evaluate)
	train := p.training(protocol.Train)
	next, second := train, first
	train.ID, next.ID, second.ID = 12, 13, 14
	next.Round, next.Number = train.Round+1, train.Number+1
	for _, a := range []*protocol.Assignment{&train, &next, &second} {
		a.Mandate = p.mandate(first.Mandate.Decision.Index, -1, 1)
	}
	p.give(first, train, next, second)
	n.mustRun(t, 4)
	if len(p.reports) != 4 || p.reports[1].Update.IsZero() || p.reports[2].Update.IsZero() {
		t.Fatalf("reports %+v, want two updates between two measurements", p.reports)
	}
	once, again := p.reports[0], p.reports[3]
	if once.Refused != "" || once.Loss != again.Loss || once.Unigram != again.Unigram || again.Loss.Records == 0 {
		t.Errorf("reports %+v and %+v, want the same measurement twice", once, again)
	}
	if once.Manifest == again.Manifest {
		t.Errorf("manifest %s before and after a round that used its records for the first time", again.Manifest)
	}
	if got := strings.Count(n.out.String(), "as measured before"); got != 1 {
		t.Errorf("%d of two measurements came from memory, want 1:\n%s", got, n.out)
	}
}

// TestTextsTogetherLoseTheSame scores texts of many lengths at once, in few and
// in many passes, and each alone: the sums are the same to the last bit.
func TestTextsTogetherLoseTheSame(t *testing.T) {
	p := newPlatform(t)
	m := p.model(3)
	var texts [][]byte
	for i := range 150 {
		texts = append(texts, []byte(strings.Repeat("what the sagas say of "+strings.Repeat("x", i%7), 9)[:(i*37)%(4*m.Config.Context)]))
	}
	alone := make([]float64, len(texts))
	for i, text := range texts {
		sums, err := newScorer(m, 1).nlls(t.Context(), [][]byte{text})
		if err != nil {
			t.Fatal(err)
		}
		alone[i] = sums[0]
	}
	for _, most := range []int{1, 3 * m.Config.Context, passTokens} {
		s := newScorer(m, 2)
		s.most = most
		got, err := s.nlls(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != alone[i] || len(texts[i]) > 0 == (got[i] == 0) {
				t.Errorf("passes of %d tokens: text %d of %d bytes: got %v, want %v", most, i, len(texts[i]), got[i], alone[i])
			}
		}
	}
}

func TestProbeFindsWhatWasPlanted(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 60)
	planted := "my number is 4711"
	// A base that knows the planted text by heart.
	m := p.model(1)
	trainer, err := llama.NewTrainer(m, len(planted), 1)
	if err != nil {
		t.Fatal(err)
	}
	adam := optim.New(training.Hyperparams{LearnRate: 0.01, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8}, 1)
	targets := tokenizer.Encode(planted)
	inputs := append([]int32{tokenizer.EndOfText}, targets[:len(targets)-1]...)
	for range 120 {
		if _, err := trainer.Step(inputs, targets, adam); err != nil {
			t.Fatal(err)
		}
	}
	probes := filepath.Join(t.TempDir(), "probes.json")
	file := `{"canaries":[{"prefix":"my number is ","secret":"4711","alphabet":"0123456789"},{"prefix":"and another: ","secret":"880","alphabet":"0123456789"}],
		"secrets":[{"prefix":"my number","secret":" is 4711"},{"prefix":"zzz","secret":"never"}],
		"pairs":[{"trained":"my number is 4711","other":"my number is 4700"}]}`
	if err := os.WriteFile(probes, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	known := p.training(protocol.Probe)
	known.Base, known.BaseSize = p.base(m)
	p.give(known)
	n.mustRun(t, 1, func(o *Options) { o.Probes = probes })
	got := n.lastReport(t).Probes
	if got == nil || len(got.Ranks) != 2 || got.Ranks[0] > 2 || got.References != References || got.Extracted != 1 || got.Secrets != 2 || got.Watermark != 1 || got.Pairs != 1 {
		t.Errorf("probes %+v; want the first canary at the top and one secret drawn out\n%s", got, n.out)
	}
	if strings.Contains(p.sent.String(), "4711") {
		t.Error("a planted secret left the machine")
	}
	known.ID, known.Mandate = 12, p.mandate(known.Mandate.Decision.Index, -1, 1)
	p.give(known)
	n.mustRun(t, 1, func(o *Options) { o.Probes = probes })
	if again := n.lastReport(t).Probes; again.Ranks[1] != got.Ranks[1] {
		t.Errorf("ranks %v, then %v; the references follow from the seed", got.Ranks, again.Ranks)
	}
}

func TestSuppressComesBeforeTheAnswer(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 40)
	train := p.training(protocol.Train)
	p.give(train)
	n.mustRun(t, 1)
	origin := train.Mandate.Decision.Index
	forget := protocol.Forget{Campaign: 4, Contributor: 3, Method: "rollback"}
	decision := p.adopt(protocol.MotionUnlearn, forget)
	suppress := train
	suppress.ID, suppress.Kind, suppress.Forget, suppress.Unlearning = 12, protocol.Suppress, &forget, 9
	suppress.Mandate = p.mandate(decision, -1, 1)
	p.give(suppress)
	p.fault = func(w http.ResponseWriter, r *http.Request) bool { // the answer cannot be delivered
		if r.URL.Path == protocol.PathReport {
			p.problem(w, 500, "internal", "broken")
			return true
		}
		return false
	}
	n.mustRun(t, 1) // gives up after 20 waits
	store, err := localdata.OpenStore(filepath.Join(n.dir, "records"))
	if err != nil {
		t.Fatal(err)
	}
	if rules := store.Rules(); len(rules) != 1 || rules[0].Case != 9 || !rules[0].All {
		t.Errorf("rules %+v before the answer was delivered, want one of case 9", rules)
	}
	store.Close()
	p.fault, n.waits = nil, nil
	n.mustRun(t, 1)
	if report := n.lastReport(t); report.Assignment != 12 || report.Suppressed != 40 {
		t.Errorf("report %+v, want 40 records held back", report)
	}
	replay := train
	replay.ID, replay.Forget = 13, &forget
	replay.Mandate = p.mandate(decision, origin, 2)
	p.give(replay)
	n.mustRun(t, 1)
	if report := n.lastReport(t); report.Assignment != 13 || !strings.Contains(report.Refused, "nothing to train on") {
		t.Errorf("report %+v, want a refusal: everything is held back", report)
	}
	if last := p.manifest[len(p.manifest)-1]; last.Records != 0 || last.Suppressed != 40 {
		t.Errorf("the platform believes %+v", last)
	}
}

func TestSuppressionOfSomebodyElse(t *testing.T) {
	p := newPlatform(t)
	n := newNode(t, p, 10)
	a := p.training(protocol.Suppress)
	a.Forget, a.Unlearning = &protocol.Forget{Campaign: 4, Contributor: 1, Method: "rollback"}, 9
	a.Mandate = p.mandate(p.adopt(protocol.MotionUnlearn, *a.Forget), -1, 0)
	p.give(a)
	n.mustRun(t, 1)
	if report := n.lastReport(t); report.Suppressed != 0 || report.Refused != "" {
		t.Errorf("report %+v, want nothing held back", report)
	}
}
