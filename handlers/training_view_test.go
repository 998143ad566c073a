package handlers

import (
	"bytes"
	"html"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/pages"
	"github.com/a-h/templ"
)

func rendered(t *testing.T, page templ.Component) string {
	t.Helper()
	var out bytes.Buffer
	if err := page.Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return html.UnescapeString(out.String())
}

func wants(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

var (
	noon  = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Minute)
)

// twoRounds is a campaign with one accepted round and one that was rejected.
func twoRounds() campaignView {
	v := campaignView{Campaign: rounds.Campaign{
		ID: 7, Proposal: 3, Recipe: protocol.Recipe{Rounds: 3, Deadline: 120}, State: rounds.Stopped, Done: 1, OpenedAt: noon, EndedAt: &later, Reason: "three attempts failed",
	}}
	v.rounds = []rounds.Round{
		{ID: 11, Number: 1, Attempt: 1, State: rounds.Accepted, EndedAt: &later, LossBefore: "1.386294", LossAfter: "0.693147", Records: 40, Raw: 13_200_000, Sent: 3_300_000},
		{ID: 12, Number: 2, Attempt: 1, State: rounds.Rejected, EndedAt: &later, LossAfter: "0.9", Reason: "the loss rose from 0.693147 to 0.900000", Records: 40},
	}
	v.latest = v.rounds[1]
	return v
}

func TestCampaignPageShowsEveryRound(t *testing.T) {
	t.Parallel()
	v := twoRounds()
	v.latest.Strata = `{"language":{"se":0,"nn":3}}`
	v.Recipe.Robust, v.Recipe.Up = protocol.Robust{Rule: protocol.Krum, Byzantine: 1}, protocol.Uplink{Codec: protocol.Int8}
	v.Recipe.Privacy = protocol.Privacy{Noise: "2", Clip: "0.5", Delta: "0.00001", Ceiling: "10", Rounds: 4}
	v.Recipe.Selection = protocol.Selection{Strata: "language", Floor: 2}
	v.there = []corpus.StratumCount{{Kind: "language", Value: "nn", Nodes: 4}, {Kind: "language", Value: "se", Nodes: 1}}
	v.trained = []corpus.StratumCount{{Kind: "language", Value: "nn", Nodes: 3, Records: 1200}}
	v.spent = map[governance.MemberID]int{1: 1, 2: 4}
	v.draws = []rounds.Drawn{{Node: 4, Chosen: true, Reason: "chosen by lot"}, {Node: 5, Reason: "runs on battery"}}
	v.checks = []rounds.Check{{Node: 4, Number: 3, Name: "norm", Value: "4.500000", Threshold: "3.000000", Outcome: rounds.CheckHold}, {Node: 5, Number: 3, Name: "norm", Value: "0.1", Threshold: "3.000000", Outcome: rounds.CheckPass}}
	v.counts = rounds.CheckCounts{Updates: 2, Held: 1}
	v.names = map[governance.Ref]string{"node/4": "attic", "node/5": "shed", "member/2": "bera"}
	shown, err := v.page()
	if err != nil {
		t.Fatal(err)
	}
	page := rendered(t, pages.Campaign(shown))
	wants(t, page, "By language", "The campaign lacks se (1 of 2 nodes).", "1,200", "runs on battery", "asked no more", "3 left", "attic</a> held", "1 held for people",
		"/glossary#krum", "withstands 1 hostile", "3.30 MB; as float32 they would have taken 13.20 MB: 25 % were sent")
	wants(t, page, "1.0000", "1.2984", "the loss rose from 0.693147", "three attempts failed", "<svg", "stopped", "2 minutes")
	points := v.loss().Series[0].Points
	if len(points) != 2 || points[0].Y != 2.0000 && points[0].Y < 1.9999 || points[1].X != 1 {
		t.Errorf("the line has the points %v, want (0, 2) and (1, 1)", points)
	}
	if crosses := v.loss().Cross; len(crosses) != 1 || crosses[0].X != 2 {
		t.Errorf("the crosses are %v, want one at round 2", crosses)
	}
}

func TestRoundStages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		round rounds.Round
		want  string
	}{
		{rounds.Round{State: rounds.Planned}, "now,,,,,"},
		{rounds.Round{State: rounds.Collecting, CollectingAt: &noon, Deadline: &later}, "done,done,now,,,"},
		{rounds.Round{State: rounds.Accepted}, "done,done,done,done,done,now"},
		{rounds.Round{State: rounds.Abandoned, CollectingAt: &noon}, "done,done,done,,,now"},
		{rounds.Round{State: rounds.Rejected, CollectingAt: &noon, AggregatingAt: &noon, EvaluatingAt: &noon}, "done,done,done,done,done,now"},
	} {
		var got []string
		for _, s := range roundStages(tt.round) {
			got = append(got, s.State)
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("stages of a round that is %s: got %v, want %s", tt.round.State, got, tt.want)
		}
	}
}

func TestRoundPageShowsUpdates(t *testing.T) {
	t.Parallel()
	v := roundView{Round: rounds.Round{
		ID: 11, Campaign: 7, Number: 1, Attempt: 1, State: rounds.Accepted, EndedAt: &later, Cohort: []governance.NodeID{4, 5},
		Checkpoint: training.DigestOf([]byte("result")), Records: 40, LossBase: "1.4", LossBefore: "1.386294", LossAfter: "0.693147", Unigram: "3.1",
	}, campaign: rounds.Campaign{Recipe: protocol.Recipe{Rounds: 3, UpdateNorm: "2"}, Settings: rounds.Settings{MaxShare: 400}}, site: "https://a.example"}
	v.nodes = []rounds.Participation{{Node: 4, Owner: 1, Kind: "train", State: "done", ReportedAt: &noon}, {Node: 5, Owner: 2, Kind: "train", State: "closed"}, {Node: 4, Owner: 1, Kind: "evaluate", State: "done"}}
	v.updates = []rounds.Update{{Node: 4, Owner: 1, Digest: training.DigestOf([]byte("update")), Examples: 1204, Weight: 900, Norm: 0.5}}
	v.names = map[governance.Ref]string{"node/4": "attic", "member/1": "asta"}
	v.Weight, v.Raw, v.Sent, v.Clip, v.Epsilon, v.Byzantine, v.Chosen, v.Server = 900, 4000, 1000, "0.25", "1.5", 2, []governance.NodeID{4}, &v.Checkpoint
	v.campaign.Recipe.Robust, v.campaign.Recipe.Server, v.campaign.Recipe.Up = protocol.Robust{Rule: protocol.Krum, Byzantine: 3}, protocol.Server{Rule: protocol.DiLoCo}, protocol.Uplink{Codec: protocol.Int8}
	v.campaign.Recipe.Privacy = protocol.Privacy{Noise: "2", Clip: "0.5", Delta: "0.00001", Ceiling: "10", Rounds: 4}
	v.updates[0].Sent, v.updates[0].Steps, v.nodes[0].Report = 1000, 12, `{"trainer":"torch 2.4 cuda"}`
	v.found = []rounds.Check{{Node: 4, Number: 5, Name: "direction", Value: "-0.250000", Outcome: rounds.CheckPass}, {Node: 4, Name: "unheard", Outcome: rounds.CheckNotRun, Note: "too few came"}}
	page := rendered(t, pages.Round(v.page()))
	wants(t, page, "withstanding 2 hostile members", "norm 0.25", "1.5 of 10", "2 times the clip norm", "1.0 kB sent instead of 4.0 kB (25 %)", "/glossary#diloco", "12 steps, torch 2.4 cuda",
		"−0.25", "too few came", "not run", "Server’s state after", "1 of 1 updates, together for 900 examples; 1 counted for less")
	v.Checkpoint = v.Base
	if strings.Contains(rendered(t, pages.Round(v.page())), "How the updates became one") {
		t.Error("a round without a result says how its updates became one")
	}
	v.Checkpoint = *v.Server
	wants(t, page, "attic", "asta", "1,204", "900", "0.500", "counted 12:00:00", "did not report", "2 asked, 1 updates taken", "a norm above 2", "more than 40 %",
		v.Checkpoint.String(), "0.693147", "3.1", "althing verify log https://a.example")
	if rows := partRows(v.nodes, v.updates, v.Round, v.names); len(rows) != 2 {
		t.Errorf("%d nodes are listed, want 2: measuring is not taking part", len(rows))
	}
}

func TestCertificatePage(t *testing.T) {
	t.Parallel()
	v := certificateView{Case: unlearning.Case{
		ID: 2, Proposal: 5, Campaign: 7, Contributor: 9, State: unlearning.Closed, FirstRound: 2, Marked: 4, Replay: 8, Version: 3, Destroyed: 6,
		Clean: training.DigestOf([]byte("clean")), Tainted: training.DigestOf([]byte("tainted")), Result: training.DigestOf([]byte("result")),
		Withdrawn: []training.VersionID{2}, Certificate: []byte(`{}`), OpenedAt: noon, PublishedAt: &later, EndedAt: &later,
		Verdict: unlearning.Verdict{Passed: true, Checks: []unlearning.Check{
			{ID: "V1", Name: "Canaries", Unit: "bits of mean exposure", Before: "6.810000", Value: "0.920000", Low: "0.000000", High: "2.000000", P: "0.354000", Alpha: "0.050000", Passed: true},
			{ID: "V5", Name: "Extraction", Unit: "records given away", Low: "0.000000", High: "0.000000", Note: "Not measured."},
			{ID: "V10", Name: "Utility of the worst group", Unit: "relative loss", Value: "-0.012300", High: "0.020000", Gates: true, Passed: true},
		}, Audits: []unlearning.Audit{{Auditor: "platform", Round: 21, Want: "aa", Got: "aa"}, {Auditor: "node/4", Round: 21, Want: "aa", Got: "bb"}}},
	}, decided: 40, site: "https://a.example"}
	v.draft = unlearning.Certificate{
		Suppressed: []unlearning.Suppression{{Node: 6, Acknowledged: true, Records: 846}},
		Rounds:     []unlearning.ReplayedRound{{Number: 2, Origin: 12, Replay: 21, Cohort: []governance.NodeID{4, 5, 6}, Remained: []governance.NodeID{4, 5}, Updates: []unlearning.ReplayedUpdate{{Node: 4, Recorded: true}}}, {Number: 3, Origin: 13, Replay: 22, Skipped: true}},
	}
	v.names = map[governance.Ref]string{"member/9": "ketil", "proposal/5": "Forget it", "version/3": "Skald (campaign 8)", "version/2": "Skald (campaign 7)", "node/4": "attic"}
	page := rendered(t, pages.Certificate(v.page()))
	wants(t, page, "ketil", "Forget it", "entry 40 of the log", "846", "Skald (campaign 8)", "Skald (campaign 7)", "fewer than two members remained", "attic",
		"6.81", "0.92", "0 to 2, p = 0.354, level 0.05", "−1.23 %", "at most +2.00 %", "1 of 1 passed", "not measured", "6 stored updates", "out of reach",
		training.DigestOf([]byte(`{}`)).String())
	if v.stages() != nil {
		t.Error("a certificate shows stages")
	}
	v.Certificate, v.State, v.Reason = nil, unlearning.Failed, "Replay (V12): two digests differ."
	page = rendered(t, pages.Certificate(v.page()))
	wants(t, page, "This could not be carried out.", "two digests differ", "Failed")
}

func TestCardText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ card, want string }{
		{"---\nlicense: x\n---\n\n# Skald\n\nText\n", "\nText\n"},
		{"# Skald\nText", "Text"},
		{"Text\n---\nmore", "Text\n---\nmore"},
		{"", ""},
	} {
		if got := cardText(tt.card); got != tt.want {
			t.Errorf("cardText(%q) = %q, want %q", tt.card, got, tt.want)
		}
	}
}

func TestHardware(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ said, want string }{
		{`{"os":"linux","cpu":"amd64","threads":8,"memory":17179869184,"kernel":"avx2"}`, "amd64 avx2, 8 threads, 16 GB, linux"},
		{`{"os":"darwin","cpu":"arm64","threads":4,"accelerator":"GPU"}`, "arm64, 4 threads, GPU, darwin"},
		{`{}`, ""}, {`nonsense`, ""},
	} {
		if got := hardware(tt.said); got != tt.want {
			t.Errorf("hardware(%s) = %q, want %q", tt.said, got, tt.want)
		}
	}
}
