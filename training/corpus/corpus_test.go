package corpus

import (
	"context"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

func TestDescribeKeepsTheNewest(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	s := New(b.Trail, b.Pool)
	root := func(text string) training.Digest { return training.DigestOf([]byte(text)) }
	describe := func(op string, node governance.NodeID, m protocol.ManifestSummary) error {
		return s.Describe(t.Context(), governance.Node(node, governance.NewOperation(op)), 7, m)
	}
	for i, m := range []protocol.ManifestSummary{
		{Root: root("a"), Records: 10, Tokens: 100}, {Root: root("b"), Records: 20, Tokens: 200}, {Root: root("a"), Records: 10, Tokens: 100, Twins: 1},
	} {
		if err := describe("operation-"+string(rune('1'+i)), 4, m); err != nil {
			t.Fatalf("describe %d: %v", i, err)
		}
	}
	if err := describe("operation-x", 4, protocol.ManifestSummary{Root: root("c"), Tokens: -1}); !governance.Is(err, governance.Invalid) {
		t.Errorf("negative tokens: got %v, want invalid", err)
	}
	if err := s.Describe(t.Context(), governance.Job("x"), 7, protocol.ManifestSummary{Root: root("c")}); !governance.Is(err, governance.Forbidden) {
		t.Errorf("manifest by a job: got %v, want forbidden", err)
	}
	m, err := s.Of(t.Context(), 4)
	if err != nil || m.Root != root("a") || m.Twins != 1 || m.Owner != 7 {
		t.Errorf("newest of node 4: got %+v, %v, want a with one twin", m, err)
	}
	if totals, err := s.Totals(t.Context()); err != nil || totals != (Totals{Nodes: 1, Owners: 1, Records: 10, Tokens: 100, Twins: 1}) {
		t.Errorf("totals: got %+v, %v", totals, err)
	}
}

type used struct{ N int }

func (used) Kind() string             { return "test.used" }
func (used) Subject() governance.Ref  { return "test/1" }
func (used) Sentence() audit.Sentence { return audit.Say("tested") }

var _ = audit.Register[used]()

func TestFirstUseIsTheEarliestRoundOfAnyNodeOfTheOwner(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	var got, none int
	_, err := b.Trail.Act(t.Context(), governance.Job("test"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		for _, u := range []struct {
			node  governance.NodeID
			owner governance.MemberID
			round int
		}{{1, 7, 3}, {1, 7, 4}, {2, 7, 2}, {3, 8, 1}} {
			if err := Used(ctx, tx, 5, u.node, u.owner, u.round); err != nil {
				return nil, err
			}
		}
		var err error
		if got, err = FirstUse(ctx, tx, 5, 7); err != nil {
			return nil, err
		}
		none, err = FirstUse(ctx, tx, 5, 9)
		return used{}, err
	})
	if err != nil || got != 2 || none != 0 {
		t.Errorf("first use: got %d and %d, %v, want 2 and 0", got, none, err)
	}
	trained, err := New(b.Trail, b.Pool).Trained(t.Context(), 7)
	if err != nil || len(trained) != 1 || trained[5] != 2 {
		t.Errorf("campaigns of member 7: got %v, %v, want campaign 5 from round 2", trained, err)
	}
}
