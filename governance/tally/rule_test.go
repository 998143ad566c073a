package tally_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/tally"
	"pgregory.net/rapid"
)

// destructive is class 3: three quarters, 40 % of all members, groups and objections.
func destructive() tally.Rule {
	r := tally.ThreeQuartersPlusFloor(2, 5)
	r.GroupNum, r.GroupDen, r.GroupMin, r.Objections = 1, 2, 5, true
	return r
}

func both() tally.Rule {
	return tally.DualMajority(tally.Chamber{Name: "members", Rule: tally.TwoThirds(3, 10)}, tally.Chamber{Name: "node operators", Rule: tally.SimpleMajority(1, 5)})
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	type counts = tally.Counts
	for _, tt := range []struct {
		name string
		rule tally.Rule
		in   counts
		want tally.Verdict
	}{
		{"a tie fails", tally.SimpleMajority(1, 5), counts{Electorate: 100, Yes: 10, No: 10, Abstain: 5}, tally.Failed},
		{"one more than a tie", tally.SimpleMajority(1, 5), counts{Electorate: 100, Yes: 11, No: 10}, tally.Passed},
		{"quorum missed by one", tally.SimpleMajority(1, 5), counts{Electorate: 100, Yes: 11, No: 8}, tally.NoQuorum},
		{"abstention reaches it", tally.SimpleMajority(1, 5), counts{Electorate: 100, Yes: 11, No: 8, Abstain: 1}, tally.Passed},
		{"quorum is rounded up", tally.SimpleMajority(1, 3), counts{Electorate: 100, Yes: 33}, tally.NoQuorum},
		{"no quorum asked, nobody votes", tally.SimpleMajority(0, 0), counts{Electorate: 5}, tally.Failed},
		{"exactly two thirds", tally.TwoThirds(1, 10), counts{Electorate: 90, Yes: 20, No: 10, Abstain: 3}, tally.Passed},
		{"66.56 percent", tally.TwoThirds(0, 1), counts{Electorate: 90_000, Yes: 199, No: 100}, tally.Failed},
		{"exactly three quarters", tally.ThreeQuartersPlusFloor(2, 5), counts{Electorate: 84, Yes: 36, No: 12}, tally.Passed},
		{"floor missed by one", tally.ThreeQuartersPlusFloor(2, 5), counts{Electorate: 84, Yes: 33, No: 1}, tally.Failed},
		{"share missed by one", tally.ThreeQuartersPlusFloor(2, 5), counts{Electorate: 84, Yes: 36, No: 13}, tally.Failed},
		{"debian quorum and no majority", tally.Debian(1), counts{Electorate: 911, Yes: 144, No: 258}, tally.Failed},
		{"debian", tally.Debian(1), counts{Electorate: 911, Yes: 394, No: 70}, tally.Passed},
		{"debian 3:1 exactly", tally.Debian(3), counts{Electorate: 1000, Yes: 150, No: 50}, tally.Passed},
		{"debian quorum exactly: 3·√16/2 = 6", tally.Debian(1), counts{Electorate: 16, Yes: 6}, tally.Passed},
		{"debian quorum: 3·√17/2 > 6", tally.Debian(1), counts{Electorate: 17, Yes: 6}, tally.Failed},
		{"void veto", tally.ApacheCode(), counts{Yes: 5, VoidVetoes: 1}, tally.Passed},
		{"veto with a reason", tally.ApacheCode(), counts{Yes: 50, Vetoes: 1}, tally.Failed},
		{"two binding yes", tally.ApacheCode(), counts{Yes: 2}, tally.Failed},
		{"release over a no", tally.ApacheRelease(), counts{Yes: 3, No: 2, Vetoes: 2}, tally.Passed},
		{"release in a tie", tally.ApacheRelease(), counts{Yes: 3, No: 3}, tally.Failed},
		{"silence, six minutes short", tally.LazyConsensus(72), counts{Minutes: 4314}, tally.Open},
		{"silence", tally.LazyConsensus(72), counts{Minutes: 4320}, tally.Passed},
		{"an objection", tally.LazyConsensus(72), counts{Minutes: 9999, Objections: 1, Answered: 1}, tally.ToVote},
		{"consent", tally.Consent(1, 2), counts{Electorate: 9, Yes: 4, Abstain: 1, Objections: 2, Answered: 2}, tally.Passed},
		{"paramount objection", tally.Consent(1, 2), counts{Electorate: 9, Yes: 5, Objections: 2, Answered: 1}, tally.Failed},
		{"too few consent", tally.Consent(1, 2), counts{Electorate: 9, Yes: 4}, tally.NoQuorum},
		{"75 exactly", tally.RFABand(), counts{Yes: 150, No: 50, Abstain: 40}, tally.Passed},
		{"just under 75", tally.RFABand(), counts{Yes: 149, No: 50}, tally.Closers},
		{"65 exactly", tally.RFABand(), counts{Yes: 65, No: 35}, tally.Closers},
		{"under 65", tally.RFABand(), counts{Yes: 64, No: 35}, tally.Failed},
		{"nobody", tally.RFABand(), counts{}, tally.Failed},
		{"arbcom half", tally.ArbComPercent(), counts{Yes: 50, No: 50}, tally.Passed},
		{"arbcom under half", tally.ArbComPercent(), counts{Yes: 49, No: 50}, tally.Failed},
		{"a minority group against", tally.Bridging(), counts{Yes: 93, No: 19, Groups: []tally.GroupCount{{Yes: 90, No: 10}, {Yes: 3, No: 9}}}, tally.Failed},
		{"half of five, smoothed", tally.Bridging(), counts{Yes: 93, No: 13, Groups: []tally.GroupCount{{Yes: 90, No: 10}, {Yes: 3, No: 3}}}, tally.Passed},
		{"four voters never block", tally.Bridging(), counts{Yes: 90, No: 14, Groups: []tally.GroupCount{{Yes: 90, No: 10}, {No: 4}}}, tally.Passed},
		{"overall under 60", tally.Bridging(), counts{Yes: 59, No: 41}, tally.Failed},
		{"both chambers", both(), counts{Chambers: []counts{{Electorate: 84, Yes: 20, No: 6}, {Electorate: 18, Yes: 3, No: 1}}}, tally.Passed},
		{"one chamber refuses", both(), counts{Chambers: []counts{{Electorate: 84, Yes: 20, No: 6}, {Electorate: 18, Yes: 3, No: 3}}}, tally.Failed},
		{"one chamber stays away", both(), counts{Chambers: []counts{{Electorate: 84, Yes: 20, No: 6}, {Electorate: 18, Yes: 3}}}, tally.NoQuorum},
		{"one chamber uncounted", both(), counts{Chambers: []counts{{Electorate: 84, Yes: 20, No: 6}}}, tally.Failed},
		{"unanswered objection", destructive(), counts{Electorate: 84, Yes: 40, Objections: 1}, tally.Failed},
		{"all of class 3", destructive(), counts{Electorate: 84, Yes: 40, No: 6, Objections: 1, Answered: 1}, tally.Passed},
		{"no such rule", tally.Rule{Name: "coin", Version: 1, Majority: true}, counts{Yes: 5}, tally.Failed},
		{"a rule of nothing", tally.Rule{Name: "simple-majority", Version: 1}, counts{Yes: 5}, tally.Failed},
		{"negative", tally.SimpleMajority(0, 0), counts{Yes: 1, No: -5}, tally.Failed},
		{"more answers than objections", destructive(), counts{Electorate: 84, Yes: 40, Answered: 1}, tally.Failed},
	} {
		got := tt.rule.Evaluate(tt.in)
		if got.Verdict != tt.want || got.Passed != (tt.want == tally.Passed) {
			t.Errorf("%s: Evaluate(%+v) = %+v, want %s", tt.name, tt.in, got, tt.want)
		}
	}
}

// The table and the sentences of the page that the design shows.
func TestConditionsAsThePageShowsThem(t *testing.T) {
	t.Parallel()
	in := tally.Counts{
		Electorate: 84, Yes: 27, No: 6, Abstain: 5, Objections: 1, Answered: 1,
		Groups: []tally.GroupCount{{Name: "A", Yes: 19, No: 2}, {Name: "B", Yes: 6, No: 3}, {Name: "C", Yes: 1}},
	}
	r := destructive()
	got := r.Evaluate(in)
	want := []string{
		"Share of yes among yes and no | at least 75 % | 27 of 33 = 81.8 % | true | 0",
		"Yes among all members | at least 34 of 84 (40 %) | 27; 7 more are needed | false | 7",
		"Each stable group of opinion | at least 50 % yes, smoothed | A: 86.9 %, B: 63.6 %, C: 1 voter, too few to count | true | 0",
		"Reasoned objections | each has an answer | 1 of 1 answered | true | 0",
	}
	for i, c := range got.Conditions {
		line := fmt.Sprintf("%s | %s | %s | %v | %d", c.Name, c.Needed, c.Now, c.Holds, c.Missing)
		if i >= len(want) || line != want[i] {
			t.Errorf("condition %d: %s, want %v", i+1, line, want)
		}
	}
	if got, want := got.Sentence(), "If it closed now it would not pass: 7 yes are missing."; got != want {
		t.Errorf("Sentence() = %q, want %q", got, want)
	}
	in.Yes, in.Answered = 34, 0
	if got, want := r.Evaluate(in).Sentence(), "If it closed now it would not pass: 1 objection has no answer."; got != want {
		t.Errorf("Sentence() = %q, want %q", got, want)
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule tally.Rule
		n    []int
		want string
	}{
		{destructive(), []int{84}, "With today’s 84 members this needs 34 yes, three yes for every no, half of each group of opinion and an answer to every objection."},
		{tally.Debian(3), []int{84}, "With today’s 84 members this needs 14 yes and three yes for every no."},
		{tally.Debian(1), []int{84}, "With today’s 84 members this needs 14 yes and more yes than no."},
		{tally.SimpleMajority(1, 5), []int{84}, "With today’s 84 members this needs 17 ballots (abstentions count) and more yes than no."},
		{tally.TwoThirds(3, 10), []int{1234}, "With today’s 1,234 members this needs 371 ballots (abstentions count) and two yes for every no."},
		{tally.LazyConsensus(72), []int{1}, "With today’s 1 member this needs 72 hours without an objection."},
		{tally.Consent(1, 2), []int{9}, "With today’s 9 members this needs 5 ballots (abstentions count) and no open paramount objection."},
		{tally.ApacheCode(), []int{20}, "With today’s 20 members this needs 3 yes and no veto with a written reason."},
		{tally.ApacheRelease(), []int{20}, "With today’s 20 members this needs 3 yes and more yes than no."},
		{tally.RFABand(), []int{20}, "With today’s 20 members this needs three yes for every no, or from 65 % yes on the word of the closers."},
		{tally.ArbComPercent(), []int{20}, "With today’s 20 members this needs 50 % yes among yes and no."},
		{both(), []int{84, 18}, "This needs, among the 84 members, 26 ballots (abstentions count) and two yes for every no; and among the 18 node operators, 4 ballots (abstentions count) and more yes than no."},
		{tally.Rule{Name: "coin", Version: 1}, []int{5}, "This rule cannot decide anything: rule \"coin\": no rule of the catalogue has this name."},
	} {
		if got := tt.rule.Preview(tt.n...); got != tt.want {
			t.Errorf("%s.Preview(%v) = %q, want %q", tt.rule.Name, tt.n, got, tt.want)
		}
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule tally.Rule
		in   tally.Counts
		want string
	}{
		{tally.SimpleMajority(1, 5), tally.Counts{Electorate: 84, Yes: 3, No: 4, Abstain: 1}, "If it closed now it would not pass: 9 ballots are missing and 2 yes are missing."},
		{tally.SimpleMajority(1, 5), tally.Counts{Electorate: 10, Yes: 0, No: 1}, "If it closed now it would not pass: 2 yes are missing."},
		{tally.LazyConsensus(72), tally.Counts{Minutes: 4314}, "The time for objections has not run out: 0 hours 6 min are missing."},
		{tally.LazyConsensus(72), tally.Counts{Objections: 1}, "Somebody objects, so it goes to a vote."},
		{tally.RFABand(), tally.Counts{Yes: 70, No: 30}, "If it closed now the closers would decide: the share lies in their band."},
		{tally.ApacheCode(), tally.Counts{Yes: 3, Vetoes: 1}, "If it closed now it would not pass: “Vetoes with a written reason” does not hold."},
		{tally.ArbComPercent(), tally.Counts{Yes: 1}, "If it closed now it would pass."},
		{both(), tally.Counts{Chambers: []tally.Counts{{Electorate: 84, Yes: 20, No: 6}, {Electorate: 18, Yes: 3, No: 3}}}, "If it closed now it would not pass: 1 yes is missing among the node operators."},
	} {
		if got := tt.rule.Evaluate(tt.in).Sentence(); got != tt.want {
			t.Errorf("%s: Evaluate(%+v).Sentence() = %q, want %q", tt.rule.Name, tt.in, got, tt.want)
		}
	}
}

func TestCatalogueIsValidAndSurvivesJSON(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range tally.Catalogue() {
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		if seen[r.Name] {
			t.Errorf("%s is listed twice", r.Name)
		}
		seen[r.Name] = true
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back tally.Rule
		if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s reads back as %+v, %v", raw, back, err)
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d rules, want 12", len(seen))
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*tally.Rule){
		"version":          func(r *tally.Rule) { r.Version = 0 },
		"zero denominator": func(r *tally.Rule) { r.FloorDen = 0 },
		"more than all":    func(r *tally.Rule) { r.FloorNum, r.FloorDen = 3, 2 },
		"another share":    func(r *tally.Rule) { r.ShareNum, r.ShareDen = 1, 2 },
		"no floor":         func(r *tally.Rule) { r.FloorNum, r.FloorDen = 0, 0 },
		"band above share": func(r *tally.Rule) { r.BandNum, r.BandDen = 4, 5 },
		"negative":         func(r *tally.Rule) { r.MinYes = -1 },
		"nested chambers":  func(r *tally.Rule) { r.Chambers = []tally.Chamber{{Name: "x", Rule: both()}} },
		"nameless chamber": func(r *tally.Rule) { r.Chambers = []tally.Chamber{{Rule: tally.Bridging()}} },
	} {
		r := tally.ThreeQuartersPlusFloor(2, 5)
		spoil(&r)
		if err := r.Validate(); err == nil {
			t.Errorf("%s: Validate(%+v) = nil", name, r)
		}
	}
}

func TestSupportPercent(t *testing.T) {
	t.Parallel()
	votes := []tally.Support{{Support: 300, Oppose: 200}, {Support: 290, Oppose: 190}, {Support: 3, Oppose: 2}, {Support: 49, Oppose: 51}, {}}
	lot := []int{2, 0, 1, 3, 4}
	r, err := tally.SupportPercent(tally.ArbComPercent(), votes, 2, lot, 0)
	if err != nil {
		t.Fatal(err)
	}
	// 60.42 % first; 300:200 and 3:2 are the same 60 %, and the lot lets 2 go first.
	if words(r.Elected) != "1 0" || words(r.Long) != "true true false false false" || len(r.Ties) != 1 || r.Ties[0].Chosen != 2 {
		t.Errorf("SupportPercent = %+v, want 1 and 0 with a tie of 0 and 2", r)
	}
	if r, err = tally.SupportPercent(tally.ArbComPercent(), votes, 5, lot, 0); err != nil || len(r.Elected) != 3 {
		t.Errorf("SupportPercent for five seats = %+v, %v, want three elected", r, err)
	}
	if _, err := tally.SupportPercent(tally.ApacheCode(), votes, 1, lot, 0); err == nil {
		t.Error("a rule without a pass mark was accepted")
	}
}

// More yes never hurts, and exactly the missing yes mend a yes condition.
func TestMoreYesNeverHurts(t *testing.T) {
	t.Parallel()
	rules := tally.Catalogue()
	rapid.Check(t, func(t *rapid.T) {
		r := rules[rapid.IntRange(0, len(rules)-2).Draw(t, "rule")] // all without chambers
		c := tally.Counts{
			Electorate: rapid.Int64Range(0, 500).Draw(t, "electorate"), Yes: rapid.Int64Range(0, 99).Draw(t, "yes"),
			No: rapid.Int64Range(0, 99).Draw(t, "no"), Abstain: rapid.Int64Range(0, 9).Draw(t, "abstain"), Minutes: rapid.Int64Range(0, 9000).Draw(t, "minutes"),
		}
		before := r.Evaluate(c)
		more := c
		more.Yes += rapid.Int64Range(1, 50).Draw(t, "more")
		if before.Passed && !r.Evaluate(more).Passed {
			t.Fatalf("%s passes %+v and not %+v", r.Name, c, more)
		}
		for i, k := range before.Conditions {
			if k.Unit != tally.UnitYes || k.Holds {
				continue
			}
			mended, almost := c, c
			mended.Yes += k.Missing
			almost.Yes += k.Missing - 1
			if k.Missing < 1 || !r.Evaluate(mended).Conditions[i].Holds || r.Evaluate(almost).Conditions[i].Holds {
				t.Fatalf("%s, %+v: %q is not mended by exactly %d yes", r.Name, c, k.Name, k.Missing)
			}
		}
		if s := before.Sentence(); strings.Contains(s, "  ") || strings.HasSuffix(s, ": .") {
			t.Fatalf("%s, %+v: sentence %q", r.Name, c, s)
		}
	})
}
