package moderation_test

import (
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/moderation"
)

// registered writes a node of a member: joining it is another package's matter.
func (h *house) registered(t *testing.T, owner governance.MemberID) governance.NodeID {
	t.Helper()
	var id governance.NodeID
	const q = `insert into nodes (owner, name, registered_at) values ($1, 'kitchen', now()) returning id`
	if err := h.Pool.QueryRow(t.Context(), q, owner).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestHeldUpdateOpensACaseThatItsOwnerDoesNotDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	owner := h.members[1] // a moderator
	held := moderation.HeldUpdate{
		Node: h.registered(t, owner), Owner: owner, Round: "round/7", Version: 3,
		Facts: "direction: cosine -0.91, held below -0.20.",
	}
	job := governance.Job("open-held-case")
	if _, err := h.cases.OpenHeld(t.Context(), by(owner), held); !governance.Is(err, governance.Forbidden) {
		t.Errorf("opened by a member: %v, want Forbidden", err)
	}
	empty := held
	empty.Facts = ""
	if _, err := h.cases.OpenHeld(t.Context(), job, empty); !governance.Is(err, governance.Invalid) {
		t.Errorf("opened without facts: %v, want Invalid", err)
	}
	r, err := h.cases.OpenHeld(t.Context(), job, held)
	if err != nil {
		t.Fatal(err)
	}
	id := governance.CaseID(r.Subject.ID())
	if _, err := h.cases.OpenHeld(t.Context(), job, held); !governance.Is(err, governance.Conflict) {
		t.Errorf("opened twice: %v, want Conflict", err)
	}
	got := h.get(t, id, owner)
	if got.Kind != moderation.OnHeldUpdate || got.Held != held.Facts || got.Node != held.Node || got.Owner != owner || got.About != "round/7" || got.Text != "" {
		t.Errorf("the case as its owner sees it: %+v", got)
	}
	if list, err := h.cases.OfNode(t.Context(), held.Node, 0, h.Now()); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("cases of the node: %+v, %v; want case %d", list, err, id)
	}
	if _, err := h.cases.Claim(t.Context(), by(owner), id); !governance.Is(err, governance.Forbidden) {
		t.Errorf("claimed by the owner of the node: %v, want Forbidden", err)
	}
	if _, err := h.cases.Claim(t.Context(), by(h.members[0]), id); err != nil {
		t.Fatal(err)
	}
	d := moderation.Decision{Action: moderation.Hide, Facts: "Its owner says that the disk was full.", Reasoning: strings.Repeat("reason ", 8)}
	if _, err := h.cases.Decide(t.Context(), by(h.members[0]), id, d); !governance.Is(err, governance.Invalid) {
		t.Errorf("decided to hide an update: %v, want Invalid", err)
	}
	d.Action = moderation.NoAction
	if _, err := h.cases.Decide(t.Context(), by(h.members[0]), id, d); err != nil {
		t.Fatalf("decide without a clause: %v", err)
	}
	if got := h.get(t, id, h.members[2]); got.State != moderation.Decided || got.Decision.Action != moderation.NoAction {
		t.Errorf("after the decision: %+v", got)
	}
	if len(moderation.ActionsOn(moderation.OnOutput)) != len(moderation.Actions()) {
		t.Error("an answer is decided in other ways than before")
	}
}
