package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/jackc/pgx/v5"
)

// sink keeps everything that a server writes to its log.
type sink struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(p)
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.data.Bytes())
}

// traces is everything that a platform leaves behind itself: what an operator,
// a thief of a backup and a reader of the log could look at.
type traces struct {
	site     *site
	postgres *pgtest.Instance
	log      *sink
}

// all reads every trace, by name. The database is written out first, so that
// its files hold what its memory does.
func (tr traces) all(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{"server log": tr.log.bytes()}
	if _, err := tr.site.pool.Exec(t.Context(), "checkpoint"); err != nil {
		t.Fatal(err)
	}
	// Tables, indexes, the write-ahead log and Postgres's own log, which
	// holds every statement with its values; and the platform's folder.
	for _, root := range []string{tr.postgres.Dir, tr.site.settings.Dir} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // a file that Postgres has removed meanwhile
			}
			if data, err := os.ReadFile(path); err == nil {
				found[path] = data
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	tr.copies(t, found)
	found["served log"] = []byte(tr.site.visitor(t).get("/log/archive").body)
	return found
}

// copies adds what a backup holds: each table in both forms of copy, with
// compressed values unpacked, and a dump where the program for it is there.
func (tr traces) copies(t *testing.T, found map[string][]byte) {
	t.Helper()
	const tables = `
		select format('%I.%I', table_schema, table_name) from information_schema.tables
		where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`
	rows, _ := tr.site.pool.Query(t.Context(), tables)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 30 {
		t.Fatalf("list tables: %d, %v", len(names), err)
	}
	conn, err := tr.site.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, name := range names {
		for _, format := range []string{"text", "binary"} {
			var out bytes.Buffer
			if _, err := conn.Conn().PgConn().CopyTo(t.Context(), &out, "copy "+name+" to stdout (format "+format+")"); err != nil {
				t.Fatal(err)
			}
			found["table "+name+" as "+format] = out.Bytes()
		}
	}
	server, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", tr.postgres.Server().PID()))
	if err != nil {
		return // not Linux: the copies above are what a dump is made of
	}
	program := filepath.Join(filepath.Dir(server), "pg_dump")
	if _, err := os.Stat(program); err != nil {
		return
	}
	out, err := exec.CommandContext(t.Context(), program, "--inserts", "--dbname", tr.postgres.URL()).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	found["dump"] = out
}

// hits says where any of the spellings is, as "place: what".
func (s *spellings) hits(traces map[string][]byte) []string {
	var hits []string
	for place, data := range traces {
		for _, what := range s.in(data) {
			hits = append(hits, place+": "+what)
		}
	}
	return hits
}

// secretElection founds a community of people, lets twelve stand, and opens
// the ballot. The candidates' members and names are in the order of the ballot.
func (s *site) secretElection(t *testing.T) (people []*person, candidates []int, names []string) {
	t.Helper()
	names = strings.Fields("asta bera dagny embla freya gudrun hilda ingrid jorunn katla ragna svana")
	for i := range names {
		candidates = append(candidates, i+1)
	}
	for _, name := range names[:6] { // a network may sign in ten times a minute
		people = append(people, s.join(t, name))
	}
	s.foundWith(t, people[0], url.Values{"elections.nomination": {"4"}, "elections.voting": {"10"}})
	for _, name := range names[6:] {
		if _, err := s.stores.Members.Join(t.Context(), members.Joining{Identity: members.Identity{Issuer: "https://sign-in.test", Subject: name}, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	people[0].get("/elections/new").send("/elections/new", url.Values{"office": {"moderators"}}).want(http.StatusOK, "Nominations are open")
	for _, c := range candidates {
		if _, err := s.stores.Elections.Stand(t.Context(), governance.Actor{Member: governance.MemberID(c)}, 1, "I would read every case."); err != nil {
			t.Fatal(err)
		}
	}
	s.until(t, people[3], "/elections/1", `name="rank-1"`)
	return people, candidates, names
}

// vote casts a ranking as a member does, and returns the voter's secret.
func (p *person) vote(t *testing.T, ranking []int) []byte {
	t.Helper()
	ranks := url.Values{}
	for i, c := range ranking {
		ranks.Set("rank-"+strconv.Itoa(c), strconv.Itoa(i+1))
	}
	p.get("/elections/1").send("/elections/1/check", ranks)
	form := p.form("/elections/1/ballot")
	if form == nil {
		t.Fatalf("no ballot to cast: %s", p.words())
	}
	secret, err := base64.RawURLEncoding.DecodeString(fieldsOf(form).Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	p.send("/elections/1/ballot", nil).want(http.StatusOK, "Your ballot is cast")
	return secret
}

const secretForm = "the voter's secret"

// TestBallotCanaryNowhere casts, through the forms of a whole platform, a
// ranking that nobody else has, and looks for it and for the voter's secret in
// everything that the platform leaves behind: every row of every table and
// every job, the files of the database as a copy of the disk would have them,
// the write-ahead log, each statement with its values, a dump, the server's
// log, the platform's folder and the served log. Before the count neither is
// anywhere; after it the ranking is in the published list and the secret still
// nowhere. Then other rankings are written down in each place, one by one, and
// must be found.
func TestBallotCanaryNowhere(t *testing.T) {
	t.Parallel()
	db, out := pgtest.Private(t), &sink{}
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := newSiteOn(t, db.URL(), logger)
	for _, q := range []string{
		"alter system set log_statement = 'all'", "alter system set log_parameter_max_length = -1",
		"alter system set wal_keep_size = '1GB'", // what was written stays to be read
		"select pg_reload_conf()",
	} {
		if _, err := s.pool.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	tr := traces{s, db, out}
	people, candidates, names := s.secretElection(t)
	if err := s.jobs.Stop(t.Context()); err != nil { // the count waits until everything has been looked at
		t.Fatal(err)
	}
	canary := []int{7, 3, 11, 9, 1, 12, 8, 2, 6, 10, 4, 5}
	secret := people[3].vote(t, canary)
	for _, p := range people[:3] {
		p.vote(t, []int{1, 2})
	}
	forms := ballotSpellings(canary, candidates, names)
	forms[secretForm] = secret
	canaries := spellingsOf(forms)
	if found := canaries.hits(tr.all(t)); len(found) > 0 {
		t.Errorf("before the count: %q", found)
	}
	tr.plant(t, candidates, names)

	if err := s.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(t, people[3], "/elections/1", "The ballots are counted")
	published := map[string]bool{}
	for _, hit := range canaries.hits(tr.all(t)) {
		place, what, _ := strings.Cut(hit, ": ")
		if strings.HasPrefix(what, secretForm) {
			t.Errorf("the secret after the count: %q", hit)
		}
		published[place] = true
	}
	for _, place := range []string{"table public.opened_ballots as text", "table public.opened_ballots as binary", "table public.audit_entries as text"} {
		if !published[place] {
			t.Errorf("after the count the ranking is not in %s; the scan finds nothing", place)
		}
	}
	tr.publishedAtOnce(t, tracker(t, s, secret))
}

// tracker is the canary voter's line, found as the voter would.
func tracker(t *testing.T, s *site, secret []byte) []byte {
	t.Helper()
	var poll, member uint64 = 1, 4
	const q = `select tracker from opened_ballots where tracker = sha256('ballot-v1'::bytea || int8send(@poll) || int8send(@member) || @secret)`
	var line []byte
	if err := s.pool.QueryRow(t.Context(), q, pgx.StrictNamedArgs{"poll": poll, "member": member, "secret": secret}).Scan(&line); err != nil {
		t.Fatalf("the canary's line: %v", err)
	}
	return line
}

// publishedAtOnce compares the order in which rows were written with the
// order in which they are shown: one transaction wrote all published ballots,
// none of them the one that wrote an envelope, and they lie by tracker.
func (tr traces) publishedAtOnce(t *testing.T, own []byte) {
	t.Helper()
	const q = `
		select count(*), count(distinct o.xmin::text), array_agg(o.tracker order by o.ctid) = array_agg(o.tracker order by o.tracker),
			bool_or(o.xmin::text in (select e.xmin::text from envelopes e)), bool_or(o.tracker = @own),
			(select count(distinct e.xmin::text) from envelopes e)
		from opened_ballots o`
	var rows, transactions, envelopes int
	var sorted, shared, listed bool
	if err := tr.site.pool.QueryRow(t.Context(), q, pgx.StrictNamedArgs{"own": own}).Scan(&rows, &transactions, &sorted, &shared, &listed, &envelopes); err != nil {
		t.Fatal(err)
	}
	if rows != 4 || transactions != 1 || !sorted || shared || !listed || envelopes != 4 {
		t.Errorf("%d ballots in %d transactions, by tracker %v, beside an envelope %v, the canary among them %v, %d transactions of envelopes; want 4, 1, true, false, true, 4",
			rows, transactions, sorted, shared, listed, envelopes)
	}
}

// plant writes down other rankings, one in each kind of place, as a careless
// line of code would, and expects each to be found there.
func (tr traces) plant(t *testing.T, candidates []int, names []string) {
	t.Helper()
	const scratch = `create table planted (words text, raw bytea, list integer[], job jsonb)`
	if _, err := tr.site.pool.Exec(t.Context(), scratch); err != nil {
		t.Fatal(err)
	}
	ranks := func(ranking []int) string {
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(ranking), " ", ","), "[]")
	}
	exec := func(q string, value any) {
		t.Helper()
		if _, err := tr.site.pool.Exec(t.Context(), q, pgx.StrictNamedArgs{"v": value}); err != nil {
			t.Fatal(err)
		}
	}
	places := []struct {
		where string // part of a trace's name
		write func(ranking []int)
	}{
		{"table public.planted as text", func(r []int) { exec(`insert into planted (words) values (@v)`, ranks(r)) }},
		{"table public.planted as binary", func(r []int) { exec(`insert into planted (list) values (@v::integer[])`, r) }},
		{"dump", func(r []int) { exec(`insert into planted (raw) values (@v)`, []byte(ranks(r))) }},
		{"/base/", func(r []int) { exec(`insert into planted (list) values (@v::integer[])`, r) }},
		{"/pg_wal/", func(r []int) {
			exec(`insert into planted (words) values (@v)`, base64.StdEncoding.EncodeToString([]byte("x"+ranks(r))))
			exec(`delete from planted where words = @v`, base64.StdEncoding.EncodeToString([]byte("x"+ranks(r))))
		}},
		{"postgres.log", func(r []int) { exec(`select length(@v)`, ranks(r)) }},
		{"table public.river_job", func(r []int) {
			exec(`insert into river_job (args, kind, max_attempts, state, finalized_at) values (jsonb_build_object('ranking', @v::integer[]), 'planted', 1, 'cancelled', clock_timestamp())`, r)
		}},
		{"server log", func(r []int) { tr.site.log.Error("planted", slog.Any("ranking", r)) }},
		{"/log/", func(r []int) {
			if err := os.WriteFile(filepath.Join(tr.site.settings.Dir, "log", "planted"), []byte(ranks(r)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	}
	all := map[string][]byte{}
	for i, p := range places {
		r := rand.New(rand.NewPCG(12, uint64(i))).Perm(len(candidates))
		for c := range r {
			r[c]++
		}
		p.write(r)
		for name, form := range ballotSpellings(r, candidates, names) {
			all[fmt.Sprintf("#%d %s", i, name)] = form
		}
	}
	left := tr.all(t)
	hits := spellingsOf(all).hits(left)
	if _, dumped := left["dump"]; !dumped {
		places[2].where = "table public.planted as binary" // no program for dumps on this machine
	}
	for i, p := range places {
		if !slices.ContainsFunc(hits, func(hit string) bool {
			return strings.Contains(hit, p.where) && strings.Contains(hit, fmt.Sprintf(": #%d ", i))
		}) {
			t.Errorf("a ranking written to %s was not found there", p.where)
		}
	}
	if err := os.Remove(filepath.Join(tr.site.settings.Dir, "log", "planted")); err != nil {
		t.Fatal(err)
	}
}
