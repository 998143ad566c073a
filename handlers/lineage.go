package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/plot"
	"codeberg.org/althing/althing/web/ui"
)

// lineage is what the figure of a lineage is drawn from: versions, and the
// campaigns that made them, tried to, or train one again without somebody's
// records.
type lineage struct {
	versions  []models.Version                             // any order
	campaigns []rounds.Campaign                            // any order
	outcomes  map[training.CampaignID][]rounds.Outcome     // attempts in their order
	here      training.VersionID                           // whose page this is; 0 for none
	boxes     []plot.Box                                   // while it is drawn
	ofVersion map[training.VersionID]int                   // place in boxes
	ofRounds  map[training.CampaignID]int                  // likewise
	steps     map[training.CampaignID]func(number int) int // after how many steps of its line a round begins
}

// readLineage reads the campaigns behind some versions: the newest ones, as
// many as the list of campaigns holds on a page. What is older has its box
// without the rounds.
func (s *Site) readLineage(ctx context.Context, versions []models.Version) (lineage, error) {
	l := lineage{versions: versions}
	var err error
	if l.campaigns, err = s.Rounds.Campaigns(ctx, 0); err != nil {
		return l, err
	}
	return l, s.readOutcomes(ctx, &l)
}

func (s *Site) readOutcomes(ctx context.Context, l *lineage) error {
	var ids []training.CampaignID
	for _, c := range l.campaigns {
		ids = append(ids, c.ID)
	}
	found, err := s.Rounds.Outcomes(ctx, ids)
	if err != nil {
		return err
	}
	l.outcomes = map[training.CampaignID][]rounds.Outcome{}
	for _, o := range found {
		l.outcomes[o.Campaign] = append(l.outcomes[o.Campaign], o)
	}
	return nil
}

// around leaves the versions that one campaign has to do with: the one that it
// begins from, and what its family has made.
func (l lineage) around(c rounds.Campaign) lineage {
	l.versions = slices.DeleteFunc(slices.Clone(l.versions), func(v models.Version) bool {
		made := slices.ContainsFunc(l.campaigns, func(o rounds.Campaign) bool { return o.ID == v.Campaign })
		return v.ID != c.Version && !made
	})
	return l
}

// cameOf leads from a campaign to its version, and to the cases that trained it
// again without somebody's records.
func (l lineage) cameOf(id training.CampaignID) []ui.Fact {
	var facts []ui.Fact
	for _, v := range l.versions {
		if v.Campaign == id {
			facts = append(facts, ui.Fact{Label: "Version", Value: ui.Link(v.Name, href.Version(int64(v.ID))), Chip: versionChip(v)})
		}
	}
	for _, c := range l.campaigns {
		if c.Replays == id {
			facts = append(facts, ui.Fact{Label: "Trained again", Value: ui.Cat(ui.Link("campaign "+c.ID.String(), href.Campaign(int64(c.ID))), ui.Plain(" for "), caseLink(c.Unlearning))})
		}
	}
	return facts
}

// figure draws it. A box stands after the one that it descends from: a
// campaign begins from a version of an earlier one, and a replay is younger
// than what it replays.
func (l lineage) figure() plot.TreeOf {
	l.ofVersion, l.ofRounds = map[training.VersionID]int{}, map[training.CampaignID]int{}
	l.steps = map[training.CampaignID]func(int) int{}
	slices.SortFunc(l.versions, func(a, b models.Version) int { return int(a.ID - b.ID) })
	slices.SortFunc(l.campaigns, func(a, b rounds.Campaign) int { return int(a.ID - b.ID) })
	made := map[training.CampaignID]models.Version{}
	for _, v := range l.versions {
		made[v.Campaign] = v
	}
	for _, v := range l.versions {
		if !slices.ContainsFunc(l.campaigns, func(c rounds.Campaign) bool { return c.ID == v.Campaign }) {
			l.addOld(v)
		}
	}
	for _, c := range l.campaigns {
		l.add(c, made[c.ID])
	}
	return plot.TreeOf{ID: "lineage", Title: "Lineage of the model", Desc: l.say(), Boxes: l.boxes}
}

// addOld adds a version whose campaign is not known here, or that was imported.
func (l *lineage) addOld(v models.Version) {
	b := plot.Box{Name: v.Name, Kind: versionKind(v), From: l.place(v.Parent), Lines: []string{"imported at the founding", l.state(v)}}
	if v.Campaign != 0 {
		b.Lines[0] = "campaign " + v.Campaign.String()
	}
	l.ofVersion[v.ID] = len(l.boxes)
	l.boxes = append(l.boxes, b)
}

// add adds a campaign as the version that it made, or as itself.
func (l *lineage) add(c rounds.Campaign, v models.Version) {
	outcomes := l.outcomes[c.ID]
	b := plot.Box{From: l.place(c.Version), Lines: []string{span("campaign "+c.ID.String(), outcomes)}}
	if of, ok := l.ofRounds[c.Replays]; ok {
		b.From, b.Aside, b.After = of, true, l.steps[c.Replays](c.ReplaysFrom)
		b.Words = fmt.Sprintf("case %d: again from round %d", c.Unlearning, c.ReplaysFrom)
	}
	if v.ID != 0 {
		b.Name, b.Kind = v.Name, versionKind(v)
		b.Lines = append(b.Lines, l.state(v))
		l.ofVersion[v.ID] = len(l.boxes)
	} else {
		b.Name, b.Lines[0] = "Campaign "+c.ID.String(), span("", outcomes)
		var state string
		state, b.Kind = campaignWord(c)
		b.Lines = append(b.Lines, state)
	}
	b.Steps, l.steps[c.ID] = stepsOf(outcomes, l.left(c.ID))
	l.ofRounds[c.ID] = len(l.boxes)
	l.boxes = append(l.boxes, b)
}

// place is the box of a version, -1 for none.
func (l *lineage) place(id training.VersionID) int {
	if i, ok := l.ofVersion[id]; ok {
		return i
	}
	return -1
}

// left are the numbers of the rounds of a campaign that replays go back to.
func (l *lineage) left(id training.CampaignID) []int {
	var at []int
	for _, c := range l.campaigns {
		if c.Replays == id {
			at = append(at, c.ReplaysFrom)
		}
	}
	return at
}

func versionKind(v models.Version) string {
	switch {
	case v.Served:
		return "now"
	case v.State == models.Withdrawn:
		return "gone"
	}
	return ""
}

func (l *lineage) state(v models.Version) string {
	if v.ID == l.here {
		return versionChip(v).Text + "; this page"
	}
	return versionChip(v).Text
}

// campaignWord says of a campaign without a version how it stands, and how its
// box is drawn.
func campaignWord(c rounds.Campaign) (word, kind string) {
	switch {
	case c.State == rounds.Running:
		return "running", "next"
	case c.State == rounds.Stopped:
		return "stopped, no version", "gone"
	case c.Withheld:
		return "not published", "gone"
	case c.Done == 0:
		return "no round was accepted", "gone"
	}
	return "waits for its checks", "next"
}

// span names the rounds that were tried, after whose they are.
func span(of string, outcomes []rounds.Outcome) string {
	if of != "" {
		of += ", "
	}
	if len(outcomes) == 0 {
		return of + "no round yet"
	}
	first, last := outcomes[0].Number, outcomes[len(outcomes)-1].Number
	if first == last {
		return fmt.Sprintf("%sround %d", of, first)
	}
	return fmt.Sprintf("%srounds %d–%d", of, first, last)
}

// say describes the figure for those who do not see it.
func (l lineage) say() string {
	var b strings.Builder
	for _, box := range l.boxes {
		b.WriteString(box.Name)
		switch {
		case box.Aside:
			b.WriteString(", beside " + l.boxes[box.From].Name + " (" + box.Words + ")")
		case box.From >= 0:
			b.WriteString(", from " + l.boxes[box.From].Name)
		}
		b.WriteString(": " + strings.Join(box.Lines, "; "))
		for _, s := range box.Steps {
			if s.Refused != "" {
				b.WriteString("; " + s.Text)
			}
		}
		b.WriteString(". ")
	}
	return strings.TrimSpace(b.String())
}
