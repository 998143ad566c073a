package handlers

import (
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/plot"
)

func outcomesOf(campaign training.CampaignID, states ...string) []rounds.Outcome {
	var list []rounds.Outcome
	number := 1
	for _, s := range states {
		list = append(list, rounds.Outcome{Campaign: campaign, Number: number, State: s})
		if s == rounds.Accepted {
			number++
		}
	}
	return list
}

// The founding version, a campaign whose version is withdrawn, its replay
// from the second round on, one that was stopped and one that runs.
func TestLineageOfAReplay(t *testing.T) {
	l := lineage{
		here: 3,
		versions: []models.Version{
			{ID: 3, Name: "Skald (campaign 2)", Parent: 1, Campaign: 2, State: models.Published, Served: true},
			{ID: 2, Name: "Skald (campaign 1)", Parent: 1, Campaign: 1, State: models.Withdrawn},
			{ID: 1, Name: "Skald", State: models.Published},
		},
		campaigns: []rounds.Campaign{
			{ID: 4, Version: 3, State: rounds.Running},
			{ID: 3, Version: 1, State: rounds.Stopped},
			{ID: 2, Version: 1, State: rounds.Finished, Replays: 1, ReplaysFrom: 2, Unlearning: 9, Done: 2},
			{ID: 1, Version: 1, State: rounds.Finished, Done: 3},
		},
		outcomes: map[training.CampaignID][]rounds.Outcome{
			1: outcomesOf(1, rounds.Accepted, rounds.Rejected, rounds.Accepted, rounds.Accepted),
			2: {{Campaign: 2, Number: 2, State: rounds.Accepted}, {Campaign: 2, Number: 3, State: rounds.Accepted}},
			3: outcomesOf(3, rounds.Abandoned),
			4: outcomesOf(4, rounds.Accepted, rounds.Collecting),
		},
	}
	f := l.figure()
	type line struct {
		name, lines, kind string
		from, after       int
		aside             bool
	}
	want := []line{
		{"Skald", "imported at the founding / kept", "", -1, 0, false},
		{"Skald (campaign 1)", "campaign 1, rounds 1–3 / withdrawn", "gone", 0, 0, false},
		{"Skald (campaign 2)", "campaign 2, rounds 2–3 / in use; this page", "now", 1, 1, true},
		{"Campaign 3", "round 1 / stopped, no version", "gone", 0, 0, false},
		{"Campaign 4", "rounds 1–2 / running", "next", 2, 0, false},
	}
	if len(f.Boxes) != len(want) {
		t.Fatalf("%d boxes, want %d: %+v", len(f.Boxes), len(want), f.Boxes)
	}
	for i, b := range f.Boxes {
		if got := (line{b.Name, strings.Join(b.Lines, " / "), b.Kind, b.From, b.After, b.Aside}); got != want[i] {
			t.Errorf("box %d: got %+v, want %+v", i, got, want[i])
		}
	}
	if got, want := f.Boxes[1].Steps, []plot.Step{{Text: "round 1"}, {Text: "round 2: rejected", Refused: "cross"}, {Text: "round 2"}, {Text: "round 3"}}; !slices.Equal(got, want) {
		t.Errorf("steps of campaign 1: %+v, want %+v", got, want)
	}
	if got := f.Boxes[2].Words; got != "case 9: again from round 2" {
		t.Errorf("the branch says %q", got)
	}
	for _, want := range []string{"Skald (campaign 2), beside Skald (campaign 1) (case 9: again from round 2): campaign 2", "round 2: rejected", "Campaign 4, from Skald (campaign 2)"} {
		if !strings.Contains(f.Desc, want) {
			t.Errorf("the description does not say %q: %s", want, f.Desc)
		}
	}
}

// Long lines stay readable: runs that ended alike are one mark, a replay's
// branch still has its place, and no line has more than mostSteps marks
// between two branches.
func TestStepsOfLongCampaigns(t *testing.T) {
	many := func(n int, state string) []string { return slices.Repeat([]string{state}, n) }
	alternating := slices.Repeat([]string{rounds.Rejected, rounds.Accepted}, 40)
	for _, tt := range []struct {
		name   string
		states []string
		left   []int
		want   []string
		before map[int]int // of a round: how many marks come before it
	}{
		{"none", nil, nil, nil, map[int]int{1: 0}},
		{"three", many(3, rounds.Accepted), nil, []string{"round 1", "round 2", "round 3"}, map[int]int{2: 1}},
		{"a long run", many(48, rounds.Accepted), []int{25}, []string{"rounds 1–24", "rounds 25–48"}, map[int]int{25: 1}},
		{"given up again and again", append(many(5, rounds.Abandoned), rounds.Accepted), nil, []string{"round 1: abandoned 5 times", "round 1"}, nil},
		{"beyond counting", alternating, []int{11}, []string{"rounds 1–10, 10 not accepted", "rounds 11–40, 30 not accepted"}, map[int]int{11: 1}},
		{"one that runs", []string{rounds.Accepted, rounds.Evaluating}, nil, []string{"round 1"}, nil},
	} {
		steps, before := stepsOf(outcomesOf(1, tt.states...), tt.left)
		var got []string
		for _, s := range steps {
			got = append(got, s.Text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		for number, want := range tt.before {
			if n := before(number); n != want {
				t.Errorf("%s: %d marks before round %d, want %d", tt.name, n, number, want)
			}
		}
	}
}
