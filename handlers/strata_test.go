package handlers

import (
	"fmt"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/rounds"
)

func TestStrataView(t *testing.T) {
	there := []corpus.StratumCount{
		{Kind: "language", Value: "en", Nodes: 5, Members: 4, Records: 1200}, {Kind: "language", Value: "fr", Nodes: 2, Members: 1, Records: 50},
		{Kind: "region", Value: "not-said", Nodes: 6, Members: 5, Records: 1300},
	}
	campaign := func(id training.CampaignID, kind string, floor int) rounds.Campaign {
		c := rounds.Campaign{ID: id}
		c.Recipe.Selection.Strata, c.Recipe.Selection.Floor = kind, floor
		return c
	}
	for _, tt := range []struct {
		name    string
		running []rounds.Campaign
		lacks   string
		met     bool
	}{
		{"none runs", nil, "[]", false},
		{"no floors", []rounds.Campaign{campaign(6, "", 0)}, "[]", false},
		{"met", []rounds.Campaign{campaign(6, "language", 2)}, "[]", true},
		{"lacking", []rounds.Campaign{campaign(7, "language", 3), campaign(6, "language", 2)}, "[{Campaign 7 /campaigns/7 French (2 of 3 nodes)}]", false},
	} {
		v := strataView(there, tt.running)
		if got := fmt.Sprint(v.Lacks); got != tt.lacks || v.Met != tt.met {
			t.Errorf("%s: %s, met %v; want %s, %v", tt.name, got, v.Met, tt.lacks, tt.met)
		}
		if got, want := fmt.Sprint(v.Groups), "[{Language [{English 5 4 at least 1,200} {French 2 1 at least 50}]} {Region [{not said 6 5 at least 1,300}]}]"; got != want {
			t.Errorf("%s: groups %s, want %s", tt.name, got, want)
		}
	}
}
