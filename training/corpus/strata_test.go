package corpus

import (
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

func TestDescribeStrata(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	s := New(b.Trail, b.Pool)
	root := training.DigestOf([]byte("a"))
	if err := s.Describe(t.Context(), governance.Node(4, governance.NewOperation("manifest-0001")), 7, protocol.ManifestSummary{Root: root, Records: 100}); err != nil {
		t.Fatal(err)
	}
	made := func(lines ...protocol.Stratum) protocol.Strata {
		return protocol.Strata{Version: protocol.StrataVersion, Root: root, Strata: lines}
	}
	prose := protocol.Stratum{Kind: protocol.ByDomain, Value: protocol.Prose, Records: 100}
	french := protocol.Stratum{Kind: protocol.ByLanguage, Value: "fr", Records: 50}
	english := protocol.Stratum{Kind: protocol.ByLanguage, Value: "en", Records: 20}
	node := func(op string) governance.Actor { return governance.Node(4, governance.NewOperation(op)) }
	stored := func() []protocol.Stratum {
		t.Helper()
		list, err := s.StrataOfNode(t.Context(), 4)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if err := s.DescribeStrata(t.Context(), node("strata-000001"), made(prose, english)); err != nil || !slices.Equal(stored(), []protocol.Stratum{prose, english}) {
		t.Fatalf("first: %v, %v", stored(), err)
	}
	if err := s.DescribeStrata(t.Context(), node("strata-000002"), made(prose, french)); err != nil || !slices.Equal(stored(), []protocol.Stratum{prose, french}) {
		t.Fatalf("second: %v, %v; want it to replace the first", stored(), err)
	}
	other := made(prose)
	other.Root = training.DigestOf([]byte("b"))
	for _, tt := range []struct {
		name  string
		actor governance.Actor
		m     protocol.Strata
		kind  governance.Kind
	}{
		{"by a job", governance.Job("x"), made(prose), governance.Forbidden},
		{"of a manifest that nobody reported", node("strata-000003"), other, governance.Conflict},
		{"of another node's manifest", governance.Node(5, governance.NewOperation("strata-000004")), made(prose), governance.Conflict},
		{"too rare", node("strata-000005"), made(protocol.Stratum{Kind: protocol.ByRegion, Value: "asia", Records: 3}), governance.Invalid},
	} {
		if err := s.DescribeStrata(t.Context(), tt.actor, tt.m); !governance.Is(err, tt.kind) {
			t.Errorf("strata %s: %v, want %v", tt.name, err, tt.kind)
		}
	}
	if _, err := b.Pool.Exec(t.Context(), `alter table strata add check (value <> 'en')`); err != nil {
		t.Fatal(err)
	}
	if err := s.DescribeStrata(t.Context(), node("strata-000006"), made(prose, english)); err == nil || !slices.Equal(stored(), []protocol.Stratum{prose, french}) {
		t.Errorf("after a failed statement: %v, %v; want what was there before", stored(), err)
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	there := []StratumCount{
		{Kind: protocol.ByDomain, Value: protocol.Code, Nodes: 1},
		{Kind: protocol.ByLanguage, Value: "en", Nodes: 5}, {Kind: protocol.ByLanguage, Value: "fr", Nodes: 2},
		{Kind: protocol.ByLanguage, Value: protocol.StratumOther, Nodes: 1}, {Kind: protocol.ByRegion, Value: protocol.NotSaid, Nodes: 1},
	}
	for _, tt := range []struct {
		recipe protocol.Selection
		want   []Lack
	}{
		{protocol.Selection{}, nil},
		{protocol.Selection{Strata: protocol.ByLanguage, Floor: 3}, []Lack{{"fr", 2, 3}}},
		{protocol.Selection{Strata: protocol.ByLanguage, Floor: 2}, nil},
		{protocol.Selection{Strata: protocol.ByDomain, Floor: 2}, []Lack{{"code", 1, 2}}},
		{protocol.Selection{Strata: protocol.ByRegion, Floor: 2}, nil},
	} {
		if got := Lacks(tt.recipe, there); !slices.Equal(got, tt.want) {
			t.Errorf("Lacks(%s, %d) = %v, want %v", tt.recipe.Strata, tt.recipe.Floor, got, tt.want)
		}
	}
}
