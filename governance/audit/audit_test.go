package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/translog"
	"golang.org/x/mod/sumdb/tlog"
)

// noted is an event of these tests.
type noted struct {
	Page int64  `json:"page"`
	Text string `json:"text"`
	Seal string `json:"seal,omitempty"`
}

func (noted) Kind() string               { return "test.noted" }
func (n noted) Subject() governance.Ref  { return governance.RefTo("page", n.Page) }
func (n noted) Sentence() audit.Sentence { return audit.Say("noted ", n.Text, " on ", n.Subject()) }
func (n noted) Held() string             { return n.Seal }
func (noted) About() []governance.Ref    { return []governance.Ref{"poll/1"} }

var _ = audit.Register[noted]()

func note(t *testing.T, b *audittest.Bench, op string, n noted) audit.Receipt {
	t.Helper()
	r, err := b.Trail.Act(t.Context(), member(op, n.Text), returning(n))
	if err != nil {
		t.Fatalf("note %q: %v", n.Text, err)
	}
	return r
}

func member(op string, content ...string) governance.Actor {
	if op == "" {
		return governance.Actor{Member: 7}
	}
	return governance.Member(7, governance.NewOperation("operation-"+op, content...))
}

func returning(ev audit.Event) func(context.Context, *audit.Tx) (audit.Event, error) {
	return func(context.Context, *audit.Tx) (audit.Event, error) { return ev, nil }
}

func TestActWritesItsEntryOrNothing(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	_, err := b.Trail.Act(t.Context(), member(""), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if err := tx.Name(ctx, "page/1", "Half"); err != nil {
			return nil, err
		}
		return nil, governance.Errorf(governance.Forbidden, "no")
	})
	if !governance.Is(err, governance.Forbidden) {
		t.Fatalf("refused act: got %v, want Forbidden", err)
	}
	names, err := b.Log.Names(t.Context(), []governance.Ref{"page/1"})
	if err != nil || len(names) != 0 {
		t.Errorf("after a refused act: got names %v, %v; want none", names, err)
	}
	note(t, b, "", noted{Page: 1, Text: "kept"})
	changes, err := b.Log.Changes(t.Context(), audit.Filter{})
	if err != nil || len(changes) != 1 || changes[0].Event != (noted{Page: 1, Text: "kept"}) {
		t.Errorf("changes: got %+v, %v; want the one that was kept", changes, err)
	}
}

func TestOperationIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	var wg sync.WaitGroup
	receipts := make([]audit.Receipt, 16)
	for i := range receipts {
		wg.Go(func() {
			r, err := b.Trail.Act(t.Context(), member("one", "same"), returning(noted{Page: 3, Text: "same"}))
			if err != nil {
				t.Errorf("try %d: %v", i, err)
			}
			receipts[i] = r
		})
	}
	wg.Wait()
	fresh := 0
	for _, r := range receipts {
		if r.Entry != receipts[0].Entry || r.Subject != "page/3" {
			t.Errorf("receipt %+v differs from %+v", r, receipts[0])
		}
		if !r.Repeated {
			fresh++
		}
	}
	changes, _ := b.Log.Changes(t.Context(), audit.Filter{})
	if fresh != 1 || len(changes) != 1 {
		t.Errorf("16 tries: %d carried out, %d entries; want 1 and 1", fresh, len(changes))
	}
	_, err := b.Trail.Act(t.Context(), member("one", "other"), returning(noted{Page: 3, Text: "other"}))
	if !governance.Is(err, governance.Conflict) {
		t.Errorf("the same operation with another content: got %v, want Conflict", err)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	for i := range 5 {
		note(t, b, "", noted{Page: int64(i % 2), Text: fmt.Sprint(i)})
	}
	for _, tt := range []struct {
		name   string
		filter audit.Filter
		want   string
	}{
		{"all, newest first", audit.Filter{}, "4 3 2 1 0"},
		{"one page", audit.Filter{Refs: []governance.Ref{"page/1"}}, "3 1"},
		{"about", audit.Filter{Refs: []governance.Ref{"poll/1"}, Limit: 2}, "4 3"},
		{"by actor", audit.Filter{Actor: "member/7"}, "4 3 2 1 0"},
		{"by nobody", audit.Filter{Actor: "member/8"}, ""},
		{"other kinds", audit.Filter{Kinds: []string{"x"}}, ""},
		{"next page", audit.Filter{Before: 3}, "1 0"},
	} {
		changes, err := b.Log.Changes(t.Context(), tt.filter)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var got []string
		for _, c := range changes {
			got = append(got, c.Event.(noted).Text)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestHeldEntriesEnterSortedByHash(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	for i := range 20 {
		note(t, b, "", noted{Page: 1, Text: fmt.Sprint(i), Seal: "poll/9"})
	}
	if changes, _ := b.Log.Changes(t.Context(), audit.Filter{}); len(changes) != 0 {
		t.Fatalf("held entries show before their release: %d", len(changes))
	}
	_, err := b.Trail.Act(t.Context(), member(""), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		n, err := tx.Release(ctx, "poll/9")
		if n != 20 {
			t.Errorf("released %d, want 20", n)
		}
		return noted{Page: 1, Text: "closed"}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	var last tlog.Hash
	for i := range int64(20) {
		p, err := b.Log.Inclusion(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		hash := tlog.RecordHash(p.Entry)
		if bytes.Compare(last[:], hash[:]) >= 0 {
			t.Errorf("entry %d: hash %v is not above %v", i, hash, last)
		}
		last = hash
		e, _, err := p.Check(b.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		if h, m, s := e.At.Clock(); h+m+s+e.At.Nanosecond() != 0 {
			t.Errorf("held entry states %v, want the day only", e.At)
		}
	}
}

// fetch reads the log as a stranger would, through the tiles that are served.
func fetch(ctx context.Context, l *audit.Log) translog.Fetch {
	return func(path string, _ int64) ([]byte, error) {
		if path == "checkpoint" {
			s, err := l.Checkpoint(ctx)
			return s.Note, err
		}
		tile, err := translog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return l.Tile(ctx, tile)
	}
}

func TestStrangerVerifiesTheLogAndFindsTheChangedEntry(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	for i := range 600 {
		note(t, b, "", noted{Page: int64(i), Text: "x"})
	}
	if err := b.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := int64(0)
	c, err := translog.Verify(fetch(t.Context(), b.Log), b.Verifier, func(i int64, e translog.Entry) error {
		seen++
		return nil
	})
	if err != nil || c.Size != 600 || seen != 600 {
		t.Fatalf("verify: got size %d, %d seen, %v; want 600", c.Size, seen, err)
	}
	tamper(t, b, `update audit_entries set data = overlay(data placing '\x79'::bytea from octet_length(data) - position('"x":'::bytea in data)) where idx = 300`)
	_, err = translog.Verify(fetch(t.Context(), b.Log), b.Verifier, nil)
	if err == nil || !strings.Contains(err.Error(), "entry 300") {
		t.Errorf("verify after a byte of entry 300 was changed: got %v, want an error that names it", err)
	}
	if err := audit.Verify(t.Context(), b.Pool); err == nil || !strings.Contains(err.Error(), "entry 300") {
		t.Errorf("auditor after a byte of entry 300 was changed: got %v, want an error that names it", err)
	}
	restore(t, b)
}

// tamper does as a superuser what no trigger can stop, and keeps what was.
func tamper(t *testing.T, b *audittest.Bench, sql string) {
	t.Helper()
	for _, s := range []string{
		"create table kept as select * from audit_entries", "create table kept_hashes as select * from audit_hashes",
		"create table kept_head as select * from audit_head",
		"alter table audit_entries disable trigger user", "alter table audit_hashes disable trigger user", sql,
	} {
		if _, err := b.Pool.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func restore(t *testing.T, b *audittest.Bench) {
	t.Helper()
	for _, s := range []string{
		`truncate audit_hashes`, `insert into audit_hashes select * from kept_hashes`,
		`delete from audit_entries`, `insert into audit_entries overriding system value select * from kept`,
		`update audit_head h set size = k.size, root = k.root from kept_head k`,
		"drop table kept, kept_hashes, kept_head",
		"alter table audit_entries enable trigger user", "alter table audit_hashes enable trigger user",
	} {
		if _, err := b.Pool.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestAuditorFindsEveryColumn(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		`update audit_entries set at = at + interval '1 microsecond' where idx = 2`,
		`update audit_entries set kind = 'other' where idx = 2`,
		`update audit_entries set actor = 'member/8' where idx = 2`,
		`update audit_entries set subject = 'page/9' where idx = 2`,
		`update audit_entries set refs = array_append(refs, 'page/9') where idx = 2`,
		`update audit_entries set data = data || '\x20' where idx = 2`,
		`update audit_entries set idx = 9 where idx = 2`,
		`delete from audit_entries where idx = 2`,
		`update audit_hashes set h = sha256(h) where i = 3`,
		`delete from audit_hashes where i = 3`,
		`update audit_head set size = size - 1`,
		`update audit_head set root = sha256(root)`,
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			b := audittest.New(t)
			for i := range 5 {
				note(t, b, "", noted{Page: int64(i), Text: "x"})
			}
			if err := b.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			tamper(t, b, change)
			if err := audit.Verify(t.Context(), b.Pool); err == nil {
				t.Errorf("the auditor does not see: %s", change)
			}
			restore(t, b)
		})
	}
}

func TestTriggersRefuseWhatIsNotAppending(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	note(t, b, "", noted{Page: 1, Text: "x"})
	if err := b.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`update audit_entries set data = data`, `update audit_entries set idx = null`, `delete from audit_entries`,
		`truncate audit_entries`, `delete from audit_hashes`, `update audit_checkpoints set size = 9`, `truncate audit_checkpoints`,
	} {
		if _, err := b.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: was carried out, want a refusal", sql)
		}
	}
}

// TestSequencerCrash breaks the sequencer on both sides of the one step that
// promises something to the world, and expects the next run to finish.
func TestSequencerCrash(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%v", after), func(t *testing.T) {
			t.Parallel()
			b := audittest.New(t)
			note(t, b, "", noted{Page: 1, Text: "x"})
			crash := errors.New("killed")
			b.Store.Fail = func(a bool) error {
				if a == after {
					return crash
				}
				return nil
			}
			if _, err := b.Sequencer.Step(t.Context()); !errors.Is(err, crash) {
				t.Fatalf("step: got %v, want the crash", err)
			}
			if _, err := b.Log.Checkpoint(t.Context()); !governance.Is(err, governance.NotFound) {
				t.Errorf("a checkpoint is served that was not published: %v", err)
			}
			b.Store.Fail = nil
			note(t, b, "", noted{Page: 2, Text: "y"})
			if err := b.Sequence(t.Context()); err != nil {
				t.Fatalf("next run: %v", err)
			}
			c, err := translog.Verify(fetch(t.Context(), b.Log), b.Verifier, nil)
			if err != nil || c.Size != 2 {
				t.Errorf("after the crash: size %d, %v; want 2", c.Size, err)
			}
		})
	}
}

func TestSignerRefusesAnOlderDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, restore string }{
		{"shorter", `delete from audit_entries where idx >= 1; delete from audit_hashes where i >= 1; update audit_head set size = 1, root = (select h from audit_hashes where i = 0)`},
		{"another history of the same length", `update audit_hashes set h = sha256(h) where i = 0; update audit_head set root = sha256(root)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := audittest.New(t)
			note(t, b, "", noted{Page: 1, Text: "x"})
			note(t, b, "", noted{Page: 2, Text: "y"})
			if err := b.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			tamper(t, b, "alter table audit_checkpoints disable trigger user; "+tt.restore+"; delete from audit_checkpoints")
			if _, err := b.Sequencer.Step(t.Context()); !errors.Is(err, audit.ErrFork) {
				t.Errorf("step on a restored database: got %v, want ErrFork", err)
			}
			if _, err := b.Log.Checkpoint(t.Context()); !governance.Is(err, governance.NotFound) {
				t.Errorf("the fork was signed: %v", err)
			}
			restore(t, b)
		})
	}
}

func BenchmarkAct(b *testing.B) {
	bench := audittest.New(b)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := bench.Trail.Act(b.Context(), member(""), returning(noted{Page: 1, Text: "x"})); err != nil {
				b.Error(err)
			}
		}
	})
}
