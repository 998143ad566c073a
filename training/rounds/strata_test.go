package rounds_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

// holds has a node describe its text: so many records in each language.
func (o *opened) holds(node governance.NodeID, languages map[string]int64) {
	o.t.Helper()
	m := protocol.Strata{Version: protocol.StrataVersion, Root: roundstest.Manifest(node)}
	for _, l := range slices.Sorted(maps.Keys(languages)) {
		m.Strata = append(m.Strata, protocol.Stratum{Kind: protocol.ByLanguage, Value: l, Records: languages[l]})
	}
	m.Strata = append(m.Strata, protocol.Stratum{Kind: protocol.ByRegion, Value: protocol.NotSaid, Records: 100})
	if err := o.Corpus.DescribeStrata(o.t.Context(), governance.Node(node, o.Operation()), m); err != nil {
		o.t.Fatalf("strata of node %d: %v", node, err)
	}
}

func TestStrataOfTheCommunityOfARoundAndOfACampaign(t *testing.T) {
	t.Parallel()
	o := open(t, 2, nil)
	o.holds(o.nodes[0], map[string]int64{"en": 100, "fr": 20})
	o.holds(o.nodes[1], map[string]int64{"en": 50})
	o.holds(o.nodes[2], map[string]int64{"en": 20})
	same := func(what string, got []corpus.StratumCount, err error, want string) {
		t.Helper()
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: %v, %v; want %s", what, got, err, want)
		}
	}
	got, err := o.Corpus.Strata(t.Context())
	same("the community", got, err, "[{language en 3 2 170} {language fr 1 1 20} {region not-said 3 2 300}]")

	id := o.begin()
	got, err = o.Corpus.StrataOfRound(t.Context(), id)
	same("a round without updates", got, err, "[]")
	for _, n := range o.nodes[:2] {
		o.train(n)
	}
	got, err = o.Corpus.StrataOfRound(t.Context(), id)
	same("a round", got, err, "[{language en 2 2 150} {language fr 1 1 20} {region not-said 2 2 200}]")
	got, err = o.Corpus.StrataOfCampaign(t.Context(), o.campaign)
	same("a campaign without an accepted round", got, err, "[]")

	declared, err := corpus.Declared(t.Context(), o.Pool)
	if err != nil || fmt.Sprint(declared[o.nodes[0]]) != "map[language:[en fr]]" {
		t.Errorf("declared by node %d: %v, %v", o.nodes[0], declared[o.nodes[0]], err)
	}
	r, err := o.Rounds.Round(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := r.StrataAsked()
	if err != nil || asked["language"]["en"] != 3 || asked["language"]["fr"] != 1 {
		t.Errorf("asked %v, %v; want three nodes with English and one with French", asked, err)
	}
	if _, err := o.Pool.Exec(t.Context(), `update members set issuer = null, subject = null, name = null, skeleton = null, left_at = clock_timestamp() where id = 1`); err != nil {
		t.Fatal(err)
	}
	got, err = o.Corpus.Strata(t.Context())
	same("after a member left", got, err, "[{language en 2 1 70} {region not-said 2 1 200}]")
}
