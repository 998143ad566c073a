// Package demonstration_test plays the demonstration as people do. It is apart
// from the other tests of the command line because it takes as long as all of
// them together, and go test gives a package ten minutes.
package demonstration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/althing/althing/handlers/cli"
	"codeberg.org/althing/althing/handlers/cli/clitest"
	"codeberg.org/althing/althing/training/unlearning"
	"codeberg.org/althing/althing/web/browsertest"
	"codeberg.org/althing/althing/workers/demo"
	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	clitest.Main(m, func(ctx context.Context, args []string) int {
		return cli.Run(ctx, cli.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, args)
	})
}

// TestDemonstration plays the demonstration as somebody does who types
// “go run . demo”, in processes of its own: the whole community, its training
// and its forgetting. Then it holds the figures to what was promised, reads
// the story in a browser, has the log checked by a stranger's program, stops,
// serves again what was played, and changes one byte of it.
func TestDemonstration(t *testing.T) {
	t.Parallel()
	home, addr := clitest.NewHome(t), clitest.FreeAddress(t)
	figures := home.Path("figures.json")
	played := home.Start(t, "demo", "--dir", home.Path("site"), "--addr", addr, "--json", figures, "--deadline", "300")
	played.Says(t, "The site stays up")
	site := "http://" + addr
	t.Run("figures", func(t *testing.T) { checkFigures(t, figures) })
	t.Run("replay", func(t *testing.T) { checkCertificate(t, site) })
	t.Run("browser", func(t *testing.T) { readStory(t, site) })
	played.Stop(t)

	again := home.Start(t, "serve", "--addr", addr) // without --dir: what was played last
	again.Says(t, "Althing serves")
	if strings.Contains(again.Said(), "founded this community yet") {
		t.Errorf("after the demonstration another community is served:\n%s", again.Said())
	}
	t.Run("log", func(t *testing.T) { changeOneByte(t, site, home.Path("site", "postgres", "data", "postmaster.pid")) })
	again.Stop(t)
}

// checkFigures holds what was measured to what was promised. How long it took
// is only said: the machine has other work.
func checkFigures(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f demo.Figures
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	t.Logf("played in %.0f s: %s", f.Seconds, data)
	verdicts := map[string]string{}
	for _, c := range f.Checks {
		verdicts[c.ID] = c.Verdict
		if c.After == "" || c.After == "–" {
			t.Errorf("%s shows no figure", c.ID)
		}
	}
	for _, tt := range []struct {
		want string
		got  any
		ok   bool
	}{
		{"at least 12 members", f.Members, f.Members >= 12},
		{"at least 5 nodes", f.Nodes, f.Nodes >= 5},
		{"ballots of everybody in two votes and an election", f.Ballots, f.Ballots == 3*f.Members},
		{"rounds accepted, and replayed from the second on", []int{f.Rounds, f.Replayed}, f.Rounds >= 3 && f.Replayed == f.Rounds-1},
		{"held-out loss at most 60 % of the byte entropy", []float64{f.LossLast, f.UnigramEntropy}, f.LossLast > 0 && f.LossLast <= 0.6*f.UnigramEntropy},
		{"held-out loss at least 8 % below the founding version's", []float64{f.LossFirst, f.LossLast}, f.LossLast <= 0.92*f.LossFirst},
		{"at least 16 canaries among at least 1,023 others", []int{f.Canaries, f.References}, f.Canaries >= 16 && f.References >= 1023},
		{"exposure above 8 bits before", f.ExposureBefore, f.ExposureBefore > 8},
		{"the secret given away before and not after", []bool{f.Secret, f.SecretAfter}, f.Secret && !f.SecretAfter},
		{"the log verified", f.LogSize, f.Verified && f.LogSize > 200},
		{"replay agrees on polls, rights, rounds and versions", f.Compared, f.Compared >= 3+f.Members+f.Rounds+f.Replayed+3},
	} {
		if !tt.ok {
			t.Errorf("got %v, want %s", tt.got, tt.want)
		}
	}
	for _, id := range []string{"V2", "V5", "V10", "V12"} {
		if verdicts[id] != "passed" {
			t.Errorf("%s: got %q, want passed", id, verdicts[id])
		}
	}
	for _, id := range []string{"V1", "V3"} { // fail only at α = .001, and then say so
		if verdicts[id] != "passed" && verdicts[id] != "outside" {
			t.Errorf("%s: got %q, want a figure beside its band", id, verdicts[id])
		}
	}
}

// checkCertificate compares the certificate with what the log alone says, as
// anybody can who has both.
func checkCertificate(t *testing.T, site string) {
	data, err := clitest.Read(site + "/certificates/1/certificate.json")
	if err != nil {
		t.Fatal(err)
	}
	var c unlearning.Certificate
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatalf("certificate: %v: %.300s", err, data)
	}
	if err := c.Check(clitest.Replay(t, site)); err != nil {
		t.Error(err)
	}
	for _, r := range c.Rounds {
		for _, u := range r.Updates {
			if !u.Recorded {
				t.Errorf("round %d: node %d trained again on another manifest than the recorded one", r.Number, u.Node)
			}
		}
	}
}

// readStory reads what was decided, done and proved, from link to link, in
// every look, and without script.
func readStory(t *testing.T, site string) {
	tab := browsertest.Open(t, site, true)
	tab.Visit("/proposals/2")
	walk := []string{"/rounds/9", "/campaigns/2", "/certificates/1", "/rounds/9", "/certificates/1", "/proposals/2", "/certificates/1", "/rounds/5", "/proposals/1", "/rounds/5"}
	for _, to := range walk {
		from := tab.At()
		tab.Press(fmt.Sprintf(`main a[href=%q]`, to))
		if at := tab.At(); at != to {
			t.Fatalf("the link from %s to %s leads to %s", from, to, at)
		}
	}
	tab.Visit("/certificates/1")
	tab.Press(`main .chain a[href^="/log/entries/"]`)
	tab.Sees("Proof that it is in the log")
	decision := tab.At()
	tab.Inspect("/", "/proposals/2", "/campaigns/1", "/campaigns/2", "/rounds/1", "/rounds/5", "/rounds/9", "/versions/2", "/versions/3", "/certificates", "/certificates/1",
		"/elections/1", "/elections/1/result", "/cases/1", "/nodes/5", "/log", decision, "/changes", "/proposals/1/talk", "/members/2")

	plain := browsertest.Open(t, site, false)
	plain.Visit("/certificates/1")
	for _, want := range []string{"are out of the model", "V12 Replay", "V1 Canaries", "Computed again", "Check it yourself", "What it does not say"} {
		if text := plain.Text(); !strings.Contains(text, want) {
			t.Errorf("without script the certificate does not say %q: %.600s", want, text)
		}
	}
	plain.Shot("certificate-without-script")
}

// changeOneByte has the log checked by our program and by one that shares
// nothing with it, then changes one byte as the database's superuser can, and
// has it checked again.
func changeOneByte(t *testing.T, site, pidFile string) {
	var entry int64
	verify := func() (int, string) {
		var out, problem bytes.Buffer
		status := cli.Run(t.Context(), cli.Terminal{Out: &out, Err: &problem}, []string{"verify", "log", site})
		return status, out.String() + problem.String()
	}
	if status, said := verify(); status != 0 || !strings.Contains(said, "entries verified") {
		t.Fatalf("verify log: got %d, %s", status, said)
	}
	key, err := clitest.Read(site + "/log/log.pub")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "../../../governance/translog/fsck", "run", ".", site+"/log", strings.TrimSpace(string(key))).CombinedOutput(); err != nil {
		t.Errorf("Tessera's fsck of the demonstration's log: %v\n%s", err, out)
	}
	db := superuser(t, pidFile)
	const pick = `select idx from audit_entries where kind = 'unlearning.judged'`
	if err := db.QueryRow(t.Context(), pick).Scan(&entry); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"alter table audit_entries disable trigger user",
		fmt.Sprintf("update audit_entries set data = set_byte(data, octet_length(data) / 2, get_byte(data, octet_length(data) / 2) # 1) where idx = %d", entry),
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if status, said := verify(); status == 0 || !strings.Contains(said, fmt.Sprintf("entry %d", entry)) {
		t.Errorf("verify log after one byte of entry %d was changed: got %d, %s, want a failure that names it", entry, status, said)
	}
}

// superuser connects to the private Postgres whose lock file says where it
// listens: line 4 is the port, line 5 the folder of the socket.
func superuser(t *testing.T, pidFile string) *pgx.Conn {
	t.Helper()
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	l := strings.Split(string(data), "\n")
	if len(l) < 5 || !filepath.IsAbs(l[4]) {
		t.Fatalf("%s is %q", pidFile, data)
	}
	u := url.URL{Scheme: "postgres", User: url.User("althing"), Path: "/althing", RawQuery: url.Values{"host": {l[4]}, "port": {l[3]}}.Encode()}
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
