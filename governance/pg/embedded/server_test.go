//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// folder is below the temporary folder and not t.TempDir, whose parents only
// the caller may enter: root's server runs as somebody else.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "althing-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// mustStart starts a server that the test may stop before its end.
func mustStart(t *testing.T, dir string) *Server {
	t.Helper()
	return mustStartWith(t, Options{Dir: dir, Fast: true})
}

func mustStartWith(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(limited(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(limited(t)); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	ctx := limited(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, sql)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(got, ",")
}

// TestStartStopStart: the second start finds what the first one kept, and the
// settings are those that the package promises.
func TestStartStopStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, err := Start(limited(t), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	query(t, s.URL(), `create table kept as select 'yes'::text as word`)
	for setting, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
		"listen_addresses": "", "max_connections": "60", "TimeZone": "UTC", "server_encoding": "UTF8", "jit": "off",
	} {
		if got := query(t, s.URL(), `select current_setting('`+setting+`')`); got != want {
			t.Errorf("setting %s is %q, want %q", setting, got, want)
		}
	}
	if err := s.Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(limited(t)); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	if _, err := os.Stat(s.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder is still there after a clean stop: %v", err)
	}
	s = mustStart(t, dir)
	if got := query(t, s.URL(), `select word from kept`); got != "yes" {
		t.Errorf("after a restart the row is %q, want yes", got)
	}
	if got := query(t, s.URL(), `select current_setting('fsync')`); got != "off" {
		t.Errorf("fsync with Fast is %q, want off", got)
	}
}

// TestServerIsPrivate: the folders that are the password have the mode and
// the owner that make them one.
func TestServerIsPrivate(t *testing.T) {
	t.Parallel()
	s := mustStart(t, folder(t))
	for _, dir := range []string{s.socket, s.data} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		uid := int(info.Sys().(*syscall.Stat_t).Uid)
		if info.Mode().Perm() != 0o700 || uid == 0 || os.Geteuid() != 0 && uid != os.Geteuid() {
			t.Errorf("%s has mode %04o and owner %d, want 0700 and the server's account, never root", dir, info.Mode().Perm(), uid)
		}
	}
}

func TestSecondServerOnTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	mustStart(t, dir)
	_, err := Start(limited(t), Options{Dir: dir, Fast: true, Patience: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "another server already uses") {
		t.Errorf("second Start says %v, want that another server already uses the directory", err)
	}
}

// TestKilledTreeKeepsCommittedRows: SIGKILL of the postmaster and all its
// children; and of the postmaster alone, which leaves children behind.
func TestKilledTreeKeepsCommittedRows(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{true, false} {
		t.Run(fmt.Sprintf("children=%v", all), func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := mustStartWith(t, Options{Dir: dir})
			query(t, s.URL(), `create table kept as select 'yes'::text as word`)
			ctx := limited(t)
			// A child that is too busy to notice the end of its postmaster.
			conn, err := pgx.Connect(ctx, s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			ended := make(chan error, 1)
			go func() {
				_, err := conn.Exec(ctx, `do $$ begin loop null; end loop; end $$`)
				ended <- err
			}()
			for query(t, s.URL(), `select 'busy'::text from pg_stat_activity where query like 'do $$%'`) == "" {
			}
			victims := []int{s.PID()}
			if all {
				victims = append(victims, s.Processes()...)
			}
			for _, pid := range victims {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Fatal(err)
				}
			}
			<-s.Done()
			if err := s.Stop(limited(t)); err != nil {
				t.Errorf("Stop of a dead server: %v", err)
			}
			again := mustStartWith(t, Options{Dir: dir})
			if got := query(t, again.URL(), `select word from kept`); got != "yes" {
				t.Errorf("after the kill the row is %q, want yes", got)
			}
			if err := <-ended; err == nil {
				t.Error("the endless statement of the killed server ended well")
			}
		})
	}
}

// childDir makes this test program a server that is to be killed: see below.
const childDir = "ALTHING_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		s, err := Start(context.Background(), Options{Dir: dir, Fast: true})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("pid", s.PID())
		<-s.Done() // for ever, but for the signal
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestKilledParentFreesTheDirectory: after kill -9 of the program that runs
// the server, the next one starts on the same directory.
func TestKilledParentFreesTheDirectory(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	var pid int
	if _, err := fmt.Fscan(out, &word, &pid); err != nil || word != "pid" {
		t.Fatalf("the child said %q: %v", word, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended well after SIGKILL")
	}
	s := mustStart(t, dir)
	if running(pid) {
		t.Errorf("postmaster %d of the killed program still runs beside %d", pid, s.PID())
	}
	query(t, s.URL(), `select 'up'::text`)
}

// orphan starts a postmaster that has no parent of ours to die with.
func orphan(t *testing.T, s *Server) *exec.Cmd {
	t.Helper()
	bin, err := machine(nil).find(limited(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := accountFor(s.data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.socket, 0o700); err == nil {
		err = owner.own(s.socket)
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := s.command(bin, owner, Options{Fast: true}, nil)
	cmd.SysProcAttr = owner.attributes()
	cmd.Stdout, cmd.Stderr = nil, nil
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestOrphanIsStopped: a postmaster without a parent holds the directory, as
// on systems without a signal at the parent's death.
func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := mustStart(t, dir)
	if err := s.Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	left := orphan(t, s)
	gone := make(chan error, 1)
	go func() { gone <- left.Wait() }()
	for { // until it holds the directory
		if pf, err := readPIDFile(s.data); err == nil && pf.pid == left.Process.Pid && pf.status == "ready" {
			break
		}
		select {
		case err := <-gone:
			t.Fatalf("the orphan ended early: %v", err)
		default:
		}
	}
	again := mustStart(t, dir)
	if err := <-gone; err != nil {
		t.Errorf("the orphan ended with %v, want a clean shutdown", err)
	}
	if said := tail(filepath.Join(dir, "postgres.log"), 1<<20); strings.Contains(said, "recovery") {
		t.Errorf("the orphan was not shut down in order, its data had to be recovered:\n%s", said)
	}
	query(t, again.URL(), `select 'up'::text`)
}

// TestStrangersPIDIsNoServer: the number in postmaster.pid belongs to another
// program of the server's account by now, which Postgres alone would take for
// a live server.
func TestStrangersPIDIsNoServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := mustStart(t, dir)
	if err := s.Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	owner, err := accountFor(s.data)
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command("sleep", "600")
	stranger.Dir = "/"
	stranger.SysProcAttr = owner.attributes()
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the stranger was harmed: %v", err)
		}
		stranger.Process.Kill()
		stranger.Wait()
	})
	stale := filepath.Join(s.data, "postmaster.pid")
	text := strconv.Itoa(stranger.Process.Pid) + "\n" + s.data + "\n1\n5432\n" + s.socket + "\n\n        1         1\nready   \n"
	if err := os.WriteFile(stale, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := owner.own(stale); err != nil {
		t.Fatal(err)
	}
	query(t, mustStart(t, dir).URL(), `select 'up'::text`)
}

// TestUnfinishedDatabaseIsMadeAgain: an initdb that was cut off leaves a folder
// beside the data directory, and that does not stop the next start.
func TestUnfinishedDatabaseIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.unfinished", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	query(t, mustStart(t, dir).URL(), `select 'up'::text`)
}

// TestNothingIsWiped: directories that the package cannot use are named and
// left as they are.
func TestNothingIsWiped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, text, want string }{
		{"other version", "PG_VERSION", "12\n", "made by Postgres 12"},
		{"future version", "PG_VERSION", "99\n", "made by Postgres 99"},
		{"no database", "photo.jpg", "x", "is no database"},
		{"no number", "PG_VERSION", "x", "does not hold a version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			file := filepath.Join(dir, "data", tt.file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			find := machine(nil)
			find.getenv = func(name string) string { return map[string]string{"PATH": ""}[name] }
			_, err := start(limited(t), Options{Dir: dir}, find)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start on %s=%q says %v, want %q in it", tt.file, tt.text, err, tt.want)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != tt.text {
				t.Errorf("%s now holds %q (%v), want %q untouched", tt.file, got, err, tt.text)
			}
		})
	}
}
