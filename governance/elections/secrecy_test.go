package elections_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"github.com/jackc/pgx/v5"
)

// dump returns every row of every table as text, as a copy of the database
// would show it: bytes are in hex.
func (h *house) dump(t *testing.T) string {
	t.Helper()
	const tables = `
		select format('select %L || t::text from %I.%I t', table_name || ' ', table_schema, table_name)
		from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name`
	rows, _ := h.Pool.Query(t.Context(), tables)
	queries, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(queries) < 20 {
		t.Fatalf("list tables: %d, %v", len(queries), err)
	}
	var all strings.Builder
	for _, q := range queries {
		rows, _ := h.Pool.Query(t.Context(), q)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

// spellings are the forms in which bytes or a ranking could have been written.
func spellings(b []byte) []string {
	return []string{
		string(b), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b),
		base64.RawURLEncoding.EncodeToString(b), strings.Trim(fmt.Sprint(b), "[]"),
	}
}

func rankingSpellings(ranking []int) []string {
	var forms []string
	for _, sep := range []string{",", " ", ", ", "\t", "\n", "=", "&"} {
		forms = append(forms, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ranking)), sep), "[]"))
	}
	for _, f := range forms {
		forms = append(forms, hex.EncodeToString([]byte(f)))
	}
	return forms
}

func hits(where string, forms []string) (found []string) {
	for _, f := range forms {
		if strings.Contains(where, f) {
			found = append(found, f)
		}
	}
	return found
}

// TestBallotCanaryNowhere casts a ranking and a secret that nobody else has
// and looks for them in every table and in the served log: before the close
// nothing is there, and the secret never is.
func TestBallotCanaryNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 12)
	id := h.called(t, 9)
	h.advance(t, id, elections.Nomination)
	canary := []int{7, 3, 9, 1, 8, 2, 6, 4, 5}
	secret := make([]byte, envelope.SecretSize)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	op := governance.NewOperation("operation-canary", "7 3 9 1 8 2 6 4 5", base64.StdEncoding.EncodeToString(secret))
	tracker, _, err := h.elections.Cast(t.Context(), governance.Member(h.members[3], op), id, canary, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range h.members[4:] {
		h.cast(t, id, m, 1, 2)
	}
	before := append(append(spellings(secret), spellings(tracker[:])...), rankingSpellings(canary)...)
	if found := hits(h.dump(t), before); len(found) > 0 {
		t.Errorf("in the database before the close: %q", found)
	}
	_, _, served := h.served(t)
	if found := hits(string(served), before); len(found) > 0 {
		t.Errorf("in the served log before the close: %q", found)
	}
	if bytes.Contains(served, []byte("ballot.sealed")) {
		t.Error("a sealed ballot is in the log before the close; its time would tell who was where")
	}

	h.advance(t, id, elections.Voting)
	if found := hits(h.dump(t), before); len(found) > 0 {
		t.Errorf("in the database after the close and before the count: %q", found)
	}
	h.certify(t, id)
	dump := h.dump(t)
	_, _, served = h.served(t)
	if found := append(hits(dump, spellings(secret)), hits(string(served), spellings(secret))...); len(found) > 0 {
		t.Errorf("the secret after the count: %q", found)
	}
	line := elections.Line(tracker[:], canary)
	if !strings.Contains(string(served), line) || len(hits(dump, rankingSpellings(canary))) == 0 {
		t.Errorf("the published list has no line %q; the scan finds nothing at all", line)
	}
}

// TestNoOrderLeak: the published ballots are in one transaction and lie in the
// table in the order of their trackers, and the log has the sealed ones in the
// order of their hashes.
func TestNoOrderLeak(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 40)
	id := h.called(t, 3)
	h.advance(t, id, elections.Nomination)
	for i, m := range h.members {
		h.cast(t, id, m, 1+i%3)
	}
	h.advance(t, id, elections.Voting)
	h.certify(t, id)
	const q = `
		select count(distinct xmin::text), array_agg(tracker order by ctid) = array_agg(tracker order by tracker), count(*)
		from opened_ballots`
	var transactions, ballots int
	var sorted bool
	if err := h.Pool.QueryRow(t.Context(), q).Scan(&transactions, &sorted, &ballots); err != nil {
		t.Fatal(err)
	}
	if transactions != 1 || !sorted || ballots != len(h.members) {
		t.Errorf("%d ballots in %d transactions, by tracker %v; want %d in 1, true", ballots, transactions, sorted, len(h.members))
	}
	_, entries, _ := h.served(t)
	var last [sha256.Size]byte
	sealed := 0
	for _, e := range entries {
		if e.Kind != "ballot.sealed" {
			continue
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		leaf := sha256.Sum256(append([]byte{0}, data...))
		if bytes.Compare(last[:], leaf[:]) >= 0 {
			t.Errorf("sealed ballot of %s is not in the order of hashes", e.Actor)
		}
		if got := e.At.Format("15:04:05"); got != "00:00:00" {
			t.Errorf("sealed ballot of %s tells the time %s", e.Actor, got)
		}
		last = leaf
		sealed++
	}
	if sealed != len(h.members) {
		t.Errorf("%d sealed ballots in the log, want %d", sealed, len(h.members))
	}
}
