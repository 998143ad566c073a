package rounds_test

import (
	"errors"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds/roundstest"
)

// key of nobody in particular, as age-keygen writes one
const recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

func TestOnlyNamedAuditorsReadUpdates(t *testing.T) {
	t.Parallel()
	broken := true
	o := &opened{Bench: roundstest.New(t, founding, func(at string) error {
		if at == "name auditor" && broken {
			return errCrash
		}
		return nil
	}), t: t}
	o.nodes = []governance.NodeID{o.Node(1, 5000), o.Node(2, 6000)}
	ctx := t.Context()
	id, err := o.Rounds.OpenCampaign(ctx, governance.Job("enact"), o.Decide(protocol.MotionTrain, o.Recipe(1, 2)), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := o.Rounds.Rounds(ctx, id)
	if err != nil || len(all) != 1 {
		t.Fatalf("rounds: %v, %v", all, err)
	}
	round := all[0].ID
	refused := func(who governance.MemberID) {
		t.Helper()
		if _, err := o.Rounds.Reader(ctx, round, who); !governance.Is(err, governance.Forbidden) {
			t.Errorf("member %d reads the updates of round %d: %v, want forbidden", who, round, err)
		}
	}
	refused(0)
	refused(1)
	decision := o.Decide(protocol.MotionAudit, protocol.Audit{Campaign: int64(id), Member: 1, Recipient: recipient})
	if err := o.Rounds.NameAuditor(ctx, governance.Member(1, o.Operation()), decision, nil); !governance.Is(err, governance.Forbidden) {
		t.Errorf("a member names an auditor: %v, want forbidden", err)
	}
	if err := o.Rounds.NameAuditor(ctx, governance.Job("enact"), decision, nil); !errors.Is(err, errCrash) {
		t.Errorf("got %v, want the crash", err)
	}
	refused(1)
	broken = false
	if err := o.Rounds.NameAuditor(ctx, governance.Job("enact"), decision, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.Rounds.NameAuditor(ctx, governance.Job("enact"), decision, nil); !governance.Is(err, governance.Conflict) {
		t.Errorf("the same decision again: %v, want a conflict", err)
	}
	if got, err := o.Rounds.Reader(ctx, round, 1); got != recipient || err != nil {
		t.Errorf("the auditor reads with %q, %v; want %q", got, err, recipient)
	}
	refused(2)
	for _, wrong := range []protocol.Audit{
		{Campaign: 99, Member: 1, Recipient: recipient}, {Round: 99, Member: 1, Recipient: recipient}, {Round: 1, Member: 99, Recipient: recipient},
		{Round: 1, Campaign: 1, Member: 1, Recipient: recipient}, {Round: 1, Member: 1, Recipient: "age1"},
	} {
		err := o.Rounds.NameAuditor(ctx, governance.Job("enact"), o.Decide(protocol.MotionAudit, wrong), nil)
		if !governance.Is(err, governance.Invalid) {
			t.Errorf("NameAuditor(%+v): %v, want invalid", wrong, err)
		}
	}
}

func TestAnyoneReadsTheUpdatesOfAPublicCampaign(t *testing.T) {
	t.Parallel()
	o := &opened{Bench: roundstest.New(t, founding, nil), t: t}
	recipe := o.Recipe(1, 2)
	recipe.Public = true
	id, err := o.Rounds.OpenCampaign(t.Context(), governance.Job("enact"), o.Decide(protocol.MotionTrain, recipe), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := o.Rounds.Rounds(t.Context(), id)
	if err != nil || len(all) != 1 {
		t.Fatalf("rounds: %v, %v", all, err)
	}
	if got, err := o.Rounds.Reader(t.Context(), all[0].ID, 0); got != "" || err != nil {
		t.Errorf("a visitor reads with %q, %v; want in plain", got, err)
	}
	recipe.Privacy = protocol.Privacy{Noise: "1", Clip: "1", Delta: "0.00001", Ceiling: "8", Rounds: 1}
	if err := recipe.Check(); err == nil || !strings.Contains(err.Error(), "public campaign") {
		t.Errorf("public and private at once: %v, want a refusal", err)
	}
}
