package nodes_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/nodes"
)

func newKey(t testing.TB) ed25519.PublicKey {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func op(name string) governance.Operation { return governance.NewOperation("operation-" + name) }

type stage struct {
	*audittest.Bench
	store      *nodes.Store
	anna, bert governance.MemberID
}

func newStage(t testing.TB) stage {
	b := audittest.New(t)
	ids := memberstest.Join(t, b, "Anna", "Bert")
	return stage{b, nodes.New(b.Trail, b.Pool, b.Now), ids[0], ids[1]}
}

func (s stage) register(t testing.TB, owner governance.MemberID, name string) nodes.IssuedToken {
	t.Helper()
	token, err := s.store.Register(t.Context(), governance.Member(owner, op("register-"+name)), name, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (s stage) join(t testing.TB, owner governance.MemberID, name string) nodes.Node {
	t.Helper()
	n, err := s.store.Redeem(t.Context(), s.register(t, owner, name).ID, newKey(t), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRegisterAndJoin(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	secretHalf := newKey(t)
	actor := governance.Member(s.anna, op("one"))
	token, err := s.store.Register(ctx, actor, "  kitchen   laptop ", secretHalf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Register(ctx, actor, "  kitchen   laptop ", secretHalf); !governance.Is(err, governance.Conflict) {
		t.Errorf("the same form again: %v, want a Conflict: the token was shown", err)
	}
	if _, err := s.store.Register(ctx, governance.Member(s.anna, op("two")), "kitchen laptop", newKey(t)); !governance.Is(err, governance.Invalid) {
		t.Errorf("the same name again: %v, want Invalid", err)
	}
	bound, err := s.store.TokenKey(ctx, token.ID)
	if err != nil || bound.Node != token.Node || !bound.PublicKey.Equal(secretHalf) {
		t.Errorf("TokenKey = %+v, %v", bound, err)
	}
	if _, err := s.store.Credential(ctx, token.Node); !governance.Is(err, governance.Unauthenticated) {
		t.Errorf("before joining: %v, want Unauthenticated", err)
	}
	key := newKey(t)
	for range 2 { // the second try is the retry of a lost answer
		n, err := s.store.Redeem(ctx, token.ID, key, []byte(`{"threads":2}`))
		if err != nil || n.ID != token.Node || n.Owner != s.anna || n.Name != "kitchen laptop" || !bytes.Equal(n.PublicKey, key) {
			t.Fatalf("Redeem = %+v, %v", n, err)
		}
	}
	if _, err := s.store.Redeem(ctx, token.ID, newKey(t), []byte("{}")); !governance.Is(err, governance.Conflict) || !strings.Contains(err.Error(), "used already") {
		t.Errorf("another machine with the same token: %v, want a Conflict", err)
	}
	c, err := s.store.Credential(ctx, token.Node)
	if err != nil || c.Owner != s.anna || !c.PublicKey.Equal(key) {
		t.Errorf("Credential = %+v, %v", c, err)
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	token := s.register(t, s.anna, "late")
	s.Travel(nodes.TokenLife + time.Second)
	_, err := s.store.Redeem(t.Context(), token.ID, newKey(t), []byte("{}"))
	if !governance.Is(err, governance.Conflict) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after an hour: %v, want a Conflict that says expired", err)
	}
	again, err := s.store.Reissue(t.Context(), governance.Member(s.anna, op("again")), token.Node, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.store.Reissue(t.Context(), governance.Member(s.anna, op("third")), token.Node, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Redeem(t.Context(), again.ID, newKey(t), []byte("{}")); !governance.Is(err, governance.Conflict) {
		t.Errorf("a token that another replaced: %v, want a Conflict", err)
	}
	if _, err := s.store.Redeem(t.Context(), third.ID, newKey(t), []byte("{}")); err != nil {
		t.Errorf("the newest token: %v", err)
	}
	if _, err := s.store.Reissue(t.Context(), governance.Member(s.anna, op("fourth")), token.Node, newKey(t)); !governance.Is(err, governance.Conflict) {
		t.Errorf("a token for a node that joined: %v, want a Conflict", err)
	}
}

// TestTokenJoinsOneMachine is measured at 1,000 × 20 with ALTHING_SOAK=1.
func TestTokenJoinsOneMachine(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tokens, tries := 40, 20
	if os.Getenv("ALTHING_SOAK") != "" {
		tokens = 1000
	}
	for i := range tokens {
		if i%nodes.MostNodes == 0 && i > 0 { // the member makes room
			list, err := s.store.OfMember(t.Context(), s.anna)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range list[:min(len(list), nodes.MostNodes)] {
				if n.RevokedAt == nil {
					if err := s.store.Revoke(t.Context(), governance.Member(s.anna, op("revoke-"+n.ID.String())), n.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		token := s.register(t, s.anna, "node "+strconv.Itoa(i))
		errs := make([]error, tries)
		var together sync.WaitGroup
		for try := range tries {
			key := newKey(t)
			together.Go(func() { _, errs[try] = s.store.Redeem(t.Context(), token.ID, key, []byte("{}")) })
		}
		together.Wait()
		joined := 0
		for _, err := range errs {
			switch {
			case err == nil:
				joined++
			case !governance.Is(err, governance.Conflict):
				t.Fatalf("token %d: %v, want a Conflict", token.ID, err)
			}
		}
		if joined != 1 {
			t.Fatalf("token %d joined %d machines, want 1", token.ID, joined)
		}
	}
}

func TestOnlyTheOwnerActs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	n := s.join(t, s.anna, "study")
	bert := governance.Member(s.bert, governance.Operation{})
	if err := s.store.Revoke(ctx, bert, n.ID); !governance.Is(err, governance.NotFound) {
		t.Errorf("Bert revokes Anna's node: %v, want NotFound", err)
	}
	if err := s.store.Rename(ctx, bert, n.ID, "mine"); !governance.Is(err, governance.NotFound) {
		t.Errorf("Bert renames Anna's node: %v, want NotFound", err)
	}
	if _, err := s.store.Reissue(ctx, bert, n.ID, newKey(t)); !governance.Is(err, governance.NotFound) {
		t.Errorf("Bert makes a token for Anna's node: %v, want NotFound", err)
	}
	if _, err := s.store.Register(ctx, governance.Actor{}, "nobody's", newKey(t)); !governance.Is(err, governance.Unauthenticated) {
		t.Errorf("nobody registers: %v, want Unauthenticated", err)
	}
	if err := s.store.Rename(ctx, governance.Member(s.anna, op("rename")), n.ID, "study 2"); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Revoke(ctx, governance.Member(s.anna, op("revoke")), n.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Credential(ctx, n.ID); !governance.Is(err, governance.Forbidden) {
		t.Errorf("after revoking: %v, want Forbidden", err)
	}
	if err := s.store.Revoke(ctx, governance.Member(s.anna, op("revoke-2")), n.ID); !governance.Is(err, governance.Conflict) {
		t.Errorf("revoked twice: %v, want a Conflict", err)
	}
	got, err := s.store.Node(ctx, n.ID)
	if err != nil || got.Name != "study 2" || got.RevokedAt == nil {
		t.Errorf("Node = %+v, %v", got, err)
	}
	s.register(t, s.anna, "study 2") // the name is free again
}

func TestNamesOfMachines(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range []string{"", "   ", strings.Repeat("x", 51), "a\u202eb", "zero\u200bwidth"} {
		_, err := s.store.Register(t.Context(), governance.Member(s.anna, governance.Operation{}), name, newKey(t))
		if !governance.Is(err, governance.Invalid) {
			t.Errorf("Register(%q): %v, want Invalid", name, err)
		}
	}
}

func TestActLeavesNothingWhenItsLastStatementFails(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := newKey(t)
	first := s.register(t, s.anna, "first")
	if _, err := s.store.Redeem(ctx, first.ID, key, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	second := s.register(t, s.anna, "second")
	// The key is taken, so the act fails after the token was marked as used.
	if _, err := s.store.Redeem(ctx, second.ID, key, []byte("{}")); !governance.Is(err, governance.Conflict) {
		t.Fatalf("the key of another node: %v, want a Conflict", err)
	}
	if _, err := s.store.Redeem(ctx, second.ID, newKey(t), []byte("{}")); err != nil {
		t.Errorf("the token after a failed act: %v, want it unused", err)
	}
}

func TestNonceIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	ids := [2]governance.NodeID{s.join(t, s.anna, "one").ID, s.join(t, s.anna, "other").ID}
	nonce := bytes.Repeat([]byte{7}, 16)
	const tries = 20
	var fresh atomic.Int64
	var together sync.WaitGroup
	for range tries {
		together.Go(func() {
			switch err := s.store.Admit(ctx, ids[0], nonce); {
			case err == nil:
				fresh.Add(1)
			case !governance.Is(err, governance.Unauthenticated):
				t.Error(err)
			}
		})
	}
	together.Wait()
	if n := fresh.Load(); n != 1 {
		t.Errorf("%d of %d equal requests were let in, want 1", n, tries)
	}
	if err := s.store.Admit(ctx, ids[1], nonce); err != nil {
		t.Errorf("the nonce of another node: %v", err)
	}
	if err := s.store.Admit(ctx, 999, nonce); !governance.Is(err, governance.Unauthenticated) {
		t.Errorf("a node that nobody registered: %v", err)
	}
	if err := s.store.Revoke(ctx, governance.Member(s.anna, op("revoke-other")), ids[1]); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Admit(ctx, ids[1], bytes.Repeat([]byte{8}, 16)); !governance.Is(err, governance.Forbidden) {
		t.Errorf("the first request after the node was revoked: %v", err)
	}
	if n, err := s.store.ForgetNonces(ctx, s.Now().Add(time.Minute)); err != nil || n < 2 {
		t.Errorf("ForgetNonces = %d, %v, want what came", n, err)
	}
}

func TestHeartbeatsAndReady(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	a, b, gone := s.join(t, s.anna, "a"), s.join(t, s.bert, "b"), s.join(t, s.bert, "gone")
	s.register(t, s.bert, "never came")
	now := s.Now().Truncate(time.Microsecond)
	seen := map[governance.NodeID]time.Time{a.ID: now, b.ID: now.Add(-time.Hour), gone.ID: now}
	if err := s.store.SeenMany(ctx, seen); err != nil {
		t.Fatal(err)
	}
	if err := s.store.SeenMany(ctx, map[governance.NodeID]time.Time{a.ID: now.Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Describe(ctx, a.ID, []byte(`{"threads":8}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Describe(ctx, a.ID, []byte(`{`)); !governance.Is(err, governance.Invalid) {
		t.Errorf("half an object: %v, want Invalid", err)
	}
	if n, err := s.store.Node(ctx, a.ID); err != nil || n.Capabilities != `{"threads":8}` {
		t.Errorf("capabilities %q, %v; want what it said last", n.Capabilities, err)
	}
	if err := s.store.SeenMany(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Revoke(ctx, governance.Member(s.bert, op("revoke")), gone.ID); err != nil {
		t.Fatal(err)
	}
	ready, err := s.store.Ready(ctx, now.Add(-time.Second))
	if err != nil || len(ready) != 1 || ready[0] != (nodes.Candidate{Node: a.ID, Owner: s.anna}) {
		t.Errorf("Ready = %v, %v; want only node %d", ready, err, a.ID)
	}
	list, err := s.store.List(ctx, 0, 10)
	if err != nil || len(list) != 2 || list[0].ID != b.ID || list[1].SeenAt.Before(now) {
		t.Errorf("List = %+v, %v", list, err)
	}
	if list, err = s.store.List(ctx, b.ID, 10); err != nil || len(list) != 1 || list[0].ID != a.ID {
		t.Errorf("second page = %+v, %v", list, err)
	}
}

func TestServerKeyIsNamedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := newKey(t)
	var together sync.WaitGroup
	for range 5 {
		together.Go(func() {
			if err := s.store.NameServerKey(t.Context(), key); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.Pool.QueryRow(t.Context(), `select count(*) from audit_entries where kind = 'server.key.named'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d entries name the key (%v), want 1", n, err)
	}
}

func TestJudgementsAreCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	n := s.join(t, s.anna, "a")
	stop := errors.New("stop")
	for i, j := range []nodes.Judgement{nodes.Accepted, nodes.Accepted, nodes.Late, nodes.Refused, nodes.Refused, nodes.Refused} {
		_, err := s.Trail.Act(t.Context(), governance.Job("judge"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
			if err := nodes.Judge(ctx, tx, n.ID, j); err != nil {
				return nil, err
			}
			if i == 5 {
				return nil, stop
			}
			return nodes.Renamed{Node: n.ID}, nil
		})
		if err != nil && !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	got, err := s.store.Node(t.Context(), n.ID)
	if err != nil || got.Accepted != 2 || got.Late != 1 || got.Refused != 2 {
		t.Errorf("Node = %+v, %v; want 2 accepted, 1 late, 2 refused", got, err)
	}
}

func TestSentences(t *testing.T) {
	for _, e := range []audit.Event{nodes.Registered{Node: 1}, nodes.TokenIssued{Node: 1}, nodes.Joined{Node: 1, Owner: 2}, nodes.Renamed{Node: 1}, nodes.Revoked{Node: 1}, nodes.ServerKeyNamed{PublicKey: "k"}} {
		var text strings.Builder
		for _, p := range e.Sentence() {
			text.WriteString(p.Text + string(p.Ref))
		}
		if len(text.String()) < 10 || strings.Contains(text.String(), "updated") {
			t.Errorf("%s says %q", e.Kind(), text.String())
		}
	}
}
